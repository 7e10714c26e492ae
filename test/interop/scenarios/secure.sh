#!/bin/bash
# TLS: whom we believe (no authority, one of the connection's own, expired, another name), who has to believe us (mutual
# TLS), what we present (by name, added and replaced while a call goes on), TLS 1.2 and 1.3, a phone over TLS.
. "$(dirname "$0")/../lib.sh"
PBX=127.0.0.11 TLS=127.0.0.1:5061
check "server starts" server --sip tls:$TLS || exit
alice=$(device alice '"number_format":{"from":"raw"},"media":{"nat":"always"}')
A=(--user alice --password pw-alice)
json() { python3 -c 'import json, sys; print(json.dumps(open(sys.argv[1]).read()))' "$1"; }
pbx() { asterisk sec-pbx addr=$PBX "$@" phone user=1001 password=secret codecs=alaw transport=tls; }
again() { "$LAB/asterisk.sh" stop sec-pbx; pbx "$@"; api POST "/connections/$out/register-now" >/dev/null; }

# --- whom we believe

check "Asterisk starts as a PBX, by the lab's authority" pbx
out=$(TRANSPORT=tls PORT=5061 registers_out out $PBX 1001 secret \
    "\"default_target\":{\"connection\":\"$alice\"},\"register\":{\"expires_s\":60,\"retry_min_s\":1,\"retry_max_s\":2}")
CA=$(json "$ROOT/lab/ca/ca.pem")
trusts() { api PATCH "/connections/$out" "{\"tls\":{\"ca\":$1}}" > /dev/null; }
problem() { api GET "/connections/$out/status" | pick problem; }
has_problem() { wait_for 10 problem_is "$1"; problem; problem_is "$1"; }
problem_is() { problem | grep -F "$1"; }
distrusted() { reaches "$out" down 10 && has_problem "authority that is not trusted"; }
check "without its authority: down, and why" distrusted
fails() { sees 'r["final"] == 500 and "N-04" in str(r)' "${A[@]}" call 600 || { api GET '/history?limit=1'; return 1; }; last_call outcome=failed sip_code=500; }
check "a call there: 500" fails
check "the authority in tls.ca: up" eval 'trusts "$CA" && reaches "$out" up 10'
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/600.wav" --seconds 3 call 600 && share "$WORK/600.wav" 1000 0.9; }
check "alice -> 600 over TLS: her own tone comes back" echo_
expired() { again cert_until=20240131000000Z && has_problem "is expired since 2024-01-31" && reaches "$out" down 10; }
check "an expired certificate: down, and since when" expired
misnamed() { again cert_for=pbx.elsewhere.test && has_problem "for another name: "; }
check "a certificate for another name: down, and which" misnamed
# What it is asked while it starts, it may never answer: that attempt ends after 32 s.
check "a good one again: up" eval 'again && reaches "$out" up 50'

# --- who has to show a certificate

number +15550100 "$alice" > /dev/null
strict=$(api POST /connections "{\"kind\":\"trunk\",\"name\":\"strict\",\"peers\":[{\"host\":\"$ITSP\",\"port\":5061,\"transport\":\"tls\"}],
    \"allowed_sources\":[\"$ITSP/32\"],\"dial_pattern\":\"^9\",\"order\":1,\"probe\":{\"options_s\":0},\"tls\":{\"ca\":$CA,\"require_client_certificate\":true},\"number_format\":{\"from\":\"e164_plus\",\"to\":\"raw\"}}" | pick id)
# ask METHOD CERTIFICATE-FOLDER|none : a request by openssl from the trunk's address; prints the status line.
ask() {
    local with=(); [ "$2" = none ] || with=(-cert "$2/cert.pem" -key "$2/key.pem")
    local request="$1 sip:+15550100@127.0.0.1 SIP/2.0|Via: SIP/2.0/TLS $ITSP:7000;rport;branch=z9hG4bK$RANDOM$RANDOM|From: <sip:+15550199@$ITSP>;tag=$RANDOM|To: <sip:+15550100@127.0.0.1>|Call-ID: $RANDOM$RANDOM|CSeq: 1 $1|Max-Forwards: 70|Contact: <sip:x@$ITSP:7000;transport=tls>|Event: presence|Content-Length: 0||"
    printf '%s' "$request" | sed 's/|/\r\n/g' |
        in_root timeout 2 openssl s_client -quiet -connect $TLS -bind $ITSP:0 "${with[@]}" 2> "$WORK/s_client" | tr -d '\r' | grep -E '^(SIP/2.0 [2-6]|Reason|Warning)'
}
shown() { ask "$1" "$2" | tee "$WORK/asked"; grep -q "$3" "$WORK/asked"; }
make_cert "$RUN/sec-good" $ITSP; make_cert "$RUN/sec-bad" 127.0.0.99; make_cert "$RUN/sec-old" $ITSP 20240131000000Z
for method in MESSAGE SUBSCRIBE INVITE; do
    check "mutual TLS, $method without a certificate: 403, R-16" shown $method none '^SIP/2.0 403'
    check "mutual TLS, $method with one for another name: 403" shown $method /lab/sec-bad '^SIP/2.0 403'
