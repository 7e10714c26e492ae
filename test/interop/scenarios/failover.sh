#!/bin/bash
# Failover with real peers: a PBX with two accounts (two Asterisks) and a phone that takes over, over UDP and TCP: killed,
# killed both, full, breaking, declining; ways out in order (Kamailio, then Asterisk); a rehearsal. Times from the
# fault to the answer are printed; history tells each attempt.
. "$(dirname "$0")/../lib.sh"
FIRST=127.0.0.12 SECOND=127.0.0.14 GATEWAY=127.0.0.21
check "server starts" server || exit
alice=$(device alice '"number_format":{"from":"raw"}'); desk=$(device desk)
A=(--user alice --password pw-alice)
id=$(registers_in pbx "\"probe\":{\"options_s\":5,\"fail_after\":1},\"timers\":{\"no_provisional_s\":2},\"dialled\":{\"failover\":{\"connection\":\"$desk\"}}")
number +15550100 "$id" >/dev/null

account() {                          # account NAME ADDRESS LABEL TRANSPORT : an Asterisk registers with that credential
    asterisk "$1" addr="$2" register server=$SIP user="$(credential pbx "$3" user)" password="$(credential pbx "$3" password)" \
        expires=120 qualify=5 transport="$4" codecs=alaw
}
unplug() { kill -KILL "$(pid_of "asterisk-$1")"; }
desk() {                             # desk [UA ARGUMENTS] : the phone that takes over waits for one call
    : > "$WORK/desk.err"
    python3 "$TOOLS/ua.py" --server $SIP --user desk --password pw-desk --at 127.0.0.33:6003 --wait 12 --bye-after 1 "$@" answer > "$WORK/desk.json" 2> "$WORK/desk.err" &
    echo $! > "$WORK/desk.pid"; wait_for 5 grep -q registered "$WORK/desk.err"
}
desk_rang() { wait_for 15 test -s "$WORK/desk.json"; holds 'r["invite"]' < "$WORK/desk.json" > /dev/null || { echo "the desk did not ring"; return 1; }; }
desk_quiet() { kill "$(cat "$WORK/desk.pid")" 2>/dev/null; sleep 0.3; ! grep -q '"invite": {' "$WORK/desk.json"; }
took() {                             # took EXPRESSION TARGET : alice's call, and how long it was till its answer
    ua "${A[@]}" --seconds 1 --wait 20 call "$2" > "$WORK/call.json" && holds "$1" < "$WORK/call.json" > /dev/null || { cat "$WORK/call.json"; return 1; }
    python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["final"], "after", r["setup_ms"], "ms")' < "$WORK/call.json"
}
answers() { took 'r["final"] == 200' "${1:-+15550100}"; }
at() {                               # at NAME COUNT : that Asterisk has taken so many calls, or more
    local n; n=$("$LAB/asterisk.sh" lab "$1" | grep -c 'did=+15550100'); echo "$1 took $n"; [ "$n" -ge "$2" ]
}
takes_over() { desk && answers "$@" && desk_rang; }
attempts() {                         # attempts PATTERN : what the newest call tells, as CODE-OR-REASON:THEN
    wait_for 3 attempts_are "$1"; api GET '/history?limit=1' | python3 "$TOOLS/api.py" pick data.0.attempts | cut -c1-600; attempts_are "$1"
}
attempts_are() {
    api GET '/history?limit=1' | python3 -c 'import json, re, sys
tried = json.load(sys.stdin)["data"][0]["attempts"]
told = " ".join("%s:%s" % (a["sip_code"] or a["reason_code"], a["then"]) for a in tried)
sys.exit(not re.fullmatch(sys.argv[1], told))' "$1"
}

for transport in udp tcp; do
    T=${transport^^}
    check "$T: the primary account registers" account fo-first $FIRST primary $transport
    check "$T: the secondary account registers" account fo-second $SECOND secondary $transport
    check "$T: up" reaches "$id" up 15
    check "$T: the primary answers" answers
    check "$T: it was the primary" at fo-first 1
    unplug fo-first
    check "$T: the primary is killed: the secondary answers" answers
    check "$T: it was the secondary" at fo-second 1
    check "$T: the state tells" reaches "$id" degraded 60
    check "$T: once that is known, the secondary answers at once" took 'r["final"] == 200 and r["setup_ms"] < 1000' +15550100
    unplug fo-second
    check "$T: both are killed: the failover answers" takes_over
    check "$T: history tells each attempt" last_call outcome=answered connection_out="$desk" attempts.0.then=next
    check "$T: the state tells" reaches "$id" down 60
    at_once() { desk && took 'r["final"] == 200 and r["setup_ms"] < 1000' +15550100 && desk_rang; }
    check "$T: once that is known, the failover answers at once" at_once
    check "$T: history says why" attempts "N-15:next 200:answered"
    "$LAB/asterisk.sh" stop fo-first; "$LAB/asterisk.sh" stop fo-second
done

