//! Where a host name leads: the question and its answers (RFC 3263 §4).

use std::net::SocketAddr;

use crate::transport::Protocol;

/// What is to be located.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// Host name.
    pub host: Box<str>,
    /// Port, when the peer's address names one: then there is no SRV (§4.2).
    pub port: Option<u16>,
    /// Transport, when it is settled; else NAPTR or SRV chooses (§4.1).
    pub transport: Option<Protocol>,
    /// Only TLS will do, as for `sips:`.
    pub secure: bool,
}

/// One way to reach a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Address and port.
    pub address: SocketAddr,
}
