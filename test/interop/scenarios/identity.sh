#!/bin/bash
# Who calls, where to and as whom: probes 2, 4, 5, 6 and 9 of what vendors of trunks do, over UDP, TCP and TLS.
. "$(dirname "$0")/../lib.sh"
check "server starts" server --sip "tls:${SIP%:*}:5061" || exit
over udp
alice=$(device alice)
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001
number +15550100 "$alice" >/dev/null
refused() { wait_for 3 refused_is "$@"; refused_is "$@"; }
refused_is() { api GET '/refused?limit=1' | python3 "$TOOLS/api.py" expect data.0 "$@"; }
resolve() { api POST "/refused/$(api GET '/refused?limit=1' | pick data.0.id)/resolve" "{\"action\":\"$1\"}" | pick applied; }

# --- 2: a trunk lets nobody in by an empty or a boundless list; who is not listed is refused and written down
boundless() {                        # boundless JSON-LIST
    local reply; reply=$(api POST /connections "{\"kind\":\"trunk\",\"name\":\"wide\",\"allowed_sources\":$1}" 2>&1) && return 1
    grep -o source_allow_all <<< "$reply" | head -1
}
for list in '[]' '["0.0.0.0/0"]' '["::/0"]' '["0.0.0.0/1","128.0.0.0/1"]' '["::ffff:0:0/96"]' '["10.0.0.0/8","11.0.0.0/9"]' '["2000::/15"]'; do
    check "2: a trunk with $list: 422" boundless "$list"
done
north=$(api POST /connections '{"kind":"trunk","name":"north","allowed_sources":["127.0.0.80/30","2001:db8::/64"]}' | pick id)
check "2: listed, by its own host" sees 'r["final"] in (480, 200)' --at 127.0.0.81 --user +15550142 call sip:+15550100@north.trunk.localhost
check "2: unlisted: 403 with R-01" sees 'r["final"] == 403 and "R-01" in r["headers"]["warning"]' --at 127.0.0.90 --user +15550142 call sip:+15550100@north.trunk.localhost
check "2: it is in the inbox, with the nearest network" refused reason_code=R-01 near_misses.0.want=127.0.0.80/30
check "2: the fix lets it in" resolve allow_source
check "2: and it gets through" sees 'r["final"] != 403' --at 127.0.0.90 --user +15550142 call sip:+15550100@north.trunk.localhost

# --- 4: order and patterns; the question and the call choose alike
asterisk id-itsp addr=$ITSP trunk server=$SIP match=127.0.0.1 codecs=alaw >/dev/null
way() { api POST /connections "{\"kind\":\"trunk\",\"name\":\"$1\",\"peers\":[{\"host\":\"$ITSP\",\"port\":5060}],\"ip_policy\":\"filter\",\"number_format\":{\"to\":\"raw\"},\"on_failure\":\"stop\",$2}" | pick id; }
ten=$(way ten '"order":10,"dial_pattern":"^2\\d{2}$"'); twenty=$(way twenty '"order":20,"dial_pattern":"."')
chooses() { api POST /routes/explain "{\"from\":\"alice\",\"to\":\"$1\"}" | python3 "$TOOLS/api.py" expect decision "targets.0=$2"; }
calls_by() { ua "${WIRE[@]}" "${A[@]}" call "$1" >/dev/null; last_call "connection_out=$2"; }
for pair in "205 $ten" "2055 $twenty" "+4930123 $twenty"; do
    set -- $pair
    check "4: $1, asked" chooses "$1" "$2"
    check "4: $1, called" calls_by "$1" "$2"
done

