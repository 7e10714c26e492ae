//! The state of one dialog and the requests made within it (RFC 3261 §12.1, §12.2).
//!
//! What a usage does with the dialog (INVITE, subscription) is its user's matter.

use serde::{Deserialize, Serialize};
use sip_msg::Message;
use sip_msg::Name;
use sip_msg::build::Writer;

use crate::transaction::decimal;
use crate::transport::Flow;

/// A dialog. `local` and `remote` are the From and To values of requests we send, without their tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: Box<[u8]>,
    /// Our tag.
    pub local_tag: Box<[u8]>,
    /// Their tag; empty before the first answer with one, and for RFC 2543 peers.
    pub remote_tag: Box<[u8]>,
    /// Name and address of our side.
    pub local: Box<[u8]>,
    /// Name and address of their side.
    pub remote: Box<[u8]>,
    /// Remote target: the URI of their Contact.
    pub target: Box<[u8]>,
    /// Route set, comma-separated, in the order that requests carry it.
    pub routes: Box<[u8]>,
    /// CSeq number of our last request.
    pub local_cseq: u32,
    /// CSeq number of their last request.
    pub remote_cseq: Option<u32>,
    /// The way to the peer.
    pub flow: Flow,
    /// The secure flag: it began with a `sips:` Request-URI (§12.1.1, §12.1.2).
    #[serde(default)]
    pub secure: bool,
}

/// Whether a request came in order (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It did.
    InOrder,
    /// Its CSeq is not above the last one: 500.
    OutOfOrder,
}

impl Dialog {
    /// From an INVITE that came in (§12.1.1).
    pub fn from_request(request: &Message<'_>, local_tag: &[u8], flow: Flow) -> Self {
        let from = request.from();
        let to = request.to();
        let mut routes = Vec::new();
        join(&mut routes, request.values(Name::RecordRoute));
        Self {
            call_id: request.call_id().into(),
            local_tag: local_tag.into(),
            remote_tag: from.as_ref().and_then(|f| f.tag()).unwrap_or_default().into(),
            local: address(to.as_ref().map(|t| (t.display, t.uri))),
            remote: address(from.as_ref().map(|f| (f.display, f.uri))),
            target: request.contact().map_or(b"".as_slice(), |c| c.uri).into(),
            routes: routes.into(),
            local_cseq: 0,
            remote_cseq: request.cseq().map(|(number, _)| number),
            flow,
            secure: is_sips(request.uri()),
        }
    }

    /// Whether our Contact has to be `sips:`, as the peer's side is (§8.1.1.8, §12.1.1).
    pub fn wants_sips(&self) -> bool {
        let route = self.routes.strip_prefix(b"<").unwrap_or(&self.routes);
        self.secure || is_sips(if route.is_empty() { &self.target } else { route })
    }

    /// Takes over what the first 2xx to our INVITE says of the peer (§12.1.2): tag, target, route set.
    pub fn confirm(&mut self, response: &Message<'_>) {
        self.remote_tag = response.to().and_then(|t| t.tag()).unwrap_or_default().into();
        self.refresh_target(response);
        let mut values: Vec<&[u8]> = response.values(Name::RecordRoute).collect();
        values.reverse();
        let mut routes = Vec::new();
        join(&mut routes, values.into_iter());
        self.routes = routes.into();
    }

    /// A target refresh (§12.2.1.2, §12.2.2): the Contact of a re-INVITE, an UPDATE or their 2xx.
    pub fn refresh_target(&mut self, message: &Message<'_>) {
        if let Some(contact) = message.contact().filter(|c| !c.uri.is_empty())
            && *self.target != *contact.uri
        {
            self.target = contact.uri.into();
        }
    }

