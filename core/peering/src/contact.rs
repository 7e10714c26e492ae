//! The Contact that we register elsewhere, and how we know it again in a call that comes back (RFC 3261 §10.2.1).
//!
//! It carries a mark: a keyed hash of the connection's id. The same in every shard and after every restart, and
//! nobody without the key can make one. Where a peer strips URI parameters, the user part is left to look at.

use core::hash::Hasher;
use std::net::SocketAddr;

use sip_msg::Uri;
use sip_stack::transport::Protocol;
use siphasher::sip::SipHasher24;

/// What proves that a Contact is one of ours: sixteen hex digits.
pub type Mark = [u8; 16];

/// Makes marks.
#[derive(Clone)]
pub struct MarkKey([u8; 16]);

impl core::fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MarkKey(..)")
    }
}

impl MarkKey {
    /// From a secret of the installation that outlives the process.
    pub fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// The mark of a connection.
    pub fn mark(&self, connection: &str) -> Mark {
        let mut hash = SipHasher24::new_with_key(&self.0);
        hash.write(connection.as_bytes());
        let number = hash.finish();
        core::array::from_fn(|i| {
            let nibble = usize::try_from(number >> (4 * (15 - i)) & 0xf).unwrap_or(0);
            b"0123456789abcdef"[nibble]
        })
    }
}

/// The Contact of one registration.
#[derive(Clone, Copy, Debug)]
pub struct OurContact<'a> {
    /// User part, escaped; the mark if none is configured.
    pub user: Option<&'a str>,
    /// Where we are reached.
    pub address: SocketAddr,
    /// Over what.
    pub protocol: Protocol,
    /// Its mark.
    pub mark: Mark,
}

impl OurContact<'_> {
    /// The URI, without brackets.
    pub fn uri(&self) -> String {
        let mark = core::str::from_utf8(&self.mark).unwrap_or_default();
        let user = self.user.unwrap_or(mark);
        let transport = match self.protocol {
            Protocol::Udp => String::new(),
            other => format!(";transport={}", other.name()),
        };
        format!("sip:{user}@{}{transport};{MARK}={mark}", self.address)
    }
}

/// What may be a mark in a URI: its parameter, then its user part. Whose it is stays to be seen.
pub fn marks_in(uri: &Uri<'_>) -> impl Iterator<Item = Mark> {
    let places = [uri.params.value(MARK.as_bytes()), uri.user];
    places.into_iter().flatten().filter_map(|text| {
        let mark: Mark = text.try_into().ok()?;
        mark.iter().all(u8::is_ascii_hexdigit).then_some(mark)
    })
}

/// Name of the URI parameter.
const MARK: &str = "tk";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_known_again_with_and_without_its_parameters() {
        let key = MarkKey::new([3; 16]);
        let mark = key.mark("con_1");
        assert_ne!(mark, key.mark("con_2"));
        assert_ne!(mark, MarkKey::new([4; 16]).mark("con_1"));
        let address = "192.0.2.1:5060".parse().unwrap();
        let contact = |user, protocol| OurContact { user, address, protocol, mark }.uri();
        let generated = contact(None, Protocol::Udp);
        let named = contact(Some("100"), Protocol::Tcp);
        assert!(named.starts_with("sip:100@192.0.2.1:5060;transport=tcp;tk="), "{named}");
        let stripped = generated.split(';').next().unwrap();
        let found = |text: &str| marks_in(&Uri::parse(text.as_bytes()).unwrap()).next();
        assert_eq!(found(&generated), Some(mark));
        assert_eq!(found(&named), Some(mark));
        assert_eq!(found(stripped), Some(mark));
        assert_eq!(found("sip:100@192.0.2.1:5060"), None);
        assert_eq!(found("sip:+493012345678901@192.0.2.1"), None, "a number is no mark");
    }
}
