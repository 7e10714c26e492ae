//! Asterisk with PJSIP: it registers here, or stands at a fixed address, or we register there.
//!
//! The sections are added to files that exist; a transport is the PBX's own. Calls from us go to the context
//! `from-trunkline`, which leads to the PBX's extensions; calls to us leave by `to-trunkline`. The same comes as objects of
//! `pjsip.conf` and as one section of `pjsip_wizard.conf`, from which Asterisk makes these objects.

use routing::config::Kind;

use super::Facts;
use super::encryption::Encryption;
use super::guide::{Check, Draft, Pasted};

/// Which of Asterisk's two files is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `pjsip.conf`: each object by itself.
    Objects,
    /// `pjsip_wizard.conf`: `type = wizard`.
    Wizard,
}

pub(super) fn draft(facts: &Facts<'_>, form: Form) -> Draft {
    let label = facts.label();
    let (file, text) = match form {
        Form::Objects => ("pjsip.conf", pjsip(facts, &label)),
        Form::Wizard => ("pjsip_wizard.conf", wizard(facts, &label)),
    };
    let registration = if form == Form::Wizard { format!("{label}-reg-0") } else { label.clone() };
    let about = match facts.row.kind {
        Kind::Device | Kind::RegisterIn | Kind::Virtual => {
            "Asterisk registers here with a user and password, so its firewall needs no opening."
        }
        Kind::RegisterOut => "We register at this Asterisk as one of its phones.",
        Kind::Trunk => "Asterisk and we know one another by address.",
    };
    let shows = match facts.row.kind {
        Kind::Device | Kind::RegisterIn | Kind::Virtual => Check {
            look: "asterisk -rx 'pjsip show registrations'".to_owned(),
            expect: format!("{registration} … Registered"),
        },
        Kind::RegisterOut => Check {
            look: format!("asterisk -rx 'pjsip show aor {}'", facts.user()),
            expect: "one Contact, Avail".to_owned(),
        },
        Kind::Trunk => Check {
            look: format!("asterisk -rx 'pjsip show endpoint {label}'"),
            expect: "the contact is Avail: we answer its OPTIONS".to_owned(),
        },
    };
    Draft {
        product: match form {
            Form::Objects => "Asterisk 22",
            Form::Wizard => "Asterisk 22, by its wizard",
        },
        about: about.to_owned(),
        files: vec![
            Pasted {
                name: file,
                about: format!(
                    "Add this. A transport for {} has to be there already, as in every working pjsip.conf.",
                    facts.transport
                ),
                text,
            },
            Pasted {
                name: "extensions.conf",
                about: "Add this, and include to-trunkline where your phones dial. Your own extensions are taken to be in \
                        from-internal."
                    .to_owned(),
                text: extensions(facts, &label),
            },
        ],
        fields: Vec::new(),
        steps: vec![
            format!("Append the two parts below to /etc/asterisk/{file} and /etc/asterisk/extensions.conf."),
            "asterisk -rx 'core reload' (a new transport would need a restart; this adds none).".to_owned(),
        ],
        checks: vec![
            shows,
            Check {
                look: "asterisk -rx 'channel originate Local/echo@to-trunkline application Wait 3'".to_owned(),
                expect: "the call is answered: our echo test".to_owned(),
            },
        ],
        undo: format!("Take the sections {label} and the contexts *-trunkline out again, and reload."),
    }
}

fn pjsip(facts: &Facts<'_>, label: &str) -> String {
    let mut text = head(facts);
    match facts.row.kind {
        Kind::Device | Kind::RegisterIn | Kind::Virtual => {
            text.push_str(&registration(facts, label));
            text.push_str(&outward_auth(facts, label));
            text.push_str(&peer(facts, label));
        }
        Kind::Trunk => {
            if facts.authenticates() {
                text.push_str(&outward_auth(facts, label));
            }
            text.push_str(&peer(facts, label));
        }
        Kind::RegisterOut => text.push_str(&phone(facts)),
    }
    text
}

