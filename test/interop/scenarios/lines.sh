#!/bin/bash
# The lines every installation has, echo and milliwatt, and the call test, on two signalling threads and on IPv6.
. "$(dirname "$0")/../lib.sh"
check "server starts with two shards" server --shards 2 --sip 'udp:[::1]:5060'
device alice >/dev/null; device bob >/dev/null
A=(--user alice --password pw-alice)
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/e.wav" --seconds 3 call echo && share "$WORK/e.wav" 1000 0.9; }
check "echo: its own 1000 Hz comes back" echo_
milliwatt() { sees 'r["final"] == 200' "${A[@]}" --tone 300 --record "$WORK/m.wav" --seconds 3 call milliwatt && share "$WORK/m.wav" 1004 0.9; }
check "milliwatt: 1004 Hz is heard" milliwatt
check "a stranger gets neither: 407" sees 'r["final"] == 407' --user nobody call echo
tested() { "$TRUNKLINE" call-test --data "$DATA" "sip:echo@$1" --user alice --password pw-alice --seconds 2 | grep verdict; }
check "call-test over IPv4: audio both ways" tested 127.0.0.1
check "call-test over IPv6: audio both ways" tested '[::1]'
check "history: answered, ended by the caller" last_call outcome=answered ended_by=caller
crossed() {                          # crossed CALLEE-FLAGS CALLER-FLAGS
    ua --user bob --password pw-bob $1 --tone 440 answer > "$WORK/b.json" & local p=$!; sleep 1
    sees 'r["final"] == 200 and r["rtp"]["received"] > 50' "${A[@]}" $2 --seconds 2 call bob; local ok=$?; wait $p; return $ok
}
check "two phones over UDP on two shards" crossed "--at 127.0.0.32:6002" ""
check "two phones over TCP on two shards" crossed "--at 127.0.0.32:6002 --tcp" --tcp
check "UDP into TCP on two shards" crossed "--at 127.0.0.32:6003 --tcp" ""
taken() {
    local said; said=$("$TRUNKLINE" --data "$WORK/second" --http 127.0.0.1:8090 --sip "udp:$SIP" 2>&1) && return 1
    echo "$said"; grep -q "udp:$SIP.*$(server_pid).*--sip" <<< "$said"
}
check "a taken SIP port: exit 1 with port, holder and flag" taken
limit() { awk '/open files/ { print $4, $5; exit $4 != $5 }' "/proc/$(server_pid)/limits"; }
check "open files are raised to the hard limit" limit
check "the server runs" still_alive
