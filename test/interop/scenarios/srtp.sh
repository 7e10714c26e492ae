#!/bin/bash
# Encrypted media by keys in descriptions (RFC 4568): baresip, Asterisk and PJSIP, each against a peer in the clear and one
# that is encrypted itself; tones both ways, hold, DTMF; what is replayed or forged is dropped and counted.
. "$(dirname "$0")/../lib.sh"
PBX=127.0.0.11
check "server starts" server
alice=$(device alice '"media":{"nat":"always"}'); bob=$(device bob '"media":{"nat":"always"}')
check "the domain offers MD5 only" md5_only
wav tone "$WORK/440.wav" 440 60 8000

wants() { api PATCH "/connections/$1" "{\"media\":{\"nat\":\"always\",\"srtp\":\"$2\"}}" > /dev/null; }

# --- baresip with baresip: every pair of nothing, offered and demanded

# pair ENCRYPTION-OF-A ENCRYPTION-OF-B SETTING-OF-B LEG-A LEG-B : alice calls bob, each hears the other's tone.
pair() {
    wants "$bob" "$3"
    phone a alice "enc=$1" || { echo "alice does not register"; return 1; }
    phone b bob "enc=$2" answer=auto "play=$WORK/440.wav" || { echo "bob does not register"; return 1; }
    phone_do a dial sip:bob@127.0.0.1; sleep 4; phone_do a hangup; sleep 1
    share "$(heard a)" 440 0.9 && share "$(heard b)" 1000 0.9 && legs "$4" "$5"
}
for a in none srtp srtp-mand; do
    leg=sdes; [ $a != none ] || leg=none
    check "alice ($a) calls bob (none)" tried pair $a none auto $leg none
    check "alice ($a) calls bob (srtp), to whom keys are offered" tried pair $a srtp sdes_optional $leg sdes
    check "alice ($a) calls bob (srtp-mand), of whom keys are demanded" tried pair $a srtp-mand sdes $leg sdes
done

# --- a phone in the clear behind an encrypted one: digits, and somebody in between

wants "$bob" auto
check "DTMF 4711 from the encrypted side arrives" tried sends_digits enc=srtp-mand
between() {
    # A packet of G.711 with its tag; bob's have none.
    against_ua 'python3 "$TOOLS/replay.py" 182 20000 20999 40 > "$WORK/replay.json"; sleep 1' enc=srtp-mand
    cat "$WORK/replay.json"; grep -q '"taken": 40' "$WORK/replay.json" || return 1
    share "$WORK/b.wav" 1000 0.9 || return 1
    api GET '/history?limit=1' > "$WORK/last.json"
    python3 - "$WORK/last.json" <<'P'
import json, sys
media = json.load(open(sys.argv[1]))["data"][0]["legs"][0]["media"]
print(media["replayed_dropped"], "replayed,", media["forged_dropped"], "forged,", media["packets_in"], "taken in")
sys.exit(not (media["replayed_dropped"] >= 40 and media["forged_dropped"] >= 40))
P
}
check "packets sent again, and changed, are dropped and counted" tried between

# --- what is demanded and not given

refuses() {                          # a caller in the clear, of whom keys are demanded
    wants "$bob" sdes
    sees 'r["final"] == 488 and "M-02" in str(r)' --user bob --password pw-bob call sip:echo@127.0.0.1
}
check "in the clear where keys are demanded: 488 with M-02" refuses
check "and history says so" last_call outcome=refused sip_code=488 reason_code=M-02
wants "$bob" auto

# --- Asterisk