fn head(facts: &Facts<'_>) -> String {
    let password = if facts.tells_password() { "; contains a password" } else { "" };
    format!("; {} ({}) at Trunkline{password}\n", one_line(&facts.row.name), facts.row.id)
}

/// A URI of ours; a semicolon begins a comment unless it is escaped.
fn uri(facts: &Facts<'_>, user: &str) -> String {
    let at = if user.is_empty() { String::new() } else { format!("{user}@") };
    let parameter = if facts.transport == "udp" { "" } else { &format!("\\;transport={}", facts.transport) };
    format!("sip:{at}{}{parameter}", facts.server_port())
}

fn proxy(facts: &Facts<'_>) -> String {
    match &facts.proxy {
        Some(_) => format!("outbound_proxy = sip:{}\\;lr\n", facts.reach()),
        None => String::new(),
    }
}

fn registration(facts: &Facts<'_>, label: &str) -> String {
    let user = facts.user();
    format!(
        "[{label}]\ntype = registration\nserver_uri = {}\nclient_uri = {}\n{}contact_user = {user}\n\
         outbound_auth = {label}\n{REGISTERING}; {FOUND_BY_LINE}\nline = yes\nendpoint = {label}\n\n",
        uri(facts, ""),
        uri(facts, user),
        proxy(facts),
    )
}

fn outward_auth(facts: &Facts<'_>, label: &str) -> String {
    let (user, password) = (facts.user(), escaped(facts.password()));
    format!("[{label}]\ntype = auth\nauth_type = userpass\nusername = {user}\npassword = {password}\n\n")
}

/// Aor, endpoint and identify of what calls go to and come from.
fn peer(facts: &Facts<'_>, label: &str) -> String {
    let registers = facts.row.kind != Kind::Trunk;
    let auth =
        if registers || facts.authenticates() { format!("outbound_auth = {label}\n") } else { String::new() };
    let known = facts.address_list();
    let identify = match known.is_empty() {
        true => String::new(),
        false => format!("[{label}]\ntype = identify\nendpoint = {label}\nmatch = {}\n", known.join(",")),
    };
    format!(
        "[{label}]\ntype = aor\ncontact = {}\n{}qualify_frequency = 60\n\n[{label}]\ntype = endpoint\n\
         aors = {label}\n{auth}{}{}\n{identify}",
        uri(facts, ""),
        proxy(facts),
        proxy(facts),
        endpoint(facts),
    )
}

/// What is particular to the endpoint of a peer.
fn endpoint(facts: &Facts<'_>) -> String {
    let from = if facts.row.kind == Kind::Trunk {
        String::new()
    } else {
        format!("; the number of the caller goes into P-Asserted-Identity\nfrom_user = {}\n", facts.user())
    };
    format!(
        "context = from-trunkline\n{from}from_domain = {}\nsend_pai = yes\ntrust_id_inbound = yes\n\
         trust_id_outbound = yes\n{}",
        facts.server.trim_matches(['[', ']']),
        media(facts),
    )
}

/// One section, from which Asterisk makes what `pjsip` spells out.
fn wizard(facts: &Facts<'_>, label: &str) -> String {
    let (user, password) = (facts.user(), escaped(facts.password()));
    let mut text = head(facts);
    if facts.row.kind == Kind::RegisterOut {
        text.push_str(&format!(
            "[{user}]\ntype = wizard\naccepts_auth = yes\naccepts_registrations = yes\ninbound_auth/username = {user}\n\
             inbound_auth/password = {password}\naor/max_contacts = 1\naor/remove_existing = yes\n\
             aor/qualify_frequency = 60\nendpoint/context = from-trunkline\nendpoint/send_pai = yes\n{}",
            prefixed("endpoint/", &media(facts)),
        ));
        return text;
    }
    let host = facts.server_port();
    text.push_str(&format!("[{label}]\ntype = wizard\nremote_hosts = {host}\n{}", proxy(facts)));
    if facts.transport != "udp" {
        let parameter = format!("\\;transport={}", facts.transport);
        text.push_str(&format!(
            "contact_pattern = sip:${{REMOTE_HOST}}{parameter}\nserver_uri_pattern = sip:${{REMOTE_HOST}}{parameter}\n\
             client_uri_pattern = sip:${{USERNAME}}@${{REMOTE_HOST}}{parameter}\n",
        ));
    }
    let registers = facts.row.kind != Kind::Trunk;
    if registers || facts.authenticates() {
        text.push_str(&format!(
            "sends_auth = yes\noutbound_auth/username = {user}\noutbound_auth/password = {password}\n"
        ));
    }
    let known = facts.address_list();
    if registers {
        text.push_str(&format!(
            "sends_registrations = yes\nregistration/contact_user = {user}\n{}; {FOUND_BY_LINE}\n\
             registration/line = yes\nregistration/endpoint = {label}\n",
            prefixed("registration/", REGISTERING)
        ));
    }
    if !known.is_empty() {
        text.push_str(&format!("identify/match = {}\n", known.join(",")));
    }
    text.push_str(&format!("aor/qualify_frequency = 60\n{}", prefixed("endpoint/", &endpoint(facts))));
    text
}

