#!/bin/bash
# Registering: both digests, both transports, refusals that give nothing away, removal; SIPp's own client.
. "$(dirname "$0")/../lib.sh"
check "server starts" server
device alice >/dev/null; device bob >/dev/null
A=(--user alice --password pw-alice)

check "REGISTER without credentials: 401, SHA-256 and MD5" sees 'r["codes"] == [401] and sorted(r["challenges"]) == ["MD5", "SHA-256"]' \
    --user alice --password x --algorithm none register
check "MD5" sees 'r["codes"] == [401, 200]' "${A[@]}" --algorithm MD5 register
check "SHA-256" sees 'r["codes"] == [401, 200]' "${A[@]}" --algorithm SHA-256 register
check "over TCP" sees 'r["codes"] == [401, 200]' "${A[@]}" --tcp register
check "the API shows the binding" registered alice
check "wrong password: 401" sees 'r["codes"] == [401, 401]' --user alice --password wrong register
check "unknown user: the same" sees 'r["codes"] == [401, 401]' --user nobody --password wrong register
check "a domain that is not ours: 404" sees 'r["codes"] == [404]' "${A[@]}" --domain elsewhere.example register
check "too short an interval: 423 with Min-Expires" sees 'r["final"] == 423' "${A[@]}" --expires 5 register
removed() {
    sees 'r["final"] == 200 and len(r["contacts"]) >= 1' "${A[@]}" --at 127.0.0.31:6001 register &&
        sees 'r["final"] == 200 and not any(":6001" in c for c in r["contacts"])' "${A[@]}" --at 127.0.0.31:6001 --expires 0 register
}
check "Expires: 0 removes the binding" removed
sipp_register() { "$LAB/sipp.sh" 127.0.0.41 $SIP register.xml "csv=alice;[authentication username=alice password=pw-alice]|bob;[authentication username=bob password=pw-bob]" -- -m 20 -r 20 -timeout 20; }
check "SIPp registers 20 times" sipp_register
sipp_tcp() { "$LAB/sipp.sh" 127.0.0.41 $SIP register.xml "csv=alice;[authentication username=alice password=pw-alice]" -- -t t1 -m 10 -r 20 -timeout 20; }
check "SIPp registers over TCP" sipp_tcp
check "OPTIONS to our address: 200 without credentials" sees 'r["final"] == 200' options
