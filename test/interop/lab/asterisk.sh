#!/bin/bash
# Asterisk (PJSIP) as a PBX or carrier on a loopback address.
#   asterisk.sh start NAME addr=127.0.0.11 [port=5060 tls_port=5061 http=8088 https=8089 ami=5038
#               rtp=20000 identify=ip,username cert_for=ADDR cert_until=YYYYMMDDHHMMSSZ
#               paste=FILE wizard=FILE plan=FILE (appended as they are to pjsip.conf, pjsip_wizard.conf and
#               extensions.conf) stir=FILE (stir_shaken.conf, whose modules are loaded only then)] [ROLE key=value...]...
#     ROLE: phone    user= password= [contacts=1 min_expires=10 realm=]   others register here
#           register name=reg server=HOST:PORT user= password= [expires=60]
#           trunk    name=trunk server=HOST:PORT [match=ADDRESS,...]      known by address
#     any role: codecs=alaw,ulaw dtmf=rfc4733|inband|info|auto srtp=no|sdes|dtls transport=udp|tcp|tls
#               timers=yes|always|no rel=no|yes|peer_supported|required qualify=0 extra='key=value;key=value'
#   asterisk.sh stop NAME          asterisk.sh cli NAME COMMAND...
#   asterisk.sh originate NAME TECH/DEST [TAG=x PLAY=file SECONDS=5 DTMF=1234 CALLERID=100 WAIT=30 TRANSFER=TECH/DEST (by REFER)]
#   asterisk.sh log|lab|cdr NAME   asterisk.sh sip NAME on|off     asterisk.sh dir NAME
. "$(dirname "$0")/lab.sh"
T=$LAB_HOME/templates/asterisk

common() {                           # the lines every endpoint has
    printf '%s\n' "disallow = all" "allow = ${codecs:-alaw,ulaw}" "dtmf_mode = ${dtmf:-rfc4733}" \
        "direct_media = no" "rtp_symmetric = yes" "rewrite_contact = ${rewrite:-no}" \
        "media_address = $addr" "bind_rtp_to_media_address = yes" "moh_passthrough = yes" \
        "timers = ${timers:-yes}" "100rel = ${rel:-no}" "notify_early_inuse_ringing = no"
    echo "media_encryption = ${srtp:-no}"
    [ "${srtp:-no}" != dtls ] || printf 'dtls_auto_generate_cert = yes\nuse_avpf = yes\n'
    [ -z "${extra:-}" ] || tr ';' '\n' <<< "$extra"
}

role_conf() {                        # renders the role collected in $role and its variables
    local realm_line='' params=''
    case $role in
        '') return ;;
        phone) name=${user:?} ;;
        register) name=${name:-reg} ;;
        trunk) name=${name:-trunk} ;;
        *) die "no such role: $role" ;;
    esac
    [ -n "${realm:-}" ] && realm_line="realm = $realm"
    [ "${transport:-udp}" = udp ] || params="\\;transport=$transport"
    render "$T/role-$role.conf" "NAME=$name" "USER=${user:-}" "PASSWORD=${password:-}" \
        "SERVER=${server:-}" "SERVER_HOST=${server%%:*}" "MATCH=${match:-${server%%:*}}" \
        "URI_PARAMS=$params" "TRANSPORT=${transport:-udp}" "EXPIRES=${expires:-60}" \
        "MIN_EXPIRES=${min_expires:-10}" "CONTACTS=${contacts:-1}" "QUALIFY=${qualify:-0}" \
        "REALM_LINE=$realm_line" "COMMON=$(common)"
}
forget() { unset name user password match codecs dtmf srtp transport timers rel qualify extra \
    contacts min_expires realm expires rewrite; server=; }

