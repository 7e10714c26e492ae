#!/bin/bash
# Transfers (RFC 3515, RFC 3891, RFC 5589) as baresip, PJSUA and Asterisk ask for them, blind and attended, to somebody who is
# free and to somebody who is busy, on hold, by the API; what counts is whom each of those left hears in the last second.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
alice=$(device alice '"number_format":{"from":"raw"}') bob=$(device bob) carol=$(device carol)
check "the domain offers MD5 only, for baresip" md5_only
A=(--user alice --password pw-alice --at 127.0.0.31:6001 --tone 1000 --record "$WORK/alice.wav")
B=(--user bob --password pw-bob --at 127.0.0.32:6002 --tone 880 --record "$WORK/bob.wav")
C=(--user carol --password pw-carol --at 127.0.0.33:6003 --tone 440 --record "$WORK/carol.wav")
wav tone "$WORK/1000.wav" 1000 60 8000
pj() { "$LAB/pjsua.sh" --addr 127.0.0.21 --user "$1" --password "pw-$1" --server $SIP --codec PCMA --play "$WORK/1000.wav" --record "$WORK/pj.wav" "${@:2}" > "$WORK/pj.json" 2> "$WORK/pj.log"; }

# bob ARGS..., carol ARGS... : answers, in the background.   listens WHO... : they do.
forget() { rm -f "$WORK"/{alice,bob,carol,pj}.{wav,json,err}; }
bob() { ua "${B[@]}" --wait 20 answer "$@" > "$WORK/bob.json" 2> "$WORK/bob.err" & }
carol() { ua "${C[@]}" --wait 20 answer "$@" > "$WORK/carol.json" 2> "$WORK/carol.err" & }
listens() { local who; for who; do wait_for 10 grep -qs registered "$WORK/$who.err" || return 1; done; }
# bob_and_carol BOB-SECONDS CAROL-SECONDS : both answer; they hang up after that long.
bob_and_carol() { forget; bob --bye-after "$1"; carol --bye-after "$2"; listens bob carol; }
# hears WHO HZ : in the last second that WHO heard.
hears() {
    python3 - "$WORK/$1.wav" "$WORK/last.wav" <<'PY' && { echo "$1:"; share "$WORK/last.wav" "$2" 0.8; }
import sys, wave
with wave.open(sys.argv[1]) as heard, wave.open(sys.argv[2], "wb") as last:
    raw = heard.readframes(heard.getnframes())
    last.setparams(heard.getparams())
    last.writeframes(raw[-2 * heard.getframerate():])
PY
}
said() { holds "$2" < "$WORK/$1.json"; }
both_hear() { hears bob 440 && hears carol 880; }
parties() { last_call outcome=answered "legs.0.connection=$1" "legs.1.connection=$2" "legs.2.connection=$3"; }
nobody_left() { [ "$(api GET /calls | pick data)" = "[]" ]; }

baresip_alice() { baresip a addr=127.0.0.20 ctrl=4444 user=alice password=pw-alice server=$SIP codecs=PCMA && registered alice 127.0.0.20; }
check "baresip registers" baresip_alice
blind_by_baresip() {
    bob_and_carol 15 7 && phone_do a dial sip:bob@127.0.0.1; sleep 3
    phone_do a transfer sip:carol@127.0.0.1; sleep 3
    phone_do a listcalls | grep -E 'sip:bob' && return 1
    wait; said bob 'r["bye"]["by"] == "peer"' && said carol 'r["bye"]["answer"] == 200' && both_hear
}
check "baresip calls bob, hands him to carol: they hear each other" blind_by_baresip
check "history has the three" parties "$alice" "$bob" "$carol"
busy_by_baresip() {                  # this baresip ends a call that it could not hand over
    forget; bob --bye-after 15; carol --code 486; listens bob carol && phone_do a dial sip:bob@127.0.0.1; sleep 2
    phone_do a transfer sip:carol@127.0.0.1
    wait; said carol '"invite" in r' && said bob 'r["bye"]["by"] == "peer"' && "$LAB/baresip.sh" log a | grep -a 'transfer failure: 486'
}
check "carol is busy: baresip is told 486" busy_by_baresip
check "nobody is left behind" wait_for 3 nobody_left
"$LAB/baresip.sh" stop a

blind_by_pjsua() {
    bob_and_carol 15 7; pj alice --call sip:bob@127.0.0.1 --transfer sip:carol@127.0.0.1 || return 1
    wait; said pj 'r["transferred"] == 200 and r["end"][0] == 200' && said carol 'r["bye"]["answer"] == 200' && both_hear
}
check "PJSUA calls bob, hands him to carol" blind_by_pjsua
callee_pjsua() {
    forget; carol --bye-after 6; listens carol || return 1
    pj alice --answer --transfer sip:carol@127.0.0.1 & wait_for 5 registered_now alice 127.0.0.21; sleep 0.5
    ua "${B[@]}" --seconds 20 call alice > "$WORK/bob.json"; wait
    said pj 'r["transferred"] == 200' && said bob 'r["bye"]["by"] == "peer"' && said carol 'r["bye"]["answer"] == 200' && both_hear
}
check "bob calls PJSUA, which hands him to carol" callee_pjsua
check "history has the three" parties "$bob" "$alice" "$carol"
attended() {
    bob_and_carol 25 10; pj alice --call sip:bob@127.0.0.1 --attended sip:carol@127.0.0.1 || return 1
    wait; said pj 'r["consulted"] and r["transferred"] == 200' && said bob 'r["bye"]["by"] == "peer"' && said carol 'r["bye"]["answer"] == 200' && both_hear
}
check "PJSUA asks carol first, then joins the two (Replaces)" attended
busy_by_pjsua() {
    forget; bob --bye-after 8; carol --code 486; listens bob carol || return 1
    pj alice --call sip:bob@127.0.0.1 --transfer sip:carol@127.0.0.1 --seconds 15; wait
    said pj 'r["transferred"] == 486' && said bob 'r["bye"]["answer"] == 200' && hears pj 880 && hears bob 1000
}
check "carol is busy: PJSUA is told 486 and goes on with bob" busy_by_pjsua
check "nobody is left behind" wait_for 3 nobody_left

