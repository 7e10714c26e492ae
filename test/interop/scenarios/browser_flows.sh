#!/bin/bash
# Call flows for whoever calls, whatever it speaks and however it is protected: Chromium (DTLS-SRTP, Opus), baresips with Opus
# alone, G.722 alone and SDES, and Asterisk without telephone-events. Each hears a menu and dials in it, leaves a message and
# hears it, talks in one room, through a queue and on a recording.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
check "the domain offers MD5 only" md5_only
alice=$(device alice '"media":{"nat":"always"}'); device bob '"media":{"nat":"always"}' > /dev/null
device carol '"media":{"nat":"always"}' > /dev/null
trunk itsp $ITSP > /dev/null
mkdir -p "$DATA/sounds"
for hz in 440 880 1500; do wav tone "$DATA/sounds/t$hz.wav" $hz 2; done
for rate in 8000 16000; do wav tone "$WORK/440-$rate.wav" 440 60 $rate; wav tone "$WORK/1340-$rate.wav" 1340 60 $rate; done
chromium || exit

# --- a menu

flow 0301 '{"id":"menu","type":"gather","settings":{"sounds":["t440"],"options":["1","2"],"tries":2,"first_s":6}},
    {"id":"one","type":"tone","settings":{"signal":"milliwatt","seconds":4}}, {"id":"bye","type":"hangup"}' \
    "menu.1>one menu.2>bye one.done>bye menu.timeout>bye menu.invalid>bye" > /dev/null
menu=menu:1,one:done,bye
page_menu() {                        # page_menu [CODEC] : its key comes two seconds after the call, while the prompt is over
    web alice --call sip:+15550301@127.0.0.1 ${1:+--codec "$1"} --dtmf ',1' --seconds 12 --record "$WORK/menu.wav"
    took $menu && share "$WORK/menu.wav" 440 0.1 && share "$WORK/menu.wav" 1004 0.3
}
check "browser, as it comes: a prompt, a key, a tone" page_menu
for codec in opus G722 PCMU; do check "browser with $codec alone" page_menu $codec; done
phone_menu() {                       # phone_menu CODECS [KEY=VALUE...] : the same by a baresip
    phone a bob "codecs=$1" "${@:2}" || return 1
    phone_do a dial sip:+15550301@127.0.0.1; sleep 3; phone_do a sndcode 1; sleep 6
    took $menu && share "$(heard a)" 440 0.1 && share "$(heard a)" 1004 0.3
}
for codec in opus G722; do check "baresip with $codec alone" tried phone_menu $codec; done
check "baresip with SDES" tried phone_menu PCMA enc=srtp-mand
check "baresip with SDES and Opus alone" tried phone_menu opus enc=srtp-mand
check "history has it as protected" last_call legs.0.protection=sdes legs.0.codec=opus
tones() {                            # Asterisk, which has no telephone-events: tones are its keys
    carrier bf-tones dtmf=inband > /dev/null || return 1
    "$LAB/asterisk.sh" originate bf-tones PJSIP/+15550301@trunk TAG=menu SECONDS=5 DTMF=wwwwww1
    wait_lab bf-tones 'hangup=menu' 25 > /dev/null
    took $menu && share "$("$LAB/asterisk.sh" dir bf-tones)/rec/menu-rx.wav" 1004 0.3
}
check "Asterisk: keys as tones" tones

# --- voicemail

api POST /connections '{"kind":"device","name":"erin","user":"erin","password":"pw-erin"}' > "$WORK/erin-row.json"
api PATCH "/connections/$(pick id < "$WORK/erin-row.json")" '{"media":{"nat":"always"},"dialled":{"ring_s":3}}' > /dev/null
api POST /mailboxes "{\"name\":\"Erin\",\"connection\":\"$(pick id < "$WORK/erin-row.json")\"}" > "$WORK/box.json"
BOX=$(pick id < "$WORK/box.json")
messages() { api GET "/mailboxes/$BOX/messages"; }
message() {                          # message N HZ : there are N, and the newest is that tone
    count_is() { [ "$(api GET "/mailboxes/$BOX" | pick messages.new)" = "$1" ]; }
    wait_for 5 count_is "$1" || { messages; return 1; }
    "$TRUNKLINE" --data "$DATA" voicemail export Erin "$(messages | pick data.0.id)" "$WORK/message.wav" && share "$WORK/message.wav" "$2" 0.6
}
page_leaves() { web alice --call sip:erin@127.0.0.1 ${1:+--codec "$1"} --seconds 16; message "$2" 700; }
check "the browser leaves a message" page_leaves '' 1
check "and another one with Opus alone" page_leaves opus 2
phone_leaves() {
    phone a bob "codecs=$1" enc=srtp-mand "play=$WORK/440-$2.wav" rate="$2" || return 1
    phone_do a dial sip:erin@127.0.0.1; sleep 16; phone_do a hangup; message "$3" 440
}
check "baresip with SDES and G.722 leaves one" tried phone_leaves G722 16000 3
page_visits() {                      # 1 plays what is new, from the oldest on
    web erin --call 'sip:*97@127.0.0.1' --dtmf ',,,,1' --seconds 22 --record "$WORK/visit.wav"
    share "$WORK/visit.wav" 700 0.1
}
check "the browser of the mailbox hears the first one" page_visits

