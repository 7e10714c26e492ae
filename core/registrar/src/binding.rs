//! A binding as plain data: what must outlive the process (RFC 3261 §10, RFC 3327, RFC 5626).

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use sip_stack::transport::Flow;
use timestamp::Timestamp;

use crate::push::push_address;

/// One contact of an address of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRow {
    /// Id of the connection the address of record belongs to.
    pub connection: Box<str>,
    /// Contact URI as registered, with its parameters.
    pub contact: Box<str>,
    /// Identity of the device (`+sip.instance`, with `reg-id` appended when given); empty if none.
    pub instance: Box<str>,
    /// Call-ID and CSeq of the last registration, for ordering.
    pub call_id: Box<str>,
    /// CSeq of the last registration.
    pub cseq: u32,
    /// Preference in thousandths.
    pub q: u16,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// When it was first made.
    pub since: Timestamp,
    /// Where the request came from.
    pub source: SocketAddr,
    /// Index of our listener it came to.
    pub listener: u16,
    /// Number of the stream it came over; 0 for datagrams, and after a restart.
    pub stream: u32,
    /// Transport name as in Via, lower case.
    pub transport: Box<str>,
    /// Top Via named another address than the packet's source.
    pub behind_nat: bool,
    /// Path vector, comma-separated (RFC 3327).
    pub path: Box<str>,
    /// User-Agent of the device.
    pub user_agent: Box<str>,
    /// Label of the credential used.
    pub credential: Box<str>,
}

impl BindingRow {
    /// Where the device is woken, if it sleeps: its stream is gone, and only it could open another.
    pub fn asleep_at(&self) -> Option<String> {
        let sleeps = self.stream == 0 && matches!(&*self.transport, "ws" | "wss");
        sleeps.then(|| push_address(&self.contact)).flatten()
    }
}

/// A contact as a REGISTER names it; what is text of the request stays there.
#[derive(Debug)]
pub(crate) struct Registered<'a> {
    pub(crate) contact: Cow<'a, str>,
    pub(crate) instance: Cow<'a, str>,
    pub(crate) call_id: Cow<'a, str>,
    pub(crate) cseq: u32,
    pub(crate) q: u16,
    pub(crate) expires_at: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) flow: Flow,
    pub(crate) behind_nat: bool,
    pub(crate) path: Cow<'a, str>,
    pub(crate) user_agent: Cow<'a, str>,
    pub(crate) credential: &'a str,
}

impl Registered<'_> {
    /// The first registration.
    pub(crate) fn row(&self, connection: &str) -> BindingRow {
        BindingRow {
            connection: connection.into(),
            contact: (*self.contact).into(),
            instance: (*self.instance).into(),
            call_id: (*self.call_id).into(),
            cseq: self.cseq,
            q: self.q,
            expires_at: self.expires_at,
            since: self.at,
            source: self.flow.remote,
            listener: self.flow.listener,
            stream: self.flow.stream,
            transport: self.flow.protocol.name().into(),
            behind_nat: self.behind_nat,
            path: (*self.path).into(),
            user_agent: (*self.user_agent).into(),
            credential: self.credential.into(),
        }
    }

    /// A later one: all but whose it is and since when.
    pub(crate) fn refresh(&self, row: &mut BindingRow) {
        put(&mut row.contact, &self.contact);
        put(&mut row.instance, &self.instance);
        put(&mut row.call_id, &self.call_id);
        put(&mut row.transport, self.flow.protocol.name());
        put(&mut row.path, &self.path);
        put(&mut row.user_agent, &self.user_agent);
        put(&mut row.credential, self.credential);
        (row.cseq, row.q, row.expires_at) = (self.cseq, self.q, self.expires_at);
        (row.source, row.listener, row.stream) = (self.flow.remote, self.flow.listener, self.flow.stream);
        row.behind_nat = self.behind_nat;
    }
}

/// Text of the same length takes the place of the old one.
fn put(place: &mut Box<str>, text: &str) {
    if **place != *text {
        let mut kept = String::from(core::mem::take(place));
        kept.clear();
        kept.push_str(text);
        *place = kept.into();
    }
}
