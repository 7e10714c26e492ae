#!/bin/bash
# What happens to a browser's media in mid-call, against a scripted phone: every digit both ways, hold of either side, ICE
# restarts, another network; candidates that help nobody, certificates of somebody else.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
for user in alice bob carol; do device $user '"media":{"nat":"always"}' > /dev/null; done
chromium || exit

B=(--user bob --password pw-bob --at 127.0.0.32:6002 --tone 440 --record "$WORK/b.wav" --wait 70)
with_ua() {                          # with_ua "UA-ARGS" ARGS... : alice calls a scripted phone that reports what it saw
    # shellcheck disable=SC2086
    ua "${B[@]}" $1 answer > "$WORK/b.json" & local p=$!; shift
    sleep 1; web alice --call sip:bob@127.0.0.1 --codec PCMA "$@"; wait $p
}
digits() { with_ua "" --seconds 8 --dtmf '0123456789*#'; holds 'r["rtp"]["digits"] == "0123456789*#"' < "$WORK/b.json"; }
check "DTMF 0-9*#: the phone gets all as telephone-events, once each" digits
digits_back() {
    with_ua "--dtmf 0123456789*# --dtmf-after 4" --seconds 9 --record "$WORK/a.wav"
    wav report "$WORK/a.wav" 440 | tee "$WORK/a.txt"; grep -q '"dtmf": "0123456789\*#"' "$WORK/a.txt"
}
check "DTMF 0-9*# of the phone: the browser plays them" digits_back
hold() { with_ua "" --seconds 7 --hold 2; holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json" && report alice 'hears(440)' && share "$WORK/b.wav" 700 0.5; }
check "hold and resume reach the phone, and keep the transport" hold
held() { with_ua "--hold-after 2" --seconds 8 && report alice 'had("hold") and had("unhold") and hears(440)' && share "$WORK/b.wav" 700 0.5; }
check "hold and resume of the phone reach the browser" held

restarts() {
    with_ua "" --seconds 7 --restart-after 2 --record "$WORK/a.wav" &&
        report alice 'had("restarted") and hears(440) and r["stats"]["ice"] in ("connected", "completed")' &&
        share "$WORK/a.wav" 440 0.9 && share "$WORK/b.wav" 700 0.9
}
check "ICE restarts in mid-call: tones go on both ways" restarts
# other_network ARGS... : the socket breaks in mid-call, ICE restarts over the next one; then ARGS hang up.
other_network() {
    with_ua "$1" --seconds "$2" --drop-after 2 --restart-after 6 --record "$WORK/a.wav" &&
        report alice 'len(had("registered")) == 2 and had("restarted") and hears(440)' && share "$WORK/a.wav" 440 0.9 && share "$WORK/b.wav" 700 0.9
}
check "another network: registered anew, the call is kept, the browser ends it" other_network "" 10
check "history says so" last_call outcome=answered ended_by=caller
check "another network, and the phone ends it" other_network "--bye-after 11" 30
check "history says so" last_call outcome=answered ended_by=callee

for how in hidden bare; do
    say=$([ $how = hidden ] && echo "candidates that are names of mDNS" || echo "no candidate, as trickling peers begin")
    peers() { with_ua "" --seconds 4 "--$how" && report alice 'hears(440)' && share "$WORK/b.wav" 700 0.8; }
    check "$say: tones both ways" peers
done
misnamed() { with_ua "" --seconds 4 --misnamed; report alice 'had("ended") and "M-10" in str(had("ended")[0]["reason"])' && last_call reason_code=M-10; }
check "a browser that shows another certificate than it described" misnamed
misnamed_callee() {
    web carol --answer --misnamed & local p=$!
    page_is carol; sees '"M-10" in str(r["bye"])' --user alice --password pw-alice --at 127.0.0.33:6003 --seconds 15 call carol; local ok=$?
    wait $p; return $ok
}
check "the same of a browser that is called" misnamed_callee

streams() { with_ua "" --seconds 5 --streams && report alice 'hears(440) and " tcp " in r["stats"]["remote"]' && share "$WORK/b.wav" 700 0.8; }
check "no UDP gets through: media over TCP, tones both ways" streams

no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
