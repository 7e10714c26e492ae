# Common settings and functions of the lab (real SIP peers on loopback, out of a chroot); every script here sources it.
# Variables a caller may set:
#   SIP_LAB_CACHE   folder for everything the lab builds (default ~/.cache/sip-lab)
#   SIP_LAB_SUITE   Debian suite of the chroot: sid (default) or any other
#   SIP_LAB_MIRROR  Debian mirror; default: the one that the host's apt uses
set -u
LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_CACHE=${SIP_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sip-lab}
LAB_SUITE=${SIP_LAB_SUITE:-sid}
ROOT=$LAB_CACHE/$LAB_SUITE          # the chroot
RUN=$ROOT/lab                       # instances live here; inside the chroot it is /lab
PIDS=$LAB_CACHE/pids                # NAME.pid: "PID START_TIME_OF_THE_PROCESS"

say() { printf '%s\n' "$*" >&2; }
die() { say "lab: $*"; exit 1; }
now_ms() { date +%s%3N; }

# The kernel's start time of a process: together with the pid it names one
# process for good, so that a reused pid is never killed.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

alive() {                            # alive NAME
    local pid t
    [ -s "$PIDS/$1.pid" ] || return 1
    read -r pid t < "$PIDS/$1.pid"
    [ "$(start_time "$pid")" = "$t" ]
}

pid_of() { local pid t; read -r pid t < "$PIDS/$1.pid" && echo "$pid"; }

# start NAME LOGFILE COMMAND... : runs in the background in its own session.
start() {
    local name=$1 log=$2 pid; shift 2
    mkdir -p "$PIDS"
    alive "$name" && die "$name is already running (pid $(pid_of "$name"))"
    setsid "$@" > "$log" 2>&1 < /dev/null &
    pid=$!
    echo "$pid $(start_time $pid)" > "$PIDS/$name.pid"
}

# stop NAME : TERM, and KILL after 5 s; only the recorded process.
stop() {
    local name=$1 pid t i
    if alive "$name"; then
        pid=$(pid_of "$name")
        kill -TERM "$pid" 2>/dev/null
        for i in $(seq 50); do alive "$name" || break; sleep 0.1; done
        alive "$name" && kill -KILL "$pid" 2>/dev/null
    fi
    rm -f "$PIDS/$name.pid"
}

in_root() { chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/ LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }

start_in_root() {                    # start_in_root NAME LOGFILE COMMAND...
    local name=$1 log=$2; shift 2
    start "$name" "$log" chroot "$ROOT" /usr/bin/env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C.UTF-8 "$@"
}

# wait_for SECONDS COMMAND... : until the command succeeds.
wait_for() {
    local end=$(( $(now_ms) + $1 * 1000 )); shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# render TEMPLATE KEY=VALUE... : replaces @KEY@; fails if any @KEY@ is left.
render() {
    local out kv; out=$(cat "$1"); shift
    for kv in "$@"; do out=${out//"@${kv%%=*}@"/"${kv#*=}"}; done
    if grep -qE '@[A-Z_]+@' <<< "$out"; then
        die "unset in template: $(grep -oE '@[A-Z_]+@' <<< "$out" | sort -u | tr '\n' ' ')"
    fi
    printf '%s\n' "$out"
}

# The Debian mirror that the host's apt reads its own release from.
host_mirror() {
    local codename; codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
        awk -v c="$codename" '$2 == c && $3 == "main" { print $1; exit }'
}

wav() {                              # wav ARGS... : tools/wav.py
    if command -v python3 >/dev/null; then python3 "$LAB_HOME/tools/wav.py" "$@"
    else die "python3 is missing"; fi
}

# make_cert FOLDER ADDRESS [UNTIL] : cert.pem and key.pem for the address (or host name), by the lab's CA (ca.pem).
# UNTIL: the end of its time, YYYYMMDDHHMMSSZ.
make_cert() {
    local ca=/lab/ca d=${1#"$ROOT"} addr=$2 time=(-days 3650)
    [ -z "${3:-}" ] || time=(-not_before 20200101000000Z -not_after "$3")
    mkdir -p "$ROOT$ca" "$ROOT$d"
    [ -s "$ROOT$ca/ca.pem" ] || in_root openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=lab ca" \
        -keyout $ca/ca.key -out $ca/ca.pem 2>/dev/null || die "openssl failed"
    case $addr in *[!0-9.]*) echo "subjectAltName=DNS:$addr" ;; *) echo "subjectAltName=IP:$addr" ;; esac > "$ROOT$d/ext"
    in_root openssl req -newkey rsa:2048 -nodes -subj "/CN=$addr" -keyout "$d/key.pem" -out "$d/req.pem" 2>/dev/null &&
    in_root openssl x509 -req -in "$d/req.pem" -CA $ca/ca.pem -CAkey $ca/ca.key -CAcreateserial "${time[@]}" \
        -extfile "$d/ext" -out "$d/cert.pem" 2>/dev/null || die "openssl failed"
    cp "$ROOT$ca/ca.pem" "$ROOT$d/ca.pem"; rm -f "$ROOT$d/req.pem" "$ROOT$d/ext"
}

# trust_lab_ca : programs in the chroot that rely on the system's authorities believe the lab's CA, too.
trust_lab_ca() {
    local all=$ROOT/etc/ssl/certs/ca-certificates.crt
    grep -qF "$(sed -n 2p "$ROOT/lab/ca/ca.pem")" "$all" 2>/dev/null || cat "$ROOT/lab/ca/ca.pem" >> "$all"
}
