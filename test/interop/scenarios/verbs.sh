#!/bin/bash
# The verbs of call flows by their settings and outcomes, from two phones each: baresip, and Asterisk as a PBX; what `flows` tries
# is left out here. What they hear is measured by its pitch, and history names the nodes. What only the wire shows, a
# scripted phone sees.
. "$(dirname "$0")/../lib.sh"
. "$INTEROP/flow.sh"
WEB=127.0.0.1:9000
check "server starts" server --http-allow 127.0.0.0/8 || exit
md5_only > /dev/null
device alice '"media":{"nat":"always"}' > /dev/null; bob=$(device bob '"media":{"nat":"always"}'); carol=$(device carol '"media":{"nat":"always"}'); away=$(device away)
trunk itsp $ITSP > /dev/null
check "Asterisk starts" carrier verbs
check "baresip starts" phone a alice

by_asterisk() {                      # by_asterisk NUMBER HZ SHARE PATH [KEYS]
    "$LAB/asterisk.sh" originate verbs "PJSIP/+1555$1@trunk" "TAG=v$1" SECONDS=8 ${5:+DTMF=wwww$5}
    wait_lab verbs "hangup=v$1" 25 > /dev/null && took "$4" && share "$("$LAB/asterisk.sh" dir verbs)/rec/v$1-rx.wav" "$2" "$3"
}
idle() { ! phone_do a listcalls | grep -q 'sip:'; }
by_baresip() {                       # by_baresip NUMBER HZ SHARE PATH [KEYS]
    local i keys=${5:-}
    alive baresip-a || phone a alice || return 1
    phone_do a dial "sip:+1555$1@127.0.0.1"; sleep 2
    for ((i = 0; i < ${#keys}; i++)); do phone_do a sndcode "${keys:i:1}"; sleep 0.4; done
    wait_for 12 idle || phone_do a hangup
    took "$4" && share "$(heard a)" "$2" "$3"
}
# each NAME NUMBER HZ SHARE PATH [KEYS] : both call it; HZ makes up at least SHARE of what they hear.
each() {
    local name=$1; shift
    check "Asterisk: $name" by_asterisk "$@"
    check "baresip: $name" by_baresip "$@"
}
say_so='{"id":"yes","type":"play","settings":{"sounds":["t880"]}}, {"id":"no","type":"play","settings":{"sounds":["t1500"]}}'

# --- sounds and tones

flow 0301 '{"id":"first","type":"play","settings":{"sounds":["t440","t880"],"times":2}}, {"id":"bye","type":"hangup"}' 'first.done>bye' > /dev/null
each "a list of sounds, twice" 0301 880 0.3 first:done,bye
flow 0302 "{\"id\":\"first\",\"type\":\"play\",\"settings\":{\"sounds\":[\"nowhere\"]}}, {\"id\":\"why\",\"type\":\"if\",\"settings\":{\"value\":\"\${play_error}\",\"is\":\"contains\",\"than\":\"nowhere\"}}, $say_so" \
    'first.failed>why first.done>no why.yes>yes why.no>no' > /dev/null
each "a sound that is not there, and why" 0302 880 0.5 first:failed,why:yes,yes:done
flow 0303 '{"id":"a","type":"tone","settings":{"signal":"beep"}}, {"id":"b","type":"tone","settings":{"signal":"ringback","seconds":2}}, {"id":"c","type":"tone","settings":{"signal":"congestion","seconds":2}}, {"id":"d","type":"pause","settings":{"milliseconds":700}}, {"id":"in","type":"incoming"}' \
    'in.next>a a.done>b b.done>c c.done>d' > /dev/null
each "it begins at incoming: beep, ringing, congestion, silence" 0303 425 0.3 in:next,a:done,b:done,c:done,d:next
flow 0304 "{\"id\":\"t\",\"type\":\"tone\",\"settings\":{\"signal\":\"busy\",\"seconds\":60,\"stop_on_key\":true}}, {\"id\":\"which\",\"type\":\"if\",\"settings\":{\"value\":\"\${key}\",\"than\":\"5\"}}, $say_so" \
    't.interrupted>which t.done>no which.yes>yes which.no>no' > /dev/null
each "a tone that a key ends, and which" 0304 880 0.3 t:interrupted,which:yes,yes:done 5

# --- keys

flow 0305 "{\"id\":\"ask\",\"type\":\"gather\",\"settings\":{\"sounds\":[\"t440\"],\"least\":2,\"most\":6,\"terminator\":\"*\",\"variable\":\"room\"}}, {\"id\":\"is\",\"type\":\"if\",\"settings\":{\"value\":\"\${room}\",\"than\":\"12\"}}, $say_so" \
    'ask.digits>is ask.invalid>no ask.timeout>no is.yes>yes is.no>no' > /dev/null
each "digits that a key of its own ends, into a variable" 0305 880 0.3 ask:digits,is:yes,yes:done '12*'
flow 0306 "{\"id\":\"ask\",\"type\":\"gather\",\"settings\":{\"sounds\":[\"t440\",\"t440\"],\"options\":[\"3\"],\"barge_in\":false,\"first_s\":3}}, $say_so" \
    'ask.3>yes ask.invalid>no ask.timeout>no' > /dev/null
each "a prompt that is heard to its end: what is pressed meanwhile does not count" 0306 440 0.35 ask:timeout,no:done 3
flow 0307 "{\"id\":\"ask\",\"type\":\"gather\",\"settings\":{\"sounds\":[\"t440\"],\"least\":4,\"most\":6,\"between_s\":1}}, $say_so" \
    'ask.digits>no ask.invalid>yes ask.timeout>no' > /dev/null
each "too few digits" 0307 880 0.3 ask:invalid,yes:done 12

# --- decisions

flow 0308 "{\"id\":\"v\",\"type\":\"set\",\"settings\":{\"variables\":{\"ten\":\"10\",\"none\":\"\",\"word\":\"number \${ten}\"}}},
    {\"id\":\"a\",\"type\":\"if\",\"settings\":{\"value\":\"\${ten}\",\"is\":\"more\",\"than\":\"9\"}}, {\"id\":\"b\",\"type\":\"if\",\"settings\":{\"value\":\"\${none}\",\"is\":\"empty\"}},
    {\"id\":\"c\",\"type\":\"if\",\"settings\":{\"value\":\"\${word}\",\"is\":\"starts_with\",\"than\":\"number 1\"}}, {\"id\":\"d\",\"type\":\"if\",\"settings\":{\"value\":\"\${called}\",\"is\":\"different\",\"than\":\"\${caller}\"}},
    {\"id\":\"e\",\"type\":\"if\",\"settings\":{\"value\":\"\${ten}\",\"is\":\"less\",\"than\":\"9\"}}, $say_so" \
    'v.next>a a.yes>b a.no>no b.yes>c b.no>no c.yes>d c.no>no d.yes>e d.no>no e.yes>no e.no>yes' > /dev/null
each "comparisons of numbers and texts" 0308 880 0.5 v:next,a:yes,b:yes,c:yes,d:yes,e:no,yes:done
later=$(api POST /flows '{"name":"not yet","draft":{"nodes":[{"id":"a","type":"answer"}],"edges":[]}}' | pick id)
flow 0309 "{\"id\":\"sub\",\"type\":\"sub_flow\",\"settings\":{\"flow\":\"$later\"}}, $say_so" 'sub.failed>yes sub.done>no' > /dev/null
each "a flow within that is not published" 0309 880 0.5 sub:failed,yes:done
flow 0310 "{\"id\":\"who\",\"type\":\"caller_match\",\"settings\":{\"numbers\":[\"al*\",\"+49*\",\"100\",\"+100\"]}}, $say_so" 'who.match>yes who.no_match>no who.withheld>no' > /dev/null
each "the caller is one of a list" 0310 880 0.5 who:match,yes:done
flow 0311 "{\"id\":\"who\",\"type\":\"caller_match\",\"settings\":{\"numbers\":[\"alice\"]}}, {\"id\":\"no\",\"type\":\"reject\",\"settings\":{\"code\":433}}" 'who.withheld>no who.match>no who.no_match>no' > /dev/null
check "who shows no number (RFC 3323)" calls 0311 'r["final"] == 433' who:withheld,no --header 'Privacy: id'

# --- web servers

cat > "$WORK/web.py" <<'PY'
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Web(BaseHTTPRequestHandler):
    def answer(self, code, told):
        body = json.dumps(told).encode()
        self.send_response(code); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        right = body == "who=+15550312" and self.headers["x-key"] == "k-4711"
        self.answer(200 if right else 400, {"list": [{"sound": "t880"}], "body": body})
    def do_GET(self):
        if "slow" in self.path: time.sleep(4)
        self.answer(404, {})
    def do_POST(self): self.answer(200, {"outcome": "nonsense", "variables": {"x": "1"}})
    def log_message(self, *_): pass
host, _, port = sys.argv[1].rpartition(":")
ThreadingHTTPServer((host, int(port)), Web).serve_forever()
PY
start web "$WORK/web.out" python3 "$WORK/web.py" $WEB
flow 0312 "{\"id\":\"ask\",\"type\":\"fetch\",\"settings\":{\"url\":\"http://$WEB/\",\"method\":\"PUT\",\"headers\":{\"X-Key\":\"k-4711\"},\"body\":\"who=\${called}\",\"variables\":{\"sound\":\"/list/0/sound\"}}}, {\"id\":\"yes\",\"type\":\"play\",\"settings\":{\"sounds\":[\"\${sound}\"]}}, {\"id\":\"no\",\"type\":\"reject\"}" \
    'ask.ok>yes ask.error>no ask.timeout>no' > /dev/null
each "a web server is sent a body and a field" 0312 880 0.5 ask:ok,yes:done
flow 0313 "{\"id\":\"ask\",\"type\":\"fetch\",\"settings\":{\"url\":\"http://$WEB/nobody\"}}, {\"id\":\"code\",\"type\":\"if\",\"settings\":{\"value\":\"\${http_status}\",\"than\":\"404\"}}, $say_so" \
    'ask.error>code ask.ok>no ask.timeout>no code.yes>yes code.no>no' > /dev/null
each "it refuses: its code" 0313 880 0.5 ask:error,code:yes,yes:done
flow 0314 "{\"id\":\"ask\",\"type\":\"fetch\",\"settings\":{\"url\":\"http://$WEB/slow\",\"timeout_s\":1}}, $say_so" 'ask.timeout>yes ask.error>no ask.ok>no' > /dev/null
each "it takes too long" 0314 880 0.5 ask:timeout,yes:done
flow 0315 "{\"id\":\"ask\",\"type\":\"webhook\",\"settings\":{\"url\":\"http://$WEB/\",\"outcomes\":[\"vip\"]}}, $say_so" 'ask.error>yes ask.vip>no ask.ok>no ask.timeout>no' > /dev/null
each "it names an outcome that is not there" 0315 880 0.5 ask:error,yes:done
stop web

# --- others are rung

flow 0316 "{\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$away\"}]}}, {\"id\":\"code\",\"type\":\"if\",\"settings\":{\"value\":\"\${dial_code}\",\"than\":\"480\"}}, $say_so" \
    'ring.offline>code ring.busy>no ring.no_answer>no ring.failed>no code.yes>yes code.no>no' > /dev/null
each "somebody who is not there, with the code" 0316 880 0.5 ring:offline,code:yes,yes:done
rings() { waits "$1" 6002 "${@:3}" && "$2"; }
flow 0317 "{\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"uri\":\"sip:bob@127.0.0.1\"}],\"caller_id\":\"+15550999\",\"caller_name\":\"The \${called}\",\"strategy\":\"random\"}}" '' > /dev/null
shown() {                            # who is rung sees what the flow says; the caller is heard, and hears
    waits bob 6002 --tone 880 --bye-after 4 || return 1
    "by_$1" 0317 880 0.3 ring && answered bob '"<sip:+15550999@" in r["invite"]["from"] and "The +15550317" in r["invite"]["from"] and r["rtp"]["received"] > 50'
}
for by in asterisk baresip; do check "$by: by address, with another number and name" shown $by; done
flow 0318 "{\"id\":\"hi\",\"type\":\"answer\"}, {\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\",\"ring_s\":60},{\"connection\":\"$carol\"}],\"timeout_s\":3}}, $say_so" \
    'hi.next>ring ring.no_answer>yes ring.busy>no ring.offline>no ring.failed>no' > /dev/null
patient() { waits bob 6002 --ring 30 && "by_$1" 0318 880 0.3 hi:next,ring:no_answer,yes:done && answered bob '"cancelled" in r'; }
for by in asterisk baresip; do check "$by: nobody answers in time" patient $by; done
flow 0319 "{\"id\":\"ring\",\"type\":\"dial\",\"settings\":{\"to\":[{\"connection\":\"$bob\"}],\"early_media\":false}}" '' > /dev/null
quiet_bell() { waits bob 6002 --early 2 --tone 440 --bye-after 1 && calls 0319 'r["final"] == 200 and 183 not in r["codes"] and not r.get("early")' ring --seconds 3; }
check "announcements before the answer are not heard" quiet_bell
check "the server runs" still_alive
