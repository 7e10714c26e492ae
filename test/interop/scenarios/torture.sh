#!/bin/bash
# The RFC 4475 and 5118 messages against the running server.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
check "every answer is one that the table allows" python3 "$INTEROP/torture/torture.py" $SIP "$INTEROP/../../wire/sip-msg/tests/torture"
check "the server runs" still_alive
