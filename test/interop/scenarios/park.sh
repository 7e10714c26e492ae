#!/bin/bash
# Calls that wait, and calls that ring, taken over by real phones (baresip): parked by a blind transfer and fetched by the orbit, on
# hold with music, picked up by ** and *8; and keys that a flow presses. What counts is whom each of those left hears.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../flow.sh"
check "server starts" server || exit
md5_only > /dev/null
for user in alice anna bob dora; do device $user '"media":{"nat":"always"}' > /dev/null; done
cleo=$(device cleo '"media":{"nat":"always"}')
ANNA=440 BOB=880 CLEO=620 DORA=1100
dials() { phone_do "$1" dial "sip:${2//#/%23}@127.0.0.1" > /dev/null; }
hangs_up() { phone_do "$1" hangup > /dev/null; }
shows() { phone_do "$1" listcalls | tr '\n' ' ' | grep -Ei "$2"; }
talks() { wait_for 8 shows "$1" ESTABLISHED; }
rings() { wait_for 8 shows "$1" INCOMING; }
idle() { wait_for 8 shows_nothing "$1"; }
shows_nothing() { ! shows "$1" 'INCOMING|EARLY|ESTABLISHED'; }
# lately WHO HZ|music : what WHO heard in the last two seconds is that tone, or our melody: several tones, and none of a phone.
lately() {
    python3 - "$TOOLS" "$(plays "$1")" "$2" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
from array import array
# The call goes on, and so does the file: its head does not say yet how long it is.
raw = open(sys.argv[2], "rb").read()[44:]
x, rate = array("h", raw[:len(raw) // 2 * 2]), 8000
n = rate // 5
parts = [x[i:i + n] for i in range(0, len(x) - n, n)][-11:-1]
def loud(part): return sum(v * v for v in part) / len(part) > 150 ** 2
def has(part, hz): return loud(part) and wav.power(part, rate, hz) > 0.5 * sum(v * v for v in part) / len(part)
phones = (440, 880, 620, 1100)
heard = {hz: sum(has(part, hz) for part in parts) for hz in phones}
print(heard, "loud:", sum(map(loud, parts)), "of", len(parts))
if sys.argv[3] == "music": sys.exit(not (sum(map(loud, parts)) >= 7 and sum(heard.values()) <= 5))
sys.exit(not heard[int(sys.argv[3])] >= 7)
PY
}
both() { lately "$1" "$2" && lately "$3" "$4"; }
nobody_left() { [ "$(api GET /calls | pick data)" = "[]" ]; }

check "anna's phone" handset anna 127.0.0.41 4461 31000 $ANNA
bob() { handset bob 127.0.0.42 4462 31200 $BOB answer=auto; }
cleo() { handset cleo 127.0.0.43 4463 31400 $CLEO; }
check "bob's phone, which answers by itself" bob
check "cleo's phone" cleo
check "dora's phone" handset dora 127.0.0.44 4464 31600 $DORA

# --- parked

parks() {                            # parks CODE : cleo calls bob, who hands her over to it
    dials cleo bob; talks bob || return 1
    sleep 1; phone_do bob transfer "sip:$1@127.0.0.1" > /dev/null; idle bob && sleep 4 && shows cleo ESTABLISHED
}
check "bob hands cleo over to *68" parks '*68'
check "she hears music" lately cleo music
fetches() { dials anna "$1"; talks anna || return 1; sleep 3.5; both anna $CLEO cleo $ANNA; }
check "anna dials 701: both hear each other" fetches 701
hangs_up anna
check "when anna hangs up, cleo's call is over" idle cleo
kept() { api GET '/history?limit=2' | grep -q '"park"'; }
check "history has the orbit" wait_for 5 kept
check "bob parks cleo in 705" parks '*68705'
check "anna dials *88705: both hear each other" fetches '*88705'
hangs_up cleo
check "when cleo hangs up, anna's call is over" idle anna
empty() { dials anna 705; idle anna; last_call sip_code=480 dialled=705; }
check "nobody waits in 705 any more" empty
check "nobody is left behind" wait_for 3 nobody_left

# --- picked up

picks() {                            # picks CODE : cleo calls dora, whose phone rings; anna takes it
    dials cleo dora; rings dora || return 1
    sleep 1; dials anna "$1"; idle dora && talks anna && sleep 3.5 && both anna $CLEO cleo $ANNA
}
check "anna picks up by **dora" picks '**dora'
hangs_up anna
check "both have hung up" eval "idle cleo && idle anna"
check "anna picks up by *8" picks '*8'
hangs_up cleo
check "both have hung up" eval "idle cleo && idle anna"
nothing() { dials anna '*8'; idle anna; last_call sip_code=480 'dialled=*8'; }
check "nothing rings" nothing
check "nobody is left behind" wait_for 3 nobody_left

# --- on hold

talk() { dials cleo bob; talks bob && sleep 2.5 && lately cleo $BOB; }
holding() {                          # holding WHO : cleo and bob talk, and WHO holds
    local phone
    if ! alive baresip-cleo || ! alive baresip-bob; then
        for phone in cleo bob; do "$LAB/baresip.sh" stop $phone; $phone || return 1; done
    fi
    talk && { phone_do "$1" hold > /dev/null; sleep 4; }
}
held() { survives bob holding bob && lately cleo music; }
check "bob puts cleo on hold: she hears music" held
hangs_up cleo
check "bob's call is over" idle bob
api PATCH "/connections/$cleo" '{"media":{"hold_music":"none"}}' > /dev/null
holds_quietly() { survives cleo holding cleo && ! lately bob music; }
check "cleo's phone is to have none: bob hears none" holds_quietly
hangs_up cleo
check "bob's call is over" idle bob

# --- keys

flow 201 '{"id":"keys","type":"send_dtmf","settings":{"digits":"15w9#"}},{"id":"bye","type":"hangup"}' "keys.done>bye" > /dev/null
check "a flow presses keys, as events" calls 201 'r["rtp"]["digits"] == "159#"' "keys:done,bye"
check "the server runs" still_alive
