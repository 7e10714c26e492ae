#!/bin/bash
# How speech sounds after it: PESQ (ITU-T P.862) of what a baresip hears of another, by codec of each; the same codec past us
# (bypass) is the baseline, through us it may lose 0.15, and what is converted is held against a floor and against rtpengine.
. "$(dirname "$0")/../lib.sh"
check "PESQ is there" "$LAB/pesq.sh" --install || exit
check "server starts" server
check "the domain offers MD5 only" md5_only
alice=$(device alice); bob=$(device bob)
SPEECH=$WORK/speech.wav
speech() { python3 "$TOOLS/wav.py" cut "$ROOT/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav" "$SPEECH" 20; }
check "twenty seconds of speech" speech || exit
# This baresip leaves nothing above 1.3 kHz when it resamples; G.722 is given its own rate.
WIDE=$WORK/wide.wav
check "and once more at 16 kHz" "$LAB/pesq.sh" --at 16000 "$SPEECH" "$WIDE" || exit
says() { if [ "$1" = G722 ]; then echo "play=$WIDE rate=16000"; else echo "play=$SPEECH"; fi; }

media() { api PATCH "/connections/$alice" "{\"media\":$1}" > /dev/null && api PATCH "/connections/$bob" "{\"media\":$1}" > /dev/null; }
is_there() { phone_do "$1" reginfo | grep -q OK; }
# heard CODEC-OF-A CODEC-OF-B NAME [PROXY] : bob calls, alice hears his speech; "narrowband wideband" of it goes to $WORK/NAME. Behind
# the proxy each is the user that its codec is, and nobody registers.
# shellcheck disable=SC2046
heard() {
    local a=alice b=bob server=${4:-$SIP} expires=60 callee=127.0.0.1
    [ -z "${4:-}" ] || { a=$1; b=$2; expires=0; callee=127.0.0.20; }
    baresip a addr=127.0.0.20 ctrl=4444 user=$a password=pw-alice server=$server expires=$expires codecs="$1" answer=auto &&
        baresip b addr=127.0.0.21 ctrl=4445 user=$b password=pw-bob server=$server expires=$expires codecs="$2" $(says "$2") || return 1
    [ -n "${4:-}" ] || { wait_for 5 is_there a && wait_for 5 is_there b; } || return 1
    phone_do b dial "sip:$a@$callee" > /dev/null; sleep 14; phone_do b hangup > /dev/null; sleep 1
    "$LAB/pesq.sh" "$SPEECH" "$("$LAB/baresip.sh" heard a)" > "$WORK/$3"
    "$LAB/baresip.sh" stop a; "$LAB/baresip.sh" stop b
    cat "$WORK/$3"; [ -s "$WORK/$3" ]
}
value() { cut -d' ' -f"$2" "$WORK/$1"; }
at_least() { awk -v found="$1" -v least="$2" 'BEGIN { print found ", at least " least; exit !(found >= least) }'; }
# direct CODEC, relayed CODEC, converted FROM TO FLOOR
direct() { media '{"mode":"bypass"}' && heard "$1" "$1" "direct-$1"; }
relayed() {
    media '{"mode":"relay","nat":"always"}' && heard "$1" "$1" "relayed-$1" && last_call legs.0.transcoded=false legs.1.transcoded=false &&
        at_least "$(value "relayed-$1" 1)" "$(awk -v d="$(value "direct-$1" 1)" 'BEGIN { print d - 0.15 }')"
}
converted() {
    heard "$2" "$1" "$1-$2" && last_call legs.0.transcoded=true legs.1.transcoded=true && at_least "$(value "$1-$2" 1)" "$3"
}
# by_rtpengine FROM TO : the same speech, converted by it, sounds no better than what we made of it.
by_rtpengine() {
    heard "$2" "$1" "rtpengine-$1-$2" $PROXY && at_least "$(value "$1-$2" 1)" "$(awk -v p="$(value "rtpengine-$1-$2" 1)" 'BEGIN { print p - 0.02 }')"
}
for codec in PCMU PCMA G722 opus; do
    check "$codec past us" direct $codec
    check "$codec through us" relayed $codec
done
PROXY=127.0.0.41 ENGINE=127.0.0.40
converter() {
    printf 'rtpengine.sh rtp\nkamailio.sh conv\n' >> "$WORK/started"
    "$LAB/rtpengine.sh" start rtp addr=$ENGINE && "$LAB/kamailio.sh" start conv addr=$PROXY rtpengine=$ENGINE:2223
}
check "rtpengine and a proxy before it" converter || exit
while read -r from to floor; do
    check "$from converted to $to" converted "$from" "$to" "$floor"
    check "$from converted to $to by rtpengine" by_rtpengine "$from" "$to"
done <<'PAIRS'
PCMA PCMU 3.8
PCMU PCMA 3.8
PCMU opus 3.6
opus PCMU 3.6
PCMU G722 3.5
G722 PCMU 3.5
G722 opus 3.5
opus G722 3.5
PAIRS
echo "PESQ, narrowband and wideband, of speech of 8 kHz:"
(cd "$WORK" && grep . direct-* relayed-* *-PCM? *-G722 *-opus | sort -u)
check "the server runs" still_alive
