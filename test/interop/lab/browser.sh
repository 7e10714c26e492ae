#!/bin/bash
# browser.sh : a browser as a phone, JsSIP in headless Chromium.
#   browser.sh --install     (npm packages; once, where the network is; then in a namespace without)
#   browser.sh --ws ws://127.0.0.11:8088/ws --uri sip:2001@127.0.0.11 --password P --call sip:600@127.0.0.11
#   (all options: jssip/run.mjs)
#   browser.sh start NAME [PORT=9222]   browser.sh stop NAME   (one Chromium for many of these: --at 127.0.0.1:PORT)
# Needs node, npm and Debian's chromium on the host.
. "$(dirname "$0")/lab.sh"
dir=$LAB_CACHE/browser
mkdir -p "$dir"
# Several of these run at once: what is there already stays.
for file in package.json page.js run.mjs flags; do
    cmp -s "$LAB_HOME/jssip/$file" "$dir/$file" && continue
    [ $file != page.js ] || rm -f "$dir/bundle.js"
    cp "$LAB_HOME/jssip/$file" "$dir/$file"
done
if [ "${1:-}" = --install ]; then
    [ -x "$dir/node_modules/.bin/esbuild" ] ||
        (cd "$dir" && npm install --no-audit --no-fund > npm.log 2>&1) || die "npm failed: see $dir/npm.log"
    exit
fi
case ${1:-} in
    start)
        port=${3:-9222} profile=$dir/profile-$2
        rm -rf "$profile"
        # shellcheck disable=SC2046
        start "browser-$2" "$dir/$2.log" nice -n 10 chromium --headless $(cat "$dir/flags") --user-data-dir="$profile" \
            --remote-debugging-port="$port" about:blank
        wait_for 60 eval "exec 3<> /dev/tcp/127.0.0.1/$port" || die "chromium did not start: see $dir/$2.log"
        exit ;;
    stop) stop "browser-$2"; rm -rf "$dir/profile-$2"; exit ;;
esac
[ -d "$dir/node_modules/jssip" ] || die "run browser.sh --install first"
if [ ! -s "$dir/bundle.js" ]; then
    "$dir/node_modules/.bin/esbuild" "$dir/page.js" --bundle --format=iife --define:global=window \
        --log-level=error --outfile="$dir/bundle.$$.js" || die "esbuild failed"
    mv "$dir/bundle.$$.js" "$dir/bundle.js"
fi
exec nice -n 10 node "$dir/run.mjs" "$@"
