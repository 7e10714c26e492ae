#!/bin/bash
# setup.sh [GROUP...] : makes the chroot (once) and installs the groups in it.
# Groups: asterisk kamailio rtpengine sipp phones, linphone (with SIP_LAB_SUITE=bookworm only).
# Default: asterisk kamailio sipp phones.
# Needs root and the Debian mirror; installs nothing on the host.
. "$(dirname "$0")/lab.sh"
set -eo pipefail
[ "$(id -u)" = 0 ] || die "needs root"

declare -A GROUP=(
    [asterisk]="asterisk asterisk-core-sounds-en-wav"
    [kamailio]="kamailio"
    [rtpengine]="rtpengine-daemon rtpengine-utils"
    [sipp]="sip-tester"
    [phones]="baresip-core"
    [linphone]="linphone-cli"
)
groups=("$@"); [ $# -gt 0 ] || groups=(asterisk kamailio sipp phones)

mirror=${SIP_LAB_MIRROR:-$(host_mirror)}
[ -n "$mirror" ] || { apt-get -q update > /dev/null; mirror=$(host_mirror); }      # a fresh machine has no lists
[ -n "$mirror" ] || die "no Debian mirror in the host's apt configuration"
mkdir -p "$LAB_CACHE"

# Debian's debootstrap, unpacked beside the chroot instead of installed.
bootstrap=$LAB_CACHE/debootstrap
if [ ! -x "$bootstrap/usr/sbin/debootstrap" ]; then
    tmp=$(mktemp -d)
    fetch() { (cd "$tmp" && apt-get -q -o APT::Sandbox::User=root download debootstrap) > "$LAB_CACHE/download.log" 2>&1; }
    fetch || { apt-get -q update > /dev/null && fetch; } || die "no debootstrap: see $LAB_CACHE/download.log"
    rm -rf "$bootstrap"; dpkg-deb -x "$tmp"/debootstrap_*.deb "$bootstrap"
    rm -rf "$tmp"
fi

t0=$(now_ms)
if [ ! -e "$ROOT/.bootstrapped" ]; then
    rm -rf "$ROOT"
    DEBOOTSTRAP_DIR=$bootstrap/usr/share/debootstrap "$bootstrap/usr/sbin/debootstrap" \
        --variant=minbase --include=ca-certificates,openssl "$LAB_SUITE" "$ROOT" "$mirror" \
        > "$LAB_CACHE/debootstrap.log" 2>&1 || die "debootstrap failed: see $LAB_CACHE/debootstrap.log"
    touch "$ROOT/.bootstrapped"
fi
t1=$(now_ms)

# No service may start by itself in the chroot, and no documentation is kept.
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d"; chmod 755 "$ROOT/usr/sbin/policy-rc.d"
cat > "$ROOT/etc/dpkg/dpkg.cfg.d/lab" <<'CFG'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
force-unsafe-io
CFG
# apt in the chroot fetches as the host's apt does (proxy, date checks).
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' > "$ROOT/etc/apt/apt.conf.d/90lab" || true
cp /etc/resolv.conf /etc/hosts "$ROOT/etc/"
mkdir -p "$RUN"
mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
mountpoint -q "$ROOT/dev/shm" || { mkdir -p "$ROOT/dev/shm"; mount -t tmpfs tmpfs "$ROOT/dev/shm"; }

packages=()
for g in "${groups[@]}"; do
    [ -n "${GROUP[$g]:-}" ] || die "no such group: $g (have: ${!GROUP[*]})"
    packages+=(${GROUP[$g]})
done
missing=()
for p in "${packages[@]}"; do
    in_root dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
    { in_root apt-get -q update &&
      in_root apt-get -qy install --no-install-recommends "${missing[@]}" &&
      in_root apt-get clean; } > "$LAB_CACHE/install.log" 2>&1 ||
        { tail -5 "$LAB_CACHE/install.log" >&2; die "apt-get failed: see $LAB_CACHE/install.log"; }
fi
t2=$(now_ms)
say "lab: $LAB_SUITE ready in $ROOT; bootstrap $(( (t1-t0)/1000 )) s, packages $(( (t2-t1)/1000 )) s," \
    "size $(du -sxm "$ROOT" 2>/dev/null | cut -f1) MB"
