#!/bin/bash
# The process ends, by request or by kill -9, in the middle of registrations and of calls.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
device alice >/dev/null; device bob >/dev/null
for i in $(seq 20); do device "u$i" >/dev/null; done
A=(--user alice --password pw-alice)
restart() { server; }

# bob is reached at the address he registered before the process ended.
reached() {
    ua --at 127.0.0.32:6002 --tone 440 answer > "$WORK/b.json" & local p=$!
    sleep 0.5; sees 'r["final"] == 200 and r["rtp"]["received"] > 50' "${A[@]}" --seconds 2 call bob; local ok=$?
    wait $p; return $ok
}
check "bob registers" sees 'r["final"] == 200' --user bob --password pw-bob --at 127.0.0.32:6002 --expires 600 register
check "bob is reached" reached
stopped() { local pid; pid=$(server_pid); kill -TERM "$pid"; wait_for 3 gone && rm -f "$PIDS/trunkline.pid"; }
check "SIGTERM with no call: ends at once" stopped
check "it starts again" restart
check "bob is still registered" registered bob :6002
check "bob is reached after the restart" reached
check "kill -9" kill9
check "it starts again" restart
check "bob is still registered after kill -9" registered bob :6002
check "bob is reached after kill -9" reached

mid_registration() {
    local i
    for i in $(seq 20); do ua --user "u$i" --password "pw-u$i" --at "127.0.0.40:$((7000 + i))" --expires 600 register >/dev/null & done; wait
    ua --user u1 --password pw-u1 --at 127.0.0.40:7001 --expires 600 register | holds 'r["final"] == 200' || return 1
    kill9; restart || return 1
    for i in $(seq 20); do registered_now "u$i" ":$((7000 + i))" || { echo "u$i is lost"; return 1; }; done
}
check "kill -9 right after the 200: all 20 bindings are there" mid_registration
flood() {                            # registrations in flight while the process dies
    "$LAB/sipp.sh" 127.0.0.41 $SIP register.xml "csv=alice;[authentication username=alice password=pw-alice]" -- -m 400 -r 200 -timeout 6 >/dev/null 2>&1 & local p=$!
    sleep 1; kill9; restart; local ok=$?; wait $p; [ $ok = 0 ] && still_alive
}
check "kill -9 while 200 a second register: it comes up" flood

call_killed() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --expires 600 --wait 8 answer > "$WORK/b.json" & local b=$!
    sleep 1; ua "${A[@]}" --seconds 6 call bob > "$WORK/a.json" & local a=$!
    sleep 2.5; kill9; restart || return 1
    last_call outcome=answered ended_by=restart; local ok=$?
    wait $a $b; return $ok
}
check "kill -9 in a call: history closes it as ended by restart" call_killed
check "calls go on after it" reached

drained() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --expires 600 --bye-after 5 answer > "$WORK/b.json" & local b=$!
    sleep 1; ua "${A[@]}" --seconds 20 call bob > "$WORK/a.json" & local a=$!
    sleep 2; kill -TERM "$(server_pid)"; sleep 0.3
    sees 'r["final"] == 503 and "retry-after" in r["headers"]' "${A[@]}" --at 127.0.0.34 call bob; local refused=$?
    ready && { echo "/readyz is still 200"; refused=1; }
    wait $a $b; wait_for 5 gone || { echo "does not end"; return 1; }
    rm -f "$PIDS/trunkline.pid"
    holds 'r["bye"]["by"] == "peer"' < "$WORK/a.json" && return $refused
}
check "SIGTERM in a call: it goes on, new ones get 503, then the end" drained
check "it starts again" restart
check "history: the drained call ended as people ended it" last_call outcome=answered ended_by=callee
