# What every scenario uses: the server under test with a fresh data folder, its API, phones, measurements.
# A scenario is a script that sources this file, sets things up, and makes `check`s.
INTEROP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$INTEROP/lab/lab.sh"
set +e
: "${TRUNKLINE:?run scenarios by test/interop/run}" "${RESULTS:=/dev/null}"
LAB=$INTEROP/lab TOOLS=$INTEROP/lab/tools
SIP=127.0.0.1:5060 HTTP=127.0.0.1:8080          # the server
ITSP=127.0.0.13                                 # Asterisk as a carrier
WORK=$(mktemp -d "${TMPDIR:-/tmp}/trunkline-interop-XXXXXX") DATA=$WORK/data
# A check runs in a subshell: what must outlive it is kept in files of $WORK.
: > "$WORK/started"                             # scripts and names, to be stopped at the end

finish() {
    local script name
    sort -u "$WORK/started" | while read -r script name; do "$LAB/$script" stop "$name"; done
    stop trunkline
    if [ -n "${KEEP:-}" ]; then say "kept: $WORK"; else rm -rf "$WORK"; fi
}
trap finish EXIT
trap 'exit 143' TERM INT

# check NAME COMMAND... : passes when the command succeeds; what it prints is the detail.
check() {
    local name=$1 t0 ms detail r=ok; shift; t0=$(now_ms)
    detail=$("$@" 2>&1) || r=FAIL
    ms=$(( $(now_ms) - t0 ))
    detail=$(tr '\n' ' ' <<< "$detail")
    if [ $r = ok ]; then detail=${detail:0:110}
    elif [ ${#detail} -gt 1200 ]; then detail="${detail:0:500} ... ${detail: -700}"; fi     # why it failed is said last
    printf '%-4s %-58s %6d ms  %s\n' "$r" "$name" "$ms" "$detail" | tee -a "$RESULTS"
    [ "$r" = ok ]
}

# --- the server

# server [FLAG...] : starts it on $DATA; the first time it makes an API key.
server() {
    start trunkline "$WORK/server.log" "$TRUNKLINE" --data "$DATA" --http "$HTTP" --sip "udp:$SIP" --sip "tcp:$SIP" \
        --media-ports 20000-20999 "$@"
    wait_for 20 ready || { tail -20 "$WORK/server.log" >&2; return 1; }
    [ -s "$WORK/key" ] || "$TRUNKLINE" key create --data "$DATA" --scopes admin > "$WORK/key" || return 1
    echo "pid $(pid_of trunkline)"
}
ready() { alive trunkline && python3 "$TOOLS/api.py" "http://$HTTP" "" GET /readyz; }
server_pid() { pid_of trunkline; }
# kill9 : the process dies as by a power cut.
kill9() { local pid; pid=$(pid_of trunkline); alive trunkline && kill -KILL "$pid"; wait_for 5 gone; rm -f "$PIDS/trunkline.pid"; }
gone() { ! alive trunkline; }
still_alive() { alive trunkline && ready; }
# memory, peak_memory : resident kB of the server, now and at most.   allocated : without the pages of its file, which come and go
memory() { awk '/VmRSS/ { print $2 }' "/proc/$(server_pid)/status"; }
allocated() { awk '/RssAnon/ { print $2 }' "/proc/$(server_pid)/status"; }
peak_memory() { awk '/VmHWM/ { print $2 }' "/proc/$(server_pid)/status"; }

# api METHOD PATH [JSON] : the body; fails on 4xx and 5xx.   pick PATH : a value of the JSON on stdin.
api() { python3 "$TOOLS/api.py" "http://$HTTP/api/v1" "$(cat "$WORK/key")" "$@"; }
pick() { python3 "$TOOLS/api.py" pick "$@"; }

# device USER [MORE-JSON] : a phone with the password pw-USER; prints its id. Callers leave no message unless "dialled" says so:
# what becomes of a call is seen where no mailbox answers in its place.
device() {
    api POST /connections "{\"kind\":\"device\",\"name\":\"$1\",\"user\":\"$1\",\"password\":\"pw-$1\",
        \"dialled\":{\"voicemail\":false}${2:+,$2}}" | pick id
}
# trunk NAME ADDRESS [MORE-JSON] : a carrier at ADDRESS:5060; prints its id.
trunk() {
    api POST /connections "{\"kind\":\"trunk\",\"name\":\"$1\",\"peers\":[{\"host\":\"$2\",\"port\":5060}],
        \"allowed_sources\":[\"$2/32\"],\"dial_pattern\":\".\"${3:+,$3}}" | pick id
}
# registers_out NAME ADDRESS USER PASSWORD [MORE-JSON] : we register as USER at the PBX there; prints its id.
# TRANSPORT (udp) and PORT (5060) may be set for it.
registers_out() {
    api POST /connections "{\"kind\":\"register_out\",\"name\":\"$1\",\"user\":\"$3\",\"password\":\"$4\",
        \"peers\":[{\"host\":\"$2\",\"port\":${PORT:-5060},\"transport\":\"${TRANSPORT:-udp}\"}],
        \"number_format\":{\"from\":\"raw\",\"to\":\"raw\"},\"dial_pattern\":\".\"${5:+,$5}}" | pick id
}
# registers_in NAME [MORE-JSON] : a PBX registers here; id and credentials go to $WORK/NAME.json, the id is printed.
registers_in() {
    api POST /connections "{\"kind\":\"register_in\",\"name\":\"$1\",
        \"number_format\":{\"from\":\"raw\",\"to\":\"raw\"},\"dial_pattern\":\".\"${2:+,$2}}" > "$WORK/$1.json" && pick id < "$WORK/$1.json"
}
# credential NAME LABEL FIELD : of a connection made by registers_in.
credential() { python3 "$TOOLS/api.py" find credentials label "$2" "$3" < "$WORK/$1.json"; }
# state ID : the state of a connection.   reaches ID STATE SECONDS : it comes to that state in time; prints how long.
state() { api GET "/connections/$1/status" | pick state; }
reaches() {
    local t0; t0=$(now_ms)
    wait_for "$3" is_in_state "$1" "$2" && { echo "$2 after $(( $(now_ms) - t0 )) ms"; return; }
    api GET "/connections/$1/status"; return 1
}
is_in_state() { [ "$(state "$1")" = "$2" ]; }
# number E164 CONNECTION : calls to it go there.
number() { api POST /numbers "{\"e164\":\"$1\",\"target\":{\"connection\":\"$2\"}}" | pick id; }

# last_call FIELD=VALUE... : the newest call in history has these values; waits up to 3 s for it.
last_call() { wait_for 3 last_call_is "$@"; last_call_is "$@"; }
last_call_is() { api GET '/history?limit=1' | python3 "$TOOLS/api.py" expect data.0 "$@"; }
# registered USER [CONTACT-PART] : the status of the connection shows a registration.
registered() { wait_for 5 registered_now "$@"; registered_now "$@"; }
registered_now() {
    local id; id=$(api GET /connections?limit=100 | python3 "$TOOLS/api.py" find data user "$1" id) || return 1
    api GET "/connections/$id/status" | pick registrations.0.contact | grep -F "${2:-$1}"
}

# --- peers

# asterisk NAME KEY=VALUE... and baresip NAME KEY=VALUE... : as in lab/, and stopped at the end.
asterisk() { echo "asterisk.sh $1" >> "$WORK/started"; "$LAB/asterisk.sh" start "$@"; }
baresip() { echo "baresip.sh $1" >> "$WORK/started"; "$LAB/baresip.sh" start "$@"; }
phone_do() { "$LAB/baresip.sh" do "$@"; }
# phone a|b USER [KEY=VALUE...] : baresip a or b as this user, who has registered.   heard NAME : what it recorded.
phone() {
    local name=$1 user=$2 addr=127.0.0.20 ctrl=4444; shift 2
    [ "$name" = a ] || { addr=127.0.0.21; ctrl=4445; }
    baresip "$name" addr=$addr ctrl=$ctrl "user=$user" "password=pw-$user" server=$SIP codecs=PCMA "$@" &&
        wait_for 5 phone_is_registered "$name"
}
# handset USER ADDRESS CTRL RTP HZ [KEY=VALUE...] : a baresip of this name is the user, has registered and says HZ.
handset() {
    local user=$1 addr=$2 ctrl=$3 rtp=$4 hz=$5; shift 5
    wav tone "$WORK/$user.wav" "$hz" 60 8000
    baresip "$user" "addr=$addr" "ctrl=$ctrl" "rtp=$rtp" "user=$user" "password=pw-$user" server=$SIP codecs=PCMA "play=$WORK/$user.wav" "$@" &&
        wait_for 10 phone_is_registered "$user"
}
phone_is_registered() { phone_do "$1" reginfo | grep -q OK; }
heard() { "$LAB/baresip.sh" heard "$1"; }
plays() { "$LAB/baresip.sh" plays "$1"; }
# tried COMMAND... : the command's exit code, whatever it leaves of the phones.
tried() { "$@"; local ok=$?; "$LAB/baresip.sh" stop a; "$LAB/baresip.sh" stop b; return $ok; }
# against_ua COMMANDS [KEY=VALUE...] : alice, phone a, calls a ua bob and does COMMANDS; the report in b.json, what bob heard in b.wav.
against_ua() {
    local commands=$1 p; shift
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 440 --record "$WORK/b.wav" answer > "$WORK/b.json" & p=$!
    phone a alice "$@" || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep 1.5; eval "$commands"; sleep 1; phone_do a hangup; wait $p
}
# sends_digits, resumes [KEY=VALUE...] : alice sends 4711; holds and resumes.
sends_digits() {
    against_ua 'for d in 4 7 1 1; do phone_do a sndcode $d; sleep 0.35; done' "$@"
    holds 'r["rtp"]["digits"] == "4711"' < "$WORK/b.json"
}
# survives PHONE COMMAND... : does it until the phone has outlived it, eight times at most: this baresip may die where its file player is
# stopped before it has begun, as when a hold is answered at once.
survives() {
    local phone=$1 ok; shift
    for _ in 1 2 3 4 5 6 7 8; do
        "$@"; ok=$?
        alive "baresip-$phone" && return $ok
        say "baresip died"
    done
    return 1
}
resumes() {
    survives a against_ua 'phone_do a hold; sleep 1.5; phone_do a resume; sleep 2' "$@"
    holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json"
}
# md5_only : what the domain's digest is for: this baresip gives up when a challenge names SHA-256, even beside MD5.
md5_only() { api PATCH "/domains/$(api GET /domains | pick data.0.id)" '{"digest":"md5"}' | pick digest; }
# chromium : one that runs, in which each `web` opens a page.
CHROMIUM=127.0.0.1:9222
chromium() { echo "browser.sh pages" >> "$WORK/started"; check "Chromium starts" "$LAB/browser.sh" start pages "${CHROMIUM#*:}"; }
# web USER ARGS... : a page that is this user over $WS and says 700 Hz; its report goes to $WORK/USER.json.
WS=ws://$HTTP/sip
web() {
    local user=$1; shift
    "$LAB/browser.sh" --at $CHROMIUM --ws "$WS" --uri "sip:$user@127.0.0.1" --password "${PASSWORD:-pw-$user}" --tone 700 --wait 60 "$@" \
        > "$WORK/$user.json" 2> "$WORK/$user.log"
}
# report USER EXPRESSION : about the report r of a page, its log by `had(event)`, what it heard by `hears(hz)`.
report() {
    python3 - "$WORK/$1.json" "$2" <<'PY'
import json, sys
try: r = json.load(open(sys.argv[1]))
except ValueError: sys.exit(open(sys.argv[1].replace(".json", ".log")).read())
def had(event): return [l for l in r.get("log", []) if l["event"] == event]
def hears(hz): return r.get("audio") and r.get("tone_hz") and abs(r["tone_hz"] - hz) < 20
print(json.dumps(r.get("error") or {"tone": r.get("tone_hz"), "stats": r.get("stats"), "log": r.get("log")})[:900])
sys.exit(not eval(sys.argv[2]))
PY
}
# page_is USER : the page of this user has registered.   legs CALLER CALLEE : how history says that the newest call was protected.
page_is() { wait_for 30 registered_now "$1" transport=ws; }
legs() { last_call "legs.0.protection=$1" "legs.1.protection=$2"; }
carrier() {                          # carrier NAME [KEY=VALUE...] : Asterisk at $ITSP with a trunk to the server
    local name=$1; shift
    asterisk "$name" addr=$ITSP trunk server=$SIP match=127.0.0.1 codecs=alaw "$@"
}
lab_has() { "$LAB/asterisk.sh" lab "$1" | grep -E "$2" | tail -1 | grep .; }
wait_lab() { wait_for "$3" lab_has "$1" "$2"; lab_has "$1" "$2"; }

# ua ARGS... : tools/ua.py, a scripted phone that reports in JSON what it saw on the wire.
ua() { python3 "$TOOLS/ua.py" --server $SIP "$@"; }
# over TRANSPORT : "${WIRE[@]}" makes a ua use that one; for tls the server listens on port 5061, too.
over() {
    case $1 in
        udp) WIRE=() ;; tcp) WIRE=(--tcp) ;;
        tls) WIRE=(--tls --server "${SIP%:*}:5061") ;;
    esac
}
# sees 'EXPRESSION' ARGS... : runs a ua and holds its report `r` against a Python expression.
sees() {
    local expression=$1 report; shift
    report=$(ua "$@") || { echo "$report"; return 1; }
    holds "$expression" <<< "$report"
}
holds() { python3 "$TOOLS/ua.py" holds "$1"; }

