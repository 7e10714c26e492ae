#!/bin/bash
# Call flows with real peers: baresip, Asterisk as a carrier and a scripted phone go through every verb. What they hear is
# measured by its pitch, keys come as telephone events and as INFO, and history names the nodes. Then a failover that is a
# flow: whoever should answer is killed, both are, all places are taken.
. "$(dirname "$0")/../lib.sh"
. "$INTEROP/flow.sh"
WEB=127.0.0.1:9000
check "server starts" server --http-allow 127.0.0.0/8 || exit
md5_only > /dev/null
device alice '"media":{"nat":"always"}' > /dev/null; bob=$(device bob '"media":{"nat":"always"}'); carol=$(device carol); away=$(device away)
trunk itsp $ITSP > /dev/null

# --- what is heard, and keys

flow 0201 '{"id":"hi","type":"play","settings":{"sounds":["t440"]}},
    {"id":"menu","type":"gather","settings":{"sounds":["t880"],"options":["1","2"],"tries":2,"first_s":4}},
    {"id":"one","type":"tone","settings":{"signal":"milliwatt","seconds":3}}, {"id":"bye","type":"hangup"}' \
    "hi.done>menu menu.1>one menu.2>bye one.done>bye menu.timeout>bye menu.invalid>bye" > /dev/null
menu=hi:done,menu:1,one:done,bye
baresip_menu() {
    phone a alice || return 1
    phone_do a dial sip:+15550201@127.0.0.1; sleep 3.5; phone_do a sndcode 1; sleep 5
    took "$menu" && share "$(heard a)" 440 0.05 && share "$(heard a)" 880 0.03 && share "$(heard a)" 1004 0.3
}
check "baresip: a sound, a menu, a key (RFC 4733), a tone" tried baresip_menu
asterisk_menu() {                    # asterisk_menu MODE : the carrier calls, and dials 1 while the menu plays
    carrier "fl-$1" dtmf="$1" > /dev/null || return 1
    "$LAB/asterisk.sh" originate "fl-$1" PJSIP/+15550201@trunk TAG=menu SECONDS=5 DTMF=wwwww1
    wait_lab "fl-$1" 'hangup=menu' 25 > /dev/null
    took "$menu" && share "$("$LAB/asterisk.sh" dir "fl-$1")/rec/menu-rx.wav" 1004 0.3
}
for mode in rfc4733 info; do
    check "Asterisk: the same, keys as $mode" asterisk_menu $mode
    [ $mode = info ] || "$LAB/asterisk.sh" stop fl-rfc4733 > /dev/null
done
HZ=880 check "nobody presses: asked twice, then the end" hears 0201 'r["bye"]["by"] == "peer"' hi:done,menu:timeout,bye --seconds 20
check "a key that is no choice, twice" calls 0201 'r["bye"]["by"] == "peer"' hi:done,menu:invalid,bye --seconds 20 --dtmf 77 --dtmf-after 3
flow 0202 '{"id":"pin","type":"gather","settings":{"sounds":["t440"],"least":4,"most":4,"first_s":5}},
    {"id":"known","type":"if","settings":{"value":"${digits}","than":"4711"}},
    {"id":"good","type":"play","settings":{"sounds":["t1500"]}}, {"id":"bad","type":"hangup","settings":{"cause":21}}' \
    "pin.digits>known pin.timeout>bad pin.invalid>bad known.yes>good known.no>bad" > /dev/null
HZ=1500 check "digits are compared: the right ones" hears 0202 'r["final"] == 200' pin:digits,known:yes,good:done --dtmf 4711 --dtmf-after 1 --seconds 8
check "the wrong ones: hung up with the cause asked for" calls 0202 '"cause=21" in r["bye"]["reason"]' pin:digits,known:no,bad --dtmf 4712 --dtmf-after 1 --seconds 8
baresip_holds() {                    # baresip holds and comes back while a sound plays, which is heard before and after
    phone a alice || return 1
    phone_do a dial sip:+15550203@127.0.0.1; sleep 2; phone_do a hold; sleep 2; phone_do a resume; sleep 3; phone_do a sndcode 5; sleep 4
}
comes_back() {
    survives a baresip_holds && took 'long:interrupted,end:done' && share "$(plays a)" 440 0.3 && share "$(plays a)" 1500 0.02     # since it came back
}
flow 0203 '{"id":"long","type":"play","settings":{"sounds":["t440"],"times":20,"stop_on_key":true}}, {"id":"end","type":"play","settings":{"sounds":["t1500"]}}' \
    "long.interrupted>end long.done>end" > /dev/null
