//! The ways to a peer: its rows as targets or as questions for the name servers, and the answers put together.

use std::net::IpAddr;

use routing::config::{Connection, Peer};
use sip_stack::transport::{Flow, Listeners, Protocol, Query, Target, Terms};

/// Targets of several hosts, in the order of the hosts, while some are still being looked up.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    places: Vec<(Option<u64>, Vec<Target>)>,
}

impl Gathering {
    /// An address that is known.
    pub(crate) fn add(&mut self, target: Target) {
        self.places.push((None, vec![target]));
    }

    /// A host that was asked for under this number.
    pub(crate) fn ask(&mut self, question: u64) {
        self.places.push((Some(question), Vec::new()));
    }

    /// The answer to that question.
    pub(crate) fn fill(&mut self, question: u64, targets: &[Target]) {
        if let Some(place) = self.places.iter_mut().find(|(asked, _)| *asked == Some(question)) {
            *place = (None, targets.to_vec());
        }
    }

    /// Whether nothing is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.places.iter().all(|(asked, _)| asked.is_none())
    }

    /// All targets, each once, with the place of the host that leads there.
    pub(crate) fn each(&self) -> Vec<(usize, Target)> {
        let mut all: Vec<(usize, Target)> = Vec::new();
        for (index, (_, targets)) in self.places.iter().enumerate() {
            for target in targets {
                if all.len() < MOST && all.iter().all(|(_, known)| known != target) {
                    all.push((index, *target));
                }
            }
        }
        all
    }

    /// All targets, each once.
    pub(crate) fn targets(&self) -> Vec<Target> {
        self.each().into_iter().map(|(_, target)| target).collect()
    }
}

/// Where requests to a connection's peers go first: its outbound proxy, else its peers by rank.
pub(crate) fn hops(row: &Connection) -> Vec<Result<Target, Query>> {
    let mut peers: Vec<_> = row.peers.iter().collect();
    peers.sort_by_key(|peer| peer.priority);
    if let Some(proxy) = row.register.outbound_proxy.as_deref() {
        let first = peers.first().map(|peer| b2bua::next_hop(row, peer));
        return first.or_else(|| b2bua::hop_of_uri(proxy, None)).into_iter().collect();
    }
    peers.iter().map(|peer| b2bua::next_hop(row, peer)).collect()
}

/// The way to a target, if we have a socket for it.
pub(crate) fn flow_to(listeners: &Listeners, target: Target) -> Option<Flow> {
    let Target { protocol, address: remote } = target;
    let listener = listeners.towards(protocol, remote.ip())?;
    Some(Flow { protocol, listener, stream: 0, remote })
}

/// What must hold of the other end of a way under TLS: the host as it was configured, at this place of [`hops`] where
/// that is known.
pub(crate) fn terms_towards(row: &Connection, place: Option<usize>, target: Target) -> Terms {
    if let Some(proxy) = row.register.outbound_proxy.as_deref() {
        let host = match b2bua::hop_of_uri(proxy, None) {
            Some(Err(query)) => query.host,
            Some(Ok(target)) => target.address.ip().to_string().into(),
            None => proxy.into(),
        };
        return b2bua::terms(row, &host);
    }
    let mut peers: Vec<_> = row.peers.iter().collect();
    peers.sort_by_key(|peer| peer.priority);
    let address = |peer: &&&Peer| peer.host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let by_place = place.and_then(|place| peers.get(place));
    let by_address = || peers.iter().find(|peer| address(peer) == Some(target.address.ip()));
    let by_name = || peers.iter().find(|peer| address(peer).is_none());
    let peer = by_place.or_else(by_address).or_else(by_name);
    let host = peer.map_or_else(|| target.address.ip().to_string(), |peer| peer.host.clone());
    b2bua::terms(row, &host)
}

/// A peer as Request-URI of a request that is for itself.
pub(crate) fn uri_of_peer(peer: &Peer) -> String {
    let port = peer.port.map(|port| format!(":{port}")).unwrap_or_default();
    let transport = match b2bua::protocol_of(peer.transport) {
        None | Some(Protocol::Udp) => String::new(),
        Some(other) => format!(";transport={}", other.name()),
    };
    format!("sip:{}{port}{transport}", host_in_uri(&peer.host))
}

/// A host with brackets around an IPv6 address.
pub(crate) fn host_in_uri(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
        Ok(IpAddr::V4(_)) | Err(_) => host.to_owned(),
    }
}

/// Addresses of one connection that are tried and watched.
const MOST: usize = 32;
