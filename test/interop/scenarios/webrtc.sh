#!/bin/bash
# Media of browsers: JsSIP in headless Chromium talks to the echo, the tone, a telephone and another browser; tones both
# ways, DTMF, hold, and what the telephone sees of it.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
for user in alice bob; do device $user '"media":{"nat":"always"}' >/dev/null; done
md5_only() { api PATCH "/domains/$(api GET /domains | pick data.0.id)" '{"digest":"md5"}' | pick digest; }
check "the domain offers MD5 only" md5_only
wav tone "$WORK/700.wav" 700 60 48000
wav tone "$WORK/440.wav" 440 60 8000

WS=ws://$HTTP/sip
web() { local user=$1; shift; "$LAB/browser.sh" --ws "$WS" --uri "sip:$user@127.0.0.1" --password "pw-$user" --play "$WORK/700.wav" "$@" > "$WORK/$user.json" 2> "$WORK/$user.log"; }
# report USER EXPRESSION : about its report r, and its log by `had(event)`.
report() {
    python3 - "$WORK/$1.json" "$2" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
def had(event): return [l for l in r.get("log", []) if l["event"] == event]
def hears(hz): return r.get("audio") and r.get("tone_hz") and abs(r["tone_hz"] - hz) < 20
print(json.dumps(r.get("error") or {"tone": r.get("tone_hz"), "stats": r.get("stats"), "log": r.get("log")})[:900])
sys.exit(not eval(sys.argv[2]))
PY
}
heard() { "$LAB/baresip.sh" heard "$1"; }
shows() { wait_for 8 registered_now "$@"; }

echoes() { web alice --call sip:echo@127.0.0.1 --codec opus --seconds 5; report alice 'hears(700) and r["stats"]["dtls"] == "connected" and r["stats"]["lost"] == 0'; }
check "the echo: Opus comes back, encrypted by DTLS-SRTP" echoes
check "history says so" last_call outcome=answered ended_by=caller
tone() { web alice --call sip:milliwatt@127.0.0.1 --codec "$1" --seconds 4; report alice 'hears(1004)'; }
for codec in PCMA PCMU; do check "the 1004 Hz tone in $codec" tone $codec; done

phone() {                            # phone ARGS... : bob as baresip
    baresip b addr=127.0.0.21 ctrl=4445 user=bob password=pw-bob server=$SIP transport=udp codecs=PCMA "$@" &&
        wait_for 5 phone_is_registered b
}
phone_is_registered() { phone_do "$1" reginfo | grep -q OK; }
tried() { "$@"; local ok=$?; "$LAB/baresip.sh" stop b; return $ok; }
to_phone() {
    phone answer=auto "play=$WORK/440.wav" || return 1
    web alice --call sip:bob@127.0.0.1 --codec PCMA --seconds 5
    report alice 'hears(440)' && share "$(heard b)" 700 0.8
}
check "browser calls a phone (PCMA): 440 Hz here, 700 Hz there" tried to_phone
from_phone() {
    phone "play=$WORK/440.wav" || return 1
    web alice --answer --seconds 5 --wait 15 & local p=$!
    sleep 5; phone_do b dial sip:alice@127.0.0.1; wait $p
    report alice 'hears(440)' && share "$(heard b)" 700 0.7
}
check "a phone calls the browser: 440 Hz here, 700 Hz there" tried from_phone
against_ua() {                       # against_ua ARGS... : alice calls a scripted phone that reports what it saw
    ua --user bob --password pw-bob --at 127.0.0.32:6002 --tone 440 answer > "$WORK/b.json" & local p=$!
    sleep 1; web alice --call sip:bob@127.0.0.1 --codec PCMA "$@"; wait $p
}
dtmf() { against_ua --seconds 6 --dtmf 4711; holds 'r["rtp"]["digits"] == "4711"' < "$WORK/b.json"; }
check "DTMF 4711 arrives as telephone-events" dtmf
hold() { against_ua --seconds 7 --hold 2; holds 'r["offers"] == ["sendonly", "sendrecv"]' < "$WORK/b.json" && report alice 'hears(440)'; }
check "hold and resume reach the phone, and keep the transport" hold

browsers() {
    web bob --answer --seconds 5 --wait 15 --codec opus --play "$WORK/440-48.wav" & local p=$!
    sleep 5; web alice --call sip:bob@127.0.0.1 --codec opus --seconds 4; wait $p
    report alice 'hears(440) and "opus" in r["stats"]["codec_rx"]' && report bob 'hears(700)'
}
wav tone "$WORK/440-48.wav" 440 60 48000
check "browser calls browser: Opus passes, 440 Hz here, 700 Hz there" browsers
no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
check "the server runs and holds no call" no_calls
