#!/bin/bash
# rtpengine in userspace on a loopback address.
#   rtpengine.sh start NAME addr=127.0.0.40 [ng=2223 cli=2224 from=40000 to=41999]      rtpengine.sh stop NAME | log NAME
. "$(dirname "$0")/lab.sh"
cmd=${1:?what}; n=${2:?name}; shift 2
dir=$RUN/$n
case $cmd in
start)
    addr= ng=2223 cli=2224 from=40000 to=41999
    for kv in "$@"; do declare "${kv%%=*}=${kv#*=}"; done
    [ -n "$addr" ] || die "addr= is missing"
    [ -x "$ROOT/usr/bin/rtpengine" ] || die "run setup.sh rtpengine first"
    rm -rf "$dir"; mkdir -p "$dir"
    t0=$(now_ms)
    start_in_root "rtpengine-$n" "$dir/log" /usr/bin/rtpengine --config-file=none --foreground --log-stderr --log-level=5 \
        --table=-1 --interface="$addr" --listen-ng="$addr:$ng" \
        --listen-cli="$addr:$cli" --port-min="$from" --port-max="$to" --num-threads=2
    up() { alive "rtpengine-$n" && in_root rtpengine-ctl -ip "$addr" -port "$cli" list totals; }
    wait_for 10 up || { tail -20 "$dir/log" >&2; die "rtpengine $n did not start"; }
    say "rtpengine $n: $addr:$ng, started in $(( $(now_ms) - t0 )) ms, pid $(pid_of "rtpengine-$n")" ;;
stop) stop "rtpengine-$n" ;;
log) cat "$dir/log" ;;
*) die "no such command: $cmd" ;;
esac
