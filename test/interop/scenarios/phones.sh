#!/bin/bash
# Two phones (baresip) call each other through the server, over UDP and over TCP: each hears the other's tone.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
# This baresip binds its media to no address: on loopback the packets leave from 127.0.0.1, which neither its
# description nor its registration names.
for user in alice bob; do device $user '"media":{"nat":"always"}' >/dev/null; done
# This baresip gives up when a challenge names SHA-256, even beside MD5; what the domain's digest is for.
md5_only() { api PATCH "/domains/$(api GET /domains | pick data.0.id)" '{"digest":"md5"}' | pick digest; }
check "the domain offers MD5 only" md5_only
wav tone "$WORK/440.wav" 440 60 8000

phone() {                            # phone NAME USER ADDRESS CONTROL TRANSPORT [KEY=VALUE...]
    local name=$1 user=$2 addr=$3 ctrl=$4 transport=$5; shift 5
    baresip "$name" "addr=$addr" "ctrl=$ctrl" "user=$user" "password=pw-$user" server=$SIP "transport=$transport" codecs=PCMA "$@" &&
        wait_for 5 phone_is_registered "$name"
}
phone_is_registered() { phone_do "$1" reginfo | grep -q OK; }
heard() { "$LAB/baresip.sh" heard "$1"; }
# tried COMMAND... : the command's exit code, whatever it leaves of the phones.
tried() { "$@"; local ok=$?; stop_phones; return $ok; }
stop_phones() { "$LAB/baresip.sh" stop a; "$LAB/baresip.sh" stop b; }

tones() {                            # tones TRANSPORT : alice calls bob for 4 s
    phone a alice 127.0.0.20 4444 "$1" || { echo "alice does not register"; return 1; }
    phone b bob 127.0.0.21 4445 "$1" answer=auto "play=$WORK/440.wav" || { echo "bob does not register"; return 1; }
    phone_do a dial sip:bob@127.0.0.1; sleep 4; phone_do a hangup; sleep 1
    share "$(heard a)" 440 0.9 && share "$(heard b)" 1000 0.9
}
for transport in udp tcp; do
    check "alice calls bob over ${transport^^}: 440 Hz here, 1000 Hz there" tried tones $transport
    check "history has it as answered, ended by the caller" last_call outcome=answered sip_code=200 ended_by=caller
done
mixed() {
    phone a alice 127.0.0.20 4444 tcp && phone b bob 127.0.0.21 4445 udp answer=auto "play=$WORK/440.wav" || return 1
    phone_do b dial sip:alice@127.0.0.1; sleep 1; phone_do a accept; sleep 3; phone_do a hangup; sleep 1
    share "$(heard a)" 440 0.9 && share "$(heard b)" 1000 0.9
}
check "bob (UDP) calls alice (TCP)" tried mixed
check "history: ended by the callee" last_call outcome=answered ended_by=callee

against_ua() {                       # against_ua COMMANDS : baresip alice calls a ua bob and does COMMANDS; the report in $WORK/b.json
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 440 answer > "$WORK/b.json" & local p=$!
    phone a alice 127.0.0.20 4444 udp || return 1
    phone_do a dial sip:bob@127.0.0.1; sleep 1.5; eval "$1"; sleep 1; phone_do a hangup; wait $p
}
dtmf() {
    against_ua 'for d in 4 7 1 1; do phone_do a sndcode $d; sleep 0.35; done'
    holds 'r["rtp"]["digits"] == "4711"' < "$WORK/b.json"
}
check "DTMF 4711 arrives as telephone-events" tried dtmf
hold() {                             # this baresip dies now and then as its file player restarts: then once more
    for _ in 1 2 3; do
        against_ua 'phone_do a hold; sleep 1.5; phone_do a resume; sleep 1'
        alive baresip-a && break; say "baresip died"
    done
    holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json"
}
check "hold and resume reach the other side" tried hold
relayed() { holds 'r["media"].startswith("127.0.0.1:20") and r["rtp"]["sources"] == [r["media"]]' < "$WORK/b.json"; }
check "media goes through the server's port range" relayed
no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