    /// Checks and remembers the CSeq of a request within the dialog.
    pub fn on_request(&mut self, request: &Message<'_>) -> Order {
        let Some((number, _)) = request.cseq() else { return Order::OutOfOrder };
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return Order::OutOfOrder;
        }
        self.remote_cseq = Some(number);
        Order::InOrder
    }

    /// Whether a message with this Call-ID and this tag of theirs belongs here.
    pub fn matches(&self, call_id: &[u8], remote_tag: &[u8]) -> bool {
        *self.call_id == *call_id && (*self.remote_tag == *remote_tag || self.remote_tag.is_empty())
    }

    /// The next CSeq number of ours.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.wrapping_add(1) & 0x7fff_ffff;
        self.local_cseq
    }

    /// Begins a request within the dialog: start line, Via, Max-Forwards, From, To, Call-ID, CSeq, Route.
    /// `cseq` is [`Dialog::next_cseq`], or the INVITE's number for its ACK.
    pub fn write<'o>(&self, buffer: &'o mut Vec<u8>, line: &RequestLine<'_>) -> Writer<'o> {
        // A first route without `lr` is a strict router (§12.2.1.1): it becomes the Request-URI.
        let strict = first_route(&self.routes).filter(|uri| !is_loose(uri));
        let mut writer = Writer::request(buffer, line.method, strict.unwrap_or(&self.target));
        writer.field(Name::Via, line.via);
        writer.number(Name::MaxForwards, u64::from(line.max_forwards));
        write_party(&mut writer, Name::From, &self.local, &self.local_tag);
        write_party(&mut writer, Name::To, &self.remote, &self.remote_tag);
        writer.field(Name::CallId, &self.call_id);
        let mut digits = [0; 10];
        writer.parts(Name::CSeq, &[decimal(line.cseq, &mut digits), b" ", line.method]);
        if strict.is_some() {
            let rest = rest_of_routes(&self.routes);
            let comma: &[u8] = if rest.is_empty() { b"" } else { b", " };
            writer.parts(Name::Route, &[rest, comma, b"<", &self.target, b">"]);
        } else if !self.routes.is_empty() {
            writer.field(Name::Route, &self.routes);
        }
        writer
    }

    /// The URI whose host the next request goes to (RFC 3261 §8.1.2): the first route, else the target.
    pub fn next_hop(&self) -> &[u8] {
        first_route(&self.routes).unwrap_or(&self.target)
    }
}

/// What differs from one request of a dialog to the next.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// Method.
    pub method: &'a [u8],
    /// Via value, with the branch.
    pub via: &'a [u8],
    /// CSeq number.
    pub cseq: u32,
    /// Max-Forwards.
    pub max_forwards: u8,
}

/// Whether a URI demands TLS on every hop (§26.2).
pub fn is_sips(uri: &[u8]) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

fn address(party: Option<(&[u8], &[u8])>) -> Box<[u8]> {
    let (display, uri) = party.unwrap_or_default();
    let mut text = Vec::with_capacity(display.len() + uri.len() + 5);
    if !display.is_empty() {
        text.push(b'"');
        text.extend_from_slice(display);
        text.extend_from_slice(b"\" ");
    }
    text.push(b'<');
    text.extend_from_slice(uri);
    text.push(b'>');
    text.into()
}

fn join<'a>(into: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>) {
    for value in values {
        if !into.is_empty() {
            into.extend_from_slice(b", ");
        }
        into.extend_from_slice(value);
    }
}

fn first_route(routes: &[u8]) -> Option<&[u8]> {
    let start = routes.iter().position(|&b| b == b'<')? + 1;
    let rest = routes.get(start..)?;
    let end = rest.iter().position(|&b| b == b'>')?;
    rest.get(..end)
}

fn rest_of_routes(routes: &[u8]) -> &[u8] {
    let Some(close) = routes.iter().position(|&b| b == b'>') else { return b"" };
    let after = routes.get(close..).unwrap_or_default();
    let Some(comma) = after.iter().position(|&b| b == b',') else { return b"" };
    after.get(comma + 1..).unwrap_or_default().trim_ascii_start()
}

fn is_loose(uri: &[u8]) -> bool {
    sip_msg::uri::Uri::parse(uri).is_some_and(|uri| uri.params.get(b"lr").is_some())
}

fn write_party(writer: &mut Writer<'_>, name: Name, party: &[u8], tag: &[u8]) {
    let separator: &[u8] = if tag.is_empty() { b"" } else { b";tag=" };
    writer.parts(name, &[party, separator, tag]);
}
