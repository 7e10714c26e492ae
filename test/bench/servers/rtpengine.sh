#!/bin/bash
# rtpengine.sh start|stop : rtpengine in userspace, out of ROOTFS. Variables: ROOTFS RUN NG=127.0.0.1:2223 THREADS=2. Prints its pid.
set -eu
: "${ROOTFS:?}" "${RUN:?}" "${NG:=127.0.0.1:2223}" "${THREADS:=2}"
pidfile=$RUN/rtpengine.pid
case $1 in
start)
    ulimit -n 65536 2>/dev/null || true
    # table -1: no kernel forwarding. The time-outs are longer than any call of the bench.
    setsid chroot "$ROOTFS" rtpengine --config-file=none --table=-1 --no-fallback --interface=127.0.0.1 --listen-ng="$NG" \
        --foreground --log-stderr --log-level=3 --port-min=10000 --port-max=29999 --num-threads="$THREADS" --timeout=600 \
        --silent-timeout=3600 --final-timeout=7200 --delete-delay=0 --tos=0 > "$RUN/rtpengine.out" 2>&1 < /dev/null &
    echo $! > "$pidfile"; sleep 1; kill -0 "$(cat "$pidfile")"; cat "$pidfile" ;;
stop)
    [ -s "$pidfile" ] || exit 0
    pid=$(cat "$pidfile"); kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    rm -f "$pidfile" ;;
esac
