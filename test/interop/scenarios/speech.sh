#!/bin/bash
# Words that a flow speaks, by espeak-ng: a phone hears them over G.711, and a Whisper model writes down the same words. Then what
# is missing says so, a program speaks instead, and sounds are uploaded, spoken, played and removed.
. "$(dirname "$0")/../lib.sh"
LISTENER=$LAB_CACHE/transcripts/speech
SCRIPT=$(cat "$INTEROP/../../host/speech/src/whisper.py")
mkdir -p "$DATA/speech"
ln -s "$LISTENER/python" "$LISTENER/whisper" "$DATA/speech/"
check "server starts" server || exit
check "the domain offers MD5 only" md5_only
device alice '"media":{"nat":"always"}' > /dev/null
A=(--user alice --password pw-alice)

engines() { api GET /system/speech | python3 "$TOOLS/api.py" expect "" synthesizer.engine="$1" transcriber.engine="$2"; }
check "a voice and a recognizer are found" engines espeak-ng whisper
# flow NUMBER NODE : +1555NUMBER leads to a published flow of this node, and of one that hangs up with cause 21 where it fails.
flow() {
    local id
    id=$(api POST /flows "{\"name\":\"f$1\",\"draft\":{\"nodes\":[$2,{\"id\":\"no\",\"type\":\"hangup\",\"settings\":{\"cause\":21}}],
        \"edges\":[{\"from\":\"it\",\"outcome\":\"failed\",\"to\":\"no\"}]}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null && api POST /numbers "{\"e164\":\"+1555$1\",\"target\":{\"flow\":\"$id\"}}" > /dev/null
}
# calls NUMBER [UA ARGUMENTS] : alice calls; what she hears is in a.wav.
calls() { ua "${A[@]}" --at 127.0.0.30:6000 --record "$WORK/a.wav" --wait 20 --seconds 8 "${@:2}" call "+1555$1" > "$WORK/a.json"; }
# says WORDS : those that are heard in a.wav, in small letters.
says() {
    local words
    words=$("$LISTENER/python/bin/python3" -c "$SCRIPT" "$LISTENER/whisper" "${FILE:-$WORK/a.wav}" en | tr -d '.,!?' | tr '[:upper:]' '[:lower:]')
    echo "\"$words\""; [ "$words" = "$1" ]
}
# A small model on the narrow band of a telephone: sentences that it gets right from any other voice of this kind, too.
for sentence in "please call me back tomorrow morning" "the package will arrive on friday afternoon"; do
    number=$((${number:-300} + 1))
    check "a flow that says \"$sentence\"" flow 0$number "{\"id\":\"it\",\"type\":\"say\",\"settings\":{\"text\":\"$sentence\",\"language\":\"en-US\"}}"
    heard_words() { calls 0$number && says "$sentence"; }
    check "a phone hears the same words" heard_words
done
kept() { [ "$(find "$DATA/speech/cache" -name '*.wav' | wc -l)" = "$1" ] && echo "$1 kept"; }
check "what was said is kept" kept 2
again() { calls 0301 && kept 2; }
check "and not made again" again

klingon() { ! flow 0300 '{"id":"it","type":"say","settings":{"text":"hello","language":"tlh"}}' 2>&1; }
unpublished() { klingon | grep -o 'espeak-ng does not know the language tlh' | head -1 | grep .; }
check "a flow in a language that nobody knows is not published" unpublished
flow 0303 '{"id":"it","type":"say","settings":{"text":"hello"}}'
api PATCH "/accounts/$(api GET /accounts | pick data.0.id)" '{"language":"tlh"}' > /dev/null
fails() { calls "$1" && holds '"cause=21" in r["bye"]["reason"]' < "$WORK/a.json" && grep -oE "$2" "$WORK/server.log" | tail -1 | grep .; }
check "a language that nobody knows is refused by name" fails 0303 'espeak-ng does not know the language tlh'
api PATCH "/accounts/$(api GET /accounts | pick data.0.id)" '{"language":"en"}' > /dev/null

# --- sounds

cli() { "$TRUNKLINE" --data "$DATA" "$@"; }
wav tone "$WORK/high.wav" 1500 3 44100
uploads() { cli sound upload "$WORK/high.wav" -o json | pick rate && cli sound list -o csv | grep high; }
check "a sound of 44.1 kHz is uploaded" uploads
flow 0304 '{"id":"it","type":"play","settings":{"sounds":["high"]}}'
plays() { calls 0304 && share "$WORK/a.wav" 1500 0.2; }
check "a flow plays it" plays
spoken() {
    cli sound say closed "please call me back tomorrow morning" --language en-US > /dev/null && cli sound download closed --to "$WORK/closed.wav" &&
        FILE=$WORK/closed.wav says "please call me back tomorrow morning"
}
check "words become a sound, and are heard in its file" spoken
removed() { cli sound delete high --yes && cli sound delete closed --yes && [ "$(api GET /sounds | pick data)" = "[]" ] && ! find "$DATA/sounds" -name '*.wav' | grep .; }
check "sounds are removed, and nothing stays" removed
check "the flow fails then" fails 0304 'there is no sound high'

# --- other engines, and none

stop trunkline
cp "$WORK/high.wav" "$WORK/voice.wav"
check "a program speaks" server --synthesizer "cp $WORK/voice.wav {out}" --transcriber "echo said in {in}"
speaks() { calls 0301 && share "$WORK/a.wav" 1500 0.2; }
check "a phone hears it" speaks
check "it is called by its name" engines cp echo
stop trunkline
rm "$DATA/speech/whisper"
check "without a voice" server --synthesizer off
check "what is said fails, and the log says why" fails 0301 'no voice is set up: it is switched off'
missing() { api GET /system/check | python3 -c 'import json, sys
for c in json.load(sys.stdin)["checks"]:
    if c["name"] in ("voice", "transcripts"): print(c["state"], c["detail"])' > "$WORK/missing"; cat "$WORK/missing"
    [ "$(grep -c '^warning no ' "$WORK/missing")" = 2 ]; }
check "both are missed by name" missing
check "the server runs" still_alive
