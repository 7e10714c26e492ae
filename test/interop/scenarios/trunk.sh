#!/bin/bash
# Asterisk 22 as a carrier, over UDP and TCP: calls both ways, its codes, early media and Reason as they are.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
alice=$(device alice '"number_format":{"from":"raw"}')
bob=$(device bob '"dialled":{"voicemail":false,"ring_s":3}')
number +15550100 "$alice" >/dev/null; number +15550101 "$bob" >/dev/null
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001

tone() { sees 'r["final"] == 200 and r["bye"]["by"] == "peer"' "${A[@]}" --record "$WORK/601.wav" --seconds 9 call 601 && share "$WORK/601.wav" 440 0.6; }
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/600.wav" --seconds 3 call +15550199 && share "$WORK/600.wav" 1000 0.9 && lab_has tr-itsp 'did=\+15550199'; }
digits() { ua "${A[@]}" call 602 --dtmf 4711 --seconds 7 >/dev/null; lab_has tr-itsp 'digits=4711'; }
busy() { sees 'r["final"] == 486 and "cause=17" in r["headers"].get("reason", "")' "${A[@]}" call 603; }
early() {
    sees 'r["early"] and 183 in r["codes"] and r["final"] == 200 and r["setup_ms"] > 2500' "${A[@]}" --record "$WORK/606.wav" --seconds 3 call 606 && share "$WORK/606.wav" 440 0.5
}
reason() { sees 'r["bye"]["by"] == "peer" and "cause=34" in r["bye"]["reason"]' "${A[@]}" --seconds 6 call 6071; }
hold() { sees 'r["offers"] == ["sendonly", "sendrecv"]' "${A[@]}" --seconds 12 call 608; }
cancel() { sees 'r["final"] == 487 and r["cancel"] == 200' "${A[@]}" --cancel-after 1 call 605 && wait_lab tr-itsp 'hangup=PJSIP' 5; }
inbound() {
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/in.wav" answer --bye-after 4 > "$WORK/in.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate tr-itsp PJSIP/+15550100@trunk TAG=in1 SECONDS=6 PLAY=/lab/tr-itsp/sounds/tone1000 CALLERID=+15550142
    wait $p; holds 'r["invite"] and "5550142" in r["invite"]["from"] and r["bye"]["answer"] == 200' < "$WORK/in.json" &&
        share "$WORK/in.wav" 1000 0.5 && share "$("$LAB/asterisk.sh" dir tr-itsp)/rec/in1-rx.wav" 880 0.5
}
from_carrier() {                     # from_carrier CODE TEXT... : the phone refuses; what Asterisk sees
    local code=$1; shift
    ua "${A[@]}" --at $HOME_OF_ALICE --code "$code" "$@" answer > "$WORK/in.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate tr-itsp Local/9+15550100@lab "TAG=c$code" SECONDS=1 WAIT=8; wait $p
    wait_lab tr-itsp "dial=\+15550100 .*sip=SIP $code" 8
}
refused_to_carrier() {               # refused_to_carrier NUMBER CODE : what Asterisk sees when it calls NUMBER
    "$LAB/asterisk.sh" originate tr-itsp "Local/9$1@lab" "TAG=r$2" SECONDS=1 WAIT=8
    wait_lab tr-itsp "dial=\\$1 .*sip=SIP $2" 8
}
stranger() { sees 'r["final"] == 407' --user +15550142 --at 127.0.0.99 call sip:+15550100@127.0.0.1; }
carries() {                          # carries TRANSPORT : Asterisk and the trunk to it
    api POST /connections "{\"kind\":\"trunk\",\"name\":\"itsp-$1\",\"peers\":[{\"host\":\"$ITSP\",\"port\":5060,\"transport\":\"$1\"}],
        \"allowed_sources\":[\"$ITSP/32\"],\"dial_pattern\":\".\",\"number_format\":{\"from\":\"e164_plus\",\"to\":\"raw\"}}" | pick id > "$WORK/itsp" && carrier tr-itsp transport=$1
}
for transport in udp tcp; do
    T=${transport^^}
    check "$T: Asterisk starts as a carrier" carries $transport
    check "$T: phone -> 601: 440 Hz is heard, the carrier hangs up" tone
    check "$T: history: answered, ended by the callee" last_call outcome=answered sip_code=200 ended_by=callee
    check "$T: phone -> +15550199: its own 1000 Hz comes back" echo_
    check "$T: DTMF 4711 is collected by Asterisk" digits
    check "$T: 603: 486 with its Reason" busy
    check "$T: history: busy" last_call outcome=busy sip_code=486 q850=17
    check "$T: 604: 404" sees 'r["final"] == 404' "${A[@]}" call 604
    check "$T: history: 404" last_call sip_code=404
    check "$T: 606: 183, early media is heard before the answer" early
    check "$T: 6071: BYE with Reason Q.850 cause 34 reaches the phone" reason
    check "$T: history: cause 34" last_call outcome=answered q850=34 ended_by=callee
    check "$T: 608: the carrier's hold and resume reach the phone" hold
    check "$T: 605: CANCEL ends it with 487 on both sides" cancel
    check "$T: history: cancelled" last_call outcome=cancelled sip_code=487
    check "$T: Asterisk -> +15550100 -> phone: both tones, caller's number" inbound
    check "$T: history: the phone ended it" last_call outcome=answered ended_by=callee
    check "$T: the phone's 486 reaches the carrier" from_carrier 486
    check "$T: the phone's 603 reaches the carrier" from_carrier 603
    check "$T: nobody registered: 480 to the carrier" refused_to_carrier +15550101 480
    check "$T: the carrier cannot use us as a way out: 404" refused_to_carrier +15550177 404
    check "$T: the same call from an address that is not the carrier's: 407" stranger
    "$LAB/asterisk.sh" stop tr-itsp; api DELETE "/connections/$(cat "$WORK/itsp")" > /dev/null
done
check "the server runs" still_alive
