#!/bin/bash
# Two phones (baresip) call each other through the server, over UDP and over TCP: each hears the other's tone.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
# This baresip binds its media to no address: on loopback the packets leave from 127.0.0.1, which neither its
# description nor its registration names.
for user in alice bob; do device $user '"media":{"nat":"always"}' >/dev/null; done
check "the domain offers MD5 only" md5_only
wav tone "$WORK/440.wav" 440 60 8000

tones() {                            # tones TRANSPORT : alice calls bob for 4 s
    phone a alice "transport=$1" || { echo "alice does not register"; return 1; }
    phone b bob "transport=$1" answer=auto "play=$WORK/440.wav" || { echo "bob does not register"; return 1; }
    phone_do a dial sip:bob@127.0.0.1; sleep 4; phone_do a hangup; sleep 1
    share "$(heard a)" 440 0.9 && share "$(heard b)" 1000 0.9
}
for transport in udp tcp; do
    check "alice calls bob over ${transport^^}: 440 Hz here, 1000 Hz there" tried tones $transport
    check "history has it as answered, ended by the caller" last_call outcome=answered sip_code=200 ended_by=caller
done
mixed() {
    phone a alice transport=tcp && phone b bob answer=auto "play=$WORK/440.wav" || return 1
    phone_do b dial sip:alice@127.0.0.1; sleep 1; phone_do a accept; sleep 3; phone_do a hangup; sleep 1
    share "$(heard a)" 440 0.9 && share "$(heard b)" 1000 0.9
}
check "bob (UDP) calls alice (TCP)" tried mixed
check "history: ended by the callee" last_call outcome=answered ended_by=callee

check "DTMF 4711 arrives as telephone-events" tried sends_digits
check "hold and resume reach the other side" tried resumes
relayed() { holds 'r["media"].startswith("127.0.0.1:20") and r["rtp"]["sources"] == [r["media"]]' < "$WORK/b.json"; }
check "media goes through the server's port range" relayed
no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
