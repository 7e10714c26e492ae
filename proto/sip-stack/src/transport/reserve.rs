//! Streams that are not open yet, with what must hold of their other end (RFC 5922 §7), and why a stream failed.
//!
//! A stream to a peer gets its number before it is opened. The number stands for the address and the terms together:
//! requests under it share one stream, and after that is gone the next request opens another on the same terms. A
//! stream that the peer opened takes its place where the peer offered that and proved the same (RFC 5923 §5).

use std::net::SocketAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::Out;
use crate::transport::{Flow, Protocol};

/// What must hold of the other end before anything is said to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The name that its certificate must carry: the host as it was configured, not what DNS made of it.
    pub host: Box<str>,
    /// Whether its certificate is looked at.
    pub verify: bool,
    /// Authorities in PEM that are believed, and no others.
    pub ca: Option<Arc<str>>,
}

/// Numbers given out by one shard.
#[derive(Debug)]
pub struct Reserved {
    known: HashMap<(SocketAddr, Terms), u32>,
    /// Streams that peers opened, by the address they can be called at.
    aliases: HashMap<(SocketAddr, Terms), Flow>,
    shard: u8,
    next: u16,
}

/// Why a stream could not be opened, or was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFault {
    /// What kind of failure it is.
    pub kind: FaultKind,
    /// In words, with the name of the peer where that matters.
    pub text: Box<str>,
}

/// Kinds of failures of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nobody listens there.
    Refused,
    /// No way leads there.
    Unreachable,
    /// Nothing came back in time.
    TimedOut,
    /// The certificate is somebody else's.
    TlsName,
    /// Nobody we trust vouches for the certificate.
    TlsChain,
    /// The certificate is not valid at this time.
    TlsExpired,
    /// No agreement was reached, or what came is no TLS.
    TlsProtocol,
}

impl Reserved {
    /// Of this shard.
    pub fn new(shard: u8) -> Self {
        Self { known: HashMap::new(), aliases: HashMap::new(), shard, next: 0 }
    }

    /// The flow to use where a stream is opened on terms: under TLS one with a number of its own, else as it is.
    pub fn on_terms(&mut self, flow: Flow, terms: impl FnOnce() -> Terms, out: &mut dyn Out) -> Flow {
        if flow.protocol != Protocol::Tls || flow.stream != 0 {
            return flow;
        }
        let terms = terms();
        let (flow, new) = self.stream(flow, &terms);
        if new {
            out.reserve(flow, terms);
        }
        flow
    }

    /// What would be sent to this address on these terms goes over this stream of the peer, as long as it is open. The
    /// peer asked for it in its Via, and it is for the caller to know that its certificate meets the terms.
    pub fn alias(&mut self, address: SocketAddr, terms: Terms, flow: Flow) {
        if self.aliases.len() < MOST_RESERVED || self.aliases.contains_key(&(address, terms.clone())) {
            self.aliases.insert((address, terms), flow);
        }
    }

    /// A stream is gone.
    pub fn forget(&mut self, gone: &Flow) {
        if !self.aliases.is_empty() && gone.protocol == Protocol::Tls {
            self.aliases.retain(|_, flow| flow.stream != gone.stream);
        }
    }

    /// The stream to the address of this flow on these terms; `true` if its number was given out just now.
    fn stream(&mut self, flow: Flow, terms: &Terms) -> (Flow, bool) {
        let key = (flow.remote, terms.clone());
        if let Some(&alias) = self.aliases.get(&key) {
            return (alias, false);
        }
        if let Some(&stream) = self.known.get(&key) {
            return (Flow { stream, ..flow }, false);
        }
        if self.known.len() >= MOST_RESERVED {
            self.known.clear();
        }
        let stream = RESERVED | u32::from(self.shard) << 16 | u32::from(self.next);
        self.next = self.next.wrapping_add(1);
        self.known.insert(key, stream);
        (Flow { stream, ..flow }, true)
    }
}

impl FaultKind {
    /// As records and metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TlsName => "name",
            Self::TlsChain => "chain",
            Self::TlsExpired => "expired",
            Self::TlsProtocol => "protocol",
        }
    }

    /// Whether TLS is to blame, and not the way there.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::TlsName | Self::TlsChain | Self::TlsExpired | Self::TlsProtocol)
    }
}

/// From here on numbers of streams are reserved ones.
pub const RESERVED: u32 = 1 << 31;
/// Reserved numbers in use by a shard: as many as fit.
const MOST_RESERVED: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_for_one_address_and_terms() {
        let mut reserved = Reserved::new(3);
        let flow = |last| {
            let remote = SocketAddr::from(([192, 0, 2, last], 5061));
            Flow { protocol: Protocol::Tls, listener: 2, stream: 0, remote }
        };
        let terms = |host: &str| Terms { host: host.into(), verify: true, ca: None };
        let (first, new) = reserved.stream(flow(1), &terms("a.example"));
        assert!(new && first.stream >= RESERVED);
        assert_eq!(reserved.stream(flow(1), &terms("a.example")), (first, false));
        let others = [(flow(1), terms("b.example")), (flow(2), terms("a.example"))];
        for (flow, terms) in others {
            let (other, new) = reserved.stream(flow, &terms);
            assert!(new && other.stream != first.stream);
        }
        let theirs = Flow { stream: 7, remote: SocketAddr::from(([192, 0, 2, 1], 40_000)), ..flow(1) };
        reserved.alias(flow(1).remote, terms("a.example"), theirs);
        assert_eq!(reserved.stream(flow(1), &terms("a.example")), (theirs, false));
        assert_ne!(reserved.stream(flow(1), &terms("b.example")).0, theirs, "its certificate names another");
        reserved.forget(&theirs);
        assert_eq!(reserved.stream(flow(1), &terms("a.example")), (first, false));
        let (of_another_shard, _) = Reserved::new(4).stream(flow(1), &terms("a.example"));
        assert_ne!(of_another_shard.stream, first.stream);
    }
}