by_ua() {                            # by_ua EXPRESSION ARGS... : alice calls bob and refers him to carol
    bob_and_carol 15 5; ua "${A[@]}" --seconds 20 --refer carol "${@:2}" call bob > "$WORK/alice.json"; wait
    said alice "$1" && said bob 'r["bye"]["by"] == "peer"' && said carol 'r["bye"]["answer"] == 200' && both_hear
}
check "bob on hold, then handed over: audio afterwards" by_ua 'r["notified"][-1] == 200 and r["reinvites"] == [["sendonly", 200]]' --hold-after 1 --refer-after 2.5
check "BYE right after the 202: the others go on" by_ua 'r["refer"] == 202 and r["bye"] == {"by": "us", "answer": 200}' --leave-at-once
by_api() {
    bob_and_carol 15 4; ua "${A[@]}" --seconds 15 call bob > "$WORK/alice.json" & sleep 2
    api POST "/calls/$(api GET /calls | pick data.0.id)/transfer" "{\"to\":\"carol\"$1}"
    wait; said carol 'r["bye"]["answer"] == 200'
}
api_caller() { by_api "" && said bob '"Transferred" in r["bye"]["reason"]' && hears alice 440 && hears carol 1000; }
api_callee() { by_api ',"party":"callee"' && said alice '"Transferred" in r["bye"]["reason"]' && both_hear; }
check "by the API: the caller is handed over" api_caller
check "by the API: the callee is handed over" api_callee
check "nobody is left behind" wait_for 3 nobody_left

# Asterisk's 610NUMBER answers and REFERs.
refers() {                           # refers PBX : alice to bob
    forget; bob --bye-after 5; listens bob || return 1
    ua "${A[@]}" --seconds 15 call 610bob > "$WORK/alice.json"; wait
    said bob 'r["bye"]["answer"] == 200' && hears alice 880 && hears bob 1000 && lab_has "$1" 'transfer=SUCCESS'
}
for transport in udp tcp; do
    T=${transport^^}
    out_pbx() { asterisk x-out addr=127.0.0.11 phone user=1001 password=secret codecs=alaw transport=$transport; }
    check "$T: Asterisk starts, we register" out_pbx
    id=$(TRANSPORT=$transport registers_out "x-out-$transport" 127.0.0.11 1001 secret)
    check "$T: registered" reaches "$id" up 10
    check "$T: our PBX REFERs alice to bob" refers x-out
    api DELETE "/connections/$id" >/dev/null; "$LAB/asterisk.sh" stop x-out

    id=$(registers_in x-in)
    in_pbx() { asterisk x-in addr=127.0.0.12 register server=$SIP user="$(credential x-in primary user)" password="$(credential x-in primary password)" expires=120 transport=$transport codecs=alaw; }
    check "$T: Asterisk registers here" in_pbx
    check "$T: it is up" reaches "$id" up 10
    check "$T: the PBX that registered REFERs alice to bob" refers x-in
    api DELETE "/connections/$id" >/dev/null; "$LAB/asterisk.sh" stop x-in
done

# Within the PBX: it refers to its own 600, an echo, by its own address, which was not one of ours when we started.
HOME_PBX=10.99.0.11
ip addr add $HOME_PBX/32 dev lo 2>/dev/null
home_pbx() { asterisk x-home addr=$HOME_PBX phone user=1001 password=secret codecs=alaw; }
check "Asterisk at an address that is not ours" home_pbx
id=$(registers_out x-home $HOME_PBX 1001 secret '"may_call_out":true')
check "registered" reaches "$id" up 10
within() { rm -f "$WORK/alice.wav"; ua "${A[@]}" --seconds 9 call 610600 > "$WORK/alice.json"; said alice 'r["bye"]["by"] == "us"' && hears alice 1000 && lab_has x-home 'transfer=SUCCESS'; }
check "it hands alice to an extension of its own" within
no_leave() { api PATCH "/connections/$id" '{"may_call_out":false}' >/dev/null; ua "${A[@]}" --seconds 9 call 610600 > "$WORK/alice.json"; said alice 'r["bye"]["by"] == "peer"' && lab_has x-home 'transfer=FAILURE'; }
check "not if it may not call out" no_leave
"$LAB/asterisk.sh" stop x-home
check "nobody is left behind" wait_for 3 nobody_left
check "the server runs" still_alive
