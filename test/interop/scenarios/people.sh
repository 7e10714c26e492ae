#!/bin/bash
# What people want of calls to their phones, all real ones (baresip, PJSUA): forwarding always, when busy, not answered and
# offline, by star code and through the API, do not disturb, one phone after the other and all at once, three who talk by the
# key of a phone that mixes itself, and messages waiting for a phone that does not ask.
. "$(dirname "$0")/../lib.sh"
check "server starts" server || exit
md5_only > /dev/null
quick='"media":{"nat":"always"},"dialled":{"voicemail":false,"ring_s":8}'
desk=$(device desk "$quick"); cell=$(device cell "$quick"); bert=$(device bert '"media":{"nat":"always"}')
device cleo '"media":{"nat":"always"}' > /dev/null; dora=$(device dora '"media":{"nat":"always"}')
anna=$(api POST /people "{\"name\":\"Anna\",\"connections\":[\"$desk\",\"$cell\"]}" | pick id)
DESK=440 CELL=620 BERT=880 CLEO=760 DORA=1100
desk() { handset desk 127.0.0.41 4461 31000 $DESK; }
cell() { handset cell 127.0.0.42 4462 31200 $CELL; }
bert() { handset bert 127.0.0.43 4463 31400 $BERT answer=auto; }
cleo() { handset cleo 127.0.0.44 4464 31600 $CLEO "$@"; }
wants() { api PATCH "/people/$anna" "$1" > /dev/null; }
wanted() { api GET "/people/$anna" | python3 "$TOOLS/api.py" expect "" "$@"; }
# dials USER WHAT : # is escaped.   codes USER CODE : the phone dials a star code, and it is done.
dials() { phone_do "$1" dial "sip:${2//#/%23}@127.0.0.1" > /dev/null; }
codes() { dials "$1" "$2"; last_call "dialled=$2" flow.0.outcome=done; }
hangs_up() { phone_do "$1" hangup > /dev/null; }
# shows USER STATE ; rings USER ; idle USER : what the phone of this user shows.
shows() { phone_do "$1" listcalls | tr '\n' ' ' | grep -Ei "$2"; }
rings() { wait_for 15 shows "$1" INCOMING; }
idle() { wait_for 8 shows_nothing "$1"; }
shows_nothing() { ! shows "$1" 'INCOMING|EARLY|ESTABLISHED'; }
# reaches_bert : cleo's call to anna's desk is answered by bert, and both hear.
reaches_bert() {
    dials cleo desk; [ -z "${1:-}" ] || { rings desk && "$@"; }
    wait_for 25 shows bert ESTABLISHED || return 1
    sleep 2.5; hangs_up cleo; sleep 0.5
    last_call outcome=answered "connection_out=$bert" && share "$(heard cleo)" $BERT 0.3 && share "$(heard bert)" $CLEO 0.3
}
unanswered() { dials cleo desk; sleep 1; last_call "$@"; }

check "anna's desk phone" desk
check "bert's phone, which answers by itself" bert
check "cleo's phone" cleo

# --- forwarded

wants '{"forward":{"always":"bert"}}'
check "always, by the API: bert is reached" reaches_bert
check "#21# takes it away" codes desk '#21#'
check "the API says so" wanted forward.always=null
check "*67*bert#: when busy" codes desk '*67*bert#'
check "the API says so, too" wanted forward.busy=bert
check "anna declines: bert is reached" reaches_bert hangs_up desk
check "##67# takes it away" codes desk '##67#'
check "**61*bert#: when not answered" codes desk '**61*bert#'
check "nobody answers: bert is reached" reaches_bert true
wants '{"forward":{"no_answer":null}}'
check "*62*bert#: when offline" codes desk '*62*bert#'
"$LAB/baresip.sh" stop desk
gone() { ! registered_now desk; }
wait_for 5 gone
check "the phone is gone: bert is reached" reaches_bert
check "anna's desk phone is back" desk
wants '{"forward":{"offline":null}}'

# --- do not disturb

check "*78: nothing rings" codes desk '*78'
check "cleo is told that she is busy" unanswered sip_code=486 reason_code=R-25
api PATCH "/connections/$desk" '{"dialled":{"voicemail":true}}' > /dev/null
mailbox() { dials cleo desk; sleep 4; hangs_up cleo; last_call outcome=voicemail flow.1.verb=voicemail; }
check "with a mailbox, she may leave a message" mailbox
api PATCH "/connections/$desk" '{"dialled":{"voicemail":false}}' > /dev/null
wants '{"forward":{"busy":"bert"}}'
check "with somebody else when busy, that one is reached" reaches_bert
wants '{"forward":{"busy":null}}'
check "*79: it rings again" codes desk '*79'
answered_at_desk() {
    dials cleo desk; rings desk || return 1
    phone_do desk accept > /dev/null; sleep 2; hangs_up cleo; sleep 0.5
    last_call outcome=answered "connection_out=$desk" && share "$(heard cleo)" $DESK 0.3
}
check "anna answers" answered_at_desk