pbx() { asterisk srtp-pbx addr=$PBX phone user=1001 password=secret codecs=alaw "$@"; }
check "Asterisk starts, media_encryption=sdes" pbx srtp=sdes
out=$(registers_out out $PBX 1001 secret "\"media\":{\"srtp\":\"sdes\"},\"default_target\":{\"connection\":\"$alice\"}")
check "we register there" reaches "$out" up 10
# echoed LEG SETTING [UA-ARGS...] : alice in the clear hears her own tone from Asterisk, whose leg is protected like this.
echoed() {
    api PATCH "/connections/$out" "{\"media\":{\"srtp\":\"$2\"}}" > /dev/null
    sees 'r["final"] == 200 and r["bye"]["answer"] == 200' --user alice --password pw-alice --record "$WORK/600.wav" --seconds 3 call 600 &&
        share "$WORK/600.wav" 1000 0.9 && legs none "$1"
}
check "alice in the clear -> 600, keys demanded" echoed sdes sdes
from_baresip() {
    phone a alice enc=srtp-mand || return 1
    phone_do a dial sip:600@127.0.0.1; sleep 4; phone_do a hangup; sleep 1
    share "$(heard a)" 1000 0.9 && legs sdes sdes
}
check "alice encrypted -> 600, keys demanded" tried from_baresip
comes_in() {                         # comes_in LEG : Asterisk calls us, and alice in the clear
    : > "$WORK/in.err"
    ua --user alice --password pw-alice --at 127.0.0.31:6001 --tone 880 --record "$WORK/in.wav" --wait 20 answer --bye-after 4 \
        > "$WORK/in.json" 2> "$WORK/in.err" & local p=$!
    wait_for 20 grep -q registered "$WORK/in.err"
    "$LAB/asterisk.sh" originate srtp-pbx PJSIP/1001 TAG=in SECONDS=6 PLAY=/lab/srtp-pbx/sounds/tone1000 CALLERID=100
    wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/in.json" && share "$WORK/in.wav" 1000 0.5 && legs "$1" none
}
check "Asterisk's encrypted call comes in" comes_in sdes
optimistic() {
    "$LAB/asterisk.sh" stop srtp-pbx; pbx srtp=sdes 'extra=media_encryption_optimistic=yes' > /dev/null
    api POST "/connections/$out/register-now" > /dev/null; reaches "$out" up 15
}
check "Asterisk again, media_encryption_optimistic" optimistic
check "alice -> 600, keys offered: taken" echoed sdes sdes_optional
check "alice -> 600, none offered: in the clear" echoed none off
check "Asterisk's call with keys offered comes in, encrypted" eval "api PATCH /connections/$out '{\"media\":{\"srtp\":\"auto\"}}' > /dev/null; comes_in sdes"

# --- PJSIP

pj() {                               # pj SRTP TARGET ARGS... : what it hears of TARGET
    "$LAB/pjsua.sh" --addr 127.0.0.22 --user alice --password pw-alice --server $SIP --codec PCMA --srtp "$1" --play "$WORK/440.wav" \
        --record "$WORK/pj.wav" --call "sip:$2@127.0.0.1" --seconds 4 "${@:3}" > "$WORK/pj.json" 2> "$WORK/pj.log"
    cat "$WORK/pj.json"; grep -q '"srtp": true' "$WORK/pj.json"
}
for srtp in 1 2; do
    check "PJSIP (--use-srtp=$srtp) hears its own tone from the echo" eval "pj $srtp echo && share \"$WORK/pj.wav\" 440 0.9"
    check "PJSIP (--use-srtp=$srtp) -> 600 at Asterisk, encrypted there, too" eval \
        "api PATCH /connections/$out '{\"media\":{\"srtp\":\"sdes_optional\"}}' > /dev/null; pj $srtp 600 && share \"$WORK/pj.wav\" 440 0.9 && legs sdes sdes"
done

# Not with baresip, which dies as it sets up its keys anew while its file plays.
goes_on() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 880 --record "$WORK/b.wav" answer --wait 20 > "$WORK/b.json" & local p=$!
    sleep 1; pj 2 bob --hold 2 --seconds 5 > /dev/null; local secured=$?
    wait $p; cat "$WORK/pj.json"
    [ $secured = 0 ] && holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json" && legs sdes none &&
        share "$WORK/b.wav" 440 0.5 && share "$WORK/pj.wav" 880 0.5
}
check "hold and resume, encrypted; both tones go on" goes_on

no_keys() { ! grep -aE 'inline:' "$WORK/server.log" && api GET '/history?limit=100' > "$WORK/all.json" && ! grep -q 'inline' "$WORK/all.json"; }
check "no key in the log or in history" no_keys
check "the server runs" still_alive
