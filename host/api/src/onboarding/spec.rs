//! The sheet of a connection: what it speaks, as one would send it to the people at the other end.

use routing::config::{DidIn, IpPolicy, Kind, Limits, NumberFormat};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Facts;

/// What a connection speaks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionSpec)]
pub(crate) struct Spec {
    /// The connection.
    connection: String,
    /// Its name.
    name: String,
    /// What it is.
    #[schema(example = "trunk")]
    kind: Value,
    /// Part by part, in the order of the sheet.
    parts: Vec<Part>,
    /// The sheet, to be sent to somebody.
    pub(crate) markdown: String,
}

/// One part of the sheet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionSpecPart)]
struct Part {
    /// Heading.
    #[schema(example = "Addresses")]
    name: &'static str,
    /// Its lines.
    lines: Vec<Line>,
}

/// One line of the sheet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionSpecLine)]
struct Line {
    /// What.
    name: &'static str,
    /// The value.
    value: String,
}

impl Spec {
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        let row = facts.row;
        let parts = vec![
            Part { name: "Addresses", lines: addresses(facts) },
            Part { name: "Who calls", lines: proof(facts) },
            Part { name: "Numbers and caller id", lines: numbers(facts) },
            Part { name: "Signalling", lines: signalling(facts) },
            Part { name: "Audio", lines: audio(facts) },
            Part { name: "Limits", lines: limits(&row.limits) },
        ];
        let kind = json!(row.kind);
        let mut markdown =
            format!("# {}\n\nTrunkline, {} ({})\n", row.name, kind.as_str().unwrap_or_default(), row.id);
        for part in parts.iter().filter(|part| !part.lines.is_empty()) {
            markdown.push_str(&format!("\n## {}\n\n", part.name));
            for line in &part.lines {
                markdown.push_str(&format!("- {}: {}\n", line.name, line.value));
            }
        }
        Self { connection: row.id.to_string(), name: row.name.clone(), kind, parts, markdown }
    }
}

fn line(name: &'static str, value: impl Into<String>) -> Line {
    Line { name, value: value.into() }
}

fn addresses(facts: &Facts<'_>) -> Vec<Line> {
    let (about, row) = (facts.about, facts.row);
    let listeners: Vec<_> = about.sip.iter().map(|s| format!("{} {}", s.transport, s.port)).collect();
    let mut lines = vec![
        line("Send requests to", facts.server_port()),
        line("Our addresses", facts.address_list().join(", ")),
        line("SIP ports", listeners.join(", ")),
        line("Audio ports", format!("udp {}-{}", about.media_ports.0, about.media_ports.1)),
    ];
    if facts.proxy.is_some() {
        lines.insert(1, line("At", facts.reach()));
    }
    let peers: Vec<_> = row
        .peers
        .iter()
        .map(|peer| {
            let port = peer.port.map_or_else(|| " (port by DNS)".to_owned(), |port| format!(":{port}"));
            format!("{}{port} over {}", peer.host, word(&peer.transport))
        })
        .collect();
    if !peers.is_empty() {
        lines.push(line("We send to", peers.join(", ")));
    }
    lines
}

fn proof(facts: &Facts<'_>) -> Vec<Line> {
    let row = facts.row;
    let sources: Vec<_> = row.allowed_sources.iter().map(ToString::to_string).collect();
    let sources = if sources.is_empty() { "none listed".to_owned() } else { sources.join(", ") };
    let policy = match (row.ip_policy, row.allowed_sources.is_empty()) {
        (IpPolicy::Filter, true) => "user and password (digest, RFC 7616), from anywhere",
        (IpPolicy::Filter, false) => "user and password, and only from the addresses listed",
        (IpPolicy::Authenticate, _) => "the source address; no password is asked for",
        (IpPolicy::Either, _) => "the source address, else user and password",
    };
    let mut lines = vec![line("Proof", policy), line("Allowed sources", sources)];
    if let Some(login) = &facts.login {
        lines.push(line("User", login.user.clone()));
        lines.push(line("Realm", facts.realm.clone()));
        lines.push(line("Challenges", "401 to REGISTER, 407 to other requests; MD5 and SHA-256 (RFC 8760)"));
    }
    lines
}

