#!/bin/bash
# kamailio.sh start|stop : Kamailio as registrar and proxy, out of ROOTFS, where RUN is mounted at the same path.
# Variables: ROOTFS RUN ADDR=127.0.0.1:5060 WORKERS=2 SHM_MB=2000 DOMAIN=bench.test. Prints its pid.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${ROOTFS:?}" "${RUN:?}" "${ADDR:=127.0.0.1:5060}" "${WORKERS:=2}" "${SHM_MB:=2000}" "${DOMAIN:=bench.test}"
pidfile=$RUN/kamailio.pid ctl=$RUN/kamailio_ctl
case $1 in
start)
    modules=$(cd "$ROOTFS" && ls -d usr/lib/*/kamailio/modules/)
    sed -e "s#@WORKERS@#$WORKERS#; s#@ADDR@#$ADDR#; s#@DOMAIN@#$DOMAIN#g; s#@MPATH@#/$modules#; s#@RUN@#$RUN#" \
        -e "s#@DB_URL@#sqlite://$RUN/users.sqlite#" "$here/kamailio.cfg.in" > "$RUN/kamailio.cfg"
    # -E: its log goes to a file; without a syslog daemon every line would go to the console
    setsid chroot "$ROOTFS" kamailio -f "$RUN/kamailio.cfg" -DD -E -P "$pidfile" -m "$SHM_MB" -M 128 -Y "$RUN" \
        > "$RUN/kamailio.out" 2>&1 < /dev/null &
    for _ in $(seq 300); do
        [ -S "$ctl" ] && chroot "$ROOTFS" kamcmd -s "unix:$ctl" core.uptime >/dev/null 2>&1 && break; sleep 0.1
    done
    cat "$pidfile" ;;
stop)
    [ -s "$pidfile" ] || exit 0
    pid=$(cat "$pidfile"); kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    rm -f "$pidfile" "$ctl" ;;
esac
