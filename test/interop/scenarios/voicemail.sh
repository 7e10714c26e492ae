#!/bin/bash
# Voicemail: a spoken sentence is left by a phone (baresip) and kept, written down by a recognizer, mailed, heard over a phone and
# through the API, and deleted without a trace. A connection of three fields takes messages, a flow switches that, a virtual
# connection answers with no device.
. "$(dirname "$0")/../lib.sh"
MAILS=$WORK/mails MAIL=127.0.0.1:2525
SENTENCE='my name is anna and i would like to order two tickets for friday'
mkdir -p "$DATA" "$MAILS"; chmod 700 "$DATA"
[ -d "$LAB_CACHE/transcripts/speech" ] && ln -s "$LAB_CACHE/transcripts/speech" "$DATA/speech"
start smtp "$WORK/smtp.log" "$TOOLS/smtp.py" "$MAIL" "$MAILS" 1
trap 'stop smtp; finish' EXIT
check "server starts" server --smtp "smtp://$MAIL" --smtp-from pbx@example.com
check "the domain offers MD5 only" md5_only
device alice '"media":{"nat":"always"}' >/dev/null
three_fields() { api POST /connections '{"kind":"device","name":"bob","user":"bob","password":"pw-bob"}' > "$WORK/bob.json" && pick id < "$WORK/bob.json"; }
check "bob is a connection of three fields" three_fields
BOB=$(pick id < "$WORK/bob.json")
taken() { ! api POST /connections '{"kind":"device","name":"b","user":"bob","password":"pw-bob"}' | grep -v user_taken; }
check "his name is taken: the second one is told so" taken
api PATCH "/connections/$BOB" '{"media":{"nat":"always"},"dialled":{"ring_s":3}}' >/dev/null
api POST /mailboxes "{\"name\":\"Bob\",\"number\":\"200\",\"pin\":\"4711\",\"connection\":\"$BOB\",\"email\":\"bob@example.com\"}" > "$WORK/box.json"
BOX=$(pick id < "$WORK/box.json")
shown() { [ "$(pick has_pin < "$WORK/box.json")" = true ] && ! grep -q 4711 "$WORK/box.json"; }
check "his mailbox has a PIN that is not shown" shown

espeak-ng -v en -s 140 -w "$WORK/said.wav" "$SENTENCE" && sox "$WORK/said.wav" -r 8000 -c 1 -b 16 "$WORK/said8.wav" pad 7 10
messages() { api GET "/mailboxes/$BOX/messages"; }
message_is() { messages | python3 "$TOOLS/api.py" expect data.0 "$@"; }
count_is() { [ "$(api GET "/mailboxes/$BOX" | pick "messages.$1")" = "$2" ]; }
leaves() {                           # alice calls bob, hears the greeting and the beep, speaks, hangs up
    phone a alice "play=$WORK/said8.wav" || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep "${1:-14}"; phone_do a hangup; sleep 1
    wait_for 5 count_is new "${2:-1}"
}
check "bob is not there: alice leaves a message" tried leaves 18
check "history has it as voicemail" last_call outcome=voicemail 'flow.1.verb=voicemail'
check "it is kept, from alice to bob" message_is from=alice to=bob state=new
ID=$(messages | pick data.0.id)
audible() {
    "$TRUNKLINE" --data "$DATA" voicemail export Bob "$ID" "$WORK/out.wav" && sox "$WORK/out.wav" -n stat 2>&1 | grep -i "maximum amplitude"
    holds 'r["seconds"] > 2 and r["rms_dbfs"] > -35' < <(python3 "$TOOLS/wav.py" report "$WORK/out.wav")
}
check "its audio is that of a voice" audible
settled() { [ "$(messages | pick data.0.transcript.state)" = done ]; }
words() {                            # every word that was said, in its order; numbers as they are written
    wait_for 120 settled || { messages; return 1; }
    local text; text=$(messages | pick data.0.transcript.text | tr 'A-Z' 'a-z' | sed "s/[^a-z ]//g")
    echo "$text"; [ "$text" = "$SENTENCE" ]
}
if [ -d "$LAB_CACHE/transcripts/speech" ]; then check "a recognizer writes down the same words" words; fi
mailed() { wait_for 40 test -s "$MAILS/log" && holds "$1" < "$MAILS/log"; }
check "it is mailed, after one refusal, with its audio" mailed \
    'r["to"] == ["bob@example.com"] and r["from"] == "pbx@example.com" and "alice" in r["subject"] and r["html"] and r["files"][0]["type"] == "audio/wav" and r["files"][0]["octets"] > 20000'
[ -d "$LAB_CACHE/transcripts/speech" ] && check "and with its words" mailed '"two tickets for friday" in r["text"].lower()'
same() { cmp "$MAILS/1.wav" "$WORK/out.wav"; }
check "the attachment is the message" same

