#!/bin/bash
# The browser as a phone: JsSIP in headless Chromium over ws and wss. Registration and its refusals, MESSAGE, presence,
# lamps, messages waiting, OPTIONS, a network that breaks, calls both ways as far as signalling goes.
. "$(dirname "$0")/../lib.sh"
HTTPS=127.0.0.1:8443
check "server starts" server --https $HTTPS --http-allow 127.0.0.50/32 || exit
alice=$(device alice); bob=$(device bob); carol=$(device carol)
device secure '"transports":["wss"]' >/dev/null

chromium || exit
shows() { wait_for 20 shows_now "$@"; shows_now "$@"; }
shows_now() { [ "$(api GET "/connections/$1/status" | pick "registrations.0.$2")" = "$3" ] && echo "$3"; }
contacts() {
    api GET "/connections/$1/status" | python3 -c 'import json, sys
found = json.load(sys.stdin)["registrations"]; print([one["contact"] for one in found]); sys.exit(len(found) != int(sys.argv[1]))' "$2"
}

for WS in ws://$HTTP/sip wss://$HTTPS/sip; do
    over=${WS%%:*}
    registers() { web alice --idle 3 & local p=$!; shows "$alice" transport $over; local shown=$?; wait $p; report alice 'had("registered") and not had("disconnected")[:-1]' && return $shown; }
    check "$over: the browser registers, and is shown as $over" registers
    check "$over: it leaves, and its contact with it" wait_for 3 contacts "$alice" 0
    refused() { PASSWORD=guess web alice; report alice 'had("registrationFailed")[0]["code"] == 401'; }
    check "$over: a wrong password is refused" refused
done
narrow() { WS=ws://$HTTP/sip web secure; report secure 'had("registrationFailed")[0]["code"] == 403' && WS=wss://$HTTPS/sip web secure && report secure 'had("registered")'; }
check "transports [wss]: 403 over ws, welcome over wss" narrow

asks() { web alice --options sip:127.0.0.1 --idle 1; report alice 'had("asked")[0]["code"] == 200'; }
check "OPTIONS: 200" asks
writes() {
    WS=ws://$HTTP/sip web bob --idle 9 & local p=$!
    shows "$bob" transport ws && web alice --message 'sip:bob@127.0.0.1 Grüße aus dem Netz' --idle 2; wait $p
    report alice 'had("sent")[0]["code"] == 200' && report bob 'had("message")[0]["text"] == "Grüße aus dem Netz" and "alice" in had("message")[0]["from"]'
}
check "MESSAGE from browser (wss) to browser (ws)" writes
nobody() { web alice --message 'sip:carol@127.0.0.1 hello' --idle 2; report alice 'had("sent")[0]["code"] == 480'; }
check "MESSAGE to nobody: 480" nobody

watches() {
    web alice --watch 'presence sip:bob@127.0.0.1' --idle 7 & local p=$!
    shows "$alice" transport wss; sleep 1
    ua --user bob --password pw-bob --at 127.0.0.32:6002 register --expires 60 > /dev/null
    ua --user bob --password pw-bob --at 127.0.0.32:6002 register --expires 0 > /dev/null
    wait $p; report alice '["open" if "open<" in n["body"] else "closed" for n in had("notify") if n["body"]] == ["closed", "open", "closed"]'
}
check "presence: a phone comes and goes" watches
lamp() {
    web alice --watch 'dialog sip:bob@127.0.0.1' --idle 10 & local p=$!
    shows "$alice" transport wss; sleep 1
    ua --user bob --password pw-bob --at 127.0.0.32:6002 answer --ring 1 --bye-after 1 > "$WORK/b.json" & local b=$!
    sleep 1; ua --user carol --password pw-carol --at 127.0.0.33:6003 --seconds 3 call bob > "$WORK/c.json"
    wait $b; wait $p
    report alice 'all(any(state in n["body"] for n in had("notify")) for state in (">early<", ">confirmed<", ">terminated<"))'
}
check "a lamp: early, confirmed, terminated" lamp
mwi() { web alice --watch 'message-summary sip:alice@127.0.0.1' --idle 3; report alice '"Messages-Waiting: no" in had("notify")[0]["body"]'; }
check "messages waiting: none" mwi

breaks() {
    web alice --idle 8 --drop-after 2 & local p=$!
    wait $p; report alice 'len(had("registered")) == 2 and len(had("disconnected")) >= 1'
}
check "its socket breaks: it registers anew" breaks

calls() {
    ua --user bob --password pw-bob --at 127.0.0.32:6002 answer --code 486 > "$WORK/b.json" & local b=$!
    sleep 1; web alice --call sip:bob@127.0.0.1 --wait 8; wait $b
    report alice 'r["log"] and had("ended")[0]["code"] == 486'
}
check "a call of the browser reaches a phone, which is busy" calls
called() {
    web bob --answer --wait 8 & local p=$!
    shows "$bob" transport wss; ua --user alice --password pw-alice --at 127.0.0.33:6003 --cancel-after 2 call bob > "$WORK/a.json"
    wait $p; report bob '"alice" in had("incoming")[0]["from"]'
}
check "a call to the browser arrives" called

# --- a link, and a password made for the page

signed_in() {
    local key settings; key=$(api POST "/connections/$carol/provisioning" '{"label":"page"}' | pick key) || return 1
    settings=$(python3 "$TOOLS/api.py" "http://$HTTP/api/v1" "$key" POST /session/phone '{}') || return 1
    WS=$(pick websocket_url <<< "$settings") PASSWORD=$(pick password <<< "$settings") web carol --auth-user "$(pick auth_user <<< "$settings")" --idle 2
    report carol 'had("registered")'
}
check "the link of a phone: a page signs in with it" signed_in

# --- asleep

dave=$(device dave)
PUSHES=127.0.0.50:8090
start push-service "$WORK/pushes" python3 -u -c '
import http.server
class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.path, self.headers.get("TTL"), self.headers.get("Authorization", "")[:8], self.headers.get("Content-Length"), flush=True)
        self.send_response(201); self.end_headers()
