#!/bin/bash
# Presence, lamps, messages waiting and MESSAGE, as PJSIP, baresip, linphonec and SIPp see them.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
for user in alice bob carol; do device $user >/dev/null; done
check "the domain offers MD5 only, for baresip" md5_only
pj() { local user=$1 addr=$2; shift 2; "$LAB/pjsua.sh" --tool pjwatch --addr "$addr" --user "$user" --password "pw-$user" --server $SIP "$@"; }

# PJSUA: 1 is online, 2 is offline
watched() {
    pj alice 127.0.0.21 --presence sip:bob@127.0.0.1 --seconds 7 > "$WORK/a.json" 2> "$WORK/a.log" & local p=$!
    sleep 3; ua --user bob --password pw-bob --at 127.0.0.32:6002 register --expires 60 > /dev/null
    ua --user bob --password pw-bob --at 127.0.0.32:6002 register --expires 0 > /dev/null
    wait $p; holds 'r["ok"] and [s for _, s, *_ in r["presence"] if s] == [2, 1, 2]' < "$WORK/a.json"
}
check "PJSUA watches a phone come and go" watched
published() {
    pj alice 127.0.0.21 --presence sip:bob@127.0.0.1 --seconds 9 > "$WORK/a.json" 2> "$WORK/a.log" & local p=$!
    sleep 2; pj bob 127.0.0.22 --publish away --seconds 3 > "$WORK/b.json" 2> "$WORK/b.log"
    wait $p; holds 'any(s == 1 and "way" in t for _, s, t, _ in r["presence"]) and r["presence"][-1][1] == 2' < "$WORK/a.json"
}
check "PJSUA publishes that it is away, another sees it" published
waiting() { pj alice 127.0.0.21 --mwi --seconds 2 > "$WORK/a.json" 2> "$WORK/a.log"; holds 'r["mwi"] and "Messages-Waiting: no" in r["mwi"][0][1]' < "$WORK/a.json"; }
check "PJSUA asks for messages waiting: none" waiting
texted() {
    pj bob 127.0.0.22 --transport tcp --seconds 5 > "$WORK/b.json" 2> "$WORK/b.log" & local p=$!
    sleep 2; pj alice 127.0.0.21 --message sip:bob@127.0.0.1 --text "Grüße" --seconds 2 > "$WORK/a.json" 2> "$WORK/a.log"
    wait $p; holds 'r["sent"] == [200]' < "$WORK/a.json" && holds 'r["got"][0][1:] == ["text/plain", "Grüße"] and "127.0.0.21" not in r["got"][0][0]' < "$WORK/b.json"
}
check "PJSUA (UDP) writes to PJSUA (TCP)" texted
nobody() { pj alice 127.0.0.21 --message sip:carol@127.0.0.1 --seconds 2 > "$WORK/a.json" 2> "$WORK/a.log"; holds 'r["sent"] == [480]' < "$WORK/a.json"; }
check "a message to nobody: 480" nobody

# Not its MWI: when it is registered within a millisecond, that module subscribes in an endless loop of its own.
baresip_watches() {
    baresip a addr=127.0.0.20 ctrl=4444 user=alice password=pw-alice server=$SIP modules=contact,presence watch=sip:bob@127.0.0.1
    sleep 3; ua --user bob --password pw-bob --at 127.0.0.32:6002 register --expires 60 > /dev/null
    sleep 2; phone_do a contacts | grep -E "Online +watched"
}
check "baresip watches a phone: online" baresip_watches
baresip_is_told() { pj carol 127.0.0.23 --message sip:alice@127.0.0.1 --seconds 2 > "$WORK/c.json" 2> "$WORK/c.log"; holds 'r["sent"] == [200]' < "$WORK/c.json"; }
check "baresip takes a message of PJSUA" baresip_is_told
"$LAB/baresip.sh" stop a

linphone_is_told() {
    echo "linphone.sh lp" >> "$WORK/started"
    SIP_LAB_PHONE_SUITE=bookworm "$LAB/linphone.sh" start lp addr=127.0.0.24 user=bob password=pw-bob server=$SIP && registered bob 127.0.0.24 &&
        pj carol 127.0.0.23 --message sip:bob@127.0.0.1 --text lunch --seconds 3 > "$WORK/c.json" 2> "$WORK/c.log"
    holds 'r["sent"][0] in (200, 202)' < "$WORK/c.json" && "$LAB/linphone.sh" log lp | grep -F lunch
}
check "PJSUA writes to linphonec" linphone_is_told
linphone_writes() {
    pj carol 127.0.0.23 --seconds 5 > "$WORK/c.json" 2> "$WORK/c.log" & local p=$!
    sleep 2; "$LAB/linphone.sh" do lp "chat sip:carol@127.0.0.1 dinner"
    wait $p; holds '"dinner" in r["got"][0][2]' < "$WORK/c.json"
}
check "linphonec writes to PJSUA" linphone_writes

lamp() {                             # SIPp watches bob, who gets a call
    "$LAB/sipp.sh" 127.0.0.41:5081 $SIP lamp.xml "csv=carol;[authentication username=carol password=pw-carol];bob" -- -m 1 -timeout 20 -trace_msg > "$WORK/sipp.log" 2>&1 & local p=$!
    ua --user bob --password pw-bob --at 127.0.0.32:6002 answer --ring 1 --bye-after 1 > "$WORK/b.json" & local b=$!
    sleep 3; ua --user alice --password pw-alice --at 127.0.0.33:6003 --seconds 3 call bob > "$WORK/a.json"
    wait $b; wait $p
}
check "SIPp's lamp: trying, early, confirmed, terminated" lamp
check "the server runs" still_alive
