//! Which addresses may be spoken to: those of the internet, and what the installation allows besides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::Fault;

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

    /// Whether this could be asked at all: an address of HTTP, and no forbidden literal address. For checks when a
    /// user writes it down; a name is looked up anew with every request.
    pub fn check(&self, url: &str) -> Result<(), Fault> {
        let url = read(url)?;
        match url.host() {
            Some(Host::Ipv4(address)) => self.judge(&url, address.into()),
            Some(Host::Ipv6(address)) => self.judge(&url, address.into()),
            // RFC 6761 §6.3
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                self.judge(&url, Ipv4Addr::LOCALHOST.into())
            }
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Whether the host of this URL may be spoken to at this address.
    pub(crate) fn judge(&self, url: &Url, address: IpAddr) -> Result<(), Fault> {
        let refused = |kind| Fault::Private { host: host(url), address, kind };
        self.refuses(address).map_or(Ok(()), |kind| Err(refused(kind)))
    }

    /// What kind of address this is, if it may not be spoken to.
    fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        special(address).filter(|_| !self.allowed.iter().any(|net| net.contains(&address)))
    }
}

/// An address of HTTP, without credentials.
pub(crate) fn read(text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| Fault::Address(text.into()))?;
    let named = !url.username().is_empty() || url.password().is_some();
    if named { Err(Fault::Credentials(host(&url))) } else { Ok(url) }
}

/// The host as it was written.
pub(crate) fn host(url: &Url) -> Box<str> {
    url.host_str().unwrap_or_default().into()
}

/// What kind of address it is, if it is nobody's on the internet (RFC 6890 and the registries of special-purpose
/// addresses); an IPv6 address that carries one of IPv4 counts as that.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => {
            SPECIAL_V4.iter().find(|(net, len, _)| in_v4(v4, *net, *len)).map(|(.., kind)| *kind)
        }
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => special(IpAddr::V4(v4)),
            None => special_v6(v6),
        },
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("no address of a single host"),
        [0x2001, 0xdb8, ..] => Some("an address for documents"),
        // Global unicast.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("no address of the internet"),
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

const SPECIAL_V4: [([u8; 4], u32, &str); 14] = [
    ([0, 0, 0, 0], 8, "no address of a host"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a private address (RFC 6598)"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "a special address (RFC 6890)"),
    ([192, 0, 2, 0], 24, "an address for documents"),
    ([192, 88, 99, 0], 24, "a special address (RFC 7526)"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "a benchmarking address (RFC 2544)"),
    ([198, 51, 100, 0], 24, "an address for documents"),
    ([203, 0, 113, 0], 24, "an address for documents"),
    ([224, 0, 0, 0], 3, "no address of a single host"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_in_every_disguise_unless_listed() {
        let table = [
            ("8.8.8.8", true),
            ("2a00:1450:4001::1", true),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("127.255.1.1", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.2.3", false),
            ("172.31.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.100.0.1", false),
            ("198.19.0.1", false),
            ("203.0.113.7", false),
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
        let rule = Rule::new(vec!["10.1.0.0/16".parse().expect("a network")]);
        for (text, permitted) in table {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(rule.refuses(address).is_none(), permitted, "{text}");
            let url = if address.is_ipv6() { format!("http://[{text}]/") } else { format!("http://{text}/") };
            let checked = rule.check(&url);
            assert_eq!(checked.is_ok(), permitted, "{url}: {checked:?}");
            assert!(checked.err().is_none_or(|why| why.to_string().contains("--http-allow")), "{url}");
        }
        let rule = Rule::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        assert_eq!(rule.refuses("::ffff:127.0.0.1".parse().expect("an address")), None);
        assert_eq!(rule.check("http://localhost/"), Ok(()));
    }
}
