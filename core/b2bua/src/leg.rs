//! One leg of a call: a dialog, its INVITE usage and its media. Who called is a field, never a type.

use std::sync::Arc;

use sip_msg::build::Writer;
use sip_msg::{Message, Name};
use sip_stack::dialog::{Dialog, ReliableAnswers, RequestLine, SessionTimer};
use sip_stack::transaction::Outgoing;
use sip_stack::transport::{Flow, Protocol, RESERVED};
use sip_stack::{Slot, User};

use routing::config::Connection;

use crate::abilities::Abilities;
use crate::anchor::LegMedia;
use crate::line::Line;
use crate::means::Means;
use crate::parting::Parting;
use crate::refer::Referral;
use crate::session_id::IdHalves;
use crate::usage::{InviteUsage, Unanswered, UpdateUsage};

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    /// Its number in the call; 0 is that of the INVITE that began it.
    pub number: u8,
    /// The connection at the other end, if it is one.
    pub connection: Option<Arc<Connection>>,
    /// The dialog.
    pub dialog: Dialog,
    /// What its INVITE usage is doing.
    pub usage: InviteUsage,
    /// What its offers by UPDATE are doing.
    pub update: UpdateUsage,
    /// Provisional answers of ours that its peer has to acknowledge.
    pub reliable: ReliableAnswers,
    /// Offer and answer are complete, though the final answer is not there yet.
    pub agreed: bool,
    /// Our last 2xx has an offer of our own: the answer comes in its ACK.
    pub offered: bool,
    /// Its peer was answered before somebody else answered the call: it needs a new offer.
    pub outdated: bool,
    /// Its session timer.
    pub timer: SessionTimer,
    /// The refresh of ours that waits for its answer.
    pub refresh: Option<Slot>,
    /// The halves of the Session-ID.
    pub ids: IdHalves,
    /// Credentials for the next re-INVITE or UPDATE, whose predecessor was challenged.
    pub credentials: Option<(Name, Vec<u8>)>,
    /// Whether a challenge was answered since the last 2xx.
    pub proved: bool,
    /// What its peer can do.
    pub abilities: Abilities,
    /// Whether its peer sent the INVITE that made the dialog.
    pub invited: bool,
    /// What its peer is told of a REFER of its own.
    pub referral: Option<Box<Referral>>,
    /// REFERs it sent.
    pub refers: u8,
    /// Its BYE, until that is answered.
    pub parting: Option<Parting>,
    /// The last ACK sent for a 2xx, for when that 2xx comes again.
    pub ack: Vec<u8>,
    /// Its media.
    pub media: LegMedia,
    /// What the peer calls itself.
    pub user_agent: Arc<str>,
    /// Final code on this leg.
    pub code: u16,
}

impl Leg {
    /// Whose offer within the dialog has no answer yet.
    pub(crate) fn unanswered(&self) -> Option<Unanswered> {
        match (&self.usage, self.update) {
            (InviteUsage::Asking { .. } | InviteUsage::Waiting { .. }, _) | (_, UpdateUsage::Asking) => {
                Some(Unanswered::Ours)
            }
            (InviteUsage::Asked, _) | (_, UpdateUsage::Asked) => Some(Unanswered::Theirs),
            // The ACK of our last 2xx is missing, but what comes now proves that it arrived.
            (InviteUsage::Answering { .. } | InviteUsage::Idle, UpdateUsage::Idle) => None,
        }
    }

    /// A leg about to begin or just begun.
    pub(crate) fn new(
        number: u8,
        connection: Option<Arc<Connection>>,
        dialog: Dialog,
        media: LegMedia,
    ) -> Self {
        let timers = connection.as_ref().map(|c| (c.timers.session_expires_s, c.timers.min_se_s));
        let (interval, least) = timers.unwrap_or((1800, 90));
        Self {
            number,
            connection,
            dialog,
            usage: InviteUsage::Idle,
            update: UpdateUsage::Idle,
            reliable: ReliableAnswers::default(),
            agreed: false,
            offered: false,
            outdated: false,
            timer: SessionTimer::new(interval, least),
            refresh: None,
            ids: IdHalves::default(),
            credentials: None,
            proved: false,
            abilities: Abilities::default(),
            invited: number == 0,
            referral: None,
            refers: 0,
            parting: None,
            ack: Vec::new(),
            media,
            user_agent: Arc::default(),
            code: 0,
        }
    }

