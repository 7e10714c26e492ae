#!/bin/bash
# 1,000 connections at their limits under load for 85 s, refused, cancelled and answered, across a SIGTERM and a kill -9:
# what is used of each limit is what calls there are, at every look; at the end every place is free.
# CONNECTIONS, RATE (calls a second), HOLD_MS and SHARDS may be set.
. "$(dirname "$0")/../lib.sh"
: "${CONNECTIONS:=1000}" "${RATE:=150}" "${HOLD_MS:=12000}" "${SHARDS:=2}"
LOAD_S=85
begin() { server --shards "$SHARDS"; }
check "server starts" begin || exit
steady() { python3 "$TOOLS/steady.py" "$1" "http://$HTTP/api/v1" "$(cat "$WORK/key")" "${@:2}"; }
made() {
    python3 "$TOOLS/steady.py" make "$CONNECTIONS" '{"concurrent":2,"concurrent_from":1,"concurrent_to":1}' > "$WORK/batch" &&
        api POST /connections/batch "@$WORK/batch" | grep -o '"status":201' | wc -l | grep -x "$CONNECTIONS"
}
check "$CONNECTIONS connections by one batch" made || exit
ACCOUNT=$(api GET /accounts | pick data.0.id)
api PATCH "/accounts/$ACCOUNT" "{\"limits\":{\"concurrent\":$((CONNECTIONS * 85 / 100))}}" > /dev/null
api PATCH /system/limits "{\"concurrent\":$((CONNECTIONS * 80 / 100))}" > /dev/null
register() {
    "$LAB/sipp.sh" 127.0.0.42:5070 $SIP register.xml "csv=$(python3 "$TOOLS/steady.py" users "$CONNECTIONS")" -- -m "$CONNECTIONS" -r 250 -timeout 60 > "$WORK/register" 2>&1
    local all; all=$(curl -s "http://$HTTP/metrics" | awk '$1 ~ /^trunkline_registrations_active/ { print $2 }'); echo "$all are registered"
    [ "$all" = "$CONNECTIONS" ]
}
check "all of them register" register || exit

load() {                             # both ends of all calls
    "$LAB/sipp.sh" 127.0.0.42:5070 $SIP uas_limited.xml -- -timeout $((LOAD_S + 60)) -l 5000 > "$WORK/uas" 2>&1 &
    echo $! > "$WORK/uas.pid"; sleep 0.5
    "$LAB/sipp.sh" 127.0.0.41 $SIP uac_limited.xml "csv=$(python3 "$TOOLS/steady.py" calls "$CONNECTIONS")" -- \
        -m $((RATE * LOAD_S)) -r "$RATE" -d "$HOLD_MS" -l 5000 -max_retrans 6 -recv_timeout 20000 -timeout $((LOAD_S + 55)) > "$WORK/uac" 2>&1 &
    echo $! > "$WORK/uac.pid"
}
refused() { curl -s "http://$HTTP/metrics" | awk '/^trunkline_call_refused_total/ { print $1, $2 }' > "$WORK/refused"; tr '\n' ' ' < "$WORK/refused"; grep -q 'L-01' "$WORK/refused"; }
watched() {                          # watched SECONDS : its last line says it all
    steady watch "$1" > "$WORK/watch"; local ok=$?
    tail -1 "$WORK/watch"; [ $ok = 0 ] || grep ';' "$WORK/watch" | head -5
    return $ok
}
all_seen() { watched "$1" | tee "$WORK/seen" && [ "$(grep -oE '[0-9]+ connections' "$WORK/seen" | cut -d' ' -f1)" -gt $((CONNECTIONS / 2)) ]; }
load
check "25 s of load: what is used is what is there" all_seen 25
check "calls are refused" refused
ended() { kill -TERM "$(server_pid)"; wait_for 40 gone || return 1; rm -f "$PIDS/trunkline.pid"; begin; }
check "SIGTERM: calls end as people end them, and it starts again" ended
check "15 s more: nothing has drifted" watched 15
killed() { kill9; begin; }
check "kill -9 with all calls up, and it starts again" killed
check "25 s more: nothing has drifted" all_seen 25
check "calls are refused" refused
load_ends() { wait_for 70 load_is_over; cat "$WORK/uac"; }
load_is_over() { ! kill -0 "$(cat "$WORK/uac.pid")" 2>/dev/null; }
check "the load ends" load_ends
check "every place is free" wait_for 45 steady free
check "that is" steady free
check "the server runs" still_alive
wait