# --- several phones

check "anna's cell phone" cell
wants '{"ring":"in_order"}'
follows() {
    dials cleo desk; rings desk || return 1
    shows_nothing cell || return 1
    rings cell || return 1
    phone_do cell accept > /dev/null; sleep 2.5; hangs_up cleo; sleep 0.5
    last_call outcome=answered "connection_out=$cell" && share "$(heard cleo)" $CELL 0.3 && share "$(heard cell)" $CLEO 0.3
}
check "one after the other: the cell phone follows the desk phone" follows
wants '{"ring":"all"}'
together() {                         # together ONE OTHER : both ring, ONE answers, OTHER falls silent
    dials cleo desk; rings desk && rings cell || return 1
    phone_do "$1" accept > /dev/null; idle "$2" || return 1
    sleep 2.5; hangs_up cleo; sleep 0.5
    last_call outcome=answered "connection_out=${!1}"
}
check "all at once: the cell phone answers, the desk phone is silent" together cell desk
check "all at once: the desk phone answers, the cell phone is silent" together desk cell
cancelled() { api GET "/history/$(api GET '/history?limit=1' | pick data.0.id)" | grep -oE '"then": ?"cancelled"'; }
check "which history has as answered elsewhere" cancelled
wants '{"forward":{"no_answer":"bert"}}'
check "nobody answers either: bert is reached" reaches_bert true
"$LAB/baresip.sh" stop desk
wait_for 5 gone
one_left() { dials cleo desk; rings cell || return 1; phone_do cell accept > /dev/null; sleep 2; hangs_up cleo; last_call outcome=answered "connection_out=$cell"; }
check "the desk phone is gone: the cell phone rings alone" one_left
"$LAB/baresip.sh" stop cell

# --- three

"$LAB/baresip.sh" stop cleo
check "cleo's phone answers by itself" cleo answer=auto
three() {
    wav tone "$WORK/dora.wav" $DORA 60 8000
    "$LAB/pjsua.sh" --addr 127.0.0.45 --user dora --password pw-dora --server $SIP --codec PCMA --play "$WORK/dora.wav" --record "$WORK/dora-heard.wav" \
        --call sip:bert@127.0.0.1 --three sip:cleo@127.0.0.1 --transfer-after 1 --seconds 6 > "$WORK/dora.json" 2> "$WORK/dora.log"
    holds 'r["ok"] and r["consulted"]' < "$WORK/dora.json"
}
check "dora's phone holds bert, calls cleo, and mixes" three
# hears FILE HZ HZ : both at the same time, for two seconds of the last six.
hears() {
    python3 - "$TOOLS" "$@" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import wav
x, rate = wav.read(sys.argv[2])
n = rate // 5
parts = [x[i:i + n] for i in range(0, len(x) - n, n)][-35:]
def has(part, hz):
    whole = sum(v * v for v in part) / len(part)
    return whole > 100 ** 2 and wav.power(part, rate, hz) > 0.1 * whole
both = sum(all(has(part, int(hz)) for hz in sys.argv[3:]) for part in parts)
print(both, "of", len(parts), "stretches with both"); sys.exit(both < 10)
PY
}
check "bert hears cleo and dora" hears "$(plays bert)" $CLEO $DORA
check "cleo hears bert and dora" hears "$(plays cleo)" $BERT $DORA
check "dora hears bert and cleo" hears "$WORK/dora-heard.wav" $BERT $CLEO
check "all have hung up" eval "idle bert && idle cleo"

# --- messages waiting, unasked

api PATCH "/connections/$dora" '{"dialled":{"voicemail":true,"ring_s":2}}' > /dev/null
api POST /mailboxes "{\"name\":\"Dora\",\"connection\":\"$dora\",\"unsolicited\":true,\"transcribe\":false}" | pick id > "$WORK/box"
new_is() { [ "$(api GET "/mailboxes/$(cat "$WORK/box")" | pick messages.new)" = "$1" ]; }
unasked() {
    "$LAB/pjsua.sh" --tool pjwatch --addr 127.0.0.45 --user dora --password pw-dora --server $SIP --seconds 60 > "$WORK/mwi.json" 2> "$WORK/mwi.log" & local p=$!
    registered dora > /dev/null; dials cleo dora; wait_for 15 shows cleo ESTABLISHED
    sleep 20; hangs_up cleo; wait_for 8 new_is 1; wait $p
    holds '[m[1].split("Voice-Message: ")[1][:3] for m in r["mwi"]] == ["0/0", "1/0"]' < "$WORK/mwi.json"
}
check "dora's phone never asked: it is told of its mailbox, and of a message" unasked
check "the server runs" still_alive
