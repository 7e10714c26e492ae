#!/bin/bash
# Limits: country, prefix, hour, day, week, calls at once; each with its own code and reason, and every place comes back.
# Probe 8 of what vendors of trunks do, over UDP, and what is said on the wire over TCP and TLS, too.
. "$(dirname "$0")/../lib.sh"
begin() { server --sip "tls:${SIP%:*}:5061"; }
check "server starts" begin
over udp
ACCOUNT=$(api GET /accounts | pick data.0.id)
api PATCH "/accounts/$ACCOUNT" '{"country":"DE"}' >/dev/null
ALICE=$(device alice '"limits":{"concurrent":null}'); device bob '"dialled":{"voicemail":false,"ring_s":2}' >/dev/null
trunk carrier 127.0.0.50 '"timers":{"no_provisional_s":1}' >/dev/null
A=(--user alice --password pw-alice)
limits() { api PATCH "/connections/$ALICE" "{\"limits\":$1}" >/dev/null; }
# refused CODE REASON NUMBER : refused with both, in Reason and Warning, and without Retry-After
refused() {
    sees "r['final'] == $1 and 'text=\"$2 ' in r['headers']['reason'] and '\"$2 ' in r['headers']['warning'] and 'retry-after' not in r['headers']" \
        "${WIRE[@]}" "${A[@]}" call "$3"
}
# passes NUMBER : no limit refuses it, whatever the carrier does
passes() { sees 'r["final"] != 403 and "L-" not in r["headers"].get("reason", "")' "${A[@]}" call "$1"; }
echoes() { sees 'r["final"] == 200' "${WIRE[@]}" "${A[@]}" --seconds 1 call echo; }
used() { local have; have=$(api GET "/connections/$ALICE/status" | pick "limits.$1.used"); echo "$1: $have"; [ "$have" = "$2" ]; }

check "another country: 403 L-03" refused 403 L-03 +37120000000
newest_refused() { api GET '/refused?limit=1' | python3 "$TOOLS/api.py" expect data.0 "$@"; }
check "refused: its near miss is the country" wait_for 3 newest_refused reason_code=L-03 near_misses.0.field=limits.countries
allow() {
    local id; id=$(api GET '/refused?limit=1' | pick data.0.id)
    api POST "/refused/$id/resolve" "{\"action\":\"$1\"}" | pick applied | grep -qi true
}
check "the fix that is suggested" allow allow_country
check "now it may be called" passes +37120000000
check "the own country still, too" passes 0301234567
limits '{"prefixes":{"deny":["+49900"]}}'
check "a denied prefix: 403 L-05" refused 403 L-05 +499001234567
check "longer than its country" passes +493012345678
limits '{"countries":{"on_first":"hold"}}'
limits '{"countries":{"allow":["*"]}}'
check "the first call to a country waits: 403 L-10" refused 403 L-10 +33123456789
check "the approval of it" allow approve_country
check "approved" passes +33123456789
limits '{"countries":{"on_first":"allow"}}'

limits '{"per_hour":2}'
check "first in the hour" echoes
check "second in the hour" echoes
check "status: both are counted" used per_hour 2
check "third in the hour: 403 L-07" refused 403 L-07 echo
warned() { timeout 3 curl -sN -H "Authorization: Bearer $(cat "$WORK/key")" -H 'Last-Event-ID: 1' "http://$HTTP/api/v1/events" | grep -m1 'limit.warning'; }
check "it was told of: limit.warning" warned
sleep 1
check "kill -9, and it starts again" eval 'kill9; begin'
check "what was counted is still there: 403 L-07" refused 403 L-07 echo
limits '{"per_hour":null,"per_day":1}'
check "first in the day" echoes
check "second in the day: 403 L-08" refused 403 L-08 echo
limits '{"per_day":null,"per_week":1}'
check "first in the week" echoes
check "second in the week: 403 L-09" refused 403 L-09 echo
limits '{"per_week":null,"per_second":1}'
burst() {
    local i; for i in 1 2 3 4; do ua "${A[@]}" --at "127.0.0.3$i:60$i" --seconds 1 call echo > "$WORK/burst$i.json" & done; wait $(jobs -p)
    cat "$WORK"/burst?.json | grep -c 'L-02' | grep -v '^0'
}
check "four in a second, one is allowed: 503 L-02" burst
limits '{"per_second":null,"concurrent_from":1}'

