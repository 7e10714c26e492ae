#!/bin/bash
# What browsers leave behind: a hundred calls in a row, and WebSockets that say nothing, hear nothing or take nothing.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
alice=$(device alice); bob=$(device bob); deaf=$(device deaf); greedy=$(device greedy)
check "the domain offers MD5 only" md5_only
chromium || exit
answers() {
    baresip b addr=127.0.0.21 ctrl=4445 user=bob password=pw-bob server=$SIP codecs=PCMA answer=auto && registered bob
}
check "a phone that answers" answers

# --- sockets that misbehave, while calls go on

bad() { python3 "$TOOLS/websocket.py" "$1" $HTTP ${2:+"$2" "pw-$2"} > "$WORK/$1" 2>&1; }
bad mute & bad deaf deaf & bad greedy greedy &
here() { api GET "/connections/$1/status" | pick registrations.0.transport | grep -x ws; }
check "a deaf one and a greedy one have registered" eval 'wait_for 20 here "$deaf" && wait_for 20 here "$greedy"'

many() { web alice --codec PCMA --call sip:bob@127.0.0.1 --times "$1" --seconds 0.2 --wait 30; report alice "r['connected'] == $1"; }
# Every thread of the server has met a browser before it is measured: its heap takes some megabytes once.
begins() { many 20 && many 20 && many 20; }
check "three times 20 calls to begin with" begins
open_files() { find "/proc/$(server_pid)/fd" -mindepth 1 | wc -l; }
no_calls() { [ "$(api GET /calls | pick data)" = "[]" ]; }
settled() { wait_for 10 no_calls; sleep 1; }
settled; before=$(allocated) files=$(open_files)
check "100 calls in a row" many 100
flat() {
    settled; local after; after=$(allocated)
    echo "$before kB before, $after kB after; $files files before, $(open_files) after"
    [ $((after - before)) -lt 3072 ]
}
check "memory is flat" flat

ended() { "$TOOLS/api.py" "http://$HTTP" "" GET /metrics | grep -E "^trunkline_sip_websockets_closed_total.*\"$1\"} 1$"; }
unseen() { ! here "$1"; }
check "who says nothing is let go" wait_for 60 ended silent
check "who takes nothing is slow" wait_for 60 ended slow
check "who hears nothing is dead" wait_for 90 ended dead
check "and their contacts are gone" eval 'wait_for 5 unseen "$deaf" && wait_for 5 unseen "$greedy"'
check "as the clients saw it" eval 'sleep 1; cat "$WORK/mute" "$WORK/deaf" "$WORK/greedy"; [ "$(cat "$WORK/mute" "$WORK/deaf" "$WORK/greedy" | grep -c closed_after)" = 3 ]'
check "the server runs and holds no call" no_calls
