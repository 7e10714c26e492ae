//! Which addresses our own web requests may reach: everybody's, and of the private ones those that are listed.
//!
//! Asked after a name was resolved, of the very address that is connected to: a name that changes its meaning in
//! between gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What may be reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    allowed: Vec<IpNet>,
}

impl Reach {
    /// Public addresses, and these networks.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Why an address may not be reached, with the flag that would allow it.
    pub fn refuses(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        let kind = not_public(address)?;
        if self.allowed.iter().any(|network| network.contains(&address)) {
            return None;
        }
        Some(format!(
            "{address} is {kind}; start the server with --http-allow {address} to let requests go there"
        ))
    }
}

/// What kind of address it is, if it is nobody's on the internet.
fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => v4_not_public(v4),
        IpAddr::V6(v6) => v6_not_public(v6),
    }
}

fn v4_not_public(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, ..] = address.octets();
    match (a, b) {
        (127, _) => Some("a loopback address"),
        (0, _) => Some("no address of a host"),
        (169, 254) => Some("a link-local address"),
        (100, 64..=127) => Some("a private address (RFC 6598)"),
        (192, 0) if address.octets()[2] == 0 => Some("a special address (RFC 6890)"),
        (198, 18..=19) => Some("a benchmarking address (RFC 2544)"),
        (224..=255, _) => Some("no address of a single host"),
        _ if address.is_private() => Some("a private address"),
        _ => None,
    }
}

fn v6_not_public(address: Ipv6Addr) -> Option<&'static str> {
    let first = address.segments()[0];
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_unspecified() {
        return Some("no address of a host");
    }
    // A translator's prefix (RFC 6052) leads to whatever IPv4 address stands in it.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        return v4_not_public(Ipv4Addr::new(a, b, c, d));
    }
    match first {
        0xfe80..=0xfebf => Some("a link-local address"),
        0xfc00..=0xfdff => Some("a private address"),
        0xfec0..=0xfeff => Some("a private address"),
        0xff00..=0xffff => Some("no address of a single host"),
        // 6to4 (RFC 3056) leads to the IPv4 address in it.
        0x2002 => {
            let [a, b] = address.segments()[1].to_be_bytes();
            let [c, d] = address.segments()[2].to_be_bytes();
            v4_not_public(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_in_every_disguise_unless_listed() {
        let reach = Reach::new(vec!["10.1.0.0/16".parse().expect("a network")]);
        for (address, may) in [
            ("203.0.113.7", true),
            ("8.8.8.8", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("172.31.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::", false),
            ("ff02::1", false),
        ] {
            let refused = reach.refuses(address.parse().expect("an address"));
            assert_eq!(refused.is_none(), may, "{address}: {refused:?}");
            assert!(refused.is_none_or(|why| why.contains("--http-allow")));
        }
    }
}
