#!/bin/bash
# SIPp as caller and callee: many calls at once, on both transports.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
device alice '"limits":{"concurrent":200}' >/dev/null; device bob '"limits":{"concurrent":200}' >/dev/null
A="alice;[authentication username=alice password=pw-alice]"
register_bob() { "$LAB/sipp.sh" 127.0.0.42:5070 $SIP register.xml "csv=bob;[authentication username=bob password=pw-bob]" -- -m 1 -timeout 5; }
check "the callee registers" register_bob
calls() {                            # calls COUNT RATE HOLD-MS [SIPP OPTIONS OF THE CALLER]
    "$LAB/sipp.sh" 127.0.0.42:5070 $SIP uas.xml -- -m "$1" -d 50 -rtp_echo -timeout 60 > "$WORK/uas" 2>&1 & local p=$!
    sleep 0.5; "$LAB/sipp.sh" 127.0.0.41 $SIP uac.xml "csv=$A;bob" -- -m "$1" -r "$2" -d "$3" -timeout 60 "${@:4}"; local rc=$?
    wait $p; return $rc
}
check "300 calls, 50 a second, 1 s each" calls 300 50 1000
check "50 calls over TCP into UDP" calls 50 25 500 -t t1
check "history has the last one as answered" last_call outcome=answered ended_by=caller
cancel() {
    "$LAB/sipp.sh" 127.0.0.42:5070 $SIP uas_cancelled.xml -- -m 10 -timeout 30 > "$WORK/uas" 2>&1 & local p=$!
    sleep 0.5; "$LAB/sipp.sh" 127.0.0.41 $SIP uac_cancel.xml "csv=$A;bob" -- -m 10 -r 10 -timeout 30; local rc=$?
    wait $p || { cat "$WORK/uas"; return 1; }; return $rc
}
check "10 calls are cancelled while ringing" cancel
check "history: cancelled" last_call outcome=cancelled
no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
