#!/bin/bash
# Every kind of leg with every other (plain RTP, SDES, DTLS-SRTP with ICE), and on each pair every codec with every other:
# 144 calls between baresips, and pages of Chromium for DTLS, that know one codec each; the tone of each at the other, and the
# legs as history has them. (The ICE of this baresip wants a port for RTCP, which nobody has who multiplexes it.)
# AT_ONCE (4) calls at a time; PAIRS_TABLE=FILE gets the table.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
check "the domain offers MD5 only" md5_only

# phone ROLE KIND CODEC : one that makes calls, or one that answers.
count=0
phone() {
    local role=$1 kind=$2 codec=$3 user=$1-$2-$3 hz enc=none setting=auto more=() rate=8000 id
    [ $kind != sdes ] || enc=srtp-mand
    [ $role-$kind != callee-sdes ] || setting=sdes
    hz=$((400 + 40 * count)); [ "$role" = caller ] || { hz=$((600 + 60 * count)); more+=(answer=auto); }
    # This baresip leaves nothing above 1.3 kHz when it resamples.
    [ $codec != g722 ] || rate=16000
    wav tone "$WORK/$hz.wav" $hz 60 $rate
    id=$(device "$user" "\"media\":{\"nat\":\"always\",\"srtp\":\"$setting\"}") || return 1
    [ $kind = dtls ] || baresip "$user" "addr=127.0.2.$((10 + count))" "ctrl=$((4500 + count))" "rtp=$((30000 + 200 * count))" "user=$user" \
        "password=pw-$user" server=$SIP "codecs=$(named "$codec")" "enc=$enc" "play=$WORK/$hz.wav" rate=$rate expires=600 "${more[@]}" || return 1
    echo "$role $kind $codec $user $((4500 + count)) $hz $RUN/$user $id" >> "$WORK/phones"
    count=$((count + 1))
}
named() { case $1 in opus) echo opus ;; *) echo "${1^^}" ;; esac; }
phones() {
    local role kind codec
    for role in caller callee; do for kind in plain sdes dtls; do for codec in opus g722 pcma pcmu; do
        phone $role $kind $codec || return 1
    done; done; done
    wait_for 10 all_registered
}
all_registered() { local kind user; while read -r _ kind _ user _; do [ $kind = dtls ] || phone_do "$user" reginfo | grep -q OK || return 1; done < "$WORK/phones"; }
chromium || exit
export PAGES="$LAB/browser.sh --at $CHROMIUM --ws $WS"
check "24 phones, one codec each" phones || exit

check "144 calls" python3 "$TOOLS/pairs.py" calls "http://$HTTP/api/v1" "$(cat "$WORK/key")" "$WORK" 127.0.0.1 "${AT_ONCE:-4}"
for a in plain sdes dtls; do for b in plain sdes dtls; do
    check "$a -> $b: 16 pairs of codecs, both tones" python3 "$TOOLS/pairs.py" check "$WORK" $a $b
done; done
python3 "$TOOLS/pairs.py" table "$WORK" | tee "${PAIRS_TABLE:-/dev/null}"
check "the server runs" still_alive
