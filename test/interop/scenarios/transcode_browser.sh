#!/bin/bash
# Headless Chromium that is left one codec, and telephones that know another: converted, both tones, both directions, and
# digits between the clocks of 48 and 8 kHz.
. "$(dirname "$0")/../lib.sh"
HTTPS=127.0.0.1:8443 WS=ws://$HTTP/sip
check "server starts" server --https $HTTPS || exit
device alice '"media":{"nat":"always"}' > /dev/null; device bob '"media":{"nat":"always"}' > /dev/null
check "the domain offers MD5 only" md5_only
wav tone "$WORK/440.wav" 440 60 8000
chromium || exit
heard() { "$LAB/baresip.sh" heard "$1"; }
phone() {                            # phone CODEC ARGS... : bob as baresip with one codec
    baresip b addr=127.0.0.21 ctrl=4445 user=bob password=pw-bob server=$SIP "codecs=$1" "play=$WORK/440.wav" "${@:2}" &&
        wait_for 5 phone_is_registered b
}
phone_is_registered() { phone_do "$1" reginfo | grep -q OK; }
tried() { "$@"; local ok=$?; "$LAB/baresip.sh" stop b; return $ok; }
converted() { last_call "legs.0.codec=${1,,}" "legs.1.codec=${2,,}" legs.0.transcoded=true legs.1.transcoded=true; }
to_phone() {
    phone "$2" answer=auto || return 1
    web alice --call sip:bob@127.0.0.1 --codec "$1" --seconds 5
    report alice 'hears(440)' && share "$(heard b)" 700 0.5 && converted "$1" "$2"
}
from_phone() {
    phone "$1" || return 1
    web alice --answer --codec "$2" --seconds 5 --wait 30 & local p=$!
    page_is alice; phone_do b dial sip:alice@127.0.0.1; wait $p
    report alice 'hears(440)' && share "$(heard b)" 700 0.5
}
for phone in PCMA PCMU G722; do
    check "browser, Opus -> telephone, $phone" tried to_phone opus $phone
done
for browser in PCMA PCMU G722; do
    check "browser, $browser -> telephone, Opus" tried to_phone $browser opus
done
for phone in PCMA opus; do check "telephone, $phone -> browser" tried from_phone $phone opus; done

digits() {                           # to a telephone that says what it heard
    "$LAB/pjsua.sh" --addr 127.0.0.22 --user bob --password pw-bob --server $SIP --codec PCMA --answer --wait 20 --seconds 12 \
        > "$WORK/bob.json" 2> "$WORK/bob.log" & local p=$!
    wait_for 10 registered_now bob
    web alice --call sip:bob@127.0.0.1 --codec opus --seconds 9 --dtmf '0123456789*#'; wait $p
    holds "r['dtmf'] == '0123456789*#'" < "$WORK/bob.json" && converted opus pcma
}
check "browser, Opus -> telephone, PCMA: 0123456789*#" digits
check "the server runs" still_alive
