//! Where a SIP URI leads: host, port and transport (RFC 3263 §4.1, §4.2), by the system's resolver.

use std::net::{SocketAddr, ToSocketAddrs};

use sip_msg::{Scheme, Uri, strip_brackets};
use sip_stack::transport::Protocol;

/// A peer as a URI names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The URI without parameters: what a request to it says.
    pub uri: String,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port; absent means by DNS, else the transport's default.
    pub port: Option<u16>,
    /// Transport.
    pub protocol: Protocol,
}

/// Why a peer could not be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFault {
    /// The URI cannot be used.
    #[error("`{uri}` is no SIP URI such as sip:sip.example.com or sip:192.0.2.1:5070;transport=tcp")]
    Uri {
        /// As given.
        uri: String,
    },
    /// A transport that a probe cannot speak.
    #[error("`{transport}` is no transport that can be asked over: udp or tcp")]
    Transport {
        /// As given.
        transport: String,
    },
    /// The host has no address.
    #[error("`{host}` does not resolve: {source}")]
    Unresolved {
        /// Its name.
        host: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// No socket, no route, no random numbers, or the peer's host refuses.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ProbeFault {
    /// Whether the peer's host says that nobody listens.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused)
    }

    /// Whether the peer cannot be reached, whatever we do.
    pub fn is_unreachable(&self) -> bool {
        use std::io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
        match self {
            Self::Unresolved { .. } => true,
            Self::Io { source, .. } => {
                self.is_refused() || matches!(source.kind(), HostUnreachable | NetworkUnreachable | TimedOut)
            }
            Self::Uri { .. } | Self::Transport { .. } => false,
        }
    }
}

impl Target {
    /// The peer that `uri` names.
    pub fn parse(uri: &str) -> Result<Self, ProbeFault> {
        let fault = || ProbeFault::Uri { uri: uri.to_owned() };
        let parsed = Uri::parse(uri.as_bytes()).ok_or_else(fault)?;
        let transport = parsed.params.value(b"transport");
        let protocol = match (parsed.scheme, transport) {
            (Scheme::Sip, None) => Protocol::Udp,
            (Scheme::Sips, None) => Protocol::Tls,
            (Scheme::Sip | Scheme::Sips, Some(name)) => Protocol::from_bytes(name)
                .ok_or_else(|| ProbeFault::Transport { transport: String::from_utf8_lossy(name).into() })?,
            (Scheme::Tel | Scheme::Other, _) => return Err(fault()),
        };
        let host = String::from_utf8_lossy(strip_brackets(parsed.host)).into_owned();
        let plain = uri.split([';', '?']).next().unwrap_or(uri);
        Ok(Self { uri: plain.to_owned(), host, port: parsed.port, protocol })
    }

    /// Its addresses, IPv4 first.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, ProbeFault> {
        let unresolved = |source| ProbeFault::Unresolved { host: self.host.clone(), source };
        let port = self.port.unwrap_or_else(|| self.protocol.default_port());
        let found = (self.host.as_str(), port).to_socket_addrs().map_err(unresolved)?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        if addresses.is_empty() {
            return Err(unresolved(std::io::ErrorKind::NotFound.into()));
        }
        Ok(addresses)
    }
}
