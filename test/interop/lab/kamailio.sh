#!/bin/bash
# Kamailio on a loopback address, as a carrier: digest for its customers, numbers to and from a gateway; or as what stands
# before an rtpengine that converts.
#   kamailio.sh start NAME addr=127.0.0.21 [port=5060 domain=ADDR workers=2 users='acme:pw other:pw' nonce_expire=60]
#       [gateway=HOST:PORT] (known by its address; where numbers go)  [customer=HOST:PORT] (where calls of the gateway go)
#   kamailio.sh start NAME addr=127.0.0.41 rtpengine=HOST:PORT
#   kamailio.sh stop NAME     kamailio.sh kill NAME     kamailio.sh rpc NAME COMMAND...     kamailio.sh log|lab NAME
# The carrier answers 999NNN with NNN by itself, and OPTIONS with 200.
. "$(dirname "$0")/lab.sh"
cmd=${1:?what}; n=${2:?name}; shift 2
dir=$RUN/$n
case $cmd in
start)
    addr= port=5060 domain= workers=2 users= gateway=127.0.0.1:9 customer=127.0.0.1:9 nonce_expire=60 rtpengine=
    for kv in "$@"; do declare "${kv%%=*}=${kv#*=}"; done
    [ -n "$addr" ] || die "addr= is missing"
    [ -x "$ROOT/usr/sbin/kamailio" ] || die "run setup.sh kamailio first"
    rm -rf "$dir"; mkdir -p "$dir"
    role=carrier; [ -z "$rtpengine" ] || role=converter
    lines="	xlog(\"L_NOTICE\", \"LAB start\n\");"
    for u in $users; do lines+=$'\n'"	\$sht(users=>${u%%:*}) = \"${u#*:}\";"; done
    render "$LAB_HOME/templates/kamailio/$role.cfg" "RTPENGINE=$rtpengine" "DIR=/lab/$n" "ADDR=$addr" "PORT=$port" "DOMAIN=${domain:-$addr}" \
        "WORKERS=$workers" "USERS=$lines" "GATEWAY=$gateway" "GATEWAY_HOST=${gateway%:*}" "CUSTOMER=$customer" \
        "NONCE_EXPIRE=$nonce_expire" "MODULES=/$(cd "$ROOT" && echo usr/lib/*/kamailio/modules)/" > "$dir/kamailio.cfg" || exit 1
    t0=$(now_ms)
    start_in_root "kamailio-$n" "$dir/log" /usr/sbin/kamailio -DD -E -f "/lab/$n/kamailio.cfg" \
        -Y "/lab/$n" -P "/lab/$n/pid" -m 64 -M 16
    up() { alive "kamailio-$n" && in_root kamcmd -s "unix:/lab/$n/ctl" core.uptime; }
    wait_for 20 up || { tail -20 "$dir/log" >&2; die "kamailio $n did not start"; }
    say "kamailio $n: $addr:$port, started in $(( $(now_ms) - t0 )) ms, pid $(pid_of "kamailio-$n")" ;;
stop) stop "kamailio-$n" ;;
kill)                                # all its processes at once: nobody says goodbye
    alive "kamailio-$n" && kill -KILL -- "-$(pid_of "kamailio-$n")"; rm -f "$PIDS/kamailio-$n.pid" ;;
rpc) in_root kamcmd -s "unix:/lab/$n/ctl" "$@" ;;
log) cat "$dir/log" ;;
lab) grep -o 'LAB .*' "$dir/log" ;;
*) die "no such command: $cmd" ;;
esac