# --- 5: a network of the account calls its users without credentials, nobody else, and never onward
shop=$(api POST /domains '{"application":"shop"}' | pick host)
check "5: the generated host" test "$shop" = shop.main.localhost
device bob "\"domain\":\"$shop\"" >/dev/null
main=$(api GET /accounts | pick data.0.id)
api PATCH "/accounts/$main" '{"allowed_sources":["127.0.0.64/30"]}' >/dev/null
whitelisted() {
    ua --user bob --password pw-bob --domain "$shop" --at 127.0.0.32:6001 answer --bye-after 1 > "$WORK/bob.report" & local p=$!
    sleep 1; sees 'r["final"] == 200 and r["codes"][0] != 407' "${WIRE[@]}" --at 127.0.0.65 --user door call "sip:bob@$shop"; local rc=$?
    wait $p; return $rc
}
check "5: bob@$shop from the listed network, no credentials" whitelisted
check "5: history says how it was known" last_call proof=account_source
check "5: the same from elsewhere: 407" sees 'r["final"] == 407' --at 127.0.0.69 --user door call "sip:bob@$shop"
check "5: never onward" sees 'r["final"] == 404' --at 127.0.0.65 --user door call "sip:+4930123@$shop"
resources() { python3 "$TOOLS/api.py" "http://$HTTP" "" GET '/getMediaResources?with_sbcs&with_mediaservers' | python3 "$TOOLS/api.py" expect . sbcs.0.ips.0=127.0.0.1 mediaservers.0.ips.0=127.0.0.1; }
check "5: our addresses, for the other side's list" resources

# --- 6: 407, credentials, early media before the answer, 404 as 404; a domain that is not ours
api POST /connections '{"kind":"trunk","name":"west","user":"west","password":"pw-west","ip_policy":"either","allowed_sources":["127.0.0.99"]}' >/dev/null
early() {
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --early 2 --code 404 answer > "$WORK/alice.report" & local p=$!
    sleep 1; sees 'r["final"] == 404 and 407 in r["codes"] and 183 in r["codes"] and r["early"]' "${WIRE[@]}" --at 127.0.0.71 --user west --password pw-west \
        --record "$WORK/early.wav" call sip:+15550100@west.trunk.localhost; local rc=$?
    wait $p; [ $rc = 0 ] && share "$WORK/early.wav" 880 0.5
}
check "6: 407, 183 with audio, 404" early
check "6: without credentials: 407" sees 'r["final"] == 407' --at 127.0.0.71 --user west call sip:+15550100@west.trunk.localhost
check "6: from the listed address no credentials are needed" sees 'r["final"] in (480, 487) and 407 not in r["codes"]' --at 127.0.0.99 --user west --cancel-after 1 call sip:+15550100@west.trunk.localhost
check "6: a trunk that is not there: 404" sees 'r["final"] == 404' --at 127.0.0.71 --user west call sip:+15550100@east.trunk.localhost

# --- 9: the caller id by PAI, RPID and From; hidden outward, kept to trusted peers; a strict profile
api POST /connections '{"kind":"device","name":"office","user":"office","password":"pw-office","on_bad_caller_id":"refuse","caller_ids":["+493012300","+493012301"]}' >/dev/null
outside() { api POST /connections "{\"kind\":\"trunk\",\"name\":\"$1\",\"order\":5,\"peers\":[{\"host\":\"$ITSP\",\"port\":5060}],\"ip_policy\":\"filter\",$2}" | pick id; }
outside open '"dial_pattern":"^613$","number_format":{"to":"e164"}' >/dev/null
outside friend '"dial_pattern":"^8613$","rewrite_to":{"strip":"8"},"trust_identity":true' >/dev/null
O=(--user office --password pw-office)
shows() {                            # shows NUMBER PATTERN HEADER... : what Asterisk saw of the caller
    local number=$1 pattern=$2 header args=(); shift 2
    for header; do args+=(--header "$header"); done
    sees 'r["final"] == 200' "${WIRE[@]}" "${O[@]}" --seconds 1 "${args[@]}" call "$number" && wait_lab id-itsp "$pattern" 5
}
check "9: PAI, written as the carrier wants" shows 613 'from=.*<sip:493012300@.* pai=<sip:493012300@' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Remote-Party-ID: <sip:+493012301@pbx>'
check "9: RPID where there is no PAI" shows 613 'from=.*<sip:493012301@.* pai=<sip:493012301@' 'Remote-Party-ID: <sip:+493012301@pbx>'
check "9: Privacy: id hides it" shows 613 'from=.*anonymous@anonymous.invalid.* pai= .*priv=id' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Privacy: id'
check "9: and keeps it to a trusted peer" shows 8613 'from=.*anonymous@anonymous.invalid.* pai=<sip:\+493012300@.*priv=id' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Privacy: id'
check "9: Diversion in the carrier's form" shows 613 'div=<sip:493012399@' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Diversion: <sip:+493012399@pbx>;reason=unconditional'
check "9: another caller id: 403 L-06" sees 'r["final"] == 403 and "L-06" in r["headers"]["warning"]' "${O[@]}" --header 'P-Asserted-Identity: <sip:+493099999@pbx>' call 613
check "9: the inbox knows" refused reason_code=L-06 near_misses.0.have=+493099999
check "9: and lets it" resolve allow_caller_id
check "9: now it is shown" shows 613 'from=.*<sip:493099999@' 'P-Asserted-Identity: <sip:+493099999@pbx>'
api PATCH "/connections/$north" '{"number_format":{"from":"e164_plus"}}' >/dev/null
check "9: a number without + under the strict profile: 484" sees 'r["final"] == 484' --at 127.0.0.81 --user +15550142 call sip:15550100@127.0.0.1
check "9: and with it: not" sees 'r["final"] in (480, 487)' --cancel-after 1 --at 127.0.0.81 --user +15550142 call sip:+15550100@127.0.0.1

