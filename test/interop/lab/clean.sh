#!/bin/bash
# clean.sh : stops everything the lab has recorded as running.
# clean.sh --all : and removes the lab's folder (chroots, recordings).
. "$(dirname "$0")/lab.sh"
for f in "$PIDS"/*.pid; do
    [ -e "$f" ] && { n=$(basename "$f" .pid); say "stop $n"; stop "$n"; }
done
if [ "${1:-}" = --all ]; then
    for r in "$LAB_CACHE"/*/; do
        for m in dev/shm proc; do mountpoint -q "$r$m" && { umount "$r$m" || die "$r$m is busy"; }; done
    done
    rm -rf --one-file-system "${LAB_CACHE:?}"
fi
exit 0
