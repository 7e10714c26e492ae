//! Is anybody there: OPTIONS (RFC 3261 §11), some times, with the time each answer took.
//!
//! Any answer counts, also a refusal: somebody speaks SIP there.

use std::time::{Duration, Instant};

use serde::Serialize;
use sip_stack::transport::Protocol;

use super::{Flow, ProbeFault, Question, Target, ask, masked};

/// What to ask and how often.
#[derive(Clone, Debug)]
pub struct Ping {
    /// `sip:HOST[:PORT][;transport=tcp]`.
    pub target: String,
    /// How many requests.
    pub count: u32,
    /// Between their starts.
    pub interval: Duration,
    /// How long each waits for its answer.
    pub patience: Duration,
}

/// One request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Pong {
    /// Counted from 1.
    pub number: u32,
    /// SIP code; 0 if nothing came.
    pub code: u16,
    /// Its reason phrase, or what happened instead.
    pub reason: String,
    /// What the peer calls itself.
    pub server: String,
    /// From request to answer.
    pub rtt_ms: Option<f64>,
    /// Where the peer saw us, if it says so.
    pub seen_as: Option<String>,
    /// What was sent and what came, secrets masked.
    pub messages: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, Serialize)]
pub struct PingReport {
    /// As asked.
    pub target: String,
    /// Where the requests went.
    pub peer: String,
    /// Each request.
    pub answers: Vec<Pong>,
    /// Requests.
    pub sent: u32,
    /// Answers.
    pub received: u32,
    /// Fastest.
    pub rtt_min_ms: Option<f64>,
    /// Mean.
    pub rtt_avg_ms: Option<f64>,
    /// Slowest.
    pub rtt_max_ms: Option<f64>,
}

/// Asks; `each` hears of every answer when it comes, with the peer's address.
pub fn ping(plan: &Ping, mut each: impl FnMut(&str, &Pong)) -> Result<PingReport, ProbeFault> {
    let target = Target::parse(&plan.target)?;
    if !matches!(target.protocol, Protocol::Udp | Protocol::Tcp) {
        return Err(ProbeFault::Transport { transport: target.protocol.name().to_owned() });
    }
    let peer = *target.resolve()?.first().ok_or_else(|| ProbeFault::Uri { uri: plan.target.clone() })?;
    let place = format!("{}:{peer}", target.protocol.name());
    let mut answers: Vec<Pong> = Vec::new();
    let mut flow = None;
    for number in 1..=plan.count {
        let began = Instant::now();
        let pong = asked(&mut flow, &target, peer, number, began + plan.patience);
        each(&place, &pong);
        answers.push(pong);
        if number < plan.count {
            std::thread::sleep((began + plan.interval).saturating_duration_since(Instant::now()));
        }
    }
    let times: Vec<f64> = answers.iter().filter_map(|pong| pong.rtt_ms).collect();
    let sum: f64 = times.iter().sum();
    Ok(PingReport {
        target: plan.target.clone(),
        peer: place,
        sent: plan.count,
        received: u32::try_from(times.len()).unwrap_or(u32::MAX),
        rtt_min_ms: times.iter().copied().reduce(f64::min),
        rtt_avg_ms: (!times.is_empty()).then(|| tenths(sum / times.len() as f64)),
        rtt_max_ms: times.iter().copied().reduce(f64::max),
        answers,
    })
}

/// One request; the flow is kept for the next as long as it works.
fn asked(
    kept: &mut Option<Flow>,
    target: &Target,
    peer: std::net::SocketAddr,
    number: u32,
    until: Instant,
) -> Pong {
    let silent = |reason: String, messages| Pong {
        number,
        code: 0,
        reason,
        server: String::new(),
        rtt_ms: None,
        seen_as: None,
        messages,
    };
    let mut flow = match kept.take().map_or_else(|| Flow::open(target.protocol, peer, until), Ok) {
        Ok(flow) => flow,
        Err(fault) => return silent(fault.to_string(), Vec::new()),
    };
    let question = Question {
        method: "OPTIONS",
        uri: target.uri.clone(),
        from: format!("sip:ping@{}", bracketed(flow.local.ip())),
        to: target.uri.clone(),
        route: None,
        login: None,
    };
    match ask(&mut flow, &question, until) {
        Ok(reply) => {
            *kept = Some(flow);
            Pong {
                number,
                code: reply.code,
                reason: reply.reason,
                server: reply.server,
                rtt_ms: Some(tenths(reply.took.as_secs_f64() * 1000.0)),
                seen_as: reply.seen_as.map(|address| address.to_string()),
                messages: vec![masked(&reply.sent), masked(&reply.received)],
            }
        }
        Err(silence) => {
            let why = silence.fault.map_or_else(|| "no answer".to_owned(), |fault| fault.to_string());
            silent(why, vec![masked(&silence.sent)])
        }
    }
}

/// An address as a host of a URI.
fn bracketed(ip: std::net::IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}
