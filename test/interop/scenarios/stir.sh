#!/bin/bash
# Signed caller ids with Asterisk's res_stir_shaken: it signs and we judge, we sign and it judges; certificates are fetched
# over HTTPS by both. What a carrier should not send (changed numbers, old tokens, wrong keys) is made by passport.py.
. "$(dirname "$0")/../lib.sh"
KEYS=$RUN/stir-keys WEB=127.0.0.14:8443
rm -rf "$KEYS"; mkdir -p "$KEYS/public" "$KEYS/cache" "$DATA/certificates/trusted" "$DATA/certificates/stir/trusted"

# --- authorities, signers, and the place where certificates are

P256="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
authority() { in_root openssl req -x509 $P256 -days 30 -subj "/CN=$1" -keyout "/lab/stir-keys/$1.key" -out "/lab/stir-keys/$1.pem" 2>/dev/null; }
# signer NAME AUTHORITY [TNAuthList-ENTRY] : its certificate is at https://$WEB/NAME.pem
signer() {
    local files=/lab/stir-keys/$1
    { echo "basicConstraints=critical,CA:FALSE"
      [ "${3:-}" = none ] || printf '1.3.6.1.5.5.7.1.26=ASN1:SEQUENCE:list\n[list]\none=%s\n' "${3:-EXP:0,IA5:709J}"; } > "$KEYS/ext"
    in_root openssl req $P256 -subj "/CN=$1" -keyout "$files.key" -out "$files.csr" 2>/dev/null &&
    in_root openssl x509 -req -in "$files.csr" -CA "/lab/stir-keys/$2.pem" -CAkey "/lab/stir-keys/$2.key" -CAcreateserial -days 30 \
        -extfile /lab/stir-keys/ext -out "/lab/stir-keys/public/$1.pem" 2>/dev/null
}
authorities() {
    authority known && authority unknown && signer carrier known && signer ours known && signer other known &&
    signer stranger unknown && signer bare known none && signer single known EXP:2,IA5:15550188
}
check "authorities and signers" authorities
make_cert "$KEYS/web" 127.0.0.14; trust_lab_ca
start stir-web "$WORK/web.log" python3 "$TOOLS/https.py" $WEB "$KEYS/web/cert.pem" "$KEYS/web/key.pem" "$KEYS/public"
# Before the server, whose own HTTPS takes the port at every address that is free.
web_is_up() { ss -Hltn "src = $WEB" | grep -q .; }
check "a web server for certificates" wait_for 5 web_is_up
finish_web() { stop stir-web; finish; }
trap finish_web EXIT
cp "$KEYS/known.pem" "$DATA/certificates/stir/trusted/"
check "server starts" server --http-allow 127.0.0.14/32
# The authority of the web server, which comes later.
cp "$RUN/ca/ca.pem" "$DATA/certificates/trusted/lab.pem"
check "authorities are read again" api POST /system/certificates/reload

cat > "$WORK/stir.conf" <<END
[attestation]
private_key_file = /lab/stir-keys/carrier.key
public_cert_url = https://$WEB/carrier.pem
[verification]
ca_file = /lab/stir-keys/known.pem
cert_cache_dir = /lab/stir-keys/cache
x5u_deny = 0.0.0.0/0.0.0.0
x5u_permit = 127.0.0.0/255.0.0.0
[customers]
type = profile
endpoint_behavior = on
failure_action = reject_request
[15550199]
type = tn
attest_level = A
[15550198]
type = tn
attest_level = B
END
cat > "$WORK/stir.plan" <<END
[lab](+)
exten => _+4989.,1,NoOp(LAB stir=\${STIR_SHAKEN(0,verify_result)} attest=\${STIR_SHAKEN(0,attestation)} identity=\${STIR_SHAKEN(0,identity)} did=\${EXTEN})
 same => n,Answer()
 same => n,Wait(5)
 same => n,Hangup()
