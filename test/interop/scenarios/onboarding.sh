#!/bin/bash
# What peer-config says is pasted unchanged into Asterisk 22, as objects of pjsip.conf and as type=wizard: as a PBX that
# registers here, as a phone, as a trunk that is known by its address, and where we register. Calls both ways, with audio. FreeSWITCH and the others are held against their schema only.
. "$(dirname "$0")/../lib.sh"
# All of them share one loopback, where audio comes from another address than it is said to: nat says so.
PBX=127.0.0.12 PHONE=127.0.0.14 FIXED=127.0.0.15
check "server starts" server || exit
alice=$(device alice)
A=(--user alice --password pw-alice) HOME_OF_ALICE=127.0.0.31:6001

# The PBX's own extensions; everything else in its files comes from us.
printf '\n[from-internal]\ninclude => lab\nexten => desk,1,Goto(lab,600,1)\n' > "$WORK/own.conf"
# pasted NAME : the two files for the connection in $WORK/NAME.json, through the link of the reply, which needs no key.
pasted() {
    local url; url=$(pick peer_config_url < "$WORK/$1.json") || return 1
    python3 "$TOOLS/api.py" "http://$HTTP" "" GET "$url&for=$FORM" > "$WORK/$1.guide" || return 1
    files "$1"
}
files() {                            # files NAME : out of its guide; how many sections it has
    pick files.0.text < "$WORK/$1.guide" > "$WORK/$1.pjsip"; pick files.1.text < "$WORK/$1.guide" > "$WORK/$1.ext"
    cat "$WORK/own.conf" >> "$WORK/$1.ext"
    grep -c '^type = ' "$WORK/$1.pjsip"
}
start_pbx() {
    local into=paste; [ $FORM = asterisk ] || into=wizard
    asterisk "ob-$1" addr="$2" rtp=30000 "$into=$WORK/$1.pjsip" plan="$WORK/$1.ext"
}
outward() {                          # outward NAME DIALLED : alice calls the PBX, which sends her tone back
    sees 'r["final"] == 200 and r["bye"]["answer"] == 200' "${A[@]}" --record "$WORK/$1.wav" --seconds 3 call "$2" &&
        share "$WORK/$1.wav" 1000 0.9
}
inward() {                           # inward NAME DIALLED : the PBX calls alice by the dial plan that was pasted
    ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/$1-in.wav" answer --bye-after 4 > "$WORK/$1.report" & local p=$!
    sleep 1; "$LAB/asterisk.sh" originate "ob-$1" "Local/$2@to-trunkline" "TAG=$1" SECONDS=6 "PLAY=/lab/ob-$1/sounds/tone1000" CALLERID=200
    wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/$1.report" && share "$WORK/$1-in.wav" 1000 0.5
}

api POST /connections '{"kind":"register_in","name":"PBX","media":{"nat":"always"}}' > "$WORK/pbx.json"; pbx=$(pick id < "$WORK/pbx.json")
number +15550100 "$pbx" > /dev/null
api POST /connections '{"kind":"device","name":"Desk","user":"desk","password":"pw;desk","media":{"nat":"always"}}' > "$WORK/desk.json"; desk=$(pick id < "$WORK/desk.json")
api POST /connections "{\"kind\":\"trunk\",\"name\":\"Fixed\",\"media\":{\"nat\":\"always\"},\"peers\":[{\"host\":\"$FIXED\",\"port\":5060}],\"dial_pattern\":\"^\\\\+44\"}" > "$WORK/fixed.json"
fixed=$(pick id < "$WORK/fixed.json"); number +15550142 "$alice" > /dev/null
holds_password() { grep -qE "^(outbound_auth/)?password = $(credential pbx primary password)$" "$WORK/pbx.pjsip"; }
masked() { api GET "/connections/$pbx/peer-config?for=$FORM" | pick files.0.text | grep -F 'password = <password>'; }
fixed_files() {                      # there is no password, so no link either
    api GET "/connections/$fixed/peer-config?for=$FORM" > "$WORK/fixed.guide" && files fixed && grep 'match = ' "$WORK/fixed.pjsip"
}
available() { "$LAB/asterisk.sh" cli ob-fixed pjsip show contacts | grep 'trunkline-fixed.* Avail'; }
qualified() { "$LAB/asterisk.sh" cli ob-fixed pjsip qualify trunkline-fixed > /dev/null; wait_for 5 available; available; }

