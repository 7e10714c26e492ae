//! The user agent of a test call without its sockets: RFC 3261 §8.1, §12.1.2, §13.2, §15.
//!
//! It writes the requests of one call and reads what comes. Retransmission and time are the caller's.

use std::net::SocketAddr;

use sip_msg::header::list;
use sip_msg::{Message, Method, Name, StartLine, ViaStamp, Writer, answer};
use sip_stack::transport::Protocol;

use crate::probe::credentials::Credentials;

/// Names and secrets of one call.
pub(super) struct Identity {
    /// The Request-URI and To.
    pub(super) target: String,
    /// From URI.
    pub(super) from: String,
    /// Digest user.
    pub(super) user: Option<String>,
    /// Digest password.
    pub(super) password: Option<String>,
    /// Transport, for Via and Contact.
    pub(super) protocol: Protocol,
    /// Our address, for Via and Contact.
    pub(super) local: SocketAddr,
    /// Makes this call's identifiers unlike any other's.
    pub(super) seed: u64,
}

/// What came, and what it asks us to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing of this call.
    Foreign,
    /// 1xx.
    Provisional {
        /// Its code.
        code: u16,
    },
    /// 401 or 407 that we can answer: acknowledge and send the next INVITE.
    Challenged,
    /// 2xx of the INVITE, each time it comes: acknowledge.
    Answered {
        /// The SDP answer.
        body: Vec<u8>,
    },
    /// Another final answer to the INVITE: acknowledge.
    Refused,
    /// A final answer to our BYE or CANCEL.
    Settled,
    /// The peer's BYE; the answer is ready.
    Ended {
        /// 200 for it.
        answer: Vec<u8>,
    },
    /// Another request of the peer; the answer is ready.
    Asked {
        /// The answer.
        answer: Vec<u8>,
    },
}

/// One call as its caller sees it.
pub(super) struct Agent {
    identity: Identity,
    offer: Vec<u8>,
    cseq: u32,
    invite_cseq: u32,
    credentials: Option<Credentials>,
    remote: Remote,
    /// Last final answer: code and reason phrase.
    pub(super) last: (u16, String),
    /// Reason fields of the last final answer or of the peer's BYE.
    pub(super) reasons: Vec<String>,
    /// Whether a challenge came.
    pub(super) challenged: bool,
}

/// What the answers told us of the other side (RFC 3261 §12.1.2).
struct Remote {
    to_tag: Vec<u8>,
    target: Vec<u8>,
    routes: Vec<Vec<u8>>,
    confirmed: bool,
}

impl Agent {
    /// A call that has not begun; `offer` is the SDP of the INVITE.
    pub(super) fn new(identity: Identity, offer: Vec<u8>) -> Self {
        let target = identity.target.as_bytes().to_vec();
        Self {
            identity,
            offer,
            cseq: 0,
            invite_cseq: 0,
            credentials: None,
            remote: Remote { to_tag: Vec::new(), target, routes: Vec::new(), confirmed: false },
            last: (0, String::new()),
            reasons: Vec::new(),
            challenged: false,
        }
    }

    /// The first INVITE, or the next one after a challenge.
    pub(super) fn invite(&mut self) -> Vec<u8> {
        self.cseq += 1;
        self.invite_cseq = self.cseq;
        self.remote.to_tag.clear();
        let mut out = Vec::new();
        let mut writer = self.begin(&mut out, b"INVITE", self.cseq, &format!("i{}", self.cseq));
        self.prove(&mut writer, b"INVITE");
        let transport = match self.identity.protocol {
            Protocol::Udp => String::new(),
            other => format!(";transport={}", other.name()),
        };
        let contact = format!("<sip:call-test@{}{transport}>", self.identity.local);
        writer.field(Name::Contact, contact.as_bytes());
        writer.field(Name::Allow, ALLOW);
        writer.body(b"application/sdp", &self.offer);
        self.count_nonce();
        out
    }

    /// CANCEL of the INVITE that waits: its branch and number (RFC 3261 §9.1).
    pub(super) fn cancel(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.begin(&mut out, b"CANCEL", self.invite_cseq, &format!("i{}", self.invite_cseq)).end();
        out
    }

