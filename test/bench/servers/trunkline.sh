#!/bin/bash
# trunkline.sh load COUNT | start | stop : the server under test with COUNT devices of mkusers.py (media bypassed) and 400 whose
# media is relayed (r000001…). Variables: RUN TRUNKLINE. `start` prints the pid and notes the time to ready in results.jsonl.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${RUN:?}" "${TRUNKLINE:?}"
data=$RUN/trunkline-data pidfile=$RUN/trunkline.pid http=127.0.0.1:8081

begin() {
    ulimit -n 65536 2>/dev/null || true
    setsid "$TRUNKLINE" --data "$data" --http $http --sip udp:127.0.0.1:5064 --media 127.0.0.1 --media-ports 10000-29999 \
        > "$RUN/trunkline.out" 2>&1 < /dev/null &
    echo $! > "$pidfile"
}
ready() { python3 "$here/../lib/office.py" ready "http://$http" "$(cat "$pidfile")" 60; }
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
    python3 "$here/../lib/office.py" load "http://$http/api/v1" "$("$TRUNKLINE" key create --data "$data" --scopes admin)" "$2"
    end ;;
start)
    begin; ms=$(ready)
    echo "{\"test\": \"ready\", \"server\": \"trunkline\", \"note\": \"\", \"ms\": $ms}" | tee -a "$RUN/results.jsonl" >&2
    cat "$pidfile" ;;
stop) end ;;
esac