END
alice=$(device alice '"caller_ids":["+15550100"]')
bob=$(device bob)
itsp=$(trunk itsp $ITSP '"number_format":{"from":"e164_plus","to":"e164_plus"},"stir":{"verify":"note","sign":true},"probe":{"options_s":0}')
number +15550100 "$alice" > /dev/null; number +15550101 "$bob" > /dev/null
account=$(api GET "/connections/$alice" | pick account)
up() { asterisk st-itsp addr=$ITSP stir="$WORK/stir.conf" plan="$WORK/stir.plan" trunk server=$SIP match=127.0.0.1 codecs=alaw extra=stir_shaken_profile=customers; }
check "Asterisk starts with res_stir_shaken" up
A=(--user alice --password pw-alice)
verify() { api PATCH "/connections/$itsp" "{\"stir\":{\"verify\":\"$1\"}}" > /dev/null; }

# --- Asterisk signs

comes() {                            # comes CALLER FIELD=VALUE... : alice answers a call of Asterisk's, and history has this of it
    local caller=$1; shift
    ua "${A[@]}" --at 127.0.0.31:6001 answer --bye-after 1 > "$WORK/in.json" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate st-itsp PJSIP/+15550100@trunk TAG="in$RANDOM" SECONDS=3 CALLERID="$caller"
    wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/in.json" && last_call outcome=answered "$@"
}
check "a call that Asterisk signs: passed, A" comes +15550199 signature.verdict=passed signature.attest=A
check "with attestation B" comes +15550198 signature.verdict=passed signature.attest=B
check "a number that it does not sign: none" comes +15550197 signature.verdict=none
distrusts() {
    mv "$DATA/certificates/stir/trusted/known.pem" "$WORK/"; cp "$KEYS/unknown.pem" "$DATA/certificates/stir/trusted/"
    api POST /system/certificates/reload > /dev/null; comes +15550199 signature.verdict=failed; local rc=$?
    mv "$WORK/known.pem" "$DATA/certificates/stir/trusted/"; rm "$DATA/certificates/stir/trusted/unknown.pem"
    api POST /system/certificates/reload > /dev/null; return $rc
}
check "signed by a stranger's authority: failed, and it comes in" distrusts
verify require
check "required: a signed call comes in" comes +15550199 signature.verdict=passed
refused() { "$LAB/asterisk.sh" originate st-itsp PJSIP/+15550100@trunk TAG=un CALLERID=+15550197; wait_for 5 last_call_is sip_code=428; last_call sip_code=428 reason_code=R-19; }
check "required: an unsigned one gets 428, R-19" refused

# --- what a carrier should not send; bob has no phone on, so what is believed ends with 480

# sends CODE REASON FIELD... : a call from the trunk's address with these Identity header fields
sends() {
    local code=$1 reason=$2 args=() field; shift 2
    for field; do args+=(--header "Identity: $field"); done
    sees "r[\"final\"] == $code" --user "${CALLER:-+15550199}" --at $ITSP:6013 "${args[@]}" call +15550101 && last_call "reason_code=$reason"
}
passport() { local signer=$1 at=$2; shift 2; python3 "$TOOLS/passport.py" "$ROOT" "/lab/stir-keys/$signer.key" "https://$WEB/$at.pem" "$@"; }
check "a good one is believed" sends 480 R-08 "$(passport carrier carrier)"
CALLER=+15550198 check "another caller id than was signed: 438, R-23" sends 438 R-23 "$(passport carrier carrier)"
check "another called number: 438" sends 438 R-23 "$(passport carrier carrier dest=15550111)"
check "said two minutes ago: 403, R-20" sends 403 R-20 "$(passport carrier carrier age=120)"
check "signed by another key: 438" sends 438 R-23 "$(passport other carrier)"
check "an authority that nobody trusts: 437, R-21" sends 437 R-21 "$(passport stranger stranger)"
check "a certificate for no numbers: 437" sends 437 R-21 "$(passport bare bare)"
check "a certificate for another number: 437" sends 437 R-21 "$(passport single single)"
CALLER=+15550188 check "and for its own: believed" sends 480 R-08 "$(passport single single orig=15550188)"
check "no certificate there: 436, R-22" sends 436 R-22 "$(passport carrier nowhere)"
check "an address that is not allowed: 436" sends 436 R-22 "$(WEB=127.0.0.15:8443 passport carrier carrier)"
check "rubbish: 438" sends 438 R-23 "rubbish;info=<https://$WEB/carrier.pem>"
check "diverted, and signed for both: believed" sends 480 R-08 "$(passport other other div=15550111)" "$(passport carrier carrier dest=15550111 age=100)"
check "diverted by nobody knows whom: 437" sends 437 R-21 "$(passport stranger stranger div=15550111)" "$(passport carrier carrier dest=15550111)"