fn numbers(facts: &Facts<'_>) -> Vec<Line> {
    let row = facts.row;
    let stands = match row.did_in {
        DidIn::RequestUri => "the Request-URI",
        DidIn::To => "To",
        DidIn::PCalledParty => "P-Called-Party-ID",
        DidIn::Contact => "the Contact that was registered",
    };
    let mut lines = vec![
        line("From the other end", written(&row.number_format.from)),
        line("To the other end", written(&row.number_format.to)),
        line("Written so in", "Request-URI, To, From, P-Asserted-Identity and Diversion"),
        line("Called number in", stands),
        line("Caller id is read from", "P-Asserted-Identity, Remote-Party-ID, From; in this order"),
        line(
            "Privacy: id",
            match row.trust_identity {
                true => "From is anonymous, P-Asserted-Identity stays: this end is trusted",
                false => "From is anonymous, P-Asserted-Identity is left out",
            },
        ),
    ];
    if !facts.numbers.is_empty() {
        lines.push(line("Numbers", facts.numbers.join(", ")));
    }
    if row.kind != Kind::Trunk || !row.caller_ids.is_empty() {
        let own = || "its numbers".to_owned();
        let allowed = if row.caller_ids.is_empty() { own() } else { row.caller_ids.join(", ") };
        lines.push(line("Caller ids it may present", allowed));
        let other = match (word(&row.on_bad_caller_id).as_str(), &row.default_caller_id) {
            ("replace", Some(default)) => format!("replaced by {default}"),
            ("replace", None) => "replaced by the first of these".to_owned(),
            _ => "refused with 403, reason L-06".to_owned(),
        };
        lines.push(line("Any other", other));
    }
    lines
}

fn signalling(facts: &Facts<'_>) -> Vec<Line> {
    let (row, timers) = (facts.row, &facts.row.timers);
    let mut lines = vec![
        line(
            "Methods",
            "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE",
        ),
        line(
            "Extensions",
            "100rel (RFC 3262), timer (RFC 4028), replaces (RFC 3891), path (RFC 3327), Session-ID (RFC 7989)",
        ),
        line(
            "Session timer",
            format!("{} s, {} s at least (RFC 4028)", timers.session_expires_s, timers.min_se_s),
        ),
        line("First sign of life", format!("within {} s of INVITE, 100 counts", timers.no_provisional_s)),
        line("OPTIONS to us", "always answered, 200"),
        line("Causes", "Reason with Q.850 and SIP, both ways (RFC 3326)"),
        line("Refusals", "Warning 399 and Reason name a code of GET /api/v1/reasons"),
    ];
    if row.probe.options_s > 0 {
        let probe = format!("every {} s; {} without answer: down", row.probe.options_s, row.probe.fail_after);
        lines.push(line("OPTIONS from us", probe));
    }
    if matches!(row.kind, Kind::Device | Kind::RegisterIn) {
        lines.push(line("Registration", "300 s asked for by default, 60 to 3600 s granted; 423 below"));
    }
    if row.kind == Kind::RegisterOut {
        lines.push(line("Our registration", format!("{} s asked for", row.register.expires_s)));
    }
    lines
}

fn audio(facts: &Facts<'_>) -> Vec<Line> {
    let media = &facts.row.media;
    vec![
        line(
            "Codecs, in this order",
            media.codecs.iter().map(|c| c.to_uppercase()).collect::<Vec<_>>().join(", "),
        ),
        line(
            "DTMF",
            match word(&media.dtmf).as_str() {
                "info" => "INFO".to_owned(),
                "inband" => "tones in the audio".to_owned(),
                _ => "telephone-event (RFC 4733)".to_owned(),
            },
        ),
        line(
            "Encryption",
            match word(&media.srtp).as_str() {
                "off" => "none".to_owned(),
                "sdes" => "SRTP by SDES (RFC 4568), demanded".to_owned(),
                "sdes_optional" => "SRTP by SDES (RFC 4568), offered".to_owned(),
                "dtls" => "SRTP by DTLS (RFC 5763), demanded".to_owned(),
                _ => "by transport and offer".to_owned(),
            },
        ),
        line(
            "Path",
            match word(&media.mode).as_str() {
                "bypass" => "between the ends where both allow it".to_owned(),
                _ => "through our addresses; symmetric".to_owned(),
            },
        ),
    ]
}

fn limits(limits: &Limits) -> Vec<Line> {
    let number = |name, value: Option<u32>| value.map(|value| line(name, value.to_string()));
    let mut lines: Vec<_> = [
        number("Calls at once", limits.concurrent),
        number("Of them from the other end", limits.concurrent_from),
        number("Of them to the other end", limits.concurrent_to),
        number("New calls a second", limits.per_second),
        number("Calls an hour", limits.per_hour),
        number("Calls a day", limits.per_day),
        number("Calls a week", limits.per_week),
        number("Longest call, in seconds", limits.max_duration_s),
    ]
    .into_iter()
    .flatten()
    .collect();
    if lines.is_empty() {
        lines.push(line("Of this connection", "none"));
    }
    lines
}

fn written(format: &NumberFormat) -> String {
    match format {
        NumberFormat::Auto => "+ and country code; inwards also 00, 011, without +, or national".to_owned(),
        NumberFormat::E164Plus => "+ and country code, nothing else".to_owned(),
        NumberFormat::E164 => "country code without +".to_owned(),
        NumberFormat::National(country) => format!("national of {country}"),
        NumberFormat::Raw => "as it is".to_owned(),
    }
}

/// The name that the API has for a value.
fn word(value: &impl Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}
