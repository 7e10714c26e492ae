# What scenarios about call flows use besides lib.sh: sounds, and scripted phones that call flows and are called by them.
A=(--user alice --password pw-alice)
mkdir -p "$DATA/sounds"
for hz in 440 880 1500; do wav tone "$DATA/sounds/t$hz.wav" $hz 2; done

# calls NUMBER EXPRESSION PATH [UA ARGUMENTS] : alice, the scripted phone; what she heard is in a.wav.
calls() {
    local number=$1 expression=$2 path=$3; shift 3
    ua "${A[@]}" --at 127.0.0.30:6000 --record "$WORK/a.wav" --wait 20 "$@" call "+1555$number" > "$WORK/a.json"
    holds "$expression" < "$WORK/a.json" > "$WORK/a.why" && took "$path" || { cat "$WORK/a.why"; return 1; }
}
hears() { calls "$@" && share "$WORK/a.wav" "$HZ" 0.6; }
# waits USER PORT [UA ARGUMENTS] : a scripted phone that waits for one call.   answered USER EXPRESSION : what it saw.
waits() {
    local user=$1 port=$2; shift 2; : > "$WORK/$user.err"; : > "$WORK/$user.json"
    ua --user "$user" --password "pw-$user" --at "127.0.0.32:$port" --wait 25 "$@" answer > "$WORK/$user.json" 2> "$WORK/$user.err" &
    wait_for 20 grep -q registered "$WORK/$user.err"
}
answered() { wait_for 15 test -s "$WORK/$1.json"; holds "$2" < "$WORK/$1.json"; }