check "baresip holds and comes back while a sound plays" tried comes_back
HZ=440 check "a hold while a sound plays: what is said of it" hears 0203 'r["reinvites"] == [["sendonly", 200], ["sendrecv", 200]]' long --hold-after 1 --seconds 5

# --- before the answer

flow 0204 '{"id":"wait","type":"ring","settings":{"seconds":2}}, {"id":"no","type":"reject","settings":{"code":486,"reason":"Gone Fishing"}}' "wait.next>no" > /dev/null
check "ringing, then refused: 180, 486 with its phrase" calls 0204 'r["codes"][-1] == 486 and 180 in r["codes"] and r["text"] == "Gone Fishing" and r["setup_ms"] > 1900' wait:next,no
flow 0205 '{"id":"wait","type":"ring"}, {"id":"up","type":"answer"}, {"id":"still","type":"pause","settings":{"milliseconds":500}}, {"id":"beep","type":"tone","settings":{"signal":"busy","seconds":3}}' \
    "wait.next>up up.next>still still.next>beep" > /dev/null
HZ=425 check "ringing, answered, silence, a tone" hears 0205 'r["final"] == 200 and 180 in r["codes"]' wait:next,up:next,still:next,beep:done --seconds 12

# --- decisions

flow 0206 '{"id":"who","type":"caller_match","settings":{"numbers":["bo*","alice"]}}, {"id":"set","type":"set","settings":{"variables":{"greeting":"t${tone}","tone":"880"}}},
    {"id":"again","type":"set","settings":{"variables":{"greeting":"t${tone}"}}}, {"id":"say","type":"play","settings":{"sounds":["${greeting}"]}}, {"id":"no","type":"reject"}' \
    "who.match>set who.no_match>no who.withheld>no set.next>again again.next>say" > /dev/null
HZ=880 check "the caller is one of a list; variables name a sound" hears 0206 'r["final"] == 200' who:match,set:next,again:next,say:done --seconds 5
stranger() { ua --user carol --password pw-carol --at 127.0.0.30:6000 call +15550206 > "$WORK/a.json"; holds 'r["final"] == 603' < "$WORK/a.json" && took who:no_match,no; }
check "and is not" stranger
hour=$(date -u +%-H)
open() {                             # open NUMBER HOUR OUTCOME : hours of 9 to 17 where the clock shows this hour now; Etc/GMT-3 is ahead by three
    local ahead=$(( ($2 - hour + 36) % 24 - 12 )) zone
    zone=$(printf 'Etc/GMT%+d' $(( -ahead )))
    flow "$1" "{\"id\":\"hours\",\"type\":\"schedule\",\"settings\":{\"timezone\":\"$zone\",\"hours\":[{\"days\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"],\"from\":\"09:00\",\"to\":\"17:00\"}]}},
        {\"id\":\"in\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t440\"]}}, {\"id\":\"out\",\"type\":\"reject\",\"settings\":{\"code\":480}}" \
        "hours.open>in hours.closed>out hours.holiday>out" > /dev/null || return 1
    case $3 in
        open) HZ=440 hears "$1" 'r["final"] == 200' hours:open,in:done --seconds 5 ;;
        closed) calls "$1" 'r["final"] == 480' hours:closed,out ;;
    esac
}
check "opening hours where it is 13 o'clock: open" open 0207 13 open
check "opening hours where it is 20 o'clock: closed" open 0208 20 closed
sub=$(flow "" '{"id":"inner","type":"tone","settings":{"signal":"milliwatt","seconds":2}}' "")
flow 0209 "{\"id\":\"outer\",\"type\":\"sub_flow\",\"settings\":{\"flow\":\"$sub\"}}, {\"id\":\"after\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t440\"]}}" "outer.done>after outer.failed>after" > /dev/null
HZ=1004 check "a flow within a flow, and on" hears 0209 'r["final"] == 200' outer:done,inner:done,after:done --seconds 7

# --- web servers

