//! One attempt to reach a callee: the INVITE we send (topology hiding, RFC 5853 §3.1) and where it goes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sip_msg::uri::{Uri, parse_ip};
use sip_msg::{Message, Name};
use sip_stack::dialog::{Dialog, RequestLine, is_sips};
use sip_stack::transaction::Outgoing;
use sip_stack::transport::{Flow, Listeners, Protocol, Query, Target, Terms};
use sip_stack::{Slot, User};

use registrar::BindingRow;
use routing::config::{Connection, Kind, Latching, Peer, Transport};
use timestamp::Timestamp;

use crate::attendant::Screening;
use crate::early::EarlyDialogs;
use crate::leg::{Leg, SUPPORTED, SUPPORTED_WITHIN, via, write_ourselves};
use crate::line::Line;
use crate::means::Means;
use crate::passthrough::{add_header, copy_renumbered};
use crate::renumber::Numbering;
use crate::vouch::Signed;

/// One attempt.
#[derive(Debug)]
pub(crate) struct Branch {
    /// The callee's leg.
    pub leg: Leg,
    /// The target that it is for.
    pub target: usize,
    /// The party that it is for, where several are looked for at once.
    pub party: Option<usize>,
    /// The INVITE's transaction.
    pub client: Slot,
    /// When its INVITE was first sent.
    pub sent_at: Timestamp,
    /// When it was first heard of.
    pub heard_at: Option<Timestamp>,
    /// Something provisional was heard.
    pub alive: bool,
    /// A 18x was heard.
    pub rang: bool,
    /// It is to be cancelled, with this Reason value, as soon as it is alive.
    pub cancelling: Option<Box<[u8]>>,
    /// Its final answer came, or it was given up.
    pub done: bool,
    /// The peer's challenge was answered once.
    pub authenticated: bool,
    /// How often the peer's 422 was answered with a longer session interval.
    pub lengthened: u8,
    /// Its early dialogs.
    pub early: EarlyDialogs,
    /// It has answered, and has yet to take the call.
    pub screening: Option<Box<Screening>>,
    /// Request-URI of the INVITE.
    uri: Box<[u8]>,
    /// Path of the binding, for the Route of the INVITE.
    path: Box<str>,
}

/// Where an INVITE goes and as what.
#[derive(Clone, Debug)]
pub struct Place {
    /// Request-URI.
    pub uri: String,
    /// To, without tag.
    pub to: String,
    /// The way.
    pub flow: Flow,
    /// Path of a binding (RFC 3327).
    pub path: Box<str>,
}

/// What the callee is to see of the caller.
#[derive(Clone, Debug, Default)]
pub struct Presentation {
    /// Display name, without quotes.
    pub display: String,
    /// User or number.
    pub user: String,
    /// Host; empty means the address that the callee sees us at.
    pub host: String,
    /// User or number of P-Asserted-Identity, where one is written.
    pub asserted: Option<String>,
    /// The caller wants to be unknown to whoever is not trusted: `Privacy: id` or `user` (RFC 3323 §4.2, RFC 3325 §9.3).
    pub hidden: bool,
}

impl Presentation {
    /// The same, with the verdict on the caller id in its user part (3GPP TS 24.229 §7.2A.20).
    pub(crate) fn with_verstat(&self, verdict: &str) -> Self {
        Self { user: format!("{};verstat={verdict}", self.user), ..self.clone() }
    }
}

/// The host of a From that names nobody (RFC 3323 §4.1.1.3).
pub const ANONYMOUS: &str = "anonymous.invalid";