/// Settings of an object as its wizard takes them.
fn prefixed(object: &str, settings: &str) -> String {
    let prefix = |line: &str| if line.starts_with(';') { "" } else { object };
    settings.lines().map(|line| format!("{}{line}\n", prefix(line))).collect()
}

/// We are one of its phones.
fn phone(facts: &Facts<'_>) -> String {
    let (user, password) = (facts.user(), escaped(facts.password()));
    format!(
        "[{user}]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\nqualify_frequency = 60\n\n[{user}]\n\
         type = auth\nauth_type = userpass\nusername = {user}\npassword = {password}\n\n[{user}]\ntype = endpoint\n\
         context = from-trunkline\naors = {user}\nauth = {user}\nsend_pai = yes\n{}\n",
        media(facts)
    )
}

fn media(facts: &Facts<'_>) -> String {
    let codecs: Vec<_> = facts
        .row
        .media
        .codecs
        .iter()
        .map(|codec| match codec.as_str() {
            "pcma" => "alaw",
            "pcmu" => "ulaw",
            other => other,
        })
        .collect();
    let encryption = match facts.encryption() {
        Encryption::Never => "no\n",
        // RFC 8643: offered in RTP/AVP, and calls without keys are taken.
        Encryption::Offered => "sdes\nmedia_encryption_optimistic = yes\n",
        Encryption::Demanded => "sdes\n",
        Encryption::DemandedByDtls => "dtls\ndtls_auto_generate_cert = yes\n",
    };
    format!(
        "disallow = all\nallow = {}\ndtmf_mode = rfc4733\n; audio passes through Asterisk, also behind a NAT\n\
         direct_media = no\nrtp_symmetric = yes\nforce_rport = yes\nrewrite_contact = yes\ntimers = yes\n\
         media_encryption = {encryption}",
        codecs.join(",")
    )
}

fn extensions(facts: &Facts<'_>, label: &str) -> String {
    let mut text = head(facts);
    text.push_str("[from-trunkline]\n");
    for number in &facts.numbers {
        text.push_str(&format!("exten => {number},1,Goto(from-internal,{number},1)\n"));
    }
    let target = if facts.row.kind == Kind::RegisterOut { facts.user() } else { label };
    text.push_str(&format!(
        "; whatever else is called: an extension of this PBX\ninclude => from-internal\n\n[to-trunkline]\n\
         ; numbers, and users by their names\nexten => _[+0-9a-z].,1,Dial(PJSIP/${{EXTEN}}@{target},60)\n \
         same => n,Hangup(${{HANGUPCAUSE}})\n"
    ));
    text
}

/// How Asterisk registers.
const REGISTERING: &str = "; asked for; the answer says what is granted\nexpiration = 300\nretry_interval = 30\n\
    forbidden_retry_interval = 300\nfatal_retry_interval = 300\nmax_retries = 10000\nauth_rejection_permanent = no\n";
const FOUND_BY_LINE: &str = "calls from us find this endpoint whatever address they come from";

/// A value in which a semicolon is no comment.
fn escaped(value: &str) -> String {
    value.replace(';', "\\;")
}

/// Without what would end a comment.
fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
