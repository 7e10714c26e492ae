//! The steps `reach`, `tls`, `options` and `register`: sockets and requests; what answers mean is in `verdict`.

use std::time::{Duration, Instant};

use sip_stack::transport::{Protocol, Target};

use super::{Finding, Plan, State};
use crate::probe::{Flow, Question, Reply, Silence, ask};

/// A peer that is there, as far as can be told.
pub(super) struct Reached {
    pub(super) flow: Flow,
    pub(super) target: Target,
    /// What came of the OPTIONS that looked for it; over a stream none was needed.
    pub(super) asked: Option<Result<Reply, Silence>>,
}

/// The first of the targets that takes a connection or, over UDP, answers OPTIONS.
pub(super) fn reach(
    plan: &Plan,
    targets: &[Target],
    may_be_deaf: bool,
    ends: Instant,
) -> (Finding, Option<Reached>) {
    let tried = targets.len().min(MOST_TRIED);
    let patience = if tried > 1 { PATIENCE / 2 } else { PATIENCE };
    let mut refusals = Vec::new();
    let mut deaf = None;
    for &target in targets.iter().take(tried) {
        let place = format!("{} {}", target.protocol.name(), target.address);
        let until = ends.min(Instant::now() + patience);
        let mut flow = match Flow::open(target.protocol, target.address, until) {
            Ok(flow) => flow,
            Err(fault) => {
                refusals.push(format!("{place}: {fault}"));
                continue;
            }
        };
        if target.protocol != Protocol::Udp {
            let what = format!("{place} takes the connection from {}", flow.local);
            return (found(what, &refusals), Some(Reached { flow, target, asked: None }));
        }
        let asked = options(plan, &mut flow, until);
        match &asked {
            Ok(reply) => {
                let ms = reply.took.as_secs_f64() * 1000.0;
                let what = format!("{place} answers {} in {ms:.1} ms", flow.local);
                return (found(what, &refusals), Some(Reached { flow, target, asked: Some(asked) }));
            }
            Err(silence) => {
                let what = silence
                    .fault
                    .as_ref()
                    .map_or_else(|| "nothing came back".to_owned(), ToString::to_string);
                refusals.push(format!("{place}: {what}"));
                if silence.fault.is_none() {
                    deaf.get_or_insert(Reached { flow, target, asked: Some(asked) });
                }
            }
        }
    }
    let detail = refusals.join("; ");
    match deaf.filter(|_| may_be_deaf) {
        Some(reached) => {
            let fix = "Some peers are silent to OPTIONS and still work; if the next steps fail, check address and firewalls.";
            (Finding::new(State::Warning, detail, fix), Some(reached))
        }
        None => {
            let fix = "Check address, port and transport in peers, that the peer runs and allows our address, and every firewall between.";
            (Finding::new(State::Failed, detail, fix), None)
        }
    }
}

fn found(what: String, refusals: &[String]) -> Finding {
    let Some(first) = refusals.first() else {
        return Finding::passed(what);
    };
    let fix = "Calls take longer while the first address is down: repair it, or change its rank.";
    Finding::new(State::Warning, format!("{first}; {what}"), fix)
}

/// Keys and certificate, where the transport has them (RFC 5922).
pub(super) fn tls(plan: &Plan, reached: &mut Reached, until: Instant) -> Finding {
    let protocol = reached.target.protocol;
    if protocol != Protocol::Tls {
        return Finding::skipped(format!("the transport is {}, without TLS", protocol.name()));
    }
    let Some(tls) = &plan.tls else {
        return Finding::new(
            State::Failed,
            "this server speaks no TLS",
            "Look at the certificates of this server.",
        );
    };
    match reached.flow.secure(tls, until) {
        Ok(agreed) if tls.verified => {
            Finding::passed(format!("{agreed}; the certificate is good for {}", tls.host))
        }
        Ok(agreed) => Finding::new(
            State::Warning,
            format!("{agreed}; the certificate was not looked at"),
            "Set tls.verify, so that nobody else can answer in the peer's place.",
        ),
        Err(fault) => {
            let detail = fault.to_string();
            let fix = match () {
                () if detail.contains("NotValidForName") => {
                    "Use a name in peers that stands in the peer's certificate."
                }
                () if detail.contains("Expired") => "The peer has to renew its certificate.",
                () if detail.contains("invalid peer certificate") => {
                    "Put the authority of the peer's certificate into tls.ca of the connection."
                }
                () => "Check that the peer speaks TLS on this port; 5061 is usual.",
            };
            Finding::new(State::Failed, detail, fix)
        }
    }
}

/// OPTIONS to the peer itself (RFC 3261 §11).
pub(super) fn options(plan: &Plan, flow: &mut Flow, until: Instant) -> Result<Reply, Silence> {
    let to = format!("sip:{}", plan.domain);
    ask(flow, &question(plan, "OPTIONS", to), until)
}

/// REGISTER without Contact: which bindings are there (RFC 3261 §10.2.3).
pub(super) fn register(plan: &Plan, flow: &mut Flow, until: Instant) -> Result<Reply, Silence> {
    ask(flow, &question(plan, "REGISTER", identity(plan)), until)
}

fn question(plan: &Plan, method: &'static str, to: String) -> Question {
    Question {
        method,
        uri: format!("sip:{}", plan.authority),
        from: identity(plan),
        to,
        route: plan.route.clone(),
        login: plan.login.as_ref().map(|login| (login.user.clone(), login.password.clone())),
    }
}

/// Who we are at the peer: `sip:1001@pbx.example.com`.
pub(super) fn identity(plan: &Plan) -> String {
    match &plan.user {
        Some(user) => format!("sip:{}@{}", escaped(user), plan.domain),
        None => format!("sip:{}", plan.domain),
    }
}

/// A user as a URI carries it (RFC 3261 §25.1).
pub(super) fn escaped(user: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
    user.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Addresses that are tried before the peer counts as not reached.
const MOST_TRIED: usize = 3;
/// For an answer that takes no thinking; three requests get lost before it ends.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
