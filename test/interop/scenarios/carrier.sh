#!/bin/bash
# Kamailio 6.1 as a carrier: digest in our direction, calls both ways; two of them behind one SRV name, one killed and
# back; a name server that falls silent. Asterisk is the gateway behind it.
. "$(dirname "$0")/../lib.sh"
ONE=127.0.0.21 TWO=127.0.0.22 NS=127.0.0.53
kamailio() { echo "kamailio.sh $1" >> "$WORK/started"; "$LAB/kamailio.sh" start "$@" users=acme:secret gateway=$ITSP:5060 customer=$SIP; }
carrier_has() { "$LAB/kamailio.sh" lab "$1" | grep -E "$2" | tail -1 | grep .; }
calls_of() { "$LAB/kamailio.sh" lab "$1" | grep -c '^LAB out'; }

zone() { printf '%s\n' "$@" > "$WORK/zone"; }
both() {
    zone '_sip._udp.carrier.test 2 SRV 10 0 5060 one.carrier.test' '_sip._udp.carrier.test 2 SRV 20 0 5060 two.carrier.test' \
        "one.carrier.test 2 A $ONE" "two.carrier.test 2 A $TWO"
}
name_server() { start dns "$WORK/dns.log" python3 "$TOOLS/dns.py" $NS --zone "$WORK/zone"; }
finish_dns() { alive dns && kill -CONT "$(pid_of dns)"; stop dns; finish; }
trap finish_dns EXIT

both
check "a name server starts" name_server
check "server starts, asking it" server --dns $NS
alice=$(device alice '"number_format":{"from":"raw"}')
number +15550100 "$alice" >/dev/null
SETTINGS='"user":"acme","password":"secret","number_format":{"from":"e164_plus","to":"raw"},"probe":{"options_s":5,"fail_after":2}'
named=$(api POST /connections "{\"kind\":\"trunk\",\"name\":\"named\",\"peers\":[{\"host\":\"carrier.test\"}],
    \"allowed_sources\":[\"$ONE/32\",\"$TWO/32\"],\"dial_pattern\":\"^(6|999|[+]1555)\",$SETTINGS}" | pick id)
# The same carrier by its address, reached with a 7 in front.
trunk direct $TWO "$SETTINGS,\"ip_policy\":\"filter\",\"dial_pattern\":\"^76\",\"rewrite_to\":{\"strip\":\"7\"}" > "$WORK/direct"
trunk wrong $TWO '"user":"acme","password":"wrong","ip_policy":"filter","dial_pattern":"^86","number_format":{"to":"raw"}' > "$WORK/wrong"
check "Kamailio starts twice" eval "kamailio ca-one addr=$ONE && kamailio ca-two addr=$TWO"
check "Asterisk starts as the gateway" asterisk ca-gw addr=$ITSP trunk server=$ONE:5060 match=$ONE,$TWO codecs=alaw
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001

tone() { sees 'r["final"] == 200 and r["bye"]["by"] == "peer"' "${A[@]}" --record "$WORK/601.wav" --seconds 9 call 601 && share "$WORK/601.wav" 440 0.6; }
check "phone -> Kamailio (407, digest) -> gateway: 440 Hz" tone
check "Kamailio knows us by our user" carrier_has ca-one 'LAB out .*to=601 user=acme'
check "history: answered" last_call outcome=answered sip_code=200 "connection_out=$named"
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/600.wav" --seconds 3 call 600 && share "$WORK/600.wav" 1000 0.9; }
check "its own tone comes back" echo_
check "Kamailio's 404 reaches the phone" sees 'r["final"] == 404' "${A[@]}" call 999404
check "a wrong password is 500, and named" sees 'r["final"] == 500 and "P-03" in r["headers"].get("warning", "")' "${A[@]}" call 8600
inbound() {
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/in.wav" answer --bye-after 4 > "$WORK/in.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate ca-gw PJSIP/+15550100@trunk TAG=in1 SECONDS=6 PLAY=/lab/ca-gw/sounds/tone1000 CALLERID=+15550142
    wait $p; holds 'r["invite"] and "5550142" in r["invite"]["from"] and r["bye"]["answer"] == 200' < "$WORK/in.json" &&
        share "$WORK/in.wav" 1000 0.5 && share "$("$LAB/asterisk.sh" dir ca-gw)/rec/in1-rx.wav" 880 0.5
}
check "gateway -> Kamailio -> phone: both tones, caller's number" inbound
check "all of it through the first of the two" test "$(calls_of ca-two)" = 0

# quick NUMBER MILLISECONDS : a call that is answered in this time
quick() { sees "r['final'] == 200 and r['setup_ms'] < $2" "${A[@]}" --seconds 0.5 call "$1"; }
overloaded() { sees 'r["final"] == 500 and "P-02" in r["headers"].get("warning", "")' "${A[@]}" call 999503 && carrier_has ca-one to=999503 && carrier_has ca-two to=999503; }
check "503 of the first: the second is asked, too" overloaded
check "five seconds later (Retry-After) the first is used again" eval "sleep 6; quick 600 2500 && carrier_has ca-one to=600"

check "the first is killed: a call goes on within 7 s" eval '"$LAB/kamailio.sh" kill ca-one; quick 600 7000 && carrier_has ca-two to=600'
check "the next ones go to the second at once" eval "quick 600 2500 && quick 600 2500"
check "status: one of the two is down within two probes" reaches "$named" degraded 12
check "the second is killed, too: a call fails within 12 s with N-02" eval \
    '"$LAB/kamailio.sh" kill ca-two; sees "r[\"final\"] == 408 and \"N-02\" in r[\"headers\"].get(\"warning\", \"\") and r[\"setup_ms\"] < 12000" "${A[@]}" call 600'
check "status: down within two probes" reaches "$named" down 14
check "both are back" eval "kamailio ca-one addr=$ONE && kamailio ca-two addr=$TWO"
check "status: up within two probes" reaches "$named" up 11
check "calls go on at once" quick 600 2500

zone '_sip._udp.carrier.test 2 SRV 10 0 5060 two.carrier.test' "two.carrier.test 2 A $TWO"
moved() { local before; sleep 3; before=$(calls_of ca-two); quick 600 2500 && [ "$(calls_of ca-two)" -gt "$before" ]; }
check "the records change: calls follow when their time is over" moved
asked() { local before; before=$(wc -l < "$WORK/dns.log"); for _ in 1 2 3; do quick 600 2500 || return 1; done; echo $(( $(wc -l < "$WORK/dns.log") - before )) lookups; [ $(( $(wc -l < "$WORK/dns.log") - before )) -le 12 ]; }
check "the name server is not asked for each call" asked

kill -STOP "$(pid_of dns)"; sleep 3
check "silent name server: a name that was known goes on" quick 600 3000
check "silent name server: calls by address are not delayed" quick 7600 2000
api POST /connections '{"kind":"trunk","name":"lost","peers":[{"host":"lost.test"}],"ip_policy":"filter","dial_pattern":"^9600$"}' >/dev/null
lost() {
    ua "${A[@]}" call 9600 > "$WORK/lost.json" & local p=$!
    sleep 0.5; quick 7600 2000 || return 1
    wait $p; holds 'r["final"] == 500 and "N-01" in r["headers"].get("warning", "") and r["setup_ms"] < 6000' < "$WORK/lost.json"
}
check "silent name server: an unknown name is N-01 within 6 s, beside it calls go on" lost
kill -CONT "$(pid_of dns)"
check "the server runs" still_alive