http.server.HTTPServer(("127.0.0.50", 8090), Sink).serve_forever()'
CONTACT="sip:page@dave.invalid;transport=ws;pn-provider=webpush;pn-prid=http%3A%2F%2F127.0.0.50%3A8090%2Fs%2Fdave"
sleeps() { web dave --contact "$CONTACT" --vanish --idle 1; report dave 'had("registered")' && sleep 1 && contacts "$dave" 1 && shows "$dave" asleep true; }
check "a page that wants pushes is closed: its registration stays" sleeps
woken() {
    ua --user alice --password pw-alice --at 127.0.0.33:6003 --cancel-after 15 call dave > "$WORK/a.json" & local a=$!
    wait_for 5 grep -q '^/s/dave 30 vapid t=' "$WORK/pushes" || { cat "$WORK/pushes"; return 1; }
    web dave --contact "$CONTACT" --answer --wait 8; wait $a
    cat "$WORK/pushes"; report dave '"alice" in had("incoming")[0]["from"]'
}
check "a call pushes, waits, and rings the page that came" woken
pushed() { [ "$(grep -c '^/s/dave 30 vapid t=' "$WORK/pushes")" = "$1" ]; }
written() {
    sleeps && { web alice --message 'sip:dave@127.0.0.1 are you there?' --idle 15 & local a=$!; }
    wait_for 10 pushed 2 || return 1
    web dave --contact "$CONTACT" --idle 5; wait $a
    report alice 'had("sent")[0]["code"] == 200' && report dave 'had("message")[0]["text"] == "are you there?"'
}
check "so does a MESSAGE" written
stop push-service

counted() { "$LAB/tools/api.py" "http://$HTTP" "" GET /metrics | grep -E '^trunkline_sip_websockets'; }
check "and all of it is counted" eval 'counted && [ "$(counted | grep -c "_opened_total [1-9]")" = 1 ]'
check "the server runs" still_alive
