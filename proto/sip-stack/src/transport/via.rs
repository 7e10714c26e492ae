//! The top Via of a request: `received`, `rport`, and where its answers go (RFC 3261 §18.2, RFC 3581).

use std::net::SocketAddr;

use sip_msg::build::ViaStamp;
use sip_msg::header::Via;
use sip_msg::uri::strip_brackets;

use crate::transport::Flow;

/// What to write into the top Via of every answer.
///
/// RFC 3261 §18.2.1 asks for `received` when sent-by differs from the source; RFC 3581 §4 whenever `rport` was
/// asked for.
pub fn stamp(via: &Via<'_>, source: SocketAddr) -> ViaStamp {
    let same_host = host_ip(via.host).is_some_and(|ip| ip == source.ip());
    let asked = via.rport().is_some();
    ViaStamp { received: (!same_host || asked).then(|| source.ip()), rport: asked.then(|| source.port()) }
}

/// Where answers to a request go: over its own stream, or for datagrams to the source address, at the source
/// port if `rport` was asked for, else at the port of sent-by. `maddr` is not honoured: it would let a stranger
/// aim our answers (RFC 3261 §18.2.2 allows it for multicast only in practice).
pub fn response_flow(via: &Via<'_>, flow: &Flow) -> Flow {
    if flow.protocol.is_reliable() || via.rport().is_some() {
        return *flow;
    }
    let port = via.port.filter(|&p| p != 0).unwrap_or_else(|| flow.protocol.default_port());
    Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..*flow }
}

/// Where answers go once the request's own stream is gone: the address they would carry as `received`, at the port of
/// sent-by, over a new stream (RFC 3261 §18.2.2, RFC 3263 §5). Nobody's name is resolved: what a Via says there could
/// aim our answers at others.
pub fn response_flow_anew(via: &Via<'_>, flow: &Flow) -> Flow {
    let port = via.port.filter(|&p| p != 0).unwrap_or_else(|| flow.protocol.default_port());
    Flow { stream: 0, remote: SocketAddr::new(flow.remote.ip(), port), ..*flow }
}

fn host_ip(host: &[u8]) -> Option<std::net::IpAddr> {
    core::str::from_utf8(strip_brackets(host)).ok()?.parse().ok()
}
