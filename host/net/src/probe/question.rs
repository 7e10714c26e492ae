//! One request outside of any dialog, and what came of it: retransmitted over UDP, with credentials if asked for.
//!
//! RFC 3261 §17.1.2.2 (timers E and F), §8.1.3.5 and §22.2 (challenges, answered once).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip_msg::{Message, Name, StartLine, Writer};

use super::credentials::Credentials;
use super::flow::io;
use super::{Flow, ProbeFault};

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// `OPTIONS` or `REGISTER`.
    pub(crate) method: &'static str,
    /// Request-URI.
    pub(crate) uri: String,
    /// From URI.
    pub(crate) from: String,
    /// To URI.
    pub(crate) to: String,
    /// The proxy it goes through, as the value of Route (RFC 3261 §8.1.2).
    pub(crate) route: Option<String>,
    /// User and password, for a peer that asks.
    pub(crate) login: Option<(String, String)>,
}

/// The final answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Its code.
    pub(crate) code: u16,
    /// Its reason phrase.
    pub(crate) reason: String,
    /// What the peer calls itself: Server, else User-Agent.
    pub(crate) server: String,
    /// From the last request to its answer.
    pub(crate) took: Duration,
    /// The last request.
    pub(crate) sent: Vec<u8>,
    /// Its answer.
    pub(crate) received: Vec<u8>,
    /// Where the peer saw the request come from (RFC 3581), if it says so.
    pub(crate) seen_as: Option<SocketAddr>,
}

/// Why there is no final answer.
#[derive(Debug)]
pub(crate) struct Silence {
    /// What the system said, if it was not mere silence.
    pub(crate) fault: Option<ProbeFault>,
    /// The request.
    pub(crate) sent: Vec<u8>,
}

/// Asks and waits for the final answer until then.
pub(crate) fn ask(flow: &mut Flow, question: &Question, until: Instant) -> Result<Reply, Silence> {
    let seed = getrandom::u64().map_err(|fault| {
        let source = std::io::Error::other(fault.to_string());
        Silence { fault: Some(io("drawing random numbers")(source)), sent: Vec::new() }
    })?;
    let mut asking = Asking { question, seed, cseq: 0, credentials: None };
    loop {
        asking.cseq += 1;
        let request = asking.request(flow);
        let began = Instant::now();
        let received = match asking.exchange(flow, &request, until) {
            Ok(Some(received)) => received,
            Ok(None) => return Err(Silence { fault: None, sent: request }),
            Err(fault) => return Err(Silence { fault: Some(fault), sent: request }),
        };
        let took = began.elapsed();
        let Ok(message) = Message::parse(&received) else { continue };
        if asking.can_answer(&message) {
            continue;
        }
        let StartLine::Response { code, reason } = *message.start() else { continue };
        return Ok(Reply {
            code,
            reason: String::from_utf8_lossy(reason).into_owned(),
            server: server(&message),
            took,
            seen_as: seen_as(&message),
            sent: request,
            received,
        });
    }
}

struct Asking<'q> {
    question: &'q Question,
    seed: u64,
    cseq: u32,
    credentials: Option<Credentials>,
}

impl Asking<'_> {
    /// The final answer to this request, or none until then.
    fn exchange(
        &self,
        flow: &mut Flow,
        request: &[u8],
        until: Instant,
    ) -> Result<Option<Vec<u8>>, ProbeFault> {
        flow.send(request)?;
        let mut interval = T1;
        let mut resend_at = Instant::now() + interval;
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(None);
            }
            let wake = if flow.is_lossy() { resend_at.min(until) } else { until };
            if let Some(received) = flow.receive(wake)? {
                if self.is_final(&received) {
                    return Ok(Some(received));
                }
            } else if Instant::now() >= resend_at && flow.is_lossy() {
                flow.send(request)?;
                interval = (interval * 2).min(T2);
                resend_at = Instant::now() + interval;
            }
        }
    }

    /// Whether this is a final answer to the request that was sent last.
    fn is_final(&self, received: &[u8]) -> bool {
        Message::parse(received).is_ok_and(|message| {
            message.call_id() == self.call_id().as_bytes()
                && message.cseq() == Some((self.cseq, self.question.method.as_bytes()))
                && matches!(*message.start(), StartLine::Response { code, .. } if code >= 200)
        })
    }

    /// Whether this is a challenge that we can answer and have not answered yet.
    fn can_answer(&mut self, message: &Message<'_>) -> bool {
        let name = match *message.start() {
            StartLine::Response { code: 401, .. } => Name::WwwAuthenticate,
            StartLine::Response { code: 407, .. } => Name::ProxyAuthenticate,
            _ => return false,
        };
        let Some((user, password)) = &self.question.login else {
            return false;
        };
        match (Credentials::choose(name, message.fields(name), user, password), &self.credentials) {
            (Some(fresh), Some(old)) if !fresh.is_retry_of(old) => false,
            (Some(fresh), _) => {
                self.credentials = Some(fresh);
                true
            }
            (None, _) => false,
        }
    }

    fn request(&mut self, flow: &Flow) -> Vec<u8> {
        let Question { method, uri, from, to, .. } = self.question;
        let local = flow.local.to_string();
        let mut out = Vec::new();
        let mut writer = Writer::request(&mut out, method.as_bytes(), uri.as_bytes());
        let via = format!(
            "SIP/2.0/{} {local};branch=z9hG4bK{:016x}{};rport",
            flow.protocol.via(),
            self.seed,
            self.cseq
        );
        writer.field(Name::Via, via.as_bytes());
        writer.field(Name::MaxForwards, b"70");
        if let Some(route) = &self.question.route {
            writer.field(Name::Route, route.as_bytes());
        }
        let tag = format!(">;tag={:016x}", self.seed.rotate_left(17));
        writer.parts(Name::From, &[b"<", from.as_bytes(), tag.as_bytes()]);
        writer.parts(Name::To, &[b"<", to.as_bytes(), b">"]);
        writer.field(Name::CallId, self.call_id().as_bytes());
        writer.parts(Name::CSeq, &[self.cseq.to_string().as_bytes(), b" ", method.as_bytes()]);
        if *method == "OPTIONS" {
            // RFC 3261 §11.1. A REGISTER without Contact only reads the bindings (§10.2.3).
            let contact = format!("<sip:ping@{local};transport={}>", flow.protocol.name());
            writer.field(Name::Contact, contact.as_bytes());
            writer.field(Name::Accept, b"application/sdp");
        }
        if let Some(credentials) = &mut self.credentials {
            let cnonce = format!("{:016x}", self.seed.rotate_left(31));
            let value = credentials.value(method.as_bytes(), uri.as_bytes(), &cnonce);
            writer.field(credentials.answers(), &value);
            credentials.count();
        }
        writer.field(Name::UserAgent, b"trunkline");
        writer.end();
        out
    }

    fn call_id(&self) -> String {
        format!("{:016x}-test", self.seed.rotate_left(7))
    }
}

fn server(message: &Message<'_>) -> String {
    let name = message.field(Name::Server).or_else(|| message.field(Name::UserAgent));
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

fn seen_as(message: &Message<'_>) -> Option<SocketAddr> {
    let via = message.via()?;
    let ip = via.params.value(b"received").and_then(sip_msg::uri::parse_ip)?;
    let port = via.params.value(b"rport").and_then(|port| std::str::from_utf8(port).ok()?.parse().ok())?;
    Some(SocketAddr::new(ip, port))
}

/// RFC 3261 §17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