# --- one room

flow 0302 '{"id":"room","type":"conference","settings":{"room":"all","tones":false}}, {"id":"bye","type":"hangup"}' \
    "room.left>bye room.removed>bye room.full>bye room.ended>bye" > /dev/null
meet() {
    phone a bob codecs=opus "play=$WORK/440-8000.wav" || return 1
    phone b carol codecs=G722 enc=srtp-mand "play=$WORK/1340-16000.wav" rate=16000 || return 1
    phone_do a dial sip:+15550302@127.0.0.1; phone_do b dial sip:+15550302@127.0.0.1
    web alice --call sip:+15550302@127.0.0.1 --seconds 10 --record "$WORK/room.wav"
    phone_do a hangup; phone_do b hangup; sleep 1
    sounds_like "$WORK/room.wav" "440 1340" 700 && sounds_like "$(heard a)" "700 1340" 440 && sounds_like "$(heard b)" "440 700" 1340
}
check "browser, Opus alone and G.722 with SDES: each hears the others" tried meet

# --- the browser as an agent, and on a recording

flow 0303 "{\"id\":\"line\",\"type\":\"queue\",\"settings\":{\"name\":\"help\",\"agents\":[{\"connection\":\"$alice\"}],\"ring_s\":15,\"max_wait_s\":40,\"music\":[\"t1500\"]}},
    {\"id\":\"bye\",\"type\":\"hangup\"}" "line.timeout>bye line.no_agents>bye line.full>bye" > /dev/null
agent() {                            # agent CODECS RATE : a caller waits, hears music, and then the agent
    rm -f "$WORK/agent.wav"
    web alice --answer --seconds 6 --wait 90 --record "$WORK/agent.wav" & local p=$!
    page_is alice > /dev/null && phone a bob "codecs=$1" "play=$WORK/440-$2.wav" rate="$2" &&
        phone_do a dial sip:+15550303@127.0.0.1
    wait $p; sleep 1
    share "$WORK/agent.wav" 440 0.6 && share "$(heard a)" 700 0.3
}
check "the browser takes a caller with G.711 out of a queue" tried agent PCMA 8000
check "and one with G.722 alone" tried agent G722 16000
check "and one with Opus alone" tried agent opus 8000

flow 0304 '{"id":"tape","type":"record","settings":{"what":"call"}}, {"id":"ring","type":"dial","settings":{"to":[{"number":"bob"}],"ring_s":10}},
    {"id":"bye","type":"hangup"}' "tape.done>ring ring.answered>bye ring.no_answer>bye ring.busy>bye ring.offline>bye ring.failed>bye" > /dev/null
taped() {                            # what the browser says is on the left, who answers on the right
    phone a bob "codecs=$1" answer=auto "play=$WORK/440-8000.wav" || return 1
    web alice --call sip:+15550304@127.0.0.1 --seconds 6; sleep 2
    local id; id=$(api GET '/recordings?limit=1' | pick data.0.id) || return 1
    curl -sf -H "Authorization: Bearer $(cat "$WORK/key")" "http://$HTTP/api/v1/recordings/$id/audio" -o "$WORK/taped.wav" || return 1
    sox "$WORK/taped.wav" "$WORK/left.wav" remix 1 && sox "$WORK/taped.wav" "$WORK/right.wav" remix 2
    share "$WORK/left.wav" 700 0.6 && share "$WORK/right.wav" 440 0.6
}
check "a recording of the browser's call, with a phone that has G.711" tried taped PCMA
check "and with one that has Opus" tried taped opus
check "the server runs" still_alive
