#!/bin/bash
# browser.sh : a browser as a phone, JsSIP in headless Chromium.
#   browser.sh --install     (npm packages; once, where the network is; then in a namespace without)
#   browser.sh --ws ws://127.0.0.11:8088/ws --uri sip:2001@127.0.0.11 --password P --call sip:600@127.0.0.11
#   (all options: jssip/run.mjs). Needs node, npm and Debian's chromium on the host.
. "$(dirname "$0")/lab.sh"
dir=$LAB_CACHE/browser
mkdir -p "$dir"
cp "$LAB_HOME"/jssip/{package.json,page.js,run.mjs} "$dir/"
if [ "${1:-}" = --install ]; then
    [ -x "$dir/node_modules/.bin/esbuild" ] ||
        (cd "$dir" && npm install --no-audit --no-fund > npm.log 2>&1) || die "npm failed: see $dir/npm.log"
    exit
fi
[ -d "$dir/node_modules/jssip" ] || die "run browser.sh --install first"
[ "$dir/bundle.js" -nt "$LAB_HOME/jssip/page.js" ] ||
    "$dir/node_modules/.bin/esbuild" "$dir/page.js" --bundle --format=iife --define:global=window \
        --log-level=error --outfile="$dir/bundle.js" || die "esbuild failed"
exec nice -n 10 node "$dir/run.mjs" "$@"