start_it() {
    local dir=$RUN/$1 in=/lab/$1 iname=$1 kv f role='' t0
    shift
    [ -x "$ROOT/usr/sbin/asterisk" ] || die "run setup.sh first"
    rm -rf "$dir"; mkdir -p "$dir"/{etc,lib/keys,spool/outgoing,run,log/cdr-csv,sounds,rec}
    [ -e "$ROOT/usr/share/asterisk/documentation/core-en_US.xml" ] && ln -sfn /usr/share/asterisk/documentation "$dir/lib/documentation"
    addr= port=5060 tls_port=5061 http=8088 https=8089 ami=5038 rtp=20000 identify=ip,username cert_for= cert_until= paste= wizard= plan= stir=
    roles=$(mktemp); forget
    for kv in "$@"; do
        case $kv in
            *=*) declare -g "${kv%%=*}=${kv#*=}" ;;
            *) role_conf >> "$roles"; forget; role=$kv ;;
        esac
    done
    role_conf >> "$roles"
    [ -n "$addr" ] || die "addr= is missing"
    for f in asterisk modules logger rtp http ari manager cdr extensions pjsip; do
        render "$T/$f.conf" "DIR=$in" "ADDR=$addr" "PORT=$port" "TLS_PORT=$tls_port" "HTTP_PORT=$http" \
            "HTTPS_PORT=$https" "AMI_PORT=$ami" "RTP_FROM=$rtp" "RTP_TO=$((rtp + 1999))" \
            "ICE_MAP=$(ip -o addr show scope global | awk -v a="$addr" '{ sub("/.*", "", $4); print $4 " => " a }')" \
            "IDENTIFY_ORDER=$identify" "MODULES=/$(cd "$ROOT" && echo usr/lib/*/asterisk/modules)" \
            > "$dir/etc/$f.conf" || exit 1
    done
    cat "$roles" >> "$dir/etc/pjsip.conf"; rm -f "$roles"
    [ -z "$paste" ] || cat "$paste" >> "$dir/etc/pjsip.conf"
    cat ${wizard:+"$wizard"} < /dev/null > "$dir/etc/pjsip_wizard.conf"
    [ -z "$plan" ] || cat "$plan" >> "$dir/etc/extensions.conf"
    [ -z "$stir" ] || { cp "$stir" "$dir/etc/stir_shaken.conf"; sed -i '/stir_shaken/d' "$dir/etc/modules.conf"; }
    # Files that Asterisk complains about when they are missing.
    for f in features confbridge udptl codecs ccss stasis dnsmgr musiconhold cel; do
        echo '[general]' > "$dir/etc/$f.conf"
    done
    for f in acl pjproject indications websocket_client; do : > "$dir/etc/$f.conf"; done
    make_cert "$dir/etc" "${cert_for:-$addr}" "$cert_until"
    wav tone "$dir/sounds/tone440.wav" 440 3; wav tone "$dir/sounds/tone880.wav" 880 1
    wav tone "$dir/sounds/tone1000.wav" 1000 3
    t0=$(now_ms)
    start_in_root "asterisk-$iname" "$dir/log/console" /usr/sbin/asterisk -f -C "$in/etc/asterisk.conf"
    wait_for 30 booted "$iname" || { tail -20 "$dir/log/console" >&2; die "asterisk $iname did not start"; }
    say "asterisk $iname: $addr:$port, started in $(( $(now_ms) - t0 )) ms, pid $(pid_of "asterisk-$iname")"
}

booted() { alive "asterisk-$1" && cli "$1" core waitfullybooted | grep -q 'fully booted'; }
cli() { local n=$1; shift; in_root /usr/sbin/asterisk -C "/lab/$n/etc/asterisk.conf" -rx "$*"; }

# A call file: Asterisk calls DEST, and on answer the caller side runs [lab-caller].
originate() {
    local n=$1 dest=$2 dir=$RUN/$1 kv f; shift 2
    TAG=call PLAY= SECONDS_=5 DTMF= CALLERID=100 WAIT=30 CODECS= TRANSFER=
    for kv in "$@"; do
        case $kv in SECONDS=*) SECONDS_=${kv#*=} ;; *=*) declare -g "${kv%%=*}=${kv#*=}" ;; esac
    done
    f=$(mktemp)
    { echo "Channel: $dest"; echo "CallerID: \"Lab\" <$CALLERID>"; echo "WaitTime: $WAIT"; echo "MaxRetries: 0"
      [ -z "$CODECS" ] || echo "Codecs: $CODECS"
      echo "Context: lab-caller"; echo "Extension: s"; echo "Priority: 1"
      echo "Setvar: TAG=$TAG"; echo "Setvar: TRANSFER=$TRANSFER"; echo "Setvar: PLAY=$PLAY"; echo "Setvar: SECONDS=$SECONDS_"; echo "Setvar: DTMF=$DTMF"
    } > "$f"
    chmod 644 "$f"; mv "$f" "$dir/spool/$TAG.call"; mv "$dir/spool/$TAG.call" "$dir/spool/outgoing/"
}

cmd=${1:?what}; n=${2:?name}; shift 2
case $cmd in
    start) start_it "$n" "$@" ;;
    stop) stop "asterisk-$n" ;;
    cli) cli "$n" "$@" ;;
    originate) originate "$n" "$@" ;;
    log) cat "$RUN/$n/log/full" ;;
    lab) grep -oE '(LAB [a-z]+=.*)"\) in new stack|LAB .*' "$RUN/$n/log/full" | sed 's/") in new stack//' ;;
    cdr) cat "$RUN/$n/log/cdr-csv/Master.csv" ;;
    sip) cli "$n" "pjsip set logger $1" ;;
    dir) echo "$RUN/$n" ;;
    *) die "no such command: $cmd" ;;
esac