cat > "$WORK/web.py" <<'PY'
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Web(BaseHTTPRequestHandler):
    def answer(self, told, code=200):
        body = json.dumps(told).encode()
        self.send_response(code); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        if self.path.endswith(".wav"):
            body = open(sys.argv[2] + self.path, "rb").read()
            self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); return self.wfile.write(body)
        self.answer({"customer": {"sound": "t880", "of": self.path}}, 404 if "nobody" in self.path else 200)
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))["variables"]
        self.answer({"outcome": "vip" if told["caller"] == "alice" else "other", "variables": {"sound": "t1500"}})
    def log_message(self, *_): pass
host, _, port = sys.argv[1].rpartition(":")
ThreadingHTTPServer((host, int(port)), Web).serve_forever()
PY
start web "$WORK/web.out" python3 "$WORK/web.py" $WEB "$DATA/sounds"
flow 0210 "{\"id\":\"ask\",\"type\":\"fetch\",\"settings\":{\"url\":\"http://$WEB/customers/\${caller}\",\"variables\":{\"sound\":\"/customer/sound\"}}},
    {\"id\":\"say\",\"type\":\"play\",\"settings\":{\"sounds\":[\"\${sound}\"]}}, {\"id\":\"no\",\"type\":\"reject\"}" "ask.ok>say ask.error>no ask.timeout>no" > /dev/null
HZ=880 check "a web server says what is played" hears 0210 'r["final"] == 200' ask:ok,say:done --seconds 5
flow 0211 "{\"id\":\"ask\",\"type\":\"webhook\",\"settings\":{\"url\":\"http://$WEB/next\",\"outcomes\":[\"vip\",\"other\"]}},
    {\"id\":\"say\",\"type\":\"play\",\"settings\":{\"sounds\":[\"\${sound}\"]}}, {\"id\":\"no\",\"type\":\"reject\"}" "ask.vip>say ask.other>no ask.ok>no ask.error>no ask.timeout>no" > /dev/null
HZ=1500 check "a web server says where it goes on" hears 0211 'r["final"] == 200' ask:vip,say:done --seconds 5
flow 0212 "{\"id\":\"say\",\"type\":\"play\",\"settings\":{\"sounds\":[\"http://$WEB/t440.wav\"]}}" "" > /dev/null
HZ=440 check "a sound from a web server" hears 0212 'r["final"] == 200' say:done --seconds 5
flow 0213 '{"id":"ask","type":"fetch","settings":{"url":"http://10.1.2.3/"}}, {"id":"no","type":"reject","settings":{"code":480}}' "ask.ok>no ask.error>no ask.timeout>no" > /dev/null
check "an address that is not allowed is not asked" calls 0213 'r["final"] == 480' ask:error,no
stop web

# --- others are rung

flow 0214 "{\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\"},{\"number\":\"carol\"}],\"ring_s\":4}}, {\"id\":\"sorry\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t1500\"]}}" \
    "ring.no_answer>sorry ring.busy>sorry ring.offline>sorry ring.failed>sorry" > /dev/null
rings_bob() { waits bob 6002 --tone 440 --bye-after 3 && HZ=440 hears 0214 'r["final"] == 200' ring --seconds 8 && answered bob 'r["rtp"]["received"] > 50'; }
check "the first one answers, and both hear" rings_bob
then_carol() { waits bob 6002 --code 486 && waits carol 6004 --tone 880 --bye-after 3 && HZ=880 hears 0214 'r["final"] == 200' ring --seconds 8; }
check "the first one is busy: the next" then_carol
baresip_rings() {                    # the caller is a phone that a menu has answered; who answers is a phone, too
    waits bob 6002 --tone 440 --bye-after 4 || return 1
    phone a alice || return 1
    phone_do a dial sip:+15550215@127.0.0.1; sleep 2; phone_do a sndcode 1; sleep 8
    took menu:1,ring:answered,end:done && share "$(heard a)" 440 0.2 && share "$(heard a)" 1500 0.1 && answered bob 'r["rtp"]["received"] > 50'
}
flow 0215 "{\"id\":\"menu\",\"type\":\"gather\",\"settings\":{\"sounds\":[\"t880\"],\"options\":[\"1\"]}}, {\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\"}]}}, {\"id\":\"end\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t1500\"]}}" \
    "menu.1>ring menu.timeout>end menu.invalid>end ring.answered>end ring.no_answer>end ring.busy>end ring.offline>end ring.failed>end" > /dev/null
check "baresip: a menu, a colleague, and on when that one hangs up" tried baresip_rings

flow 0216 "{\"id\":\"group\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\"},{\"number\":\"carol\",\"delay_s\":1},{\"connection\":\"$away\"}],\"strategy\":\"all\",\"ring_s\":8,\"headers\":{\"Subject\":\"for \${caller}\"}}}" "" > /dev/null
group() {                            # bob rings, a second later carol, who answers: bob is told
    waits bob 6002 --ring 20 && waits carol 6004 --tone 880 --ring 1 --bye-after 3 &&
        HZ=880 hears 0216 'r["final"] == 200 and r["setup_ms"] > 1900' group --seconds 8 &&
        answered bob '"200" in r["cancelled"]["reason"] and r["invite"]["subject"] == "for alice"'
}
check "a group: all ring, one answers, the other is told" group
group_busy() { waits bob 6002 --code 486 && waits carol 6004 --code 486 && calls 0216 'r["final"] == 486' group:busy; }
check "a group that is busy" group_busy
flow 0217 "{\"id\":\"menu\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t440\"]}}, {\"id\":\"group\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\"},{\"connection\":\"$carol\"}],\"strategy\":\"all\",\"whisper\":[\"t1500\"],\"accept\":\"1\"}}" "menu.done>group" > /dev/null
screened() {                         # carol declines, bob takes the call; he has heard the whisper, and then the caller
    waits bob 6002 --tone 440 --record "$WORK/bob.wav" --dtmf 1 --dtmf-after 5 --bye-after 9 && waits carol 6004 --dtmf 3 --dtmf-after 3 --wait 20 --record "$WORK/carol.wav" &&
        calls 0217 'r["final"] == 200' menu:done,group --seconds 20 --tone 700 && share "$WORK/a.wav" 425 0.02 &&
        answered bob 'r["bye"]["by"] == "us"' && share "$WORK/bob.wav" 1500 0.15 && share "$WORK/bob.wav" 700 0.3 &&
        answered carol 'r["bye"]["by"] == "peer"' && share "$WORK/carol.wav" 1500 0.8
}
check "who answers hears a whisper, and takes the call by a key" screened

# --- a failover that is a flow

sorry=$(flow "" '{"id":"sorry","type":"play","settings":{"sounds":["t1500"],"times":2}}' "")
pbx=$(registers_in pbx "\"probe\":{\"options_s\":5,\"fail_after\":1},\"timers\":{\"no_provisional_s\":2},\"dialled\":{\"failover\":{\"flow\":\"$sorry\"}}")
number +15550100 "$pbx" > /dev/null
account() {                          # account NAME ADDRESS LABEL : an Asterisk registers with that credential
    asterisk "$1" addr="$2" register server=$SIP user="$(credential pbx "$3" user)" password="$(credential pbx "$3" password)" expires=120 qualify=5 codecs=alaw
}
unplug() { kill -KILL "$(pid_of "asterisk-$1")"; }
at() { local n; n=$("$LAB/asterisk.sh" lab "$1" | grep -c 'did=+15550100'); echo "$1 took $n"; [ "$n" -ge "$2" ]; }
echoes() { ua "${A[@]}" --at 127.0.0.30:6000 --wait 20 call +15550100 > "$WORK/a.json"; holds 'r["final"] == 200' < "$WORK/a.json" > /dev/null && at "$1" 1; }
taken_over() { HZ=1500 hears 0100 'r["final"] == 200' sorry:done --seconds 7; }
check "the primary account registers" account fl-first 127.0.0.12 primary
check "the secondary account registers" account fl-second 127.0.0.14 secondary
check "up" reaches "$pbx" up 15
check "the primary answers" echoes fl-first
unplug fl-first
check "the primary is killed: the secondary answers" echoes fl-second
unplug fl-second
check "both are killed: the failover flow answers" taken_over
check "the primary again" account fl-third 127.0.0.12 primary
check "the secondary again" account fl-fourth 127.0.0.14 secondary
check "up again" reaches "$pbx" up 30
full() {                             # all places are taken while the second call comes
    api PATCH "/connections/$pbx" '{"limits":{"concurrent":1}}' > /dev/null || return 1
    ua --user carol --password pw-carol --at 127.0.0.34:6004 --seconds 14 call +15550100 > /dev/null & local p=$!
    sleep 1.5; taken_over; local ok=$?; wait $p; return $ok
}
check "all places taken: the failover flow answers" full
check "the server runs" still_alive