check "the primary again" account fo-first $FIRST primary udp
check "the secondary again" account fo-second $SECOND secondary udp
check "up again" reaches "$id" up 30
full() {                             # all places are taken while the second call comes
    api PATCH "/connections/$id" '{"limits":{"concurrent":1}}' > /dev/null || return 1
    sees 'r["final"] == 200' "${A[@]}" --at 127.0.0.34:6004 --seconds 6 call +15550100 > /dev/null & local p=$!
    sleep 1.5; desk && answers && desk_rang; local ok=$?; wait $p && return $ok
}
check "all places taken: the failover answers" full
full_told() { api GET '/history?limit=2' | grep -o '"L-01"' | head -1 | grep .; }
check "history says why" full_told
api PATCH "/connections/$id" '{"limits":{"concurrent":null}}' > /dev/null
declines() { desk && took "r[\"final\"] == $2" "$1" && sleep 1 && desk_quiet; }
check "busy: 486 to the caller, nobody else is rung" declines 603 486
check "history: one attempt" attempts "486:ended"
check "unknown number: 404, nobody else is rung" declines 604 404
check "both accounts break: the failover answers" takes_over 612034
# A PBX that was killed and came back may have two contacts at one address.
check "history: 503 of both, then the answer" attempts "(503:next ){2,4}200:answered"
explained() {
    local call; call=$(api GET '/history?limit=1' | pick data.0.id)
    "$TRUNKLINE" explain "$call" --data "$DATA" | tee "$WORK/explain" | grep -c 503 | grep -qx '[2-4]' && grep answered "$WORK/explain"
}
check "trunkline explain CALL tells it, too" explained
foreseen() { api POST /routes/explain '{"from":"alice","to":"+15550100"}' | python3 "$TOOLS/api.py" expect decision targets.0="$id" targets.1="$desk"; }
check "/routes/explain foresees it" foreseen

api POST /connections "{\"kind\":\"virtual\",\"name\":\"front\",\"user\":\"front\",\"dialled\":{\"failover\":{\"connection\":\"$desk\"}}}" > /dev/null
check "a virtual connection is dialled: the failover answers" takes_over front
api PATCH "/connections/$id" '{"enabled":false}' > /dev/null
# Alice's numbers are raw: for her the PBX is a way out. Carol's call is one to the number, whose target it is.
device carol > /dev/null
by_carol() { local A=(--user carol --password pw-carol); takes_over; }
check "the PBX is disabled: the failover answers" by_carol
api PATCH "/connections/$id" '{"enabled":true}' > /dev/null

way() {                              # way NAME ADDRESS ORDER MORE-JSON : a way out for 999…
    api POST /connections "{\"kind\":\"trunk\",\"name\":\"$1\",\"peers\":[{\"host\":\"$2\",\"port\":5060}],\"allowed_sources\":[\"$2/32\"],
        \"dial_pattern\":\"^999\",\"order\":$3,\"number_format\":{\"from\":\"raw\",\"to\":\"raw\"},\"probe\":{\"options_s\":5,\"fail_after\":1},
        \"timers\":{\"no_provisional_s\":2},$4}" | pick id
}
gateway() { echo "kamailio.sh fo-gw" >> "$WORK/started"; "$LAB/kamailio.sh" start fo-gw addr=$GATEWAY users=acme:secret gateway=$ITSP:5060 customer=$SIP; }
check "Kamailio is the first way out" gateway
check "Asterisk is the second" carrier fo-itsp
one=$(way gw $GATEWAY 1 '"user":"acme","password":"secret"'); two=$(way itsp $ITSP 2 '"rewrite_to":{"strip":"999","prefix":"+1555"}')
check "both are up" eval 'reaches "$one" up 15 && reaches "$two" up 15'
check "the first breaks (503): the second answers" answers 999503
check "history: each attempt" attempts "503:next 200:answered"
check "the first breaks (500): the second answers" answers 999500
check "the first says busy: the caller hears that, the second is not asked" took 'r["final"] == 486' 999486
check "history: one attempt" attempts "486:ended"
check "603 is final" took 'r["final"] == 603' 999603
check "403 is final" took 'r["final"] == 403' 999403
api PATCH "/connections/$one" '{"hunt_on":[403]}' > /dev/null
check "unless hunt_on names it: the second answers" answers 999403
api PATCH "/connections/$one" '{"on_failure":"stop"}' > /dev/null
check "on_failure stop: the caller hears the first" took 'r["final"] == 500' 999500
api PATCH "/connections/$one" '{"on_failure":"next"}' > /dev/null
rehearse() { "$TRUNKLINE" connection rehearse gw --minutes 1 --data "$DATA" && reaches "$one" down 2 && answers 999486 && attempts "N-14:next 200:answered"; }
check "rehearsal: the first is taken for down, the second answers" rehearse
rehearsed() { "$TRUNKLINE" connection rehearse gw --end --data "$DATA" && reaches "$one" up 5 && took 'r["final"] == 486' 999486; }
check "the rehearsal is ended: the first is asked again" rehearsed
"$LAB/kamailio.sh" kill fo-gw
check "the first is killed: the second answers" answers 999486
check "the state tells" reaches "$one" down 60
check "once that is known, the second answers at once" took 'r["final"] == 200 and r["setup_ms"] < 1000' 999486
check "the server runs" still_alive
