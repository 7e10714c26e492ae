#!/bin/bash
# We register at Asterisk 22 as an extension of it (register_out), over UDP, TCP and TLS: calls both ways, tones, DTMF,
# hold, REFER; a wrong password, the PBX restarted, the server killed, the connection disabled and enabled again.
. "$(dirname "$0")/../lib.sh"
PBX=127.0.0.11
check "server starts" server --sip tls:127.0.0.1:5061 || exit
alice=$(device alice '"number_format":{"from":"raw"}')
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001
pbx() {
    asterisk out-pbx addr=$PBX phone user=1001 password=secret codecs=alaw transport="$1" timers=always rel=peer_supported \
        phone user=1002 password=secret2 codecs=alaw
}
pbx_sees() { "$LAB/asterisk.sh" cli out-pbx pjsip show contacts | grep -E "Contact: +$1/"; }
pbx_gone() { ! pbx_sees "$1"; }

heard_both() {                       # heard_both TAG : the PBX calls its extension 1001, which is us; alice answers
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/$1.wav" answer --bye-after 4 > "$WORK/$1.report" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate out-pbx PJSIP/1001 "TAG=$1" SECONDS=6 PLAY=/lab/out-pbx/sounds/tone1000 CALLERID=100
    wait $p; holds 'r["invite"] and "100" in r["invite"]["from"] and r["bye"]["answer"] == 200' < "$WORK/$1.report" &&
        share "$WORK/$1.wav" 1000 0.5 && share "$("$LAB/asterisk.sh" dir out-pbx)/rec/$1-rx.wav" 880 0.5
}
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/600.wav" --seconds 3 call 600 && share "$WORK/600.wav" 1000 0.9; }
digits() { ua "${A[@]}" call 602 --dtmf 4711 --seconds 7 >/dev/null; lab_has out-pbx 'digits=4711'; }
hold() { sees 'r["offers"] == ["sendonly", "sendrecv"]' "${A[@]}" --seconds 12 call 608; }
busy() { sees 'r["final"] == 486' "${A[@]}" call 603; }

for transport in udp tcp tls; do
    T=${transport^^}; port=5060; tls=
    [ $transport = tls ] && { port=5061; tls=",\"tls\":{\"ca\":$(python3 -c 'import json, sys; print(json.dumps(open(sys.argv[1]).read()))' "$ROOT/lab/ca/ca.pem")}"; }
    check "$T: Asterisk starts as a PBX" pbx $transport
    id=$(TRANSPORT=$transport PORT=$port registers_out "out-$transport" $PBX 1001 secret \
        "\"default_target\":{\"connection\":\"$alice\"},\"register\":{\"expires_s\":60}$tls")
    check "$T: registered" reaches "$id" up 8
    check "$T: the PBX has our contact" wait_for 5 pbx_sees 1001
    check "$T: PBX -> 1001 -> alice: both tones" heard_both "in-$transport"
    check "$T: alice -> 600: her own tone comes back" echo_
    check "$T: DTMF 4711 is collected" digits
    check "$T: the PBX's hold and resume reach alice" hold
    check "$T: 603: 486" busy
    check "$T: history has it" last_call outcome=busy sip_code=486
    disable() { api PATCH "/connections/$id" '{"enabled":false}' >/dev/null && wait_for 5 pbx_gone 1001 && reaches "$id" disabled 3; }
    check "$T: disabled: the contact is taken away" disable
    enable() { api PATCH "/connections/$id" '{"enabled":true}' >/dev/null && reaches "$id" up 10 && wait_for 3 pbx_sees 1001; }
    check "$T: enabled: registered again" enable
    restarted() { "$LAB/asterisk.sh" stop out-pbx; sleep 1; pbx $transport && api POST "/connections/$id/register-now" >/dev/null; wait_for 70 pbx_sees 1001 && reaches "$id" up 5; }
    check "$T: the PBX restarted: registered again" restarted
    check "$T: and calls come in" heard_both "again-$transport"
    delete() { api DELETE "/connections/$id" >/dev/null; wait_for 5 pbx_gone 1001; }
    check "$T: deleted: the contact is taken away" delete
    "$LAB/asterisk.sh" stop out-pbx
done

check "Asterisk starts as a PBX" pbx udp
events() { timeout 12 "$TRUNKLINE" events -f -o json --data "$DATA" > "$WORK/events" 2>/dev/null; true; }
wrong() {
    events & local p=$!; sleep 0.5
    bad=$(registers_out wrong $PBX 1002 nonsense '"register":{"expires_s":60,"retry_min_s":1,"retry_max_s":2}'); echo "$bad" > "$WORK/bad"
    reaches "$bad" down 8 || return 1
    sleep 5; api PATCH "/connections/$bad" '{"password":"secret2"}' >/dev/null; reaches "$bad" up 10 || return 1
    wait $p
    [ "$(grep -c registration.failed "$WORK/events")" = 1 ] && [ "$(grep -c registration.recovered "$WORK/events")" = 1 ] || { cat "$WORK/events"; return 1; }
}
check "wrong password: down; mended: up; one event each" wrong
log() { api GET "/connections/$(cat "$WORK/bad")/log" | pick data.0.event; }
check "the register log has it" log
killed() {
    kill9 && server --sip tls:127.0.0.1:5061 && reaches "$(cat "$WORK/bad")" up 15
}
check "the server killed and started again: registered" killed
scripted() {                         # scripted TRANSPORT : a registrar that is as strict as one may be; what it was asked
    local at=127.0.0.16 id ok
    python3 "$TOOLS/registrar.py" $at:5060 "$1" us secret grant=20 min=400 stale=1 > "$WORK/asked" & local p=$!
    sleep 0.5; id=$(TRANSPORT=$1 registers_out "strict-$1" $at us secret '"register":{"expires_s":300}')
    reaches "$id" up 8 && wait_for 25 asked_again; ok=$?
    kill $p; cat "$WORK/asked"; api DELETE "/connections/$id" > /dev/null; return $ok
}
asked_again() {
    python3 - "$WORK/asked" <<'PY'
import sys
told = [line.split() for line in open(sys.argv[1])]
refused = [line[1:] for line in told[:3]] == [["300", "401", "new"], ["300", "401", "stale"], ["300", "423", "min=400"]]
granted = [float(line[0]) for line in told if line[2:] == ["200", "granted=20"] and int(line[1]) >= 400]
sys.exit(not (refused and len(granted) > 1 and granted[0] < 5 < granted[1] < 20))
PY
}
check "UDP: 300 s asked for, 423 and a grant of 20 s obeyed, a stale nonce" scripted udp
check "TCP: 300 s asked for, 423 and a grant of 20 s obeyed, a stale nonce" scripted tcp
mid() {                              # the PBX goes away while we register at it
    "$LAB/asterisk.sh" stop out-pbx; reaches "$(cat "$WORK/bad")" down 100 || return 1
    pbx udp; reaches "$(cat "$WORK/bad")" up 100
}
check "the PBX gone: down within the refresh; back: up" mid
check "the server runs" still_alive
