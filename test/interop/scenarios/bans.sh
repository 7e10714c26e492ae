#!/bin/bash
# Guessing at passwords with real sipvicious: nothing is found, it is slowed, then banned with evidence, and let in again
# when that is taken back. An office with a wrong password saved in one phone is not banned, whoever guesses there.
. "$(dirname "$0")/../lib.sh"
US=203.0.113.1 EVIL=203.0.113.66 OFFICE=203.0.113.20 HOUSE=203.0.113.30
for a in $US $EVIL $OFFICE $HOUSE; do ip addr add "$a/32" dev lo; done
check "server starts" server --sip "udp:$US:5060" --sip "tcp:$US:5060"
for user in alice bob carol 150; do device $user > "$WORK/$user"; done
phone() {                            # phone ADDRESS USER PASSWORD [ARGS...]: one REGISTER and what becomes of it
    local at=$1 user=$2 password=$3; shift 3
    python3 "$TOOLS/ua.py" --server $US:5060 --domain $US --at "$at" --user "$user" --password "$password" --wait 3 "$@"
}
registers() { phone "$@" register | holds 'r["final"] == 200'; }
silent() { phone "$@" register | holds 'not r["codes"]'; }
sv() { local at=$1; shift; BIND=$at timeout 60 "$LAB/sipvicious.sh" "$@" 2>&1; }
metric() { curl -s "http://$HTTP/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
{ seq 1000 2999; echo pw-alice; } > "$WORK/words"

no_extension() { sv $EVIL svwar -e 100-299 $US > "$WORK/svwar"; ! grep -E '\| *150 ' "$WORK/svwar"; }
check "svwar finds no extension" no_extension
no_extension_by_invite() { sv $EVIL svwar -m INVITE -e 140-160 $US > "$WORK/svwar"; ! grep -E '\| *150 ' "$WORK/svwar"; }
check "nor by INVITE" no_extension_by_invite
nobody_banned() { [ "$(api GET /bans | pick data)" = "[]" ]; }
check "looking around bans nobody" nobody_banned
no_password() { sv $EVIL svcrack -u alice -d "$WORK/words" $US > "$WORK/svcrack"; ! grep pw-alice "$WORK/svcrack"; }
check "svcrack finds no password" no_password
banned() { api GET /bans | python3 "$TOOLS/api.py" expect data.0 "network=$1/32" evidence.users.0.user=alice evidence.users.0.known=true evidence.distinct_users=1; }
check "it is banned, and the evidence names whom it tried" wait_for 5 banned $EVIL
slowed() { [ "$(metric trunkline_sip_slowed_total)" -gt 10 ] && echo "$(metric trunkline_sip_slowed_total) slowed, $(metric trunkline_sip_banned_total) dropped"; }
check "it was slowed before" slowed
check "nobody listens to it, whatever it says" silent $EVIL alice pw-alice
check "alice registers from elsewhere" registers $OFFICE alice pw-alice
emergency() { phone $EVIL alice pw-alice call 112 | holds '407 in r["codes"]'; }
check "an emergency call passes" emergency
kill9; check "after a power cut" server --sip "udp:$US:5060" --sip "tcp:$US:5060"
check "the ban is still there" silent $EVIL alice pw-alice
check "it is taken back" "$TRUNKLINE" --data "$DATA" ban remove $EVIL
check "and forgotten" registers $EVIL alice pw-alice

saved_wrong() {                      # a phone with an old password tries again and again; its neighbours go on
    for _ in $(seq 8); do
        phone $OFFICE carol old register > "$WORK/report"
        registers $OFFICE bob pw-bob > "$WORK/neighbour" || { cat "$WORK/neighbour"; return 1; }
    done
    nobody_banned
}
check "an office with one wrong password saved: nobody is banned" saved_wrong
told() { api GET "/connections/$(cat "$WORK/carol")/status" | python3 "$TOOLS/api.py" expect wrong_password same_device=true; }
check "its owner is told which device" told
near() { api GET '/refused?limit=10' | python3 "$TOOLS/api.py" find data reason_code A-01 near_misses | grep -F "same device"; }
check "and so says the refused inbox" near
guess_in_office() { sv $OFFICE svcrack -P 5080 -u carol -r 1000-2999 $US > "$WORK/svcrack"; nobody_banned && registers $OFFICE bob pw-bob; }
check "somebody guesses in that office: slowed, not banned" guess_in_office

# A phone at an address that is banned: it gets help, and nothing else.
rescue=$(device rescue)
api PATCH "/accounts/$(api GET /accounts | pick data.0.id)" "{\"emergency\":{\"connection\":\"$rescue\"}}" > /dev/null
ban() { api POST /bans "{\"network\":\"$1\",\"reason\":\"by hand\",\"expires_s\":$2}" | pick id; }
no_answer() { phone $HOUSE:5070 alice pw-alice call echo | holds 'not r["codes"]'; }
helped() {
    phone $OFFICE:5080 rescue pw-rescue --bye-after 2 answer > "$WORK/rescue" & local p=$!
    sleep 1; phone $HOUSE:5070 alice pw-alice "$@" call 112 | holds 'r["final"] == 200 and r["bye"]'; local ok=$?
    wait $p; return $ok
}
check "a phone registers" registers $HOUSE:5070 alice pw-alice
check "its address is banned" ban $HOUSE 20
check "it does not get through" no_answer
check "it does for help" helped
check "over TCP, too" helped --tcp
happened() { timeout 3 curl -sN -H "Authorization: Bearer $(cat "$WORK/key")" -H 'Last-Event-ID: 1' "http://$HTTP/api/v1/events" | grep -m1 -A3 "$1" | grep "$2"; }
check "an emergency call is told of" happened call.emergency 112
check "the ban lapses, and that is told of" wait_for 25 happened ban.lapsed $HOUSE
check "it gets through again" registers $HOUSE:5070 alice pw-alice
check "the server runs" still_alive
