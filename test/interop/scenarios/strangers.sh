#!/bin/bash
# Strangers cost little: half-open connections, floods of bad credentials, scans. Memory stays flat, phones are served.
. "$(dirname "$0")/../lib.sh"
ulimit -n 65536 2>/dev/null
check "server starts" server
device alice >/dev/null
A=(--user alice --password pw-alice)
check "alice registers" sees 'r["final"] == 200' "${A[@]}" register

flat() {                             # flat MOST-KB COMMAND... : resident memory never grows by more than MOST-KB
    local most=$1 before highest; shift
    echo 5 > "/proc/$(server_pid)/clear_refs"; before=$(memory)
    "$@" || return 1
    highest=$(peak_memory); echo "from $before kB, at most $highest kB"
    [ $((highest - before)) -le "$most" ]
}
half_open() { python3 "$TOOLS/strangers.py" half-open $SIP 10000; }
check "10,000 half-open TCP connections: at most 40 MB more" flat 40000 half_open
check "a phone is served meanwhile and after" sees 'r["final"] == 200' "${A[@]}" --tcp register
check "50,000 REGISTER with bad credentials: at most 8 MB more" flat 8000 python3 "$TOOLS/strangers.py" register $SIP 50000
check "20,000 INVITE of strangers: at most 8 MB more" flat 8000 python3 "$TOOLS/strangers.py" invite $SIP 20000
check "20,000 datagrams of rubbish: at most 4 MB more" flat 4000 python3 "$TOOLS/strangers.py" rubbish $SIP 20000
check "alice is still served" sees 'r["final"] == 200' "${A[@]}" register
check "the server runs" still_alive
