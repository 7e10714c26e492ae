#!/bin/bash
# Recordings of calls between baresip (700 Hz) and Asterisk (440 Hz): by a flow that says so first, by the API in the middle of a
# call, and of one leg. Each voice on its own channel and nowhere else, lengths measured; the webhook comes when the file is whole.
# Then a power cut, a full disk, and deletion.
. "$(dirname "$0")/../lib.sh"
HOOKS=127.0.0.1:9000 LOG=$WORK/hooks.log
: > "$LOG"
start hooks "$WORK/hooks.out" python3 "$TOOLS/hooks.py" $HOOKS "$LOG"
trap 'stop hooks; finish' EXIT
mkdir -p "$DATA/sounds"
wav tone "$DATA/sounds/told.wav" 1500 1
wav tone "$WORK/alice.wav" 700 60
check "server starts" server --http-allow 127.0.0.0/8 || exit
check "the domain offers MD5 only" md5_only
ALICE=$(device alice '"media":{"nat":"always"}')
trunk pbx $ITSP '"number_format":{"from":"raw","to":"raw"}' > /dev/null
{ echo '[lab-services](+)'; echo 'exten => 700,1,Answer()'
  for _ in $(seq 30); do echo ' same => n,Playback(/lab/rec-pbx/sounds/tone440)'; done; echo ' same => n,Hangup()'; } > "$WORK/plan"
check "Asterisk starts" carrier rec-pbx "plan=$WORK/plan"
api POST /webhooks "{\"name\":\"rec\",\"url\":\"http://$HOOKS/ok?name=rec\",\"events\":[\"recording.*\"]}" > /dev/null

