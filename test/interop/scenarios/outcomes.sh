#!/bin/bash
# How a call ends: every final code of the callee as it is, our own codes, CANCEL, timeouts, and the headers that cross.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
device alice >/dev/null; device bob >/dev/null; device absent >/dev/null
device slow '"dialled":{"voicemail":false,"ring_s":2}' >/dev/null
A=(--user alice --password pw-alice) B=(--user bob --password pw-bob --at 127.0.0.32:6002)

# with_callee 'UA ARGUMENTS OF BOB' 'EXPRESSION ON ALICE' UA ARGUMENTS OF ALICE... ; bob's report is left in $WORK/b.json
with_callee() {
    local callee=$1 expression=$2 p i; shift 2
    : > "$WORK/b.err"; ua "${B[@]}" $callee answer > "$WORK/b.json" 2> "$WORK/b.err" & p=$!
    for i in $(seq 50); do grep -q registered "$WORK/b.err" && break; sleep 0.1; done
    sees "$expression" "${A[@]}" "$@"; i=$?
    wait $p; return $i
}
for code in 486 404 603 600 480 410 488 500; do
    check "the callee's $code, unchanged" with_callee "--code $code" "r[\"final\"] == $code" call bob
done
with_reason() {
    ua "${B[@]}" --code 486 --header 'Reason: Q.850;cause=34;text="circuits"' answer > "$WORK/b.json" & local p=$!; sleep 1
    sees 'r["final"] == 486 and "cause=34" in r["headers"]["reason"]' "${A[@]}" call bob; local ok=$?; wait $p; return $ok
}
check "Reason of a refusal crosses" with_reason
check "history: its cause" last_call sip_code=486 q850=34
check "a peer's 503 becomes 500" with_callee "--code 503" 'r["final"] == 500' call bob
check "a peer's 401 becomes 500" with_callee "--code 401" 'r["final"] == 500' call bob

check "nobody registered: 480" sees 'r["final"] == 480' "${A[@]}" call absent
check "history: 480" last_call sip_code=480
check "no such user: 404 with a text" sees 'r["final"] == 404' "${A[@]}" call nosuchuser
check "wrong password: 407 again" sees 'r["codes"][-1] == 407' --user alice --password wrong call bob
check "a domain that is not ours: 404" sees 'r["final"] == 404' "${A[@]}" call sip:bob@elsewhere.example
slow() {
    ua --user slow --password pw-slow --at 127.0.0.33 --ring 10 answer > "$WORK/s.json" & local p=$!; sleep 1
    sees 'r["final"] == 480 and "cause=19" in r["headers"].get("reason", "") and r["setup_ms"] < 4000' "${A[@]}" call slow; local ok=$?
    wait $p; holds '"cancelled" in r' < "$WORK/s.json" && return $ok
}
check "ring_s over: 480 with cause 19, the phone is cancelled" slow
check "history: no answer" last_call outcome=no_answer sip_code=480 q850=19
cancelled() { with_callee "--ring 10" 'r["final"] == 487 and r["cancel"] == 200' --cancel-after 1 call bob && holds '"cancelled" in r and r.get("acked")' < "$WORK/b.json"; }
check "CANCEL: 487 here, cancelled there" cancelled
check "history: cancelled" last_call outcome=cancelled

answered() { with_callee "--bye-after 1.5" 'r["final"] == 200 and r["bye"]["by"] == "peer"' --seconds 6 call bob; }
check "the callee hangs up" answered
check "history: ended by the callee" last_call outcome=answered ended_by=callee
bye_reason() {
    with_callee "" 'r["bye"]["answer"] == 200' --seconds 1 --bye-header 'Reason: Q.850;cause=34;text="x"' call bob &&
        holds '"cause=34" in r["bye"]["reason"]' < "$WORK/b.json"
}
check "Reason of a BYE crosses" bye_reason
check "history: cause 34, ended by the caller" last_call q850=34 ended_by=caller
crossing() {
    with_callee "--header X-Lab:back" 'r["final"] == 200 and r["headers"].get("x-lab") == "back"' --seconds 1 \
        --header 'X-Lab: forth' --header 'Subject: A call' --header 'User-to-User: 0001;encoding=hex' call bob &&
        holds 'r["invite"].get("x-lab") == "forth" and r["invite"]["subject"] == "A call" and "0001" in r["invite"]["user-to-user"]' < "$WORK/b.json"
}
check "X-Lab, Subject, User-to-User cross unchanged" crossing
hidden() { holds 'r["invite"]["vias"] == 1 and "127.0.0.31" not in r["invite"]["contact"] and r["invite"]["max-forwards"] == "69"' < "$WORK/b.json"; }
check "one Via, our Contact, Max-Forwards less one" hidden
no_codec() { sees 'r["final"] == 488 and r["headers"]["warning"].startswith("304 ")' "${A[@]}" --formats 18 call milliwatt; }
check "no codec in common: 488 with Warning 304" no_codec
audio() {
    ua "${B[@]}" --tone 440 --record "$WORK/b.wav" answer > "$WORK/b.json" & local p=$!; sleep 1
    sees 'r["rtp"]["received"] > 100' "${A[@]}" --record "$WORK/a.wav" --seconds 3 call bob; wait $p
    share "$WORK/a.wav" 440 0.9 && share "$WORK/b.wav" 1000 0.9
}
check "each hears the other's tone" audio
early() { with_callee "--early 2 --tone 440 --bye-after 1" 'r["early"] and r["rtp"]["received"] > 120' --record "$WORK/a.wav" --seconds 5 call bob && share "$WORK/a.wav" 440 0.9; }
check "early media of a phone" early
hold() { with_callee "" 'r["reinvites"] == [["sendonly", 200], ["sendrecv", 200]]' --hold-after 1 --seconds 5 call bob && holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json"; }
check "hold and resume by re-INVITE" hold
over_tcp() {
    ua "${B[@]}" --tcp --tone 440 answer > "$WORK/b.json" & local p=$!; sleep 1
    sees 'r["final"] == 200 and r["rtp"]["received"] > 50' "${A[@]}" --tcp --seconds 2 call bob; local ok=$?; wait $p; return $ok
}
check "both over TCP" over_tcp
check "the server runs" still_alive
