#!/bin/bash
# A queue with two agents, all real phones: agents and a caller are baresips, another caller is Asterisk, with a tone of its own
# each. Who waits hears music, its place and how long it takes, said by a voice as well; agents are rung in order and by who was
# idle longest, are left alone after a talk, break off in the middle. Who may not wait, or not any longer, goes on in the flow.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
md5_only > /dev/null
for user in alice cleo; do device $user '"media":{"nat":"always"}' > /dev/null; done
ann=$(device ann '"media":{"nat":"always"}'); ben=$(device ben '"media":{"nat":"always"}')
trunk itsp $ITSP > /dev/null
mkdir -p "$DATA/sounds"
# What is heard: music, places 1 and 2, a minute, the end of the flow.
MUSIC=620 FIRST=1100 SECOND=1300 MINUTE=1500 OVER=1900
wav tone "$DATA/sounds/waltz.wav" $MUSIC 20 8000
for pair in place-1:$FIRST place-2:$SECOND minutes-1:$MINUTE over:$OVER; do wav tone "$DATA/sounds/${pair%:*}.wav" "${pair#*:}" 1 8000; done

# line NUMBER SETTINGS : a flow that queues who calls +1555NUMBER, and says 1900 Hz when the queue is over for them.
line() {
    local id edges='' outcome
    for outcome in timeout full no_agents answered failed $([[ $2 != *leave_key* ]] || echo left); do edges+="{\"from\":\"line\",\"outcome\":\"$outcome\",\"to\":\"over\"},"; done
    id=$(api POST /flows "{\"name\":\"q$1\",\"draft\":{\"nodes\":[{\"id\":\"line\",\"type\":\"queue\",\"settings\":{
        \"agents\":[{\"connection\":\"$ann\"},{\"number\":\"ben\"}],\"music\":[\"waltz\"],$2}},
        {\"id\":\"over\",\"type\":\"play\",\"settings\":{\"sounds\":[\"over\"],\"times\":2}}],\"edges\":[${edges%,}]}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null && api POST /numbers "{\"e164\":\"+1555$1\",\"target\":{\"flow\":\"$id\"}}" | pick id
}
# took PATH CALLER : the newest call of that caller went this way, as NODE:OUTCOME,…
took() { wait_for ${PATIENCE:-5} took_now "$@"; took_now "$@"; }
took_now() {
    api GET '/history?limit=10' | python3 -c 'import json, sys
call = next(c for c in json.load(sys.stdin)["data"] if sys.argv[2] in json.dumps(c["from"]))
path = ",".join(s["node"] + (":" + s["outcome"] if s.get("outcome") else "") for s in call["flow"])
print(path); sys.exit(path != sys.argv[1])' "$@"
}
# queue NAME EXPRESSION : within ten seconds (PATIENCE) it holds of the queue: c those who wait, a the states of ann and ben.
queue() { wait_for ${PATIENCE:-10} queue_now "$@"; queue_now "$@"; }
queue_now() {
    api GET /queues | python3 -c 'import json, sys
q = next((q for q in json.load(sys.stdin)["data"] if q["name"] == sys.argv[1]), {"callers": [], "agents": []})
c, a = q["callers"], [x["state"] for x in q["agents"]]
print(len(c), "wait;", *a); sys.exit(not eval(sys.argv[2]))' "$@"
}
# hears FILE WITH [WITHOUT] : each tone of WITH is there for half a second at least, one of WITHOUT nowhere.
hears() {
    python3 - "$TOOLS" "$@" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
x, rate = wav.read(sys.argv[2])
n = rate // 10
parts = [x[i:i + n] for i in range(0, len(x) - n, n)]
def has(part, hz):
    whole = sum(v * v for v in part) / n
    return whole > 100 ** 2 and wav.power(part, rate, hz) > 0.3 * whole
def count(hz): return sum(has(part, hz) for part in parts)
wanted, unwanted = [[int(hz) for hz in a.split()] for a in (sys.argv[3:] + [""])[:2]]
print({hz: count(hz) for hz in wanted}, "not", {hz: count(hz) for hz in unwanted}, "of", len(parts))
sys.exit(not (all(count(hz) >= 5 for hz in wanted) and all(count(hz) <= 1 for hz in unwanted)))
PY
}
ann() { handset ann 127.0.0.41 4461 31000 440; }
ben() { handset ben 127.0.0.42 4462 31200 880; }
alice() { handset alice 127.0.0.43 4463 31400 1000; }
cleo() { handset cleo 127.0.0.44 4464 31600 760; }
calls() { phone_do "$1" dial "sip:+1555$2@127.0.0.1" > /dev/null; }
hangs_up() { phone_do "$1" hangup > /dev/null; }
# answers USER : its phone rings, and is picked up.
answers() { sleep 0.3; phone_do "$1" accept > /dev/null; }
gone_home() { local user; for user in "$@"; do "$LAB/baresip.sh" stop "$user"; done; }

# --- in order: both agents, both callers

check "a queue whose agents are rung in order" line 0400 '"name":"support","strategy":"in_order","ring_s":20,"wrap_up_s":6,"retry_s":3,
    "announce":["place-{position}","minutes-{minutes}"],"announce_s":10,"leave_key":"#"'
check "ann's phone" ann
check "ben's phone" ben
check "alice's phone" alice
calls alice 0400
check "alice calls: ann is rung, ben is not" queue support 'len(c) == 1 and a == ["ringing", "free"]'
sleep 5
answers ann
check "ann answers: they talk" queue support 'not c and a == ["talking", "free"]'
carrier lines > /dev/null
# asterisk_calls NUMBER TAG SECONDS : and says 1000 Hz all the time.
asterisk_calls() {
    local tone=/lab/lines/sounds/tone1000 play
    play=$tone; for _ in $(seq 3 3 "$3"); do play+="&$tone"; done
    "$LAB/asterisk.sh" originate lines "PJSIP/+1555$1@trunk" "TAG=$2" SECONDS=0 "PLAY=$play" CALLERID=+15559876
}
asterisk_heard() { echo "$("$LAB/asterisk.sh" dir lines)/rec/$1-rx.wav"; }
asterisk_calls 0400 second 20
check "Asterisk calls: ann talks, so ben is rung" queue support 'len(c) == 1 and a == ["talking", "ringing"]'
answers ben
check "ben answers" queue support 'not c and a == ["talking", "talking"]'
sleep 4
hangs_up ann
check "ann hangs up and is left alone for a while" queue support 'a[0] == "resting"'
check "the flow goes on with alice" took line:answered,over:done alice
check "alice heard music, her place, the wait, ann, the end" hears "$(heard alice)" "$MUSIC $FIRST $MINUTE 440 $OVER" "880 $SECOND"
check "ann heard alice" hears "$(heard ann)" 1000 "$MUSIC 880"
check "ann is free again" queue support 'a[0] == "free"'
wait_lab lines hangup=second 40 > /dev/null
check "Asterisk heard music and ben" hears "$(asterisk_heard second)" "$MUSIC 880" 440
check "ben heard Asterisk" share "$(heard ben)" 1000 0.2
check "all are gone" queue support 'not c'

# --- no more of them, not any longer, not any more

check "a queue for two callers who wait for a while" line 0401 '"name":"desk","strategy":"longest_idle","ring_s":30,"retry_s":1,"max_callers":2,
    "max_wait_s":45,"announce":["place-{position}","minutes-{minutes}"],"announce_s":10,"leave_key":"#"'
check "cleo's phone" cleo
calls alice 0401
queue desk 'len(c) == 1 and "ringing" in a' > /dev/null
calls cleo 0401
check "both agents are rung, and do not answer" queue desk 'len(c) == 2 and a == ["ringing", "ringing"]'
asterisk_calls 0401 third 3
wait_lab lines hangup=third 20 > /dev/null
check "a third caller finds it full" took line:full,over:done 15559876
check "and is told so without music" hears "$(asterisk_heard third)" "$OVER" "$MUSIC"
phone_do cleo sndcode '#' > /dev/null
check "cleo leaves by a key" took line:left,over:done cleo
check "she was the second in line" hears "$(heard cleo)" "$MUSIC $SECOND $OVER" "$FIRST"
PATIENCE=60 check "alice's time is over" took line:timeout,over:done alice
check "she was the first" hears "$(heard alice)" "$MUSIC $FIRST $OVER" "$SECOND"

# --- whose turn it is

rings() { queue desk '"ringing" in a' > /dev/null; queue_now desk True | awk '{ print $3 == "ringing" ? "ann" : "ben" }'; }
calls alice 0401
one=$(rings)
answers "$one"; sleep 1.5; hangs_up "$one"; sleep 2.5
calls alice 0401
check "the next call rings who was idle longer" eval "case $one-$(rings) in ann-ben | ben-ann) ;; *) false ;; esac"
hangs_up alice
PATIENCE=25 check "both are free after a while" queue desk 'not c and a == ["free", "free"]'
check "all ring" line 0402 '"name":"all","strategy":"all","ring_s":20,"retry_s":1'
calls alice 0402
check "ann and ben ring" queue all 'len(c) == 1 and a == ["ringing", "ringing"]'
answers ben
check "ben answers, ann is free" queue all 'not c and a == ["free", "talking"]'
calls cleo 0402
check "the next caller gets ann" queue all 'len(c) == 1 and a == ["ringing", "talking"]'
answers ann
check "all talk" queue all 'not c and a == ["talking", "talking"]'
sleep 2

# --- an agent breaks off

unplug() { kill -KILL "$(pid_of "baresip-$1")"; }
unplug ann
hangs_up cleo
check "ann's phone dies: cleo is let go, and ann is no agent that talks" queue all 'a == ["free", "talking"]'
hangs_up alice
sleep 1
check "a queue that rings in order" line 0403 '"name":"dead","strategy":"in_order","ring_s":12,"retry_s":10,"max_wait_s":120,"waiting":"ringing"'
calls alice 0403
PATIENCE=25 check "the dead phone does not answer, and ben is rung" queue dead 'a[0] in ("resting", "offline") and a[1] == "ringing"'
answers ben
check "who answers" queue dead 'not c and a[1] == "talking"'
sleep 3
hangs_up alice
check "alice heard him" hears "$(heard alice)" 880
api PATCH "/connections/$ann" '{"enabled":false}' > /dev/null
gone_home ben
sleep 1
calls alice 0403
PATIENCE=40 check "nobody is there: the flow goes on" took line:no_agents,over:done alice

# --- a voice

check "ben is back" ben
check "a queue with a voice" line 0404 '"name":"voice","music":[],"waiting":"silence","announce_text":"You are number {position} in line."'
calls alice 0404
queue voice '"ringing" in a' > /dev/null
sleep 7
hangs_up alice
spoken() { holds 'r["loud_seconds"] > 0.8 and r["rms_dbfs"] > -45' < <(wav report "$(heard alice)"); }
check "alice hears it say her place" spoken
check "nobody waits" queue voice 'not c'
gone_home ann ben alice cleo
check "the server runs" still_alive
