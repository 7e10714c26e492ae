#!/bin/bash
# Transfers to flows, out of flows and by flows (RFC 3515, RFC 3891), by REFER and by ringing, blind and attended, as Asterisk,
# baresip and PJSUA do them. What counts is what each of them hears, what whoever hands over is told, and the nodes in history.
. "$(dirname "$0")/../lib.sh"
. "$INTEROP/flow.sh"
check "server starts" server || exit
md5_only > /dev/null
alice=$(device alice '"media":{"nat":"always"}') bob=$(device bob '"media":{"nat":"always"}') carol=$(device carol '"media":{"nat":"always"}')
trunk itsp $ITSP > /dev/null
number +15550330 "$carol" > /dev/null
wav tone "$WORK/1000.wav" 1000 60 8000
pj() { "$LAB/pjsua.sh" --addr 127.0.0.21 --user "$1" --password "pw-$1" --server $SIP --codec PCMA --play "$WORK/1000.wav" --record "$WORK/pj.wav" "${@:2}" > "$WORK/pj.json" 2> "$WORK/pj.log"; }
asterisk_dir() { "$LAB/asterisk.sh" dir moves; }
transferred() { api GET '/history?limit=5' | grep -qE '"outcome": ?"transferred"'; }
nobody_left() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "Asterisk starts" carrier moves

# --- by flows

flow 0401 '{"id":"hi","type":"play","settings":{"sounds":["t440"]}}, {"id":"over","type":"transfer","settings":{"to":"9+15550330","by":"refer"}}' 'hi.done>over over.failed>hi' > /dev/null
referred() {                         # a phone at Asterisk calls the flow, which has Asterisk call carol for it
    waits carol 6004 --tone 880 --bye-after 5 || return 1
    "$LAB/asterisk.sh" originate moves Local/9+15550401@lab/n TAG=referred SECONDS=12
    wait_lab moves 'hangup=referred' 30 > /dev/null
    answered carol 'r["rtp"]["received"] > 50' && share "$(asterisk_dir)/rec/referred-rx.wav" 440 0.1 && share "$(asterisk_dir)/rec/referred-rx.wav" 880 0.3 && wait_for 5 transferred
}
check "Asterisk is asked to call carol itself (REFER)" referred
flow 0402 '{"id":"hi","type":"play","settings":{"sounds":["t440"]}}, {"id":"over","type":"transfer","settings":{"to":"carol","by":"ring"}}' 'hi.done>over' > /dev/null
rung() {
    waits carol 6004 --tone 880 --bye-after 5 || return 1
    "$LAB/asterisk.sh" originate moves PJSIP/+15550402@trunk TAG=rung SECONDS=12
    wait_lab moves 'hangup=rung' 30 > /dev/null
    took hi:done,over && answered carol 'r["rtp"]["received"] > 50' && share "$(asterisk_dir)/rec/rung-rx.wav" 880 0.3
}
check "carol is rung for Asterisk" rung
flow 0403 '{"id":"hi","type":"play","settings":{"sounds":["t440"]}}, {"id":"over","type":"transfer","settings":{"to":"carol"}}, {"id":"no","type":"play","settings":{"sounds":["t1500"]}}' \
    'hi.done>over over.busy>no over.no_answer>no over.offline>no over.failed>no' > /dev/null
by_phone() {                         # baresip takes REFER and calls carol
    waits carol 6004 --tone 880 --bye-after 5 && phone a alice || return 1
    phone_do a dial sip:+15550403@127.0.0.1; sleep 9
    answered carol 'r["rtp"]["received"] > 50' && took hi:done,over:transferred 2             # the newest is its own call
}
check "baresip is asked to call carol itself" tried by_phone
refused() {
    waits carol 6004 --code 486 && phone a alice || return 1
    phone_do a dial sip:+15550403@127.0.0.1; sleep 9
    took_by=$(api GET '/history?limit=5' | grep -c '"outcome": *"busy"'); echo "$took_by"; [ "$took_by" -ge 1 ]
}
check "carol is busy: the flow goes on" tried refused

# --- into flows

flow 0411 '{"id":"menu","type":"gather","settings":{"sounds":["t440"],"options":["1"],"tries":3,"first_s":3}}, {"id":"one","type":"play","settings":{"sounds":["t1500"]}}' \
    'menu.1>one' > /dev/null
