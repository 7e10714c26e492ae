#!/bin/bash
# A browser and Asterisk 22 behind each kind of connection: we register there, it registers here, a trunk known by its
# address (with keys in descriptions); calls both ways over ws and wss, tones both ways, digits, hold.
. "$(dirname "$0")/../lib.sh"
HTTPS=127.0.0.1:8443
check "server starts" server --https $HTTPS || exit
alice=$(device alice '"number_format":{"from":"raw"},"media":{"nat":"always"}')
number +15550100 "$alice" > /dev/null
chromium || exit

echoes() { web alice --codec PCMA --call "sip:$1@127.0.0.1" --seconds 4; report alice 'hears(700) and r["stats"]["lost"] == 0' && legs dtls "$2"; }
called() {                           # called TAG DESTINATION LEG : the PBX calls her and says 1000 Hz
    web alice --codec PCMA --answer --seconds 5 & local p=$!
    page_is alice
    "$LAB/asterisk.sh" originate pbx "$2" "TAG=$1" SECONDS=9 PLAY=/lab/pbx/sounds/tone1000 CALLERID=+15550142; wait $p
    report alice 'hears(1000)' && share "$("$LAB/asterisk.sh" dir pbx)/rec/$1-rx.wav" 700 0.5 && legs "$3" dtls
}
# both KIND NUMBER DESTINATION LEG : calls of one kind of connection, over ws and wss.
both() {
    for WS in ws://$HTTP/sip wss://$HTTPS/sip; do
        over=${WS%%:*}
        check "$1, $over: browser calls Asterisk, its own tone comes back" echoes "$2" "$4"
        check "$1, $over: Asterisk calls the browser: tones both ways" called "$1-$over" "$3" "$4"
    done
    WS=ws://$HTTP/sip
}
digits() { web alice --codec PCMA --call sip:602@127.0.0.1 --seconds 9 --dtmf "$1"; lab_has pbx "digits=${1//\*/\\*}"; }
holds_her() { web alice --codec PCMA --call sip:608@127.0.0.1 --seconds 12; report alice 'had("hold") and had("unhold")'; }
she_holds() { web alice --codec PCMA --call sip:600@127.0.0.1 --seconds 7 --hold 2; report alice 'hears(700)'; }
over_with() { api DELETE "/connections/$1" > /dev/null; "$LAB/asterisk.sh" stop pbx; }

check "we register at Asterisk" asterisk pbx addr=127.0.0.11 phone user=1001 password=secret codecs=alaw
out=$(registers_out out 127.0.0.11 1001 secret "\"default_target\":{\"connection\":\"$alice\"}")
check "we are registered" reaches "$out" up 20
both register_out 600 PJSIP/1001 none
for some in 0123 4567 '89*1'; do check "digits $some" digits "$some"; done
check "Asterisk holds the browser and takes it back" holds_her
check "the browser holds Asterisk and takes it back" she_holds
over_with "$out"

in=$(registers_in in "\"default_target\":{\"connection\":\"$alice\"}")
check "Asterisk registers here" asterisk pbx addr=127.0.0.12 codecs=alaw \
    register server=$SIP user="$(credential in primary user)" password="$(credential in primary password)" codecs=alaw
check "it is registered" reaches "$in" up 20
both register_in 600 PJSIP/alice@reg none
over_with "$in"

static=$(trunk static 127.0.0.13 '"number_format":{"from":"e164_plus","to":"raw"},"media":{"srtp":"sdes"}')
check "Asterisk as a carrier, with SDES" asterisk pbx addr=127.0.0.13 trunk server=$SIP match=127.0.0.1 codecs=alaw srtp=sdes
both static +15550199 PJSIP/+15550100@trunk sdes
over_with "$static"

no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