# --- we sign

keyed() {                            # keyed KEY CERTIFICATE AT : what the account signs with
    python3 -c 'import json, sys
read = lambda path: open(path).read()
print(json.dumps({"private_key": read(sys.argv[1]), "certificate": read(sys.argv[2]), "certificate_url": sys.argv[3]}))' \
        "$KEYS/$1.key" "$KEYS/public/$2.pem" "https://$WEB/$3.pem" > "$WORK/signing.json"
    api PUT "/accounts/$account/signing" "$(cat "$WORK/signing.json")"
}
calls() { sees "r[\"final\"] == $1" "${A[@]}" --seconds 1 call "${2:-+4989123}"; }
check "without a key: Asterisk answers 428" calls 428
check "a certificate without numbers is not taken" eval '! keyed bare bare bare && keyed bare bare bare 2>&1 | grep -o TNAuthList'
check "a key and its certificate are taken" keyed ours ours ours
good() { calls 200 +4989124 && wait_lab st-itsp 'stir=success attest=A .*did=\+4989124' 5 && last_call outcome=answered signed=A; }
check "Asterisk believes what we sign: A" good
check "signed by a key that its certificate is not for: 438" eval 'keyed ours ours other && calls 438'
check "by an authority that it does not trust: 437" eval 'keyed stranger stranger stranger && calls 437'
check "where no certificate is: 436" eval 'keyed ours ours nowhere && calls 436'
check "the right one again" eval 'keyed ours ours ours && calls 200'
handed() {
    ua "${A[@]}" --at 127.0.0.31:6001 answer --refer +4989125 --refer-after 1 > "$WORK/refer.json" & local p=$!
    sleep 1; ua --user bob --password pw-bob --at 127.0.0.32:6002 --seconds 5 call alice > /dev/null
    wait $p; cat "$WORK/refer.json"; wait_lab st-itsp 'stir=success attest=A .*did=\+4989125' 5
}
check "a call that alice hands over is signed as hers" handed
forwards() {                         # what a PBX does that passes on the signature of a call that it forwards
    api PATCH "/connections/$alice" '{"trust_identity":true}' > /dev/null
    sees 'r["final"] == 200' "${A[@]}" --seconds 1 --header 'P-Asserted-Identity: <sip:+15550199@carrier.test>' \
        --header 'Diversion: <sip:+15550100@pbx.test>;reason=unconditional' --header "Identity: $(passport carrier carrier dest=15550100)" call +4989126 &&
    wait_lab st-itsp 'stir=success attest=A .*did=\+4989126' 5 && last_call signed=div
}
check "a forwarded call keeps its signature, and gets one of ours" forwards
again() {                            # what went out comes back in, to be judged by us
    "$LAB/asterisk.sh" sip st-itsp on > /dev/null; forwards > /dev/null; "$LAB/asterisk.sh" sip st-itsp off > /dev/null
    "$LAB/asterisk.sh" log st-itsp | tr -d '\r' | grep '^Identity: ' | sort -u | tail -2 | sed 's/^Identity: //' > "$WORK/both"
    number +4989126 "$bob" > /dev/null
    local args=() field; while read -r field; do args+=(--header "Identity: $field"); done < "$WORK/both"
    [ ${#args[@]} = 4 ] && sees 'r["final"] == 480' --user +15550199 --at $ITSP:6013 "${args[@]}" call +4989126 && last_call signature.verdict=passed
}
check "and both are believed by whoever gets it" again
check "the server runs" still_alive
