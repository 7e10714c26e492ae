#!/bin/bash
# SIPp 3.8 (TLS) of the chroot, for one bounded run in the foreground.
#   sipp.sh ADDR[:PORT] SERVER[:PORT] SCENARIO.xml [csv=LINES] [domain=HOST] [tls=yes] -- SIPP OPTIONS
#     SCENARIO.xml: a path, or a name in ../sipp/ ;  LINES: CSV lines, separated by "|"
#   e.g. sipp.sh 127.0.0.41 127.0.0.11 register.xml csv='1001;[authentication username=1001 password=P]' -- -m 1
#        sipp.sh 127.0.0.41:5061 127.0.0.11:5061 uac.xml tls=yes csv='...' -- -m 10 -r 5 -d 2000
# Prints SIPp's statistics file as "key value" lines; exit code is SIPp's.
. "$(dirname "$0")/lab.sh"
local=${1:?} server=${2:?} xml=${3:?}; shift 3
csv= domain=${server%%:*} tls= n=sipp-$$
while [ $# -gt 0 ] && [ "$1" != -- ]; do declare "${1%%=*}=${1#*=}"; shift; done
[ "${1:-}" = -- ] && shift
dir=$RUN/$n; mkdir -p "$dir"; trap 'rm -rf "$dir"' EXIT
[ -f "$xml" ] || xml=$LAB_HOME/../sipp/$xml
cp "$xml" "$dir/s.xml"
a=(-sf s.xml -i "${local%%:*}" -mi "${local%%:*}" -key domain "$domain")
case $local in *:*) a+=(-p "${local##*:}") ;; esac
if [ -n "$csv" ]; then { echo SEQUENTIAL; tr '|' '\n' <<< "$csv"; } > "$dir/u.csv"; a+=(-inf u.csv); fi
if [ -n "$tls" ]; then make_cert "$dir" "${local%%:*}"; a+=(-t l1 -tls_cert cert.pem -tls_key key.pem); fi
in_root /bin/sh -c "cd /lab/$n && exec \"\$@\"" x sipp "$server" "${a[@]}" -nostdin -timeout_error \
    -trace_stat -stf stat.csv -fd 1 -trace_err -error_file err.log -max_socket 20000 "$@" > "$dir/out" 2>&1
rc=$?
[ $rc = 0 ] || head -c 3000 "$dir/err.log" >&2 2>/dev/null || tail -5 "$dir/out" >&2
python3 - "$dir/stat.csv" <<'PY'
import csv, sys
try:
    rows = list(csv.DictReader(open(sys.argv[1]), delimiter=";"))
except OSError:
    sys.exit()
want = ["ElapsedTime(C)", "TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "ResponseTime1(C)",
        "ResponseTime2(C)", "Retransmissions(C)", "CallRate(C)"]
for k in want:
    if rows and rows[-1].get(k):
        print(k.replace("(C)", ""), rows[-1][k])
PY
exit $rc
