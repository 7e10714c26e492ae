#!/bin/bash
# asterisk.sh start|stop : Asterisk that serves the calls of flows.py and served.py by a dial plan, out of ROOTFS, where RUN is
# mounted at the same path. Without records, logs, manager and HTTP. Variables: ROOTFS RUN ADDR=127.0.0.11:5060. Prints its pid.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${ROOTFS:?}" "${RUN:?}" "${ADDR:=127.0.0.11:5060}"
home=$RUN/asterisk pidfile=$RUN/asterisk.pid
cli() { chroot "$ROOTFS" asterisk -C "$home/etc/asterisk.conf" -rx "$1"; }
case $1 in
start)
    rm -rf "$home"; mkdir -p "$home"/{etc,lib,spool,log,run,kept}
    modules=$(cd "$ROOTFS" && ls -d usr/lib/*/asterisk/modules)
    for conf in "$here"/asterisk/*.conf; do
        sed -e "s#@HOME@#$home#; s#@MODULES@#/$modules#; s#@ADDR@#$ADDR#; s#@HOST@#${ADDR%%:*}#; s#@RUN@#$RUN#" \
            "$conf" > "$home/etc/${conf##*/}"
    done
    python3 "$here/../plan.py" asterisk >> "$home/etc/extensions.conf"
    setsid chroot "$ROOTFS" asterisk -f -C "$home/etc/asterisk.conf" > "$RUN/asterisk.out" 2>&1 < /dev/null &
    echo $! > "$pidfile"
    for _ in $(seq 100); do cli 'core waitfullybooted' 2>/dev/null | grep -q 'fully booted' && break; sleep 0.3; done
    cat "$pidfile" ;;
stop)
    [ -s "$pidfile" ] || exit 0
    pid=$(cat "$pidfile"); kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$pidfile" ;;
esac
