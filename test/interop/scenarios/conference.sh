#!/bin/bash
# Conferences with real phones: five baresips, each with a tone of its own (a flow answers with G.711), hear the other four and not
# themselves; one is muted by the flow, by a key and through the API; people come and go, and the memory stays.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
md5_only > /dev/null
TONES=(440 620 980 1340 1900) CODECS=(PCMA PCMU G722,PCMA opus,PCMU PCMA) USERS=(anna bert cleo dora emil)
for user in "${USERS[@]}" frank; do device $user '"media":{"nat":"always"}' > /dev/null; done
mkdir -p "$DATA/sounds"
wav tone "$DATA/sounds/t1500.wav" 1500 1

# room NUMBER SETTINGS : +1555NUMBER leads to a room; what follows is a second of 1500 Hz.
room() {
    local id
    id=$(api POST /flows "{\"name\":\"r$1\",\"draft\":{\"nodes\":[{\"id\":\"room\",\"type\":\"conference\",\"settings\":{$2}},
        {\"id\":\"bye\",\"type\":\"hangup\"}],\"edges\":[{\"from\":\"room\",\"outcome\":\"left\",\"to\":\"bye\"},
        {\"from\":\"room\",\"outcome\":\"removed\",\"to\":\"bye\"},{\"from\":\"room\",\"outcome\":\"full\",\"to\":\"bye\"},
        {\"from\":\"room\",\"outcome\":\"ended\",\"to\":\"bye\"}]}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null && api POST /numbers "{\"e164\":\"+1555$1\",\"target\":{\"flow\":\"$id\"}}" | pick id
}
# The n-th phone, from 0: it has joined NUMBER.
joins() {
    local n=$1 number=$2 name=p$1; shift 2
    wav tone "$WORK/$name.wav" "${TONES[n]}" 60 8000
    baresip "$name" addr=127.0.0.$((40 + n)) ctrl=$((4460 + n)) rtp=$((31000 + 200 * n)) "user=${USERS[n]}" "password=pw-${USERS[n]}" \
        server=$SIP "codecs=${CODECS[n]}" "play=$WORK/$name.wav" "$@" && wait_for 10 phone_is_registered "$name" &&
        phone_do "$name" dial "sip:+1555$number@127.0.0.1" > /dev/null
}
# there COUNT EXPRESSION : so many are in the first conference, p being those in it.
there() { wait_for 10 there_now "$@"; there_now "$@"; }
there_now() {
    api GET /conferences | python3 -c 'import json, sys
data = json.load(sys.stdin)["data"]; p = data[0]["participants"] if data else []
print(len(p), [(x["from"].split("@")[0][4:], x["muted"], x["talking"], x["hears"]) for x in p])
sys.exit(not (len(p) == int(sys.argv[1]) and eval(sys.argv[2])))' "$1" "${2:-True}"
}
others() { local n t=(); for n in "${!TONES[@]}"; do [ "$n" = "$1" ] || [ "$n" = "${2:-}" ] || t+=("${TONES[n]}"); done; echo "${t[*]}"; }
leave_all() { local n; for n in 0 1 2 3 4; do phone_do p$n hangup > /dev/null; done; sleep 1; }
stop_all() { local n; for n in 0 1 2 3 4; do "$LAB/baresip.sh" stop p$n; done; }

# --- five in a room

check "a room" room 0300 '"room":"staff","tones":false'
for n in 0 1 2 3 4; do
    check "${USERS[n]} comes with ${CODECS[n]} and ${TONES[n]} Hz" joins $n 0300
done
check "five are there, and all of them talk" there 5 'all(x["talking"] and not x["muted"] and x["hears"] == "together" for x in p)'
sleep 8
leave_all
for n in 0 1 2 3 4; do
    check "${USERS[n]} heard the other four, and not itself" sounds_like "$(heard p$n)" "$(others $n)" "${TONES[n]}"
done
check "the conference is over" there 0
stop_all

# --- one is muted

check "another way in: muted" room 0301 '"room":"staff","tones":false,"muted":true'
for n in 0 2 3 4; do joins $n 0300 > /dev/null; done
check "bert comes muted" joins 1 0301
check "five are there, one of them muted" there 5 'sum(x["muted"] for x in p) == 1 and sum(x["talking"] for x in p) == 4'
sleep 7
leave_all
for n in 0 1 2 3 4; do
    check "${USERS[n]} heard all but bert and itself" sounds_like "$(heard p$n)" "$(others $n 1)" "${TONES[1]} ${TONES[n]}"
done
stop_all

# --- keys, and the API

one() { api GET /conferences | python3 -c 'import json, sys
c = json.load(sys.stdin)["data"][0]; print(c["id"], next(x["call"] for x in c["participants"] if sys.argv[1] in x["from"]))' "$1"; }
does() { local id call; read -r id call <<< "$(one "$1")"; api POST "/conferences/$id/participants/$call/$2"; }
for n in 0 1 2; do joins $n 0300 > /dev/null; done
there 3 > /dev/null
keys() { local phone=$1 key; shift; for key in "$@"; do phone_do "$phone" sndcode "$key" > /dev/null; sleep 0.4; done; }
keys p1 '*' 6
check "*6 mutes" there 3 'any("bert" in x["from"] and x["muted"] for x in p)'
keys p1 '*' 6
check "*6 again: heard" there 3 'all(x["talking"] for x in p)'
check "muted through the API" does cleo mute
check "which all see" there 3 'any("cleo" in x["from"] and x["muted"] for x in p)'
check "heard again" does cleo unmute
announces() { api POST "/conferences/$(one anna | cut -d' ' -f1)/announce" '{"sound":"t1500"}'; sleep 2; }
check "an announcement" announces
check "put out" does cleo kick
check "two are left" there 2
keys p1 '*' 0
check "*0 leaves, and who is left is alone" there 1 'p[0]["hears"] == "alone"'
heard_it() { python3 - "$TOOLS" "$1" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
x, rate = wav.read(sys.argv[2])
n = rate // 5
parts = [x[i:i + n] for i in range(0, len(x) - n, n)]
found = sum(wav.power(p, rate, 1500) > 0.1 * sum(v * v for v in p) / len(p) > 1000 for p in parts)
print(found, "stretches with the announcement"); sys.exit(not 3 <= found <= 7)
PY
}
phone_do p0 hangup > /dev/null
sleep 1
check "anna heard the announcement" heard_it "$(heard p0)"
stop_all

# --- coming and going

visit() { ua --user frank --password pw-frank --at "127.0.0.50:$1" --tone 700 --seconds 2 call +15550300 > "$WORK/visit-$1.json"; }
visits() { local p ps; for _ in $(seq "$1"); do ps=(); for p in 6100 6102 6104 6106 6108; do visit $p & ps+=($!); done; wait "${ps[@]}"; done; }
flat() {
    visits 4; local before after; before=$(memory)
    visits 10; after=$(memory)
    echo "$before kB after 20 visits, $after kB after 70"; [ $((after - before)) -lt 1500 ]
}
check "memory after 50 more have come and gone" flat
check "nobody is left" there 0
check "the server is still there" still_alive
