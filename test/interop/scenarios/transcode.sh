#!/bin/bash
# Sides that share no codec: PJSUA, baresip and Asterisk with one each. Both tones, digits both ways, and what history says.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
check "the domain offers MD5 only" md5_only
for user in alice bob carol dave; do device $user '"media":{"nat":"always"}' >/dev/null; done
wav tone "$WORK/440.wav" 440 60 8000; wav tone "$WORK/880.wav" 880 60 8000
pj() { "$LAB/pjsua.sh" --addr "$1" --user "$2" --password "pw-$2" --server $SIP "${@:3}"; }
said() { python3 "$TOOLS/ua.py" holds "$1"; }
DIGITS='0123456789*#'

# pair CALLER CALLEE : codecs of two PJSUAs; tones, digits and codecs of the legs.
pair() {
    pj 127.0.0.22 bob --codec "$2" --answer --wait 15 --seconds 12 --play "$WORK/880.wav" --record "$WORK/bob.wav" \
        > "$WORK/bob.json" 2> "$WORK/bob.log" & local p=$!
    sleep 1.5
    pj 127.0.0.21 alice --codec "$1" --call sip:bob@$SIP --seconds 8 --dtmf "$DIGITS" --play "$WORK/440.wav" \
        --record "$WORK/alice.wav" > "$WORK/alice.json" 2> "$WORK/alice.log"
    wait $p
    said 'r["ok"]' < "$WORK/alice.json" && said "r['dtmf'] == '$DIGITS'" < "$WORK/bob.json" &&
        share "$WORK/bob.wav" 440 0.3 && share "$WORK/alice.wav" 880 0.8 &&
        last_call "legs.0.codec=${1,,}" "legs.1.codec=${2,,}" legs.0.transcoded=true legs.1.transcoded=true
}
for codecs in "PCMA PCMU" "G722 PCMA" "PCMU G722"; do
    set -- $codecs
    check "PJSUA $1 -> PJSUA $2: both tones, $DIGITS" pair "$1" "$2"
done

same() {                             # the same codec on both sides is relayed
    pj 127.0.0.22 bob --codec PCMA --answer --wait 15 --seconds 6 --play "$WORK/880.wav" > "$WORK/bob.json" 2> "$WORK/bob.log" & local p=$!
    sleep 1.5
    pj 127.0.0.21 alice --codec PCMA --call sip:bob@$SIP --seconds 3 --play "$WORK/440.wav" --record "$WORK/alice.wav" > "$WORK/alice.json" 2>/dev/null
    wait $p
    share "$WORK/alice.wav" 880 0.8 && last_call legs.0.codec=pcma legs.1.codec=pcma legs.0.transcoded=false
}
check "PJSUA PCMA -> PJSUA PCMA: relayed" same

opus_phone() { baresip opus addr=127.0.0.23 user=carol password=pw-carol server=$SIP codecs=opus answer=auto play="$WORK/880.wav" && registered carol; }
check "baresip with Opus alone registers" opus_phone
to_opus() {
    pj 127.0.0.21 alice --codec "$1" --call sip:carol@$SIP --seconds 4 --play "$WORK/440.wav" --record "$WORK/alice.wav" \
        > "$WORK/alice.json" 2> "$WORK/alice.log"
    sleep 0.5
    share "$WORK/alice.wav" 880 0.8 && share "$("$LAB/baresip.sh" heard opus)" 440 0.5 && last_call "legs.0.codec=${1,,}" legs.1.codec=opus
}
for codec in PCMA PCMU G722; do check "PJSUA $codec -> baresip Opus: both tones" to_opus $codec; done
from_opus() {                        # a phone with G.711 alone hears tone and digits of one with Opus alone
    pj 127.0.0.22 bob --codec "$1" --answer --wait 15 --seconds 12 --play "$WORK/440.wav" --record "$WORK/bob.wav" > "$WORK/bob.json" 2> "$WORK/bob.log" & local p=$!
    sleep 1.5; phone_do opus dial sip:bob@$SIP >/dev/null; sleep 2
    local i; for ((i = 0; i < ${#DIGITS}; i++)); do phone_do opus sndcode "${DIGITS:i:1}" >/dev/null; sleep 0.35; done
    wait $p; phone_do opus hangup >/dev/null
    said "r['ok'] and r['dtmf'] == '$DIGITS'" < "$WORK/bob.json" && share "$WORK/bob.wav" 880 0.5 && last_call legs.0.codec=opus "legs.1.codec=${1,,}"
}
for codec in PCMA G722; do check "baresip Opus -> PJSUA $codec: its tone, $DIGITS" from_opus $codec; done

opus_carrier() { carrier tc-itsp codecs=opus; trunk itsp $ITSP '"media":{"nat":"always"}' >/dev/null; }
check "Asterisk with Opus alone starts" opus_carrier
digits() { ua --user dave --password pw-dave --at 127.0.0.24:6002 call 602 --dtmf "$1" --seconds 7 >/dev/null; lab_has tc-itsp "digits=${1//\*/\\*}"; }
for four in 0123 4567 '89*1'; do check "phone PCMA -> Asterisk Opus: digits $four" digits "$four"; done
echo_() { sees 'r["final"] == 200' --user dave --password pw-dave --at 127.0.0.24:6002 --tone 440 --seconds 4 --record "$WORK/dave.wav" call 600 && share "$WORK/dave.wav" 440 0.8; }
check "phone PCMA -> Asterisk Opus: its echo" echo_

off() {
    api PATCH "/accounts/$(api GET /accounts | pick data.0.id)" '{"transcoding":false}' >/dev/null || return 1
    sees 'r["final"] == 488' --user dave --password pw-dave --at 127.0.0.24:6002 call carol
}
check "without transcoding: 488" off
check "the server runs" still_alive