done
check "with an expired one: 403" shown SUBSCRIBE /lab/sec-old '^SIP/2.0 403'
check "MESSAGE with a good one: 480, as nobody is there" shown MESSAGE /lab/sec-good '^SIP/2.0 480'
over_udp() { sees 'r["final"] == 403' --user +15550199 --at $ITSP:6013 call +15550100; }
check "mutual TLS, a call over UDP: 403" over_udp
check "and history of refusals knows R-16" eval 'api GET "/refused?limit=100" | grep -oE "R-16" | sort | uniq -c | grep .'
# called_back ALIAS CERTIFICATE-FOLDER : whether alice's call to the trunk comes over the stream that the trunk opened.
called_back() {
    local request="MESSAGE sip:+15550100@127.0.0.1 SIP/2.0|Via: SIP/2.0/TLS $ITSP:5061;rport$1;branch=z9hG4bK$RANDOM$RANDOM|From: <sip:+15550199@$ITSP>;tag=$RANDOM|To: <sip:+15550100@127.0.0.1>|Call-ID: $RANDOM$RANDOM|CSeq: 1 MESSAGE|Max-Forwards: 70|Content-Length: 0||"
    { printf '%s' "$request" | sed 's/|/\r\n/g'; sleep 6; } | in_root timeout 8 openssl s_client -quiet -connect $TLS -bind $ITSP:0 -cert "$2/cert.pem" -key "$2/key.pem" 2> /dev/null > "$WORK/back" & local p=$!
    sleep 1.5; ua "${A[@]}" --at 127.0.0.31:6001 --cancel-after 2 call 9555 > /dev/null; wait $p
    grep -aE '^(SIP/2.0|INVITE|Via)' "$WORK/back"; grep -aq '^INVITE sip:9555@' "$WORK/back"
}
check "a certified peer that offers its stream (;alias) is called over it" called_back ';alias' /lab/sec-good
check "not without the offer" eval '! called_back "" /lab/sec-good'
check "not with a certificate for another name" eval '! called_back ";alias" /lab/sec-bad'
carrier_up() { asterisk sec-itsp addr=$ITSP trunk server=$TLS match=127.0.0.1 codecs=alaw transport=tls; }
check "Asterisk starts as a carrier with a certificate" carrier_up
comes_in() {
    ua "${A[@]}" --at 127.0.0.31:6001 --tone 880 --record "$WORK/in.wav" answer --bye-after 4 > "$WORK/in.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate sec-itsp PJSIP/+15550100@trunk TAG=in SECONDS=6 PLAY=/lab/sec-itsp/sounds/tone1000 CALLERID=+15550199
    wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/in.json" && share "$WORK/in.wav" 1000 0.5
}
check "its call over mutual TLS comes in: 1000 Hz is heard" comes_in

# --- who asks for ours

