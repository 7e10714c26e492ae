#!/bin/bash
# Opening hours at the times that matter: the server's clock is set by libfaketime, a phone (baresip) calls and hears whether it is
# open, closed or a holiday, one pitch each, and /simulate says the same of that moment. Moments only go forward, as calls do.
. "$(dirname "$0")/../lib.sh"
LIBRARY=$(ls /usr/lib/*/faketime/libfaketime.so.1 | head -1)
# The server, begun at the moment that $WORK/moment holds. Its timers go on as they are.
cat > "$WORK/trunkline" <<SH
#!/bin/sh
export FAKETIME="@\$(cat '$WORK/moment')" TZ=UTC FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
LD_PRELOAD=$LIBRARY exec '$TRUNKLINE' "\$@"
SH
chmod +x "$WORK/trunkline"; TRUNKLINE=$WORK/trunkline
mkdir -p "$DATA/sounds"
declare -A PITCH=([open]=440 [closed]=1500 [holiday]=880)
for hz in "${PITCH[@]}"; do wav tone "$DATA/sounds/t$hz.wav" "$hz" 2; done

# at DATE TIME : the server from this moment on (UTC), and a phone that knows no other.
at() {
    "$LAB/baresip.sh" stop a; stop trunkline; echo "$1 $2" > "$WORK/moment"
    check "$1 $2 UTC" server || exit
}
# hours NAME NUMBER SETTINGS : +1555NUMBER leads to a flow that plays what a schedule of these says; its id is in $WORK/NAME.
hours() {
    local id
    id=$(api POST /flows "{\"name\":\"$1\",\"draft\":{\"nodes\":[{\"id\":\"hours\",\"type\":\"schedule\",\"settings\":{$3}},
        {\"id\":\"in\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t${PITCH[open]}\"]}}, {\"id\":\"out\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t${PITCH[closed]}\"]}},
        {\"id\":\"off\",\"type\":\"play\",\"settings\":{\"sounds\":[\"t${PITCH[holiday]}\"]}}],
        \"edges\":[{\"from\":\"hours\",\"outcome\":\"open\",\"to\":\"in\"},{\"from\":\"hours\",\"outcome\":\"closed\",\"to\":\"out\"},
            {\"from\":\"hours\",\"outcome\":\"holiday\",\"to\":\"off\"}]}}" | pick id) || return 1
    api POST "/flows/$id/publish" > /dev/null && api POST /numbers "{\"e164\":\"+1555$2\",\"target\":{\"flow\":\"$id\"}}" > /dev/null &&
        echo "$id $2" > "$WORK/$1"
}
# simulated FLOW : what /simulate says of the moment that the server was begun at.
simulated() {
    api POST "/flows/$1/simulate" "{\"at\":\"$(sed 's/ /T/' "$WORK/moment")Z\",\"caller\":\"alice\",\"called\":\"x\"}" | pick steps.0.outcome
}
# hears NAME OUTCOME : the phone calls that number and hears that pitch; history and simulation agree.
hears() {
    local flow number; read -r flow number < "$WORK/$1"
    [ "$(simulated "$flow")" = "$2" ] || { echo "simulated: $(simulated "$flow")"; return 1; }
    alive baresip-a || phone a alice || return 1
    phone_do a dial "sip:+1555$number@127.0.0.1"; sleep 3; wait_for 20 hung_up
    last_call "flow.0.outcome=$2" outcome=answered && share "$(heard a)" "${PITCH[$2]}" 0.5
}
hung_up() { ! phone_do a listcalls | grep -q 'sip:'; }
# is NAME OUTCOME ...
is() {
    while [ $# -gt 0 ]; do check "  $1: $2" hears "$1" "$2"; shift 2; done
}

# --- a shop in Berlin, and a bar

at 2026-10-23 06:50:00                 # a Friday, 08:50 in Berlin
md5_only > /dev/null; device alice '"media":{"nat":"always"}' > /dev/null; api PATCH "/accounts/$(api GET /accounts | pick data.0.id)" '{"timezone":"Europe/Berlin"}' > /dev/null
WEEK='"days":["mon","tue","wed","thu","fri"]'
check "a shop" hours shop 0101 "\"hours\":[{$WEEK,\"from\":\"09:00\",\"to\":\"17:30\"}],\"dates\":[{\"date\":\"12-31\",\"from\":\"09:00\",\"to\":\"12:00\"}],\"holidays\":[\"12-25\",\"2026-12-24\"]"
check "a bar, open over midnight" hours bar 0102 '"hours":[{"days":["fri","sat"],"from":"22:00","to":"02:00"}]'
check "a night shift" hours night 0103 '"hours":[{"days":["sun"],"from":"02:30","to":"03:30"}]'
for zone in Tokyo:Asia/Tokyo London:Europe/London Berlin:Europe/Berlin New-York:America/New_York; do
    number=$((${number:-110} + 1))
    check "Fridays in ${zone%:*}" hours "${zone%:*}" 0$number "\"timezone\":\"${zone#*:}\",\"hours\":[{\"days\":[\"fri\"],\"from\":\"00:00\",\"to\":\"24:00\"}]"
done
phone a alice > /dev/null
is shop closed
at 2026-10-23 07:00:00; is shop open bar closed
at 2026-10-23 15:20:00; is shop open
at 2026-10-23 15:30:00; is shop closed
at 2026-10-23 20:30:00; is bar open    # 22:30
at 2026-10-23 23:30:00; is bar open shop closed   # Saturday, 01:30
at 2026-10-24 00:00:00; is bar closed

# --- summer time ends: 02:00 to 03:00 comes twice

at 2026-10-25 00:15:00; is night closed   # 02:15
at 2026-10-25 00:45:00; is night open     # 02:45
at 2026-10-25 01:15:00; is night closed   # 02:15 once more
at 2026-10-25 02:15:00; is night open     # 03:15
at 2026-10-25 02:35:00; is night closed   # 03:35
at 2026-10-26 07:30:00; is shop closed    # Monday, 08:30: an hour later than before
at 2026-10-26 08:00:00; is shop open

# --- holidays, dates with hours of their own, the year

at 2026-12-24 10:00:00; is shop holiday
at 2026-12-24 23:30:00; is shop holiday   # the 25th has begun
at 2026-12-31 10:50:00; is shop open      # 11:50
at 2026-12-31 11:00:00; is shop closed

# --- a Friday begins: midnight across zones

at 2026-12-31 14:50:00; is Tokyo closed
at 2026-12-31 15:00:00; is Tokyo open Berlin closed
at 2026-12-31 23:30:00; is Tokyo open Berlin open London closed New-York closed
at 2027-01-01 04:50:00; is London open New-York closed
at 2027-01-01 05:00:00; is New-York open

# --- summer time begins: 02:00 to 03:00 is left out

at 2027-03-28 00:50:00; is night closed   # 01:50
at 2027-03-28 01:00:00; is night open     # 03:00
at 2027-03-28 01:30:00; is night closed   # 03:30
at 2027-03-29 07:00:00; is shop open      # Monday, 09:00
check "the server runs" still_alive