# --- the same over streams
number +15550111 "$(device dora)" >/dev/null
for transport in tcp tls; do
    T=${transport^^}; over $transport
    check "2: $T: listed, by its own host" sees 'r["final"] == 480' "${WIRE[@]}" --at 127.0.0.82 --user +15550142 call sip:+15550111@north.trunk.localhost
    check "2: $T: unlisted: 403 with R-01" sees 'r["final"] == 403 and "R-01" in r["headers"]["warning"]' "${WIRE[@]}" --at 127.0.0.85 --user +15550142 call sip:+15550100@north.trunk.localhost
    check "2: $T: it is in the inbox" refused reason_code=R-01 near_misses.0.want=127.0.0.80/30 source.transport=$transport
    check "4: $T: 205, called" calls_by 205 "$ten"
    check "4: $T: 2055, called" calls_by 2055 "$twenty"
    check "5: $T: bob@$shop from the listed network, no credentials" whitelisted
    check "5: $T: the same from elsewhere: 407" sees 'r["final"] == 407' "${WIRE[@]}" --at 127.0.0.69 --user door call "sip:bob@$shop"
    check "5: $T: never onward" sees 'r["final"] == 404' "${WIRE[@]}" --at 127.0.0.65 --user door call "sip:+4930123@$shop"
    check "6: $T: 407, 183 with audio, 404" early
    check "6: $T: a trunk that is not there: 404" sees 'r["final"] == 404' "${WIRE[@]}" --at 127.0.0.71 --user west call sip:+15550100@east.trunk.localhost
    check "9: $T: PAI" shows 613 'from=.*<sip:493012300@.* pai=<sip:493012300@' 'P-Asserted-Identity: <sip:+493012300@pbx>'
    check "9: $T: RPID" shows 613 'from=.*<sip:493012301@.* pai=<sip:493012301@' 'Remote-Party-ID: <sip:+493012301@pbx>'
    check "9: $T: Privacy: id hides it" shows 613 'from=.*anonymous@anonymous.invalid.* pai= .*priv=id' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Privacy: id'
    check "9: $T: and keeps it to a trusted peer" shows 8613 'from=.*anonymous@anonymous.invalid.* pai=<sip:\+493012300@.*priv=id' 'P-Asserted-Identity: <sip:+493012300@pbx>' 'Privacy: id'
    check "9: $T: a number without + under the strict profile: 484" sees 'r["final"] == 484' "${WIRE[@]}" --at 127.0.0.81 --user +15550142 call sip:15550100@127.0.0.1
done
check "the server runs" still_alive