impl Branch {
    /// A branch about to be sent: its dialog as far as we make it. Without a connection it goes to ourselves.
    pub(crate) fn new(
        call: Slot,
        number: u8,
        connection: Option<Arc<Connection>>,
        place: &Place,
        presentation: &Presentation,
        means: &mut Means<'_>,
    ) -> Self {
        let tag = match connection {
            Some(_) => means.tag(call, number),
            None => means.own_tag(call, number),
        };
        let dialog = begun(place, presentation, tag.as_ref(), means);
        let leg = Leg::new(number, connection, dialog, crate::anchor::LegMedia::default());
        Self {
            leg,
            target: 0,
            party: None,
            client: Slot { index: u32::MAX, generation: 0 },
            sent_at: means.now,
            heard_at: None,
            alive: false,
            rang: false,
            cancelling: None,
            done: false,
            authenticated: false,
            lengthened: 0,
            early: EarlyDialogs::default(),
            screening: None,
            uri: place.uri.as_bytes().into(),
            path: place.path.clone(),
        }
    }

    /// The same, as one of this target, and of this party of a search.
    pub(crate) fn of(mut self, target: usize, party: Option<usize>) -> Self {
        (self.target, self.party) = (target, party);
        self
    }

    /// Sends, or sends again with credentials, the INVITE with this body.
    pub(crate) fn send(
        &mut self,
        body: &[u8],
        credentials: Option<(Name, &[u8])>,
        presentation: &Presentation,
        offer: &Offer<'_, '_>,
        means: &mut Means<'_>,
    ) {
        let flow = self.leg.dialog.flow;
        let shown = means.shown(&flow);
        let cseq = self.leg.dialog.next_cseq();
        let uri = self.uri.clone();
        self.forget_early(&uri, cseq);
        let number = self.leg.number;
        let outgoing = Outgoing { flow, invite: true, user: User::Call(offer.call), purpose: number };
        let (dialog, connection, path) = (&self.leg.dialog, self.leg.connection.as_deref(), &self.path);
        let (timer, ids) = (&self.leg.timer, &self.leg.ids);
        let numbering = Numbering::between(means.tables, offer.caller, connection);
        self.client = means.transactions.request(outgoing, means.now, means.out, &mut |buffer, branch| {
            let via = via(&flow, &shown, branch);
            let max_forwards = offer.max_forwards;
            let line = RequestLine { method: b"INVITE", via: via.as_bytes(), cseq, max_forwards };
            let mut writer = dialog.write(buffer, &line);
            if !path.is_empty() {
                writer.field(Name::Route, path.as_bytes());
            }
            write_ourselves(
                &mut writer,
                &flow,
                &shown,
                dialog.wants_sips(),
                if offer.reliable { SUPPORTED } else { SUPPORTED_WITHIN },
            );
            timer.write_request(&mut writer);
            writer.field(Name::UserAgent, b"Trunkline");
            if let Some(user) = &presentation.asserted {
                let (user, host) = (user.as_bytes(), Line::of(format_args!("{shown}")));
                writer.parts(Name::PAssertedIdentity, &[b"<sip:", user, b"@", host.as_bytes(), b">"]);
            }
            if let Some(privacy) = offer.invite.field(Name::Privacy) {
                writer.field(Name::Privacy, privacy);
            }
            ids.write(&mut writer);
            if let Some((name, value)) = credentials {
                writer.field(name, value);
            }
            let anew: &[Name] = match offer.signed {
                None => &[],
                Some(Signed { beside: true, .. }) => &[Name::Date],
                Some(Signed { beside: false, .. }) => &[Name::Date, Name::Identity],
            };
            copy_renumbered(offer.invite, &mut writer, [offer.caller, connection], numbering, anew);
            for (name, value) in offer.fields {
                add_header(name.as_bytes(), value.as_bytes(), &mut writer);
            }
            if let Some(Signed { passport, .. }) = offer.signed {
                writer.field(Name::Date, passport.date.as_bytes());
                writer.field(Name::Identity, passport.identity.as_bytes());
            }
            match body {
                [] => writer.end(),
                body => writer.body(b"application/sdp", body),
            }
        });
    }

    /// Gives up: CANCEL now, or as soon as something provisional was heard (RFC 3261 §9.1).
    pub(crate) fn cancel(&mut self, reason: &[u8], means: &mut Means<'_>) {
        if self.done {
            return;
        }
        if self.cancelling.is_none() {
            self.cancelling = Some(reason.into());
        }
        if self.alive && self.screening.is_none() {
            means.transactions.cancel(self.client, Some(reason), means.now, means.out);
        }
    }
}

