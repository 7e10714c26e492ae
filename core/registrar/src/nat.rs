//! When a device sits behind a network address translator (RFC 5853 §3.1; NAT rule of the interface).

use std::net::IpAddr;

use sip_msg::header::Via;
use sip_msg::uri::{Uri, strip_brackets};
use sip_stack::transport::Flow;

/// Whether requests to a contact must go to the packet's source: the top Via names another address, or the
/// Contact is private and the source is not.
pub fn behind_nat(via: &Via<'_>, contact: &Uri<'_>, flow: &Flow) -> bool {
    let source = flow.remote;
    let via_ip =
        core::str::from_utf8(strip_brackets(via.host)).ok().and_then(|text| text.parse::<IpAddr>().ok());
    let via_port = via.port.unwrap_or_else(|| flow.protocol.default_port());
    let via_differs = via_ip.is_some_and(|ip| ip != source.ip() || via_port != source.port());
    let contact_private = contact.host_ip().is_some_and(is_private) && !is_private(source.ip());
    via_differs || contact_private
}

/// Addresses that mean nothing outside their own network.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(IpAddr::V4(v4)),
            None => {
                v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
        },
    }
}
