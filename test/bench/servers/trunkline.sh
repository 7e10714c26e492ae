#!/bin/bash
# trunkline.sh load COUNT [--policies] | flows | start [FLAG...] | stop | key : the server under test with COUNT devices of mkusers.py
# (media bypassed) and 600 whose media is relayed (r000000…); flags are the server's, beside those that put it on loopback.
# `flows`: the server answers the calls of flows.py and served.py instead.
# Variables: RUN TRUNKLINE NOTE. `start` prints the pid and adds the time to ready to results.jsonl, with the note; `key` makes a key of the API.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${RUN:?}" "${TRUNKLINE:?}"
data=$RUN/trunkline-data pidfile=$RUN/trunkline.pid http=127.0.0.1:8081

begin() {
    setsid "$TRUNKLINE" --data "$data" --http $http --sip udp:127.0.0.1:5064 --media 127.0.0.1 --media-ports 10000-29999 "$@" \
        > "$RUN/trunkline.out" 2>&1 < /dev/null &
    echo $! > "$pidfile"
}
ready() { python3 "$here/../office.py" ready --http $http --pid "$(cat "$pidfile")"; }
key() { "$TRUNKLINE" key create --data "$data" --scopes admin; }
end() {
    [ -s "$pidfile" ] || return 0
    local pid; pid=$(cat "$pidfile"); kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 400); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$pidfile"
}
case $1 in
load)
    rm -rf "$data"; begin; ready > /dev/null
    python3 "$here/../office.py" load --http $http --key "$(key)" --run "$RUN" --count "$2" ${3:-}
    end ;;
flows)
    rm -rf "$data"; begin; ready > /dev/null
    python3 "$here/../plan.py" trunkline --http $http --key "$(key)" --run "$RUN"
    end ;;
start)
    shift; begin "$@"; ms=$(ready)
    echo "{\"test\": \"ready\", \"server\": \"trunkline\", \"note\": \"${NOTE:-}\", \"repeat\": 0, \"ms\": $ms}" | tee -a "$RUN/results.jsonl" >&2
    cat "$pidfile" ;;
stop) end ;;
key) key ;;
esac