make_cert "$RUN/sec-asks" 127.0.0.12
finish_asks() { stop sec-asks; finish; }
trap finish_asks EXIT
asks() {                             # openssl, as a peer that hears nobody without a certificate that it trusts
    cp "$DATA/certificates/self-signed.pem" "$RUN/sec-asks/clients.pem"
    # It ends with its input, so that lasts; both end by themselves.
    start_in_root sec-asks "$WORK/asks.log" /bin/sh -c 'sleep 25 | timeout 20 openssl s_server -accept 127.0.0.12:5061 -cert /lab/sec-asks/cert.pem \
        -key /lab/sec-asks/key.pem -CAfile /lab/sec-asks/clients.pem -Verify 2 -verify_return_error'
    api POST /connections "{\"kind\":\"trunk\",\"name\":\"asks\",\"peers\":[{\"host\":\"127.0.0.12\",\"port\":5061,\"transport\":\"tls\"}],
        \"allowed_sources\":[\"127.0.0.12/32\"],\"dial_pattern\":\"^8\",\"tls\":{\"ca\":$CA},\"probe\":{\"options_s\":5}}" > /dev/null
    wait_for 15 grep -a '^OPTIONS sip:' "$WORK/asks.log"; grep -aE '^OPTIONS sip:|^subject=|rror' "$WORK/asks.log"; grep -qa '^OPTIONS sip:' "$WORK/asks.log"
}
check "a peer that asks for our certificate gets it" asks

# --- what we present

presented() {                        # presented NAME [OPTION...] : the names of the certificate shown for it, and the version
    local name=$1; shift
    in_root openssl s_client -connect $TLS -servername "$name" "$@" < /dev/null 2> /dev/null > "$RUN/sec-shown"
    in_root openssl x509 -in /lab/sec-shown -noout -ext subjectAltName -serial 2>&1; grep -oE 'TLSv1\.[0-9]' "$RUN/sec-shown" | head -1
}
shows() { presented "${@:2}" > "$WORK/shown"; cat "$WORK/shown"; grep -qF "$1" "$WORK/shown"; }
check "TLS 1.2" shows TLSv1.2 localhost -tls1_2
check "TLS 1.3" shows TLSv1.3 localhost -tls1_3
check "TLS 1.1: no" eval '! in_root openssl s_client -connect $TLS -tls1_1 -cipher DEFAULT@SECLEVEL=0 < /dev/null'
wav tone "$WORK/440.wav" 440 60 8000
pj() { "$LAB/pjsua.sh" --addr 127.0.0.21 --user alice --password pw-alice --server $TLS --transport tls --codec PCMA --play "$WORK/440.wav" --record "$WORK/pj.wav" "$@" > "$WORK/pj.json" 2> "$WORK/pj.log"; }
make_cert "$RUN/sec-new" sip.new.test; make_cert "$RUN/sec-next" sip.new.test
add() { "$TRUNKLINE" certificate add --data "$DATA" --name new --cert "$1/cert.pem" --private-key "$1/key.pem"; }
serial() { in_root openssl x509 -in "$1/cert.pem" -noout -serial; }
by_file() {
    cp "$RUN/sec-next/key.pem" "$DATA/certificates/new.key"; cp "$RUN/sec-next/cert.pem" "$DATA/certificates/new.pem"
    wait_for 8 shows "$(serial /lab/sec-next)" sip.new.test
}
pj --call "sip:echo@$TLS;transport=tls" --seconds 20 & call=$!
sleep 3
check "a call over TLS is up" eval "api GET /calls | pick data.0.state"
check "a certificate is added by the command line" add "$RUN/sec-new"
check "it is presented for its name" shows "$(serial /lab/sec-new)" sip.new.test
check "and not for others" eval '! shows "$(serial /lab/sec-new)" localhost'
check "replaced by file: presented within seconds" by_file
check "it is removed: no longer presented" eval '"$TRUNKLINE" certificate remove new --data "$DATA" && ! shows sip.new.test sip.new.test'
wait "$call"
survived() { holds 'r["ok"] and r["reg"] == 200' < "$WORK/pj.json" && share "$WORK/pj.wav" 440 0.8; }
check "the call went on through all of it" survived
sips() { pj --call "sips:echo@$TLS" --seconds 4; holds 'r["ok"]' < "$WORK/pj.json" && share "$WORK/pj.wav" 440 0.8; }
check "PJSUA calls sips:echo" sips
nowhere() { ua --user carol --password pw-carol --at 127.0.0.33:6003 register --expires 60 > /dev/null; pj --call "sips:carol@$TLS" --seconds 4; holds 'r["end"][0] == 480' < "$WORK/pj.json"; }
device carol > /dev/null
check "PJSUA calls sips:carol, who has UDP: 480" nowhere
digits() { pj --call "sip:602@$TLS;transport=tls" --dtmf 4711 --seconds 7; lab_has sec-pbx 'digits=4711'; }
check "PJSUA over TLS -> Asterisk over TLS: DTMF 4711" digits
check "the server runs" still_alive