/// The dialog that a request to this place is about to begin, as far as we make it.
pub fn begun(place: &Place, presentation: &Presentation, tag: &[u8], means: &mut Means<'_>) -> Dialog {
    let shown = means.shown(&place.flow);
    let ours = Line::of(format_args!("{shown}"));
    let host = if presentation.host.is_empty() { ours.as_bytes() } else { presentation.host.as_bytes() };
    let (display, user) = (presentation.display.as_bytes(), presentation.user.as_bytes());
    let local = match display {
        [] => [b"<sip:", user, b"@", host, b">"].concat(),
        name => [b"\"", name, b"\" <sip:", user, b"@", host, b">"].concat(),
    };
    Dialog {
        call_id: means.random.hex().into(),
        local_tag: tag.into(),
        remote_tag: Box::default(),
        local: local.into(),
        remote: place.to.as_bytes().into(),
        target: place.uri.as_bytes().into(),
        routes: Box::default(),
        local_cseq: 0,
        remote_cseq: None,
        flow: place.flow,
        secure: is_sips(place.uri.as_bytes()),
    }
}

/// What every branch of a call repeats of the caller's INVITE.
pub(crate) struct Offer<'a, 'm> {
    /// The call.
    pub call: Slot,
    /// The caller's INVITE.
    pub invite: &'a Message<'m>,
    /// The caller's connection.
    pub caller: Option<&'a Connection>,
    /// Reliable provisional answers are of use: an offer in one could be answered.
    pub reliable: bool,
    /// Max-Forwards for the callee (RFC 7332).
    pub max_forwards: u8,
    /// A signature of ours.
    pub signed: Option<Signed<'a>>,
    /// Header fields that a flow adds.
    pub fields: &'a [(Box<str>, String)],
}

/// Where a registered contact is reached.
pub fn place_of_binding(binding: &BindingRow, connection: &Connection, means: &Means<'_>) -> Option<Place> {
    Some(Place {
        uri: binding.contact.to_string(),
        to: ["<sip:", strip_params(&binding.contact), ">"].concat(),
        flow: flow_of_binding(binding, connection, means.listeners)?,
        path: binding.path.clone(),
    })
}

/// Where a number is reached at a PBX that registered: the number at its contact (RFC 6140 §5.2 does so, too).
pub(crate) fn place_at_pbx(
    binding: &BindingRow,
    connection: &Connection,
    number: &str,
    means: &Means<'_>,
) -> Option<Place> {
    let place = place_of_binding(binding, connection, means)?;
    let (scheme, rest) = place.uri.split_once(':')?;
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let uri = format!("{scheme}:{}@{host}", escape_user(number));
    Some(Place { to: format!("<sip:{}>", strip_params(&uri)), uri, ..place })
}

/// The way to a registered contact: along its flow, or by the NAT rule of the interface.
pub fn flow_of_binding(binding: &BindingRow, connection: &Connection, listeners: &Listeners) -> Option<Flow> {
    let uri = Uri::parse(binding.contact.as_bytes())?;
    let protocol = Protocol::from_bytes(binding.transport.as_bytes())?;
    let source = binding.source;
    if protocol.is_web() {
        // Only the client opens it, and what its Contact says leads nowhere (RFC 7118 §5).
        let flow = Flow { protocol, listener: binding.listener, stream: binding.stream, remote: source };
        return (flow.stream != 0).then_some(flow);
    }
    let path_hop = first_hop(&binding.path);
    let declared = path_hop.or_else(|| {
        let ip = uri.host_ip()?;
        Some(SocketAddr::new(ip, uri.port.unwrap_or_else(|| protocol.default_port())))
    });
    let by_source = match connection.media.nat {
        Latching::Always => true,
        Latching::Never => false,
        Latching::Auto => binding.behind_nat && path_hop.is_none(),
    };
    // A stream that is still there is the way; one that a restart cut off is opened anew where the contact says.
    let lives = protocol.is_reliable() && binding.stream != 0;
    let remote = match declared {
        Some(declared) if !lives && !by_source => declared,
        Some(_) | None => source,
    };
    let same_family = |listener: u16| {
        listeners
            .0
            .get(usize::from(listener))
            .is_some_and(|l| l.protocol == protocol && l.bound.is_ipv4() == remote.is_ipv4())
    };
    let listener = if same_family(binding.listener) {
        binding.listener
    } else {
        listeners.towards(protocol, remote.ip())?
    };
    Some(Flow { protocol, listener, stream: binding.stream, remote })
}