talking() { ua "${WIRE[@]}" "${A[@]}" --at 127.0.0.35:6005 --seconds "$1" call "$2" > "$WORK/first.json" & FIRST=$!; sleep 1; }
full() { talking 3 echo; refused 503 L-01 echo; local ok=$?; wait $FIRST; return $ok; }
check "one at once, the second: 503 L-01" full
check "freed by BYE" echoes
cancelled() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --ring 10 answer >/dev/null & local p=$!; sleep 1
    sees 'r["final"] == 487' "${WIRE[@]}" "${A[@]}" --cancel-after 1 call bob && echoes; local ok=$?; wait $p; return $ok
}
check "freed by CANCEL" cancelled
timed_out() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --ring 10 answer >/dev/null & local p=$!; sleep 1
    sees 'r["final"] == 480' "${WIRE[@]}" "${A[@]}" call bob && echoes; local ok=$?; wait $p; return $ok
}
check "freed when nobody answers in time" timed_out
crashed() { talking 6 echo; kill9; begin && echoes; local ok=$?; wait $FIRST; return $ok; }
check "freed by kill -9" crashed
for transport in tcp tls; do
    T=${transport^^}; over $transport
    check "$T: one at once, the second: 503 L-01" full
    check "$T: freed by BYE" echoes
    check "$T: freed by CANCEL" cancelled
    check "$T: freed when nobody answers in time" timed_out
    check "$T: freed by kill -9" crashed
    limits '{"countries":{"deny":["IT"]},"prefixes":{"deny":["+49900"]}}'
    check "$T: another country: 403 L-03" refused 403 L-03 +393123456789
    check "$T: a denied prefix: 403 L-05" refused 403 L-05 +499001234567
    for period in hour:L-07 day:L-08 week:L-09; do
        limits "{\"per_${period%:*}\":0}"
        check "$T: none in the ${period%:*}: 403 ${period#*:}" refused 403 ${period#*:} echo
        limits "{\"per_${period%:*}\":null}"
    done
    limits '{"countries":{"deny":[]},"prefixes":{"deny":[]}}'
done
over udp
check "status: none is used" used concurrent_from 0

set_during() {                       # the account's first limit is set while somebody talks
    limits '{"concurrent_from":null}'
    talking 4 echo; api PATCH "/accounts/$ACCOUNT" '{"limits":{"concurrent":1}}' >/dev/null
    api GET "/accounts/$ACCOUNT" | python3 "$TOOLS/api.py" expect status.limits.concurrent used=1 && refused 503 L-01 echo; local ok=$?
    wait $FIRST; echoes || ok=1
    return $ok
}
check "a limit that is set during a call counts that call" set_during
api PATCH "/accounts/$ACCOUNT" '{"limits":{"concurrent":0}}' >/dev/null
check "the account has no room: 503 L-01" refused 503 L-01 echo
helped() { sees 'r["final"] not in (403, 503)' "${A[@]}" call 112; }
check "an emergency number all the same" helped
audited() { api GET '/audit?limit=1&resource=emergency_call' | python3 "$TOOLS/api.py" expect data.0 resource=emergency_call; }
check "the audit log has it" wait_for 3 audited
api PATCH "/accounts/$ACCOUNT" '{"limits":{"concurrent":null}}' >/dev/null
api PATCH /system/limits '{"countries":{"deny":["GB"]}}' >/dev/null
check "the installation denies a country: 403 L-03" refused 403 L-03 +442071234567
preview() { api POST "/connections/$ALICE/limits/preview" '{"per_hour":1}' | python3 -c 'import json, sys; j = json.load(sys.stdin); print(j["calls"], j["refused"], j["by_limit"]); sys.exit(not j["refused"] > 3)'; }
check "what a limit would have refused last week" preview
check "the server runs" still_alive