# flow NUMBER NODES EDGES : +1555NUMBER leads there.
flow() {
    local id
    id=$(api POST /flows "{\"name\":\"f$1\",\"draft\":{\"nodes\":[$2],\"edges\":[$3]}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null && api POST /numbers "{\"e164\":\"+1555$1\",\"target\":{\"flow\":\"$id\"}}" | pick id
}
edge() { echo "{\"from\":\"$1\",\"outcome\":\"$2\",\"to\":\"$3\"}"; }
DIAL="{\"id\":\"dial\",\"type\":\"dial\",\"settings\":{\"to\":[{\"number\":\"700\"}],\"as\":\"$ALICE\"}},{\"id\":\"bye\",\"type\":\"hangup\"}"
UNANSWERED=$(for outcome in busy no_answer offline failed; do edge dial $outcome bye; done | paste -sd,)
# alice NUMBER : her phone calls it. Each call has a phone of its own: this baresip does not survive many.
alice() { phone a alice "play=$WORK/alice.wav" > /dev/null && phone_do a dial "sip:$1@127.0.0.1"; }
talk() { api GET /calls | pick data.0.id; }
# newest FIELD=VALUE... : the newest recording is like this, and what it is goes to rec.json, its audio to rec.wav.
newest() {
    wait_for 5 newest_is "$@"; newest_is "$@" || return 1
    api GET '/recordings?limit=1' | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["data"][0]))' > "$WORK/rec.json"
    curl -sf -H "Authorization: Bearer $(cat "$WORK/key")" "http://$HTTP/api/v1/recordings/$(pick id < "$WORK/rec.json")/audio" > "$WORK/rec.wav"
}
newest_is() { api GET '/recordings?limit=1' | python3 "$TOOLS/api.py" expect data.0 "$@"; }
# audio EXPRESSION : of rec.wav: `channels`, `seconds`, `rate`, `tone(channel, hz)`, the share of its energy, and `level(channel)` in dB; r is
# rec.json, and h the call in history.
audio() {
    api GET "/history/$(pick call < "$WORK/rec.json")" > "$WORK/call.json" 2> /dev/null || echo '{}' > "$WORK/call.json"
    python3 - "$TOOLS" "$WORK" "$1" "${FILE:-rec.wav}" <<'PY'
import datetime, json, math, struct, sys, wave
sys.path.insert(0, sys.argv[1])
import wav
r, h = (json.load(open(f"{sys.argv[2]}/{name}.json")) for name in ("rec", "call"))
with wave.open(f"{sys.argv[2]}/{sys.argv[4]}") as w:
    channels, rate, frames = w.getnchannels(), w.getframerate(), w.getnframes()
    x = struct.unpack(f"<{frames * channels}h", w.readframes(frames))
seconds = frames / rate
def parts(channel):
    one, n = x[channel::channels], rate // 10
    return [one[i:i + n] for i in range(0, len(one) - n + 1, n)]
def tone(channel, hz):
    loud = sum(wav.mean_square(p) for p in parts(channel))
    return sum(wav.power(p, rate, hz) for p in parts(channel)) / loud if loud else 0
def level(channel):
    mean = wav.mean_square(x[channel::channels])
    return 10 * math.log10(mean / 32768 ** 2) if mean else -99
def other(channel, hz):
    mean = sum(wav.power(p, rate, hz) for p in parts(channel)) / max(1, len(parts(channel)))
    return 10 * math.log10(mean / 32768 ** 2) if mean else -99
def when(text): return datetime.datetime.fromisoformat(text).timestamp()
def at(name): return when(h[name])
def within(node):                    # seconds that the call was in this node of its flow
    step = next(s for s in h["flow"] if s["node"] == node)
    return when(step["until"] or h["ended_at"]) - when(step["at"])
whole = sys.argv[4] != "rec.wav" or abs(r["length_ms"] - 1000 * seconds) <= 1 and r["bytes"] == 44 + 2 * frames * channels
for c in range(channels): print(c, {hz: round(tone(c, hz), 4) for hz in (700, 440, 1500)}, round(level(c), 1), "dB,", end=" ")
print(round(other(0, 440)), round(other(channels - 1, 700)), "dB of the other,", round(seconds, 2), "s at", rate)
sys.exit(not (whole and eval(sys.argv[3])))
PY
}
# hooked COUNT EXPRESSION : so many deliveries are like this, d being the data.
hooked() { wait_for 5 hooked_now "$@"; hooked_now "$@"; }
hooked_now() { python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
found = [r for r in rows if eval(sys.argv[3], {"t": r["type"], "d": r["data"]})]
print(len(found), "of", len(rows), found[-1]["data"] if found else ""); sys.exit(len(found) != int(sys.argv[2]))' "$LOG" "$1" "$2"; }
APART='tone(0, 700) > 0.95 and tone(1, 440) > 0.9 and other(0, 440) < -50 and other(1, 700) < -50'

# --- a call, by a flow

flow 0400 "{\"id\":\"rec\",\"type\":\"record\",\"settings\":{\"what\":\"call\",\"sounds\":[\"told\"]}},$DIAL" \
    "$(edge rec done dial),$(edge rec failed dial),$UNANSWERED" > "$WORK/flow" || cat "$WORK/flow"
by_flow() {
    alice +15550400 || return 1; sleep 7
    ls "$DATA/recordings"; ls "$DATA/recordings" | grep -q 'wav.part$' && hooked_now 0 True || return 1
    phone_do a hangup; newest state=stored kind=call channels=2 flow="$(api GET '/flows?name=f0400' | pick data.0.id)"
}
check "a flow records a call; while it grows nobody is told" tried by_flow
check "the caller is on the left only, the callee on the right only" audio "channels == 2 and $APART"
check "it is as long as the talk, within 0.2 s" audio 'abs(seconds - within("dial")) < 0.2'
# listened : all that alice heard in her last call: baresip begins a new file where the description changes.
listened() { sox "$(dirname "$(heard a)")"/dump-*-dec.wav "$WORK/a.wav" && echo "$WORK/a.wav"; }
first() {                            # the announcement, then the callee: where each begins in what alice heard
    python3 - "$TOOLS" "$(listened)" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
x, rate = wav.read(sys.argv[2])
n = rate // 10
def begins(hz):
    return next((i / 10 for i in range(len(x) // n) if wav.mean_square(p := x[i * n:(i + 1) * n]) > 300 ** 2
                 and wav.power(p, rate, hz) > 0.8 * wav.mean_square(p)), None)
told, talk = begins(1500), begins(440)
print("announced at", told, "talk at", talk)
sys.exit(not (told is not None and talk is not None and told + 0.9 < talk))
PY
}
check "it was announced first" first
told_whole() { hooked 1 "t == 'recording.stored' and d['recording'] == '$(pick id < "$WORK/rec.json")' and d['bytes'] == $(stat -c %s "$WORK/rec.wav") and d['state'] == 'stored'"; }
check "one webhook, and it names the octets that are on disk" told_whole
in_history() { pick recordings.0 < "$WORK/call.json" | grep "$(pick id < "$WORK/rec.json")"; }
check "the call in history names it" in_history

opus() {                             # the same as Ogg Opus, read by libopusfile
    local id size; id=$(pick id < "$WORK/rec.json"); size=$(stat -c %s "$WORK/rec.wav")
    curl -sf -H "Authorization: Bearer $(cat "$WORK/key")" "http://$HTTP/api/v1/recordings/$id/audio?format=opus" > "$ROOT/lab/rec.opus" || return 1
    in_root /usr/bin/sox_ng /lab/rec.opus -r 8000 /lab/rec.wav && mv "$ROOT/lab/rec.wav" "$WORK/opus.wav" || return 1
    echo "$(stat -c %s "$ROOT/lab/rec.opus") octets instead of $size"; rm "$ROOT/lab/rec.opus"
    FILE=opus.wav audio "$1"
}
check "as Ogg Opus it is as long, and each voice is on its side" opus \
    'abs(seconds - r["length_ms"] / 1000) < 0.01 and tone(0, 700) > 0.9 and tone(1, 440) > 0.9 and other(0, 440) < -50 and other(1, 700) < -50'

# --- in the middle of a call, by the API

record() { api POST "/calls/$(talk)/record" "{\"action\":\"$1\"}" | pick recording; }
middle() {
    alice 700 || return 1; sleep 2; local id before began ends
    before=$(now_ms); id=$(record start) || return 1; began=$(now_ms); sleep 3
    [ "$(record start)" = "$id" ] || return 1
    ends=$(now_ms); record stop > /dev/null || return 1
    echo "$((ends - began - 200)) <= 1000 * seconds <= $(($(now_ms) - before + 200))" > "$WORK/took"
    sleep 1; record start > /dev/null; sleep 1.5; phone_do a hangup
    wait_for 5 eval "[ \"\$(api GET '/recordings?state=stored' | python3 -c 'import json, sys; print(len(json.load(sys.stdin)[\"data\"]))')\" = 3 ]" || return 1
    api GET "/recordings/$id" > "$WORK/rec.json"
    curl -sf -H "Authorization: Bearer $(cat "$WORK/key")" "http://$HTTP/api/v1/recordings/$id/audio" > "$WORK/rec.wav"
}
check "started and stopped in the middle, and started again" tried middle
check "what lies between is on it, each voice on its side" audio "$APART and $(cat "$WORK/took" 2> /dev/null || echo False)"
nothing() { ! record stop 2> "$WORK/why" ; }
check "without a call there is nothing to record" nothing

# --- one leg

flow 0401 '{"id":"rec","type":"record","settings":{"silence_s":3}},{"id":"say","type":"play","settings":{"sounds":["told"]}},{"id":"bye","type":"hangup"}' \
    "$(edge rec key say),$(edge rec done bye),$(edge rec silence bye),$(edge rec failed bye),$(edge say done bye),$(edge say failed bye)" > "$WORK/flow" || cat "$WORK/flow"
leg() {
    alice +15550401 || return 1; sleep 4; phone_do a sndcode '#'; sleep 2.5
    newest state=stored kind=caller channels=1
}
check "what a caller says is recorded until #" tried leg
check "one channel, with nothing but the caller" audio 'channels == 1 and tone(0, 700) > 0.95 and 0 < within("rec") - 0.4 - seconds < 1'
check "and the flow goes on by the key" eval 'share "$(listened)" 1500 0.1'
left_early() { alice +15550401 && sleep 3 && phone_do a hangup && newest state=stored kind=caller && audio 'tone(0, 700) > 0.95 and abs(within("rec") - 0.4 - seconds) < 0.2'; }
check "who hangs up is recorded all the same" tried left_early

# --- a power cut

dies() {
    alice +15550400 || return 1; sleep 8; kill9; server --http-allow 127.0.0.0/8 || return 1
    newest state=cut_off kind=call channels=2 && pick problem < "$WORK/rec.json"
}
check "kill -9 in the middle: what was recorded is kept, as cut off" tried dies
check "it has both voices, and lacks two seconds at most" audio "$APART and seconds > 3.5"
check "a webhook tells of it" hooked 1 "t == 'recording.stored' and d['state'] == 'cut_off' and d['problem']"
check "nothing half written is left" eval '! ls "$DATA/recordings" | grep part'

# --- a full disk

# tiny OPTIONS : the server starts again, with a file system of its own for recordings, in a mount namespace of its own.
REAL=$TRUNKLINE
tiny() {
    stop trunkline
    cat > "$WORK/tiny" <<SH
#!/bin/bash
exec unshare -m --propagation private bash -c 'mount -t tmpfs -o $1,mode=700 tmpfs "$DATA/recordings" && exec "\$@"' tiny "$REAL" "\$@"
SH
    chmod +x "$WORK/tiny"; TRUNKLINE=$WORK/tiny server --http-allow 127.0.0.0/8
}
full() {                             # full KIND STATE : a call of 9 s; alice heard the callee to its end
    alice +15550400 || return 1; sleep 11; phone_do a hangup; sleep 1
    share "$(listened)" 440 0.5 && wav report "$WORK/a.wav" 440 | holds 'r["loud_seconds"] > 8' &&
        last_call outcome=answered
}
check "120 kB are left for recordings" tiny size=120k
check "the call goes on to its end" tried full
check "what fits is kept, and it says why there is no more" newest state=cut_off problem='No space left on device (os error 28)'
check "it has both voices" audio "$APART and seconds > 2"
check "a webhook says so" hooked 1 "t == 'recording.stored' and 'No space' in (d['problem'] or '')"
check "nothing is left for recordings" tiny nr_inodes=1
check "the call goes on to its end" tried full
failed() { wait_for 5 newest_is state=failed problem='No space left on device (os error 28)' bytes=0; newest_is state=failed; }
check "it has failed, and says why" failed
check "a webhook says so, too" hooked 1 "t == 'recording.failed' and 'No space' in d['problem']"
stop trunkline
check "the disk is as it was" server --http-allow 127.0.0.0/8

# --- deletion

deleted() {
    for id in $(api GET '/recordings?limit=100' | python3 -c 'import json,sys; print(*[r["id"] for r in json.load(sys.stdin)["data"]])'); do
        "$TRUNKLINE" --data "$DATA" recording delete "$id" || return 1
    done
    [ "$(api GET /recordings | pick data)" = "[]" ] && [ -z "$(ls "$DATA/recordings")" ]
}
check "deleted recordings leave no file" deleted
rows() { python3 - "$DATA/trunkline.db" <<'PY'
import sqlite3, sys
left = sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM recordings").fetchone()[0]
print(left); sys.exit(left)
PY
}
check "and no row" rows
check "the server runs" still_alive