for FORM in asterisk asterisk-wizard; do
    F=$FORM:
    check "$F register_in: the reply leads to its configuration" pasted pbx
    check "$F register_in: it holds the password" holds_password
    check "$F register_in: asked without the link it does not" masked
    check "$F register_in: Asterisk starts with it" start_pbx pbx $PBX
    check "$F register_in: it registers" reaches "$pbx" up 10
    check "$F register_in: alice -> +15550100, her tone back" outward pbx +15550100
    check "$F register_in: Asterisk found the number by what was pasted" lab_has ob-pbx 'did=\+15550100'
    check "$F register_in: PBX -> alice" inward pbx alice
    "$LAB/asterisk.sh" stop ob-pbx

    check "$F device: the reply leads to its configuration" pasted desk
    check "$F device: Asterisk starts with it" start_pbx desk $PHONE
    check "$F device: it registers" reaches "$desk" up 10
    check "$F device: alice -> desk, her tone back" outward desk desk
    check "$F device: desk -> alice" inward desk alice
    "$LAB/asterisk.sh" stop ob-desk

    check "$F trunk: its configuration" fixed_files
    check "$F trunk: Asterisk starts with it" start_pbx fixed $FIXED
    check "$F trunk: it answers our OPTIONS" reaches "$fixed" up 40
    check "$F trunk: alice -> +442071838750, her tone back" outward fixed +442071838750
    check "$F trunk: PBX -> +15550142 -> alice" inward fixed +15550142
    check "$F trunk: Asterisk finds us available" qualified
    "$LAB/asterisk.sh" stop ob-fixed
done

# We register at Asterisk as one of its phones.
api POST /connections "{\"kind\":\"register_out\",\"name\":\"Out\",\"user\":\"1001\",\"password\":\"pw;out\",\"peers\":[{\"host\":\"$PBX\",\"port\":5060}],
    \"media\":{\"nat\":\"always\"},\"number_format\":{\"from\":\"raw\",\"to\":\"raw\"},\"dial_pattern\":\"^600\",\"default_target\":{\"connection\":\"$alice\"}}" > "$WORK/out.json"
out=$(pick id < "$WORK/out.json")
for FORM in asterisk asterisk-wizard; do
    F=$FORM:
    check "$F register_out: the reply leads to its configuration" pasted out
    check "$F register_out: Asterisk starts with it" start_pbx out $PBX
    registered_there() { api POST "/connections/$out/register-now" > /dev/null; reaches "$out" up 20; }
    check "$F register_out: we register there" registered_there
    check "$F register_out: alice -> 600, her tone back" outward out 600
    called_there() {                 # the PBX calls its phone 1001, which is us
        ua "${A[@]}" --at $HOME_OF_ALICE --tone 880 --record "$WORK/out-in.wav" answer --bye-after 4 > "$WORK/out.report" & local p=$!
        sleep 1; "$LAB/asterisk.sh" originate ob-out PJSIP/1001 TAG=out SECONDS=6 PLAY=/lab/ob-out/sounds/tone1000 CALLERID=200
        wait $p; holds 'r["invite"] and r["bye"]["answer"] == 200' < "$WORK/out.report" && share "$WORK/out-in.wav" 1000 0.5
    }
    check "$F register_out: PBX -> 1001 -> alice" called_there
    "$LAB/asterisk.sh" stop ob-out
done

others() {                           # every other product has a text with our address
    local product
    for product in freepbx freeswitch 3cx generic; do api GET "/connections/$pbx/peer-config?for=$product" | pick text | grep -F 127.0.0.1 > /dev/null || return 1; done
    for product in yealink zoiper linphone; do api GET "/connections/$desk/peer-config?for=$product" | pick text | grep -F 127.0.0.1 > /dev/null || return 1; done
}
check "the other products have theirs" others
cli() { "$TRUNKLINE" connection peer-config Desk --for yealink --data "$DATA" | grep 'account.1.user_name = desk' && "$TRUNKLINE" connection spec PBX --data "$DATA" | grep '20000-20999'; }
check "the command line prints both" cli
check "the server runs" still_alive
