#!/bin/bash
# How much worse a recording sounds than what was played: PESQ (ITU-T P.862), by the PyPI package of that name (and numpy) in a
# venv of the lab. Narrowband and wideband, two numbers.
#   pesq.sh --install    (once, where the network is)
#   pesq.sh PLAYED.wav RECORDED.wav
#   pesq.sh --at RATE FILE.wav OUT.wav    (the same sound at another rate)
. "$(dirname "$0")/lab.sh"
venv=$LAB_CACHE/pesq
if [ "${1:-}" = --install ]; then
    "$venv/bin/python" -c 'import numpy, pesq' 2>/dev/null && exit
    python3 -m venv "$venv" && "$venv/bin/pip" -q install numpy pesq > "$LAB_CACHE/pesq.log" 2>&1 || die "pip failed: see $LAB_CACHE/pesq.log"
    exit
fi
[ -x "$venv/bin/python" ] || die "run pesq.sh --install first"
exec "$venv/bin/python" "$LAB_HOME/tools/listen.py" "$@"