    /// Whether its INVITE has its 2xx: the timer of the session begins with it.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.timer.agreement().is_some()
    }

    /// Gets credentials ready for a request that its peer challenged, once in a row (RFC 3261 §22.2).
    pub(crate) fn prove(&mut self, response: &Message<'_>, method: &[u8], means: &mut Means<'_>) -> bool {
        let Some(secret) = self.connection.as_ref().and_then(|c| c.outward.as_ref()) else { return false };
        if core::mem::replace(&mut self.proved, true) {
            return false;
        }
        let (user, password, uri) = (&secret.user, &secret.password, &self.dialog.target);
        let cnonce = means.random.hex();
        self.credentials = sip_stack::auth::answer(response, user, password, method, uri, &cnonce);
        self.credentials.is_some()
    }

    /// Whether an offer could go to this peer now.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.usage, InviteUsage::Idle) && self.update == UpdateUsage::Idle
    }

    /// What history calls it.
    pub(crate) fn role(&self) -> &'static str {
        match (self.number, self.invited) {
            (0, _) => "caller",
            (_, true) => "joined",
            (_, false) => "callee",
        }
    }

    /// Remembers what the peer calls itself, and what it can do.
    pub(crate) fn hear_agent(&mut self, message: &Message<'_>) {
        self.abilities.hear(message);
        let name = message.field(Name::UserAgent).or_else(|| message.field(Name::Server)).unwrap_or_default();
        let name = name.get(..80).unwrap_or(name);
        if self.user_agent.is_empty() {
            self.user_agent = String::from_utf8_lossy(name).into();
        }
    }

    /// Sends a request within the dialog in a transaction of its own; `fill` adds headers and body.
    pub(crate) fn request(
        &mut self,
        method: &[u8],
        user: Slot,
        purpose: u8,
        means: &mut Means<'_>,
        fill: &mut dyn FnMut(Writer<'_>),
    ) -> Slot {
        let cseq = self.dialog.next_cseq();
        let flow = self.dialog.flow;
        let shown = means.shown(&flow);
        let (dialog, ids) = (&self.dialog, &self.ids);
        let user = User::Call(user);
        let outgoing = Outgoing { flow, invite: method == b"INVITE", user, purpose };
        means.transactions.request(outgoing, means.now, means.out, &mut |buffer, branch| {
            let via = via(&flow, &shown, branch);
            let line = RequestLine { method, via: via.as_bytes(), cseq, max_forwards: 70 };
            let mut writer = dialog.write(buffer, &line);
            ids.write(&mut writer);
            fill(writer);
        })
    }

    /// Acknowledges a 2xx (RFC 3261 §13.2.2.4); kept, since the 2xx may come again.
    pub(crate) fn acknowledge(&mut self, cseq: u32, body: Option<&[u8]>, means: &mut Means<'_>) {
        let flow = self.dialog.flow;
        let shown = means.shown(&flow);
        let unique = means.random.number();
        let start = means.out.buffer().len();
        let branch = Line::of(format_args!("z9hG4bKa{unique:016x}"));
        let via = via(&flow, &shown, branch.as_bytes());
        let line = RequestLine { method: b"ACK", via: via.as_bytes(), cseq, max_forwards: 70 };
        let mut writer = self.dialog.write(means.out.buffer(), &line);
        self.ids.write(&mut writer);
        match body {
            Some(body) => writer.body(b"application/sdp", body),
            None => writer.end(),
        }
        self.ack.clear();
        self.ack.extend_from_slice(means.out.buffer().get(start..).unwrap_or_default());
        means.out.send(flow, start);
    }

    /// The 2xx came again: so does its ACK.
    pub(crate) fn acknowledge_again(&self, means: &mut Means<'_>) {
        if !self.ack.is_empty() {
            self.send_kept(&self.ack, means);
        }
    }

    /// Sends a kept message over the dialog's flow.
    pub(crate) fn send_kept(&self, message: &[u8], means: &mut Means<'_>) {
        let start = means.out.buffer().len();
        means.out.buffer().extend_from_slice(message);
        means.out.send(self.dialog.flow, start);
    }
}

/// Via value of a request of ours (RFC 3261 §18.1.1, RFC 3581).
pub fn via(flow: &Flow, shown: &std::net::SocketAddr, branch: &[u8]) -> Line {
    // RFC 5923 §5: over a stream that we opened the peer may call us, too.
    let alias = if flow.protocol == Protocol::Tls && flow.stream >= RESERVED { ";alias" } else { "" };
    let (transport, branch) = (flow.protocol.via(), branch.utf8_chunks());
    let mut line = Line::of(format_args!("SIP/2.0/{transport} {shown};branch="));
    for chunk in branch {
        line.push(chunk.valid());
    }
    line.push(";rport");
    line.push(alias);
    line
}

/// Contact, Allow and Supported: what a request or answer says of us that makes or refreshes a dialog.
pub(crate) fn write_ourselves(
    writer: &mut Writer<'_>,
    flow: &Flow,
    shown: &std::net::SocketAddr,
    sips: bool,
    supported: &[u8],
) {
    writer.field(Name::Contact, contact(flow, shown, sips).as_bytes());
    writer.field(Name::Allow, ALLOW).field(Name::Supported, supported);
}

/// Contact value of ours on a flow; `sips:` where the peer's side is and the flow allows it.
pub fn contact(flow: &Flow, shown: &std::net::SocketAddr, sips: bool) -> Line {
    match flow.protocol {
        // RFC 3261 §26.2.2: the scheme says TLS; the transport is that below it.
        Protocol::Tls if sips => Line::of(format_args!("<sips:{shown}>")),
        Protocol::Wss if sips => Line::of(format_args!("<sips:{shown};transport=ws>")),
        Protocol::Udp => Line::of(format_args!("<sip:{shown}>")),
        // RFC 7118 §5.2: the parameter knows `ws` only, also for what TLS protects.
        Protocol::Ws | Protocol::Wss => Line::of(format_args!("<sip:{shown};transport=ws>")),
        Protocol::Tcp | Protocol::Tls => {
            Line::of(format_args!("<sip:{shown};transport={}>", flow.protocol.name()))
        }
    }
}

/// Methods we understand within and outside of dialogs.
pub const ALLOW: &[u8] =
    b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE";
/// Extensions we understand within calls.
pub const SUPPORTED: &[u8] = b"100rel, timer, replaces, norefersub";
/// Those that make sense of us within a dialog, and where an early offer could not be answered.
pub(crate) const SUPPORTED_WITHIN: &[u8] = b"timer, replaces, norefersub";
