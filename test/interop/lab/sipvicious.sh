#!/bin/bash
# The scanners of Debian's package sipvicious, unpacked beside the chroot instead of installed.
#   sipvicious.sh --install                                        (once, where the network is)
#   BIND=203.0.113.66 sipvicious.sh svcrack -u alice -d words.txt 203.0.113.1      and svwar, svmap alike
# Their own option for the source address is heeded by some of them only.
. "$(dirname "$0")/lab.sh"
home=$LAB_CACHE/sipvicious
if [ "${1:-}" = --install ]; then
    [ -e "$home/usr/share/sipvicious" ] && exit
    tmp=$(mktemp -d)
    fetch() { (cd "$tmp" && apt-get -q -o APT::Sandbox::User=root download sipvicious) > "$LAB_CACHE/download.log" 2>&1; }
    fetch || { apt-get -q update > /dev/null && fetch; } || die "no sipvicious: see $LAB_CACHE/download.log"
    rm -rf "$home"; dpkg-deb -x "$tmp"/sipvicious_*.deb "$home"
    rm -rf "$tmp"; exit
fi
[ -e "$home/usr/share/sipvicious" ] || die "run sipvicious.sh --install first"
tool=${1:?}; shift
PYTHONPATH=$home/usr/share/sipvicious exec python3 -c "import os, socket, sys
bind, at = socket.socket.bind, os.environ.get('BIND', '')
socket.socket.bind = lambda sock, address: bind(sock, (address[0] or at, address[1]))
from sipvicious import $tool
sys.argv[0] = '$tool'
$tool.main()" "$@"
