#!/bin/bash
# Asterisk 22 that demands: PRACK (100rel required), session timers (always), both over UDP, TCP and TLS; against a phone
# that knows neither. Refreshes are waited for with Session-Expires 90.
. "$(dirname "$0")/../lib.sh"
check "server starts" server --sip tls:127.0.0.1:5061 || exit
alice=$(device alice '"number_format":{"from":"raw"}')
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001
number +15550100 "$alice" >/dev/null
CA=$(python3 -c 'import json, sys; print(json.dumps(open(sys.argv[1]).read()))' "$ROOT/lab/ca/ca.pem")
pai() { "$LAB/asterisk.sh" log ng-itsp | grep -cE "$1"; }
carrier_over() {
    local port=5060; [ "$1" = tls ] && port=5061
    asterisk ng-itsp addr=$ITSP trunk server=127.0.0.1:$port match=127.0.0.1 codecs=alaw rel=required timers=always transport="$1" \
        extra='timers_sess_expires=90;timers_min_se=90' && "$LAB/asterisk.sh" sip ng-itsp on
}
for transport in udp tcp tls; do
    T=${transport^^}; port=5060; tls=; [ $transport = tls ] && { port=5061; tls=",\"tls\":{\"ca\":$CA}"; }
    check "$T: Asterisk starts, 100rel required, timers always" carrier_over $transport
    id=$(api POST /connections "{\"kind\":\"trunk\",\"name\":\"itsp-$transport\",\"peers\":[{\"host\":\"$ITSP\",\"port\":$port,\"transport\":\"$transport\"}],
        \"allowed_sources\":[\"$ITSP/32\"],\"dial_pattern\":\".\",\"timers\":{\"session_expires_s\":90},\"number_format\":{\"from\":\"e164_plus\",\"to\":\"raw\"}$tls}" | pick id)
    tone() { sees 'r["final"] == 200 and r["bye"]["by"] == "peer"' "${A[@]}" --record "$WORK/601.wav" --seconds 9 call 601 && share "$WORK/601.wav" 440 0.6; }
    check "$T: alice -> 601: 440 Hz" tone
    early() { sees 'r["early"] and 183 in r["codes"] and r["final"] == 200' "${A[@]}" --record "$WORK/606.wav" --seconds 3 call 606 && share "$WORK/606.wav" 440 0.5; }
    check "$T: 606: early media, PRACKed" early
    check "$T: Asterisk got a PRACK" test "$(pai '^PRACK|received.*PRACK')" -gt 0
    inbound() {
        ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/in.wav" answer --ring 1 --bye-after 4 > "$WORK/in.json" & local p=$!
        sleep 1; "$LAB/asterisk.sh" originate ng-itsp PJSIP/+15550100@trunk "TAG=in-$transport" SECONDS=6 PLAY=/lab/ng-itsp/sounds/tone1000 CALLERID=+15550142
        wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/in.json" &&
            share "$WORK/in.wav" 1000 0.5 && share "$("$LAB/asterisk.sh" dir ng-itsp)/rec/in-$transport-rx.wav" 880 0.5
    }
    check "$T: Asterisk with Require: 100rel -> alice: both tones" inbound
    digits() { ua "${A[@]}" call 602 --dtmf 4711 --seconds 7 >/dev/null; lab_has ng-itsp 'digits=4711'; }
    check "$T: DTMF 4711 is collected" digits
    hold() { sees 'r["offers"] == ["sendonly", "sendrecv"]' "${A[@]}" --seconds 12 call 608; }
    check "$T: hold and resume" hold
    reason() { sees 'r["bye"]["by"] == "peer" and "cause=34" in r["bye"]["reason"]' "${A[@]}" --seconds 6 call 6071; }
    check "$T: BYE with Reason Q.850 cause 34" reason
    if [ $transport = udp ]; then
        refreshed() {
            local before; before=$(pai '^(UPDATE|INVITE) .*SIP/2.0')
            sees 'r["final"] == 200 and r["talk_s"] > 95 and r["bye"]["by"] == "us"' "${A[@]}" --seconds 100 --wait 20 call 600 && [ "$(pai '^(UPDATE|INVITE) .*SIP/2.0')" -gt $((before + 1)) ]
        }
        check "$T: a call of 100 s with Session-Expires 90 lives by its refreshes" refreshed
    fi
    refer() {                        # the carrier's 610 REFERs alice's call to alice's colleague
        ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 880 --record "$WORK/bob.wav" answer --bye-after 4 > "$WORK/bob.json" & local p=$!
        sleep 1; ua "${A[@]}" --record "$WORK/xfer.wav" --seconds 12 call 610+15550101 > "$WORK/alice.json"; wait $p
        holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/bob.json" && share "$WORK/xfer.wav" 880 0.5 && share "$WORK/bob.wav" 1000 0.5 && lab_has ng-itsp 'transfer=SUCCESS'
    }
    [ -n "${bob:-}" ] || { bob=$(device bob); number +15550101 "$bob" >/dev/null; }
    check "$T: 610: Asterisk REFERs alice to bob: both hear each other" refer
    api DELETE "/connections/$id" >/dev/null; "$LAB/asterisk.sh" stop ng-itsp
done
check "the server runs" still_alive
