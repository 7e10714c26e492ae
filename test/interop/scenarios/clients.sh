#!/bin/bash
# Further clients: linphonec, PJSUA over UDP, TCP and TLS, SIPp 3.8 over TLS; each registers, calls and is called.
. "$(dirname "$0")/../lib.sh"
check "server starts" server --sip tls:127.0.0.1:5061 || exit
for user in alice bob; do device $user '"media":{"nat":"always"}' >/dev/null; done
wav tone "$WORK/440.wav" 440 60 8000
pj() { "$LAB/pjsua.sh" --addr "$1" --user "$2" --password "pw-$2" --server "$3" "${@:4}"; }
said() { python3 "$TOOLS/ua.py" holds "$1"; }

for transport in udp tcp tls; do
    port=5060; [ $transport = tls ] && port=5061
    echo_() {
        pj 127.0.0.21 alice 127.0.0.1:$port --transport $transport --codec PCMA --call "sip:echo@127.0.0.1:$port;transport=$transport" --seconds 4 \
            --play "$WORK/440.wav" --record "$WORK/pj.wav" > "$WORK/pj.json" 2> "$WORK/pj.log"; said 'r["ok"] and r["reg"] == 200' < "$WORK/pj.json" && share "$WORK/pj.wav" 440 0.8
    }
    check "PJSUA over ${transport^^}: echo, its own 440 Hz" echo_
done
two() {                              # PJSUA calls a scripted phone, with hold in the middle
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 880 --record "$WORK/bob.wav" answer --wait 20 > "$WORK/bob.json" & local p=$!
    sleep 1; pj 127.0.0.21 alice $SIP --codec PCMA --call sip:bob@127.0.0.1 --seconds 6 --hold 2 --play "$WORK/440.wav" --record "$WORK/pj.wav" > "$WORK/pj.json" 2> "$WORK/pj.log"
    wait $p; said 'r["ok"]' < "$WORK/pj.json" && share "$WORK/bob.wav" 440 0.5 && share "$WORK/pj.wav" 880 0.5
}
check "PJSUA -> phone, hold and resume: both tones" two

linphone() { echo "linphone.sh lp" >> "$WORK/started"; SIP_LAB_PHONE_SUITE=bookworm "$LAB/linphone.sh" start lp "$@"; }
lp() { "$LAB/linphone.sh" do lp "$@"; }
linphone_registers() { linphone addr=127.0.0.22 user=alice password=pw-alice server=$SIP play="$WORK/440.wav" answer=yes && registered alice; }
check "linphonec registers" linphone_registers
linphone_calls() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 880 --record "$WORK/bob.wav" answer --bye-after 5 > "$WORK/bob.json" & local p=$!
    sleep 1; lp call sip:bob@127.0.0.1; wait $p
    holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/bob.json" && share "$WORK/bob.wav" 440 0.5
}
check "linphonec -> phone: 440 Hz is heard" linphone_calls
linphone_answers() { sees 'r["final"] == 200 and r["bye"]["answer"] == 200' --user bob --password pw-bob --seconds 5 --record "$WORK/l.wav" call alice && share "$WORK/l.wav" 440 0.5; }
check "phone -> linphonec: 440 Hz is heard" linphone_answers

sipp_tls() { "$LAB/sipp.sh" 127.0.0.41:5081 127.0.0.1:5061 register.xml tls=yes "csv=alice;[authentication username=alice password=pw-alice]" -- -m 10 -r 20 -timeout 20; }
check "SIPp registers over TLS" sipp_tls
sipp_call() { "$LAB/sipp.sh" 127.0.0.41:5081 127.0.0.1:5061 uac.xml tls=yes "csv=alice;[authentication username=alice password=pw-alice];echo" -- -m 10 -r 5 -d 500 -timeout 30; }
check "SIPp calls over TLS: 10 of 10" sipp_call
check "the server runs" still_alive
