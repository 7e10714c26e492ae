//! Which addresses may be spoken to: those of the internet, and what the installation allows besides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that are allowed although they are not of the internet (`--http-allow`).
#[derive(Clone, Debug, Default)]
pub struct Rule {
    allowed: Vec<IpNet>,
}

impl Rule {
    /// The internet and these networks.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether this address may be spoken to.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|net| net.contains(&address)) || is_of_the_internet(address)
    }
}

/// Neither loopback, private, link-local, shared, documentation, multicast nor reserved (RFC 6890 and the registries
/// of special-purpose addresses); an IPv6 address that carries one of IPv4 counts as that.
fn is_of_the_internet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(net, len)| in_v4(v4, *net, *len)),
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => is_of_the_internet(IpAddr::V4(v4)),
            // Global unicast is 2000::/3, without what documents use.
            None => v6.segments()[0] & 0xe000 == 0x2000 && !in_v6(v6, [0x2001, 0xdb8], 32),
        },
    }
}

/// The IPv4 address inside one of NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

fn in_v4(address: Ipv4Addr, net: [u8; 4], len: u32) -> bool {
    let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
    u32::from(address) & mask == u32::from_be_bytes(net) & mask
}

fn in_v6(address: Ipv6Addr, net: [u16; 2], len: u32) -> bool {
    let [a, b, ..] = address.segments();
    let high = |a: u16, b: u16| u32::from(a) << 16 | u32::from(b);
    let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
    high(a, b) & mask == high(net[0], net[1]) & mask
}

const SPECIAL_V4: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_and_what_is_allowed() {
        let table = [
            ("8.8.8.8", true),
            ("2a00:1450:4001::1", true),
            ("127.0.0.1", false),
            ("127.255.1.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.31.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.100.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::", false),
        ];
        let rule = Rule::default();
        for (address, permitted) in table {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(rule.permits(address), permitted, "{address}");
        }
        let rule = Rule::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        assert!(rule.permits(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(rule.permits("::ffff:127.0.0.1".parse().expect("an address")));
        assert!(!rule.permits("10.0.0.1".parse().expect("an address")));
    }
}
