#!/bin/bash
# Asterisk 22 registers here with generated credentials (register_in), over UDP, TCP and TLS: calls both ways; two
# credentials on two PBXs, one of them unplugged while calls keep arriving; passwords rotated with an overlap.
. "$(dirname "$0")/../lib.sh"
PBX=127.0.0.12 SECOND=127.0.0.14
check "server starts" server --sip tls:127.0.0.1:5061 || exit
alice=$(device alice '"number_format":{"from":"raw"}')
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001
id=$(registers_in pbx "\"default_target\":{\"connection\":\"$alice\"}")
U1=$(credential pbx primary user) P1=$(credential pbx primary password)
U2=$(credential pbx secondary user) P2=$(credential pbx secondary password)
check "two credentials were generated" test -n "$U1" -a -n "$P1" -a -n "$U2" -a -n "$P2" -a "$U1" != "$U2" || exit
no_passwords() { local row; row=$(api GET "/connections/$id") && ! grep -F -e "$P1" -e "$P2" <<< "$row"; }
check "their passwords are shown once" no_passwords
number +15550100 "$id" >/dev/null

first() {                            # first TRANSPORT : the PBX with the primary credential
    local port=5060; [ "$1" = tls ] && port=5061
    asterisk in-pbx addr=$PBX register server=127.0.0.1:$port user="$U1" password="${2:-$P1}" expires=120 qualify=5 transport="$1" codecs=alaw
}
second() { asterisk in-two addr=$SECOND register server=$SIP user="$U2" password="$P2" expires=120 qualify=5 codecs=alaw; }
inbound() {                          # inbound TAG : the PBX calls alice through us
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/$1.wav" answer --bye-after 4 > "$WORK/$1.report" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate in-pbx PJSIP/alice@reg "TAG=$1" SECONDS=6 PLAY=/lab/in-pbx/sounds/tone1000 CALLERID=200
    wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/$1.report" &&
        share "$WORK/$1.wav" 1000 0.5 && share "$("$LAB/asterisk.sh" dir in-pbx)/rec/$1-rx.wav" 880 0.5
}
echo_() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/e.wav" --seconds 3 call +15550100 && share "$WORK/e.wav" 1000 0.9; }
available() { "$LAB/asterisk.sh" cli in-pbx pjsip show contacts | grep -E 'reg/.* Avail'; }
# Asterisk says 404 to an OPTIONS for its own Contact.
asked() { wait_for 10 available; available && api GET "/connections/$id/status" | python3 "$TOOLS/api.py" expect . state=up "last_response.code=200|404"; }
digits() { ua "${A[@]}" call 602 --dtmf 4711 --seconds 7 >/dev/null; lab_has in-pbx 'digits=4711'; }
hold() { sees 'r["offers"] == ["sendonly", "sendrecv"]' "${A[@]}" --seconds 12 call 608; }

for transport in udp tcp tls; do
    T=${transport^^}
    check "$T: Asterisk starts with the primary credential" first $transport
    check "$T: it is up" reaches "$id" up 10
    check "$T: OPTIONS are answered both ways" asked
    check "$T: PBX -> alice: both tones" inbound "in-$transport"
    check "$T: alice -> +15550100 -> PBX: the called number, her tone back" echo_
    check "$T: Asterisk saw the number in the Request-URI" lab_has in-pbx 'did=\+15550100'
    check "$T: DTMF 4711" digits
    check "$T: hold and resume" hold
    [ $transport = tls ] || "$LAB/asterisk.sh" stop in-pbx
done
"$LAB/asterisk.sh" stop in-pbx
check "Asterisk with the primary credential again" first udp
check "another PBX takes the secondary" second
check "both are up" reaches "$id" up 10

calls() {                            # calls N : that many, one after the other; how many were answered
    local i answered=0
    for i in $(seq "$1"); do
        sees 'r["final"] == 200' "${A[@]}" --seconds 0.3 --wait 12 call +15550100 > /dev/null && answered=$((answered + 1))
    done
    echo "$answered of $1"; [ $answered = "$1" ]
}
check "10 calls to the number, the primary takes them" calls 10
by_primary() { [ "$("$LAB/asterisk.sh" lab in-pbx | grep -c 'did=+15550100')" -ge 10 ]; }
check "they went to the primary" by_primary
unplugged() {                        # the primary dies in the middle of a row of calls
    calls 10 & local p=$!; sleep 2
    kill -KILL "$(pid_of asterisk-in-pbx)"; wait $p
}
check "the primary unplugged in the middle of 10 calls: all are answered" unplugged
check "the state tells: degraded" reaches "$id" degraded 100
check "10 more calls" calls 10
check "the primary comes back" first udp
check "and is up" reaches "$id" up 15

rotate() {
    api POST "/connections/$id/rotate" > "$WORK/pbx.json" || return 1
    local new; new=$(credential pbx primary password); [ -n "$new" ] && [ "$new" != "$P1" ] || return 1
    sees 'r["final"] == 200' --user "$U1" --password "$P1" --at 127.0.0.51 register && sees 'r["final"] == 200' --user "$U1" --password "$new" --at 127.0.0.51 register &&
        sees 'r["final"] == 200' --user "$U1" --password "$new" --at 127.0.0.51 --expires 0 register
}
check "rotated: the old and the new password register" rotate
check "the server runs" still_alive
