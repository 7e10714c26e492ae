//! Allowed sources: reading them, and whether together they let too much of the internet in.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads an address, a network, or a network with a dotted mask. What is IPv4 inside IPv6 becomes IPv4.
pub(crate) fn parse(text: &str) -> Option<IpNet> {
    let net = match text.split_once('/') {
        None => IpNet::from(text.parse::<IpAddr>().ok()?),
        Some((address, mask)) if mask.contains('.') => {
            Ipv4Net::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()?.into()
        }
        Some(_) => text.parse().ok()?,
    };
    Some(unmapped(net.trunc()))
}

/// Whether the union is larger than a /8 of IPv4 or a /16 of IPv6; IPv4 inside IPv6 counts as IPv4.
pub(crate) fn too_wide(sources: &[IpNet]) -> bool {
    let mut v4 = Vec::new();
    let mut v6 = Vec::new();
    for source in sources {
        match unmapped(source.trunc()) {
            IpNet::V4(net) => {
                v4.push((u128::from(u32::from(net.network())), u128::from(u32::from(net.broadcast()))))
            }
            IpNet::V6(net) => {
                v6.push((u128::from(net.network()), u128::from(net.broadcast())));
                if net.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()) {
                    v4.push((0, u128::from(u32::MAX)));
                }
            }
        }
    }
    union(v4) > 1 << 24 || union(v6) > 1 << 112
}

/// How many numbers the closed ranges cover together.
fn union(mut ranges: Vec<(u128, u128)>) -> u128 {
    ranges.sort_unstable();
    let mut covered: u128 = 0;
    let mut reached: Option<u128> = None;
    for (from, to) in ranges {
        let from = match reached {
            Some(end) if end >= to => continue,
            Some(end) => from.max(end + 1),
            None => from,
        };
        covered = covered.saturating_add((to - from).saturating_add(1));
        reached = Some(to);
    }
    covered
}

fn unmapped(net: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED => match v6.network().to_ipv4_mapped() {
            Some(v4) => IpNet::V4(Ipv4Net::new_assert(v4, v6.prefix_len() - MAPPED)),
            None => IpNet::V6(v6),
        },
        other => other,
    }
}

/// The single address as a network.
pub(crate) fn host_net(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(v4) => Ipv4Net::from(v4).into(),
        IpAddr::V6(v6) => unmapped(Ipv6Net::from(v6).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, too_wide};

    #[test]
    fn forms_of_a_source() {
        for (text, expected) in [
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("192.0.2.7/24", Some("192.0.2.0/24")),
            ("192.0.2.0/255.255.255.0", Some("192.0.2.0/24")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:0.0.0.0/96", Some("0.0.0.0/0")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("192.0.2.7/33", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(|n| n.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn width_is_that_of_the_union() {
        for (sources, expected) in [
            (&["10.0.0.0/8"][..], false),
            (&["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"], false),
            (&["10.0.0.0/8", "192.0.2.1"], true),
            (&["0.0.0.0/1", "128.0.0.0/1"], true),
            (&["0.0.0.0/0"], true),
            (&["::ffff:0:0/96"], true),
            (&["::ffff:10.0.0.0/104"], false),
            (&["::/80"], true),
            (&["::/0"], true),
            (&["2001::/16"], false),
            (&["2001::/16", "2002::1"], true),
            (&["2001:db8::/32", "10.0.0.0/8"], false),
            (&[], false),
        ] {
            let nets: Vec<_> = sources.iter().map(|s| parse(s).unwrap()).collect();
            assert_eq!(too_wide(&nets), expected, "{sources:?}");
        }
    }
}
