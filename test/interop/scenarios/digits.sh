#!/bin/bash
# Digits across every way of dialling: phones that send telephone-events or INFO, Asterisk that wants telephone-events, INFO or
# tones in the audio, both ways; each digit arrives, and once.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
dave=$(device dave '"media":{"nat":"always"}')
device erin '"media":{"nat":"always","dtmf":"info"}' > /dev/null
number +15550100 "$dave" > /dev/null
itsp=$(trunk itsp $ITSP)
PHONE=(--user dave --password pw-dave --at 127.0.0.24:6002)

asterisk_with() {                    # asterisk_with MODE : Asterisk that dials so, and a trunk that says so
    api PATCH "/connections/$itsp" "{\"media\":{\"dtmf\":\"$1\"}}" > /dev/null && carrier "dg-$1" dtmf="$1"
}
events() { ua "${PHONE[@]}" call 602 --dtmf "$2" --seconds 7 > /dev/null; lab_has "dg-$1" "digits=${2//\*/\\*} "; }
info() {
    "$LAB/pjsua.sh" --addr 127.0.0.25 --user erin --password pw-erin --server $SIP --codec PCMA --call sip:602@$SIP --seconds 6 --info \
        --dtmf "$2" > "$WORK/erin.json" 2> "$WORK/erin.log"
    lab_has "dg-$1" "digits=${2//\*/\\*} "
}
back() {                             # Asterisk dials, a phone with telephone-events hears of it
    ua "${PHONE[@]}" answer --bye-after 9 > "$WORK/dave.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate "dg-$1" PJSIP/+15550100@trunk TAG=digits SECONDS=4 DTMF="$2"; wait $p
    holds "r['rtp']['digits'] == '$2'" < "$WORK/dave.json"
}
for mode in rfc4733 info inband; do
    check "Asterisk with $mode starts" asterisk_with $mode
    for four in 4711 2580 '39*6'; do check "phone, telephone-events -> Asterisk, $mode: $four" events $mode "$four"; done
    for four in 1122 '70*8'; do check "phone, INFO -> Asterisk, $mode: $four" info $mode "$four"; done
    check "Asterisk, $mode -> phone, telephone-events: 0123456789*#" back $mode '0123456789*#'
    "$LAB/asterisk.sh" stop "dg-$mode" > /dev/null
done
check "the server runs" still_alive