# --- call flows

# flow NUMBER NODES EDGES : a published flow that +1555NUMBER leads to. EDGES are words: NODE.OUTCOME>NODE.
flow() {
    local id edges
    edges=$(python3 -c 'import json, sys; print(json.dumps([dict(zip(("from", "outcome", "to"), w.replace(">", ".").split("."))) for w in sys.argv[1].split()]))' "$3")
    id=$(api POST /flows "{\"name\":\"f$1-$RANDOM$RANDOM\",\"draft\":{\"nodes\":[$2],\"edges\":$edges}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null || { api POST "/flows/$id/validate" "{\"nodes\":[$2],\"edges\":$edges}"; return 1; }
    [ -z "$1" ] || api POST /numbers "{\"e164\":\"+1555$1\",\"target\":{\"flow\":\"$id\"}}" > /dev/null || return 1
    echo "$id"
}
# took PATH [N] : the newest call, or one of the newest N, went this way, as NODE:OUTCOME,…
took() { wait_for 5 took_now "$@"; took_now "$@"; }
took_now() {
    api GET "/history?limit=${2:-1}" | python3 -c 'import json, sys
paths = [",".join(s["node"] + (":" + s["outcome"] if s.get("outcome") else "") for s in row.get("flow") or []) for row in json.load(sys.stdin)["data"]]
print(*paths); sys.exit(sys.argv[1] not in paths)' "$1"
}

# --- what is heard

# share FILE HZ MIN : the tone HZ makes up at least MIN of the energy of FILE, for more than half a second.
share() {
    local j; [ -s "$1" ] || { echo "no recording"; return 1; }
    j=$(wav report "$1" "$2") || return 1
    echo "$j"
    python3 -c 'import json, sys
j = json.loads(sys.argv[1]); sys.exit(not (j["share"][sys.argv[2]] >= float(sys.argv[3]) and j["loud_seconds"] > 0.5))' "$j" "$2" "$3"
}
# sounds_like FILE WITH WITHOUT : in at least 12 of its last 20 stretches of 0.2 s each tone of WITH is there; one of WITHOUT in
# two at most. The last second is left out: others have gone by then.
sounds_like() {
    python3 - "$TOOLS" "$@" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
x, rate = wav.read(sys.argv[2])
n = rate // 5
parts = [x[i:i + n] for i in range(0, len(x) - n, n)][:-5][-20:]
def has(part, hz):
    whole = sum(v * v for v in part) / len(part)
    return whole > 100 ** 2 and wav.power(part, rate, hz) > 0.06 * whole
def count(hz): return sum(has(part, hz) for part in parts)
wanted, unwanted = [[int(hz) for hz in a.split()] for a in sys.argv[3:5]]
print({hz: count(hz) for hz in wanted}, "not", {hz: count(hz) for hz in unwanted}, "of", len(parts))
sys.exit(not (len(parts) >= 15 and all(count(hz) >= 12 for hz in wanted) and all(count(hz) <= 2 for hz in unwanted)))
PY
}
