//! Where requests to a peer go first: its outbound proxy, else the peer itself (RFC 3261 §8.1.2, RFC 3263 §4).

use std::net::{IpAddr, SocketAddr};

use routing::config::{Connection, Peer};
use sip_msg::{Scheme, Uri};
use sip_stack::transport::{Protocol, Query, Target};

use crate::branch::{protocol_of, targets_of};

/// The first hop towards a peer of a connection; `Err` asks the name servers.
pub fn next_hop(connection: &Connection, peer: &Peer) -> Result<Target, Query> {
    let proxy = connection.register.outbound_proxy.as_deref();
    proxy.and_then(|proxy| hop_of_uri(proxy, protocol_of(peer.transport))).unwrap_or_else(|| targets_of(peer))
}

/// Where a URI, or a host with or without port, leads.
pub fn hop_of_uri(text: &str, transport: Option<Protocol>) -> Option<Result<Target, Query>> {
    let full = as_uri(text);
    let uri = Uri::parse(full.as_bytes())?;
    let secure = uri.scheme == Scheme::Sips;
    let named = uri.params.value(b"transport").and_then(Protocol::from_bytes);
    let transport = named.or(transport).or_else(|| secure.then_some(Protocol::Tls));
    let (host, port) = (core::str::from_utf8(uri.host).ok()?, uri.port);
    Some(match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => {
            let protocol = transport.unwrap_or(Protocol::Udp);
            let port = port.unwrap_or_else(|| protocol.default_port());
            Ok(Target { protocol, address: SocketAddr::new(address, port) })
        }
        Err(_) => Err(Query { host: host.into(), port, transport, secure }),
    })
}

/// The outbound proxy as a preloaded route; empty if there is none.
pub fn route_of(connection: &Connection) -> String {
    let Some(proxy) = connection.register.outbound_proxy.as_deref() else { return String::new() };
    let uri = as_uri(proxy);
    if uri.contains(";lr") { format!("<{uri}>") } else { format!("<{uri};lr>") }
}

fn as_uri(text: &str) -> String {
    let scheme = text.starts_with("sip:") || text.starts_with("sips:");
    if scheme { text.to_owned() } else { format!("sip:{text}") }
}