/// How a peer is looked for: `Err` asks the name servers (RFC 3263 §4).
pub fn targets_of(peer: &Peer) -> Result<Target, Query> {
    let transport = protocol_of(peer.transport);
    match peer.host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => {
            let protocol = transport.unwrap_or(Protocol::Udp);
            let port = peer.port.unwrap_or_else(|| protocol.default_port());
            Ok(Target { protocol, address: SocketAddr::new(address, port) })
        }
        Err(_) => Err(Query { host: peer.host.as_str().into(), port: peer.port, transport, secure: false }),
    }
}

/// Where a peer is reached at this target.
pub fn place_of_peer(
    connection: &Connection,
    peer: &Peer,
    target: Target,
    number: &str,
    means: &mut Means<'_>,
) -> Option<Place> {
    let Target { protocol, address: remote } = target;
    let listener = means.listeners.towards(protocol, remote.ip())?;
    let host = match peer.host.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
        Ok(IpAddr::V4(_)) | Err(_) => peer.host.clone(),
    };
    let at_port = peer.port.map(|p| format!(":{p}")).unwrap_or_default();
    let flow = Flow { protocol, listener, stream: 0, remote };
    let parameter =
        if protocol == Protocol::Udp { String::new() } else { format!(";transport={}", protocol.name()) };
    Some(Place {
        uri: format!("sip:{}@{host}{at_port}{parameter}", escape_user(number)),
        to: format!("<sip:{}@{host}>", escape_user(number)),
        flow: means.reserved.on_terms(flow, || terms(connection, &peer.host), means.out),
        path: crate::hop::route_of(connection).into(),
    })
}

/// What must hold of a peer at this host before anything is said to it under TLS.
pub fn terms(connection: &Connection, host: &str) -> Terms {
    let host = host.trim_matches(['[', ']']).into();
    Terms { host, verify: connection.tls.verify, ca: connection.tls.ca.clone() }
}

/// Whether a connection is reached at its contacts rather than at fixed peers.
pub fn is_registered_kind(kind: Kind) -> bool {
    match kind {
        Kind::Device | Kind::RegisterIn | Kind::Virtual => true,
        Kind::RegisterOut | Kind::Trunk => false,
    }
}

/// A user part that may stand in a URI (RFC 3261 §25.1).
pub fn escape_user(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/#".contains(&byte) && byte != b'#' {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The protocol of a configured transport, if it is settled.
pub fn protocol_of(transport: Transport) -> Option<Protocol> {
    match transport {
        Transport::Auto => None,
        Transport::Udp => Some(Protocol::Udp),
        Transport::Tcp => Some(Protocol::Tcp),
        Transport::Tls => Some(Protocol::Tls),
        Transport::Ws => Some(Protocol::Ws),
        Transport::Wss => Some(Protocol::Wss),
    }
}

fn first_hop(path: &str) -> Option<SocketAddr> {
    let start = path.find('<')? + 1;
    let rest = path.get(start..)?;
    let uri = Uri::parse(rest.get(..rest.find('>')?)?.as_bytes())?;
    Some(SocketAddr::new(parse_ip(uri.host)?, uri.port.unwrap_or(5060)))
}

fn strip_params(contact: &str) -> &str {
    let rest = contact.split_once(':').map_or(contact, |(_, rest)| rest);
    rest.split(';').next().unwrap_or(rest)
}
