#!/bin/bash
# Webhooks over real HTTP: signatures, repetition, replay, a rotated secret, one slow endpoint beside others, a power cut.
. "$(dirname "$0")/../lib.sh"
HOOKS=127.0.0.1:9000 LOG=$WORK/hooks.log
: > "$LOG"
start hooks "$WORK/hooks.out" python3 "$TOOLS/hooks.py" $HOOKS "$LOG"
closed() { ! api POST /webhooks "{\"url\":\"http://$HOOKS/ok\"}" 2> "$WORK/why" && grep -F -- "--http-allow" "$WORK/why"; }
check "server starts" server
check "an endpoint on loopback is refused, and the flag is named" closed
stop trunkline
check "server starts with --http-allow" server --http-allow 127.0.0.0/8
device alice > /dev/null; device bob > /dev/null

hook() {                             # hook NAME PATH [EVENTS] : an endpoint that knows its secret; its id is kept
    api POST /webhooks "{\"name\":\"$1\",\"url\":\"http://$HOOKS$2?name=$1\",\"events\":[\"${3:-*}\"]}" > "$WORK/$1.json" || return 1
    knows "$1" "$(pick secret < "$WORK/$1.json")"; pick id < "$WORK/$1.json" > "$WORK/$1.id"
}
knows() { curl -s -X POST --data-binary "$2" "http://$HOOKS/secret/$1"; }
heard() { python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
found = [r for r in rows if eval(sys.argv[2], {"r": r})]
print(len(found), "of", len(rows)); sys.exit(not len(found) >= int(sys.argv[3]))' "$LOG" "$1" "${2:-1}"; }
deliveries() { api GET "/webhooks/$(cat "$WORK/$1.id")/deliveries?limit=200" | holds "$2"; }

hook all /ok; hook slow /slow; hook calls /fail/1 'call.*'; hook gone /gone
check "a ping is taken, and says so" eval 'api POST "/webhooks/$(cat $WORK/all.id)/test" | holds "r[\"state\"] == \"delivered\""'
check "its signature is good" heard 'r["type"] == "webhook.ping" and r["good"]'
check "alice calls echo" sees 'r["final"] == 200' --user alice --password pw-alice --seconds 1 call echo
for event in registration.added call.started call.answered call.ended; do
    [ $event = registration.added ] && sees 'r["final"] == 200' --user bob --password pw-bob register > /dev/null
    check "$event arrives, signed" wait_for 5 heard "r['type'] == '$event' and r['path'] == '/ok' and r['good']"
done
check "the slow endpoint has two at once and no more" heard 'r["path"] == "/slow"' 2
check "what failed comes again with the same id" wait_for 12 heard 'r["path"] == "/fail/1" and r["code"] == 200 and r["good"]'
check "an endpoint that is gone is disabled" wait_for 5 eval 'api GET "/webhooks/$(cat $WORK/gone.id)" | holds "not r[\"enabled\"]"'
check "and everybody else is told" wait_for 5 heard 'r["type"] == "webhook.disabled"'
rotated() {
    local before; before=$(pick secret < "$WORK/all.json")
    api POST "/webhooks/$(cat "$WORK/all.id")/rotate" > "$WORK/rotated" && : > "$LOG"
    api POST "/webhooks/$(cat "$WORK/all.id")/test" > /dev/null && heard 'r["good"]' || return 1
    knows all "$(pick secret < "$WORK/rotated")"; : > "$LOG"
    api POST "/webhooks/$(cat "$WORK/all.id")/test" > /dev/null && heard 'r["good"]'
}
check "after a rotation both secrets are good" rotated
replayed() {
    local one; one=$(api GET "/webhooks/$(cat "$WORK/all.id")/deliveries?event=call.ended" | pick data.0.id); : > "$LOG"
    api POST "/webhooks/$(cat "$WORK/all.id")/deliveries/$one/replay" > /dev/null
    wait_for 5 heard "r['id'] == '$one' and r['good']"
}
check "a delivery is replayed under its id" replayed
stop hooks; : > "$LOG"
check "alice calls while nobody listens" sees 'r["final"] == 200' --user alice --password pw-alice --seconds 1 call echo
check "the deliveries wait" wait_for 5 deliveries all 'sum(d["state"] == "pending" for d in r["data"]) >= 2'
kill9
start hooks "$WORK/hooks.out" python3 "$TOOLS/hooks.py" $HOOKS "$LOG"
check "after a power cut" server --http-allow 127.0.0.0/8
for name in all calls; do knows $name "$(pick secret < "$WORK/$( [ $name = all ] && echo rotated || echo $name.json )")"; done
check "they arrive" wait_for 70 heard 'r["type"] == "call.ended" and r["path"] == "/ok" and r["good"]'
csv() { "$TRUNKLINE" --data "$DATA" history export | tee "$WORK/calls.csv" | grep -c echo | grep -x 2; }
check "both calls are in the export" csv
stop hooks
check "the server runs" still_alive
