#!/bin/bash
# A storm while people talk: rubbish of every kind to the ports of media and to the shared port of browsers, changed packets
# under the addresses of peers, WebSockets that misbehave. The calls are heard, memory is flat, all of it is counted.
. "$(dirname "$0")/../lib.sh"
ulimit -n 65536 2>/dev/null
STORM=${STORM:-40} TALK=$((${STORM:-40} + 12)) RATE=${RATE:-3000}
check "server starts" server || exit
for user in alice bob eve; do device $user >/dev/null; done
for user in carol dora; do device $user '"media":{"nat":"always"}' >/dev/null; done
check "the domain offers MD5 only" md5_only
chromium || exit
metric() { "$TOOLS/api.py" "http://$HTTP" "" GET /metrics | awk -v name="$1" '$1 == name { print $2 }'; }
descriptors() { ls "/proc/$(server_pid)/fd" | wc -l; }
# eve is asked now and then whether somebody is still there.
served() { sees 'r["final"] == 200' --user eve --password pw-eve register; }
# tone_of FILE HZ : heard for the whole time, and nothing else.
tone_of() {
    share "$1" "$2" 0.9 > "$WORK/share.json" || { cat "$WORK/share.json"; return 1; }
    cat "$WORK/share.json"
    python3 -c 'import json, sys; sys.exit(not json.loads(sys.argv[1])["seconds"] >= 0.95 * float(sys.argv[2]))' "$(cat "$WORK/share.json")" $((TALK - 3))
}

ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 440 --record "$WORK/bob.wav" answer --bye-after $((TALK + 30)) > "$WORK/bob.json" & bob=$!
python3 "$TOOLS/storm.py" patience $HTTP 90 > "$WORK/patience.json" 2> "$WORK/patience.log" & patience=$!
sleep 1
ua --user alice --password pw-alice --at 127.0.0.31:6001 --record "$WORK/alice.wav" --seconds $TALK call bob > "$WORK/alice.json" & alice=$!
web carol --call sip:echo@127.0.0.1 --codec opus --seconds $TALK --wait 40 --record "$WORK/carol.wav" & carol=$!
encrypted() {
    baresip d addr=127.0.0.20 ctrl=4444 user=dora password=pw-dora server=$SIP codecs=PCMA enc=srtp-mand && wait_for 5 eval 'phone_do d reginfo | grep -q OK' &&
        phone_do d dial sip:echo@127.0.0.1
}
check "a call with keys (SDES) begins" encrypted
three() { [ "$(metric trunkline_calls_active)" = 3 ]; }
check "three calls: in the clear, with SDES, of a browser" wait_for 40 three
sleep 3
before=$(memory) open_before=$(descriptors)
echo 5 > "/proc/$(server_pid)/clear_refs"

python3 "$TOOLS/storm.py" media "$(server_pid)" $STORM $RATE 127.0.0.31 127.0.0.32 > "$WORK/media.json" 2> "$WORK/media.log" & media=$!
python3 "$TOOLS/storm.py" web $HTTP $STORM > "$WORK/web.json" 2> "$WORK/web.log" & web=$!
sleep $((STORM / 2))
check "in the midst of it a phone is served" served
three_still() { three && metric trunkline_sip_websockets; }
check "and the three calls go on" three_still
wait $media; wait $web
went() { cat "$WORK/$1.json" "$WORK/$1.log"; [ -s "$WORK/$1.json" ]; }
check "what was sent to the sockets of media" went media
check "what was sent to the WebSockets" went web

check "half a request is not waited for" holds 'r["half"].get("closed", 0) > 100 and not r["half"].get("open")' < "$WORK/web.json"

wait $alice; wait $bob; wait $carol; phone_do d hangup; sleep 1
check "in the clear: alice is heard by bob" tone_of "$WORK/bob.wav" 1000
check "in the clear: bob is heard by alice" tone_of "$WORK/alice.wav" 440
check "SDES: the echo is heard" share "$("$LAB/baresip.sh" heard d)" 1000 0.9
check "the browser: the echo is heard" report carol 'hears(700) and r["stats"]["dtls"] == "connected"'

# --- what it has cost

flat() { local most; most=$(peak_memory); echo "from $before kB, at most $most kB"; [ $((most - before)) -le 40000 ]; }
check "at most 40 MB more" flat
dropped() {
    api GET '/history?limit=20' > "$WORK/history.json"
    python3 - "$WORK/history.json" <<'P'
import json, sys
def dropped(protection, what):
    legs = [leg for call in json.load(open(sys.argv[1]))["data"] for leg in call["legs"] if leg.get("media") and leg.get("protection") == protection]
    return sum(leg["media"][what] for leg in legs)
seen = {name: dropped(*name.split()) for name in ("none foreign_dropped", "sdes forged_dropped", "dtls forged_dropped")}
print(seen); sys.exit(not all(seen.values()))
P
}
check "every call has counted what was dropped" dropped
nobodys() { local n; n=$(metric 'trunkline_media_packets_lost_total{cause="nobodys"}'); echo "$n"; [ "$n" -gt 100 ]; }
check "what was nobody's is counted" nobodys
incidents() { [ "$(metric trunkline_incidents_total)" = 0 ]; }
check "no fault of ours" incidents

# --- who is noticed

wait $patience
noticed() { holds "$1" < "$WORK/patience.json" || { cat "$WORK/patience.log"; return 1; }; }
check "a WebSocket without a word of SIP: closed after half a minute" noticed '25 <= r["silent"][0] <= 50 and r["silent"][1] == "1000"'
check "one that answers no ping: closed within 80 s" noticed '45 <= r["dead"][0] <= 85 and r["dead"][1] == "1008"'
check "one that never ends a frame: the same" noticed '45 <= r["dribbling"][0] <= 85 and r["dribbling"][1] != "open"'
check "one that does not read: closed within 40 s" noticed 'r["slow"][0] <= 40 and r["slow"][1] != "open"'
check "one that behaves stays" noticed 'r["good"][1] == "open"'
ends() { for why in broken dead silent slow too_large; do local n; n=$(metric "trunkline_sip_websockets_closed_total{why=\"$why\"}"); echo "$why $n"; [ "$n" -gt 0 ] || return 1; done; }
check "their ends are counted, by why" ends
gone() { local n; n=$(descriptors); echo "from $open_before to $n"; [ "$n" -le $((open_before + 10)) ]; }
check "no descriptor is left behind" wait_for 20 gone
quiet() { wc -lc < "$WORK/server.log"; [ "$(wc -l < "$WORK/server.log")" -le 200 ]; }
check "the log is short" quiet
check "a phone is served" served
check "the server runs" still_alive