    /// ACK of the answer that came last: a transaction of its own for a 2xx (RFC 3261 §13.2.2.4), part of the
    /// INVITE's for others (§17.1.1.3).
    pub(super) fn ack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let branch = if self.remote.confirmed { "a" } else { "i" };
        self.begin(&mut out, b"ACK", self.invite_cseq, &format!("{branch}{}", self.invite_cseq)).end();
        out
    }

    /// BYE; again, with credentials, when it was challenged.
    pub(super) fn bye(&mut self) -> Vec<u8> {
        self.cseq += 1;
        let mut out = Vec::new();
        let mut writer = self.begin(&mut out, b"BYE", self.cseq, &format!("b{}", self.cseq));
        self.prove(&mut writer, b"BYE");
        writer.end();
        self.count_nonce();
        out
    }

    /// Reads a datagram.
    pub(super) fn read(&mut self, datagram: &[u8]) -> Heard {
        let Ok(message) = Message::parse(datagram) else {
            return Heard::Foreign;
        };
        if message.call_id() != self.call_id().as_bytes() {
            return Heard::Foreign;
        }
        match *message.start() {
            StartLine::Request { method, .. } => self.read_request(&message, method),
            StartLine::Response { code, reason } => self.read_response(&message, code, reason),
        }
    }

    fn read_request(&mut self, message: &Message<'_>, method: Method) -> Heard {
        let reply = |code: u16| {
            let mut out = Vec::new();
            let mut writer = answer(&mut out, message, code, b"", b"", ViaStamp::default());
            writer.field(Name::Allow, ALLOW);
            writer.end();
            out
        };
        match method {
            Method::Ack => Heard::Foreign,
            Method::Bye => {
                self.reasons = reasons(message);
                Heard::Ended { answer: reply(200) }
            }
            Method::Options => Heard::Asked { answer: reply(200) },
            // RFC 3261 §14.2: the call goes on as it is.
            Method::Invite | Method::Update => Heard::Asked { answer: reply(488) },
            _ => Heard::Asked { answer: reply(405) },
        }
    }

    fn read_response(&mut self, message: &Message<'_>, code: u16, reason: &[u8]) -> Heard {
        let Some((number, method)) = message.cseq() else {
            return Heard::Foreign;
        };
        if method != b"INVITE" {
            return self.settle(message, code, number == self.cseq && method == b"BYE");
        }
        if number != self.invite_cseq {
            return Heard::Foreign;
        }
        if code < 200 {
            return Heard::Provisional { code };
        }
        self.last = (code, String::from_utf8_lossy(reason).into_owned());
        self.reasons = reasons(message);
        self.remote.to_tag = message.to().and_then(|to| to.tag()).unwrap_or_default().to_vec();
        if code < 300 {
            self.confirm(message);
            return Heard::Answered { body: message.body().to_vec() };
        }
        if self.challenged_by(message, code) { Heard::Challenged } else { Heard::Refused }
    }

    /// An answer to BYE or CANCEL.
    fn settle(&mut self, message: &Message<'_>, code: u16, to_bye: bool) -> Heard {
        match code {
            100..=199 => Heard::Provisional { code },
            _ if to_bye && self.challenged_by(message, code) => Heard::Challenged,
            _ => Heard::Settled,
        }
    }

    /// Whether this is a challenge we can answer and have not answered yet.
    fn challenged_by(&mut self, message: &Message<'_>, code: u16) -> bool {
        let name = match code {
            401 => Name::WwwAuthenticate,
            407 => Name::ProxyAuthenticate,
            _ => return false,
        };
        self.challenged = true;
        let (Some(user), Some(password)) = (&self.identity.user, &self.identity.password) else {
            return false;
        };
        let fresh = Credentials::choose(name, message.fields(name), user, password);
        match (&self.credentials, fresh) {
            (Some(old), Some(fresh)) if !fresh.is_retry_of(old) => false,
            (_, Some(fresh)) => {
                self.credentials = Some(fresh);
                true
            }
            (_, None) => false,
        }
    }

    fn confirm(&mut self, message: &Message<'_>) {
        self.remote.confirmed = true;
        if let Some(contact) = message.contact() {
            self.remote.target = contact.uri.to_vec();
        }
        let mut routes: Vec<Vec<u8>> =
            message.fields(Name::RecordRoute).flat_map(list).map(<[u8]>::to_vec).collect();
        routes.reverse();
        self.remote.routes = routes;
    }

    /// Starts a request with what all have.
    fn begin<'o>(&self, out: &'o mut Vec<u8>, method: &[u8], cseq: u32, branch: &str) -> Writer<'o> {
        let in_dialog = self.remote.confirmed && method != b"INVITE" && method != b"CANCEL";
        let uri: &[u8] = if in_dialog { &self.remote.target } else { self.identity.target.as_bytes() };
        let local = self.identity.local.to_string();
        let branch = format!(";branch=z9hG4bK{:016x}{branch};rport", self.identity.seed);
        let mut writer = Writer::request(out, method, uri);
        let protocol = self.identity.protocol.via().as_bytes();
        writer.parts(Name::Via, &[b"SIP/2.0/", protocol, b" ", local.as_bytes(), branch.as_bytes()]);
        writer.field(Name::MaxForwards, b"70");
        for route in self.remote.routes.iter().filter(|_| in_dialog) {
            writer.field(Name::Route, route);
        }
        let tag = format!(">;tag={:016x}", self.identity.seed.rotate_left(17));
        writer.parts(Name::From, &[b"<", self.identity.from.as_bytes(), tag.as_bytes()]);
        let target = self.identity.target.as_bytes();
        // The To of CANCEL and of the INVITE itself has no tag.
        if self.remote.to_tag.is_empty() || method == b"CANCEL" {
            writer.parts(Name::To, &[b"<", target, b">"]);
        } else {
            writer.parts(Name::To, &[b"<", target, b">;tag=", &self.remote.to_tag]);
        }
        writer.field(Name::CallId, self.call_id().as_bytes());
        writer.parts(Name::CSeq, &[cseq.to_string().as_bytes(), b" ", method]);
        writer.field(Name::UserAgent, b"trunkline call-test");
        writer
    }

    fn prove(&self, writer: &mut Writer<'_>, method: &[u8]) {
        if let Some(credentials) = &self.credentials {
            let uri: &[u8] =
                if method == b"INVITE" { self.identity.target.as_bytes() } else { &self.remote.target };
            let cnonce = format!("{:016x}", self.identity.seed.rotate_left(31));
            writer.field(credentials.answers(), &credentials.value(method, uri, &cnonce));
        }
    }

    fn count_nonce(&mut self) {
        if let Some(credentials) = &mut self.credentials {
            credentials.count();
        }
    }

    fn call_id(&self) -> String {
        format!("{:016x}@{}", self.identity.seed, self.identity.local.ip())
    }
}

fn reasons(message: &Message<'_>) -> Vec<String> {
    let fields = message.fields(Name::Reason).chain(message.fields(Name::Warning));
    fields.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

const ALLOW: &[u8] = b"INVITE, ACK, BYE, CANCEL, OPTIONS";