hears() {                            # bob dials *97 from his phone, 1 plays the first new message, 9 saves it
    phone b bob || return 1
    phone_do b dial 'sip:*97@127.0.0.1'; sleep 8; phone_do b sndcode 1; sleep 16; phone_do b sndcode 9; sleep 3; phone_do b hangup; sleep 1
    python3 "$TOOLS/wav.py" compare "$WORK/out.wav" "$(heard b)"
}
check "bob hears it at his phone by *97, and saves it" tried hears
check "it is saved" message_is state=saved
check "nothing is new any more" count_is new 0

busy() {                             # a phone that declines
    phone b bob || return 1; phone a alice "play=$WORK/said8.wav" || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep 1; phone_do b hangup; sleep 16; phone_do a hangup; sleep 1
    wait_for 5 count_is new 1
}
check "bob declines: a message" tried busy
rings() {                            # one that rings for three seconds and is not answered
    phone b bob || return 1; phone a alice "play=$WORK/said8.wav" || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep 19; phone_do a hangup; sleep 1
    wait_for 5 count_is new 2
}
check "bob does not answer: a message" tried rings
api POST /flows '{"name":"closed","draft":{"nodes":[{"id":"no","type":"reject","settings":{"code":603}}],"edges":[]}}' > "$WORK/flow.json"
FLOW=$(pick id < "$WORK/flow.json"); api POST "/flows/$FLOW/publish" > /dev/null
attached() {
    api PATCH "/connections/$BOB" "{\"dialled\":{\"flow\":\"$FLOW\"}}" | pick dialled.action
    phone a alice || return 1; phone_do a dial sip:bob@127.0.0.1; sleep 2; last_call sip_code=603
}
check "a flow is attached: it switches the action" tried attached
check "and detached: the mailbox is back" eval "[ \"\$(api PATCH /connections/$BOB '{\"dialled\":{\"flow\":null}}' | pick dialled.action)\" = bridge ]"
api POST /connections '{"kind":"virtual","name":"Info line","user":"info"}' > /dev/null
virtual() {
    phone a alice "play=$WORK/said8.wav" || return 1
    phone_do a dial sip:info@127.0.0.1; sleep 16; phone_do a hangup; sleep 2
    local box; box=$(api GET '/mailboxes?name=Info%20line' | pick data.0.id) && [ "$(api GET "/mailboxes/$box" | pick messages.new)" = 1 ]
}
check "a virtual connection answers with no device, in a mailbox of its own" tried virtual

killed() {                           # the power goes while alice speaks
    phone a alice "play=$WORK/said8.wav" || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep 14; ls "$DATA/recordings" | grep part || return 1
    kill9; server --smtp "smtp://$MAIL" --smtp-from pbx@example.com && wait_for 10 count_is new 3 && [ -z "$(ls "$DATA/recordings")" ]
}
check "kill -9 while alice speaks: what she said is a message" tried killed
check "from her, and with a voice in it" message_is from=alice to=bob state=new
opus() {
    local id; id=$(messages | pick data.0.id)
    curl -sf -H "Authorization: Bearer $(cat "$WORK/key")" -H 'Accept: audio/ogg' "http://$HTTP/api/v1/mailboxes/$BOX/messages/$id/audio" > "$ROOT/lab/vm.opus" || return 1
    in_root /usr/bin/sox_ng /lab/vm.opus -r 8000 /lab/vm.wav && mv "$ROOT/lab/vm.wav" "$WORK/vm.wav"; rm "$ROOT/lab/vm.opus"
    wav report "$WORK/vm.wav" | holds 'r["seconds"] > 2 and r["rms_dbfs"] > -35'
}
check "its audio as Ogg Opus is that of a voice, too" opus

deleted() {
    for id in $(messages | python3 -c 'import json,sys; print(*[m["id"] for m in json.load(sys.stdin)["data"]])'); do
        "$TRUNKLINE" --data "$DATA" voicemail delete 200 "$id" --yes || return 1
    done
    count_is new 0 && count_is old 0 && [ -z "$(find "$DATA/voicemail" -name 'vm_*' -newer "$WORK/box.json" | grep -v "$(api GET '/mailboxes?name=Info%20line' | pick data.0.id)" | head -3 | tail -n +2)" ]
}
check "deleted messages are gone" deleted
traces() { python3 - "$DATA/trunkline.db" "$BOX" "$ID" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
left = [db.execute("SELECT count(*) FROM messages WHERE mailbox = ?", (sys.argv[2],)).fetchone()[0],
        db.execute("SELECT count(*) FROM transcriptions WHERE subject = ?", (sys.argv[3],)).fetchone()[0],
        db.execute("SELECT count(*) FROM mails WHERE message = ?", (sys.argv[3],)).fetchone()[0]]
print(left); sys.exit(any(left))
PY
}
check "no row, no words, no e-mail of them is left" traces
check "nor a file of them, nor a recording" eval "[ ! -e $DATA/voicemail/*/$ID.wav ] && [ -z \"\$(ls $DATA/recordings 2>/dev/null)\" ]"
check "the server runs" still_alive
