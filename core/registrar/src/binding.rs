//! A binding as plain data: what must outlive the process (RFC 3261 §10, RFC 3327, RFC 5626).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use timestamp::Timestamp;

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