blind_by_ua() {                      # bob hands alice over to a menu; she hears it, and chooses
    waits bob 6002 --tone 880 --refer sip:+15550411@127.0.0.1 --refer-after 2 || return 1
    ua "${A[@]}" --at 127.0.0.30:6000 --record "$WORK/a.wav" --wait 20 --seconds 20 --dtmf 1 --dtmf-after 5 call bob > "$WORK/a.json"
    share "$WORK/a.wav" 440 0.1 && share "$WORK/a.wav" 1500 0.15 && took menu:1,one:done && answered bob 'r["refer"] == 202 and 200 in r["notified"]' && last_call "legs.0.connection=$alice" outcome=answered
}
check "bob hands alice over to a menu" blind_by_ua
blind_by_pjsua() {
    waits bob 6002 --record "$WORK/bob.wav" --dtmf 1 --dtmf-after 5 || return 1
    pj alice --call sip:bob@127.0.0.1 --transfer sip:+15550411@127.0.0.1 || return 1
    holds 'r["transferred"] == 200' < "$WORK/pj.json" && answered bob 'r["bye"]["by"] == "peer"' && share "$WORK/bob.wav" 1500 0.15 && took menu:1,one:done
}
check "PJSUA calls bob, and hands him over to a menu" blind_by_pjsua
attended_by_pjsua() {
    waits bob 6002 --record "$WORK/bob.wav" --dtmf 1 --dtmf-after 9 || return 1
    pj alice --call sip:bob@127.0.0.1 --attended sip:+15550411@127.0.0.1 || return 1
    holds 'r["consulted"] and r["transferred"] == 200' < "$WORK/pj.json" && answered bob 'r["bye"]["by"] == "peer"' && share "$WORK/bob.wav" 440 0.1 && share "$WORK/bob.wav" 1500 0.1
}
check "PJSUA listens to the menu first, then joins the two (Replaces)" attended_by_pjsua
through_api() {
    waits bob 6002 --tone 880 --wait 25 || return 1
    ua "${A[@]}" --at 127.0.0.30:6000 --record "$WORK/a.wav" --wait 20 --seconds 20 --dtmf 1 --dtmf-after 5 call bob > "$WORK/a.json" & local p=$!
    sleep 2; api POST "/calls/$(api GET /calls | pick data.0.id)/transfer" '{"party":"caller","to":"+15550411"}' || return 1
    wait $p; share "$WORK/a.wav" 1500 0.15 && took menu:1,one:done && answered bob 'r["bye"]["by"] == "peer"'
}
check "an operator does, through the API" through_api

# --- out of flows: somebody else takes the caller's place

flow 0421 '{"id":"menu","type":"gather","settings":{"sounds":["t440"],"options":["1"],"tries":5,"first_s":5}}, {"id":"one","type":"play","settings":{"sounds":["t1500"]}}' \
    'menu.1>one' > /dev/null
by_asterisk() {                      # Asterisk calls a menu, and its Transfer() has carol called
    waits carol 6004 --record "$WORK/carol.wav" --dtmf 1 --dtmf-after 3 || return 1
    "$LAB/asterisk.sh" originate moves PJSIP/+15550421@trunk TAG=gives SECONDS=2 TRANSFER=PJSIP/sip:+15550330@$SIP
    answered carol 'r["bye"]["by"] == "peer" and "+15550421" in r["invite"]["from"]' && share "$WORK/carol.wav" 440 0.1 && share "$WORK/carol.wav" 1500 0.15 &&
        wait_lab moves 'transferred=gives status=SUCCESS' 5 && took menu:1,one:done
}
check "Asterisk's Transfer() moves carol into its menu" by_asterisk
by_baresip() {
    waits carol 6004 --record "$WORK/carol.wav" --dtmf 1 --dtmf-after 3 && phone a alice || return 1
    phone_do a dial sip:+15550421@127.0.0.1; sleep 2; phone_do a transfer sip:carol@127.0.0.1
    answered carol 'r["bye"]["by"] == "peer"' && share "$WORK/carol.wav" 1500 0.15 && took menu:1,one:done
}
check "baresip hands carol the menu" tried by_baresip
busy() {                             # told so, and back in the menu
    waits carol 6004 --code 486 || return 1
    pj alice --call sip:+15550421@127.0.0.1 --transfer sip:carol@127.0.0.1 --seconds 8 || true
    holds 'r["transferred"] == 486' < "$WORK/pj.json"
}
check "carol is busy: PJSUA is told 486" busy
consults() {                         # PJSUA is in the menu, talks to carol, and gives her its place
    waits carol 6004 --record "$WORK/carol.wav" --dtmf 1 --dtmf-after 8 || return 1
    pj alice --call sip:+15550421@127.0.0.1 --attended sip:carol@127.0.0.1 || return 1
    holds 'r["consulted"] and r["transferred"] == 200' < "$WORK/pj.json" && answered carol 'r["bye"]["by"] == "peer"' && share "$WORK/carol.wav" 440 0.1 && share "$WORK/carol.wav" 1500 0.1
}
check "PJSUA asks carol first, then gives her the menu (Replaces)" consults
check "nobody is left behind" wait_for 5 nobody_left
check "the server runs" still_alive
