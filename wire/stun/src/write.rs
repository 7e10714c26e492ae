//! Writing a message (RFC 8489 §5, §14): header first, attributes as they come, the two checks last.

use std::net::{IpAddr, SocketAddr};

use hmac::Mac as _;

use crate::checksum::{fingerprint, hmac_sha1};
use crate::message::Class;
use crate::{HEADER, MAGIC_COOKIE, attribute};

/// A message in the making, at the end of a buffer.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    transaction: [u8; 12],
}

impl<'b> Writer<'b> {
    /// Begins a message of this class and method.
    pub fn new(out: &'b mut Vec<u8>, class: Class, method: u16, transaction: &[u8; 12]) -> Self {
        let class = match class {
            Class::Request => 0,
            Class::Indication => 0x10,
            Class::Success => 0x100,
            Class::Error => 0x110,
        };
        let kind = method & 0xf | (method & 0x70) << 1 | (method & 0xf80) << 2 | class;
        let start = out.len();
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE);
        out.extend_from_slice(transaction);
        Self { out, start, transaction: *transaction }
    }

    /// An attribute; values beyond 65 535 octets are cut.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let value = value.get(..value.len().min(usize::from(u16::MAX))).unwrap_or_default();
        self.head(kind, value.len());
        self.out.extend_from_slice(value);
        self.out.resize(self.out.len() + value.len().next_multiple_of(4) - value.len(), 0);
        self
    }

    /// XOR-MAPPED-ADDRESS (§14.2).
    pub fn mapped(&mut self, addr: SocketAddr) -> &mut Self {
        let [a, b, c, d] = MAGIC_COOKIE;
        let port = addr.port() ^ u16::from_be_bytes([a, b]);
        let mut value = [0; 20];
        let [_, family, high, low, place @ ..] = &mut value;
        [*high, *low] = port.to_be_bytes();
        let len = match addr.ip() {
            IpAddr::V4(ip) => {
                *family = 1;
                xor(place, &ip.octets(), &[a, b, c, d], &[])
            }
            IpAddr::V6(ip) => {
                *family = 2;
                xor(place, &ip.octets(), &[a, b, c, d], &self.transaction)
            }
        };
        self.attribute(attribute::XOR_MAPPED_ADDRESS, value.get(..4 + len).unwrap_or_default())
    }

    /// ERROR-CODE (§14.8).
    pub fn error(&mut self, code: u16, reason: &str) -> &mut Self {
        let mut value = vec![0, 0, (code / 100) as u8, (code % 100) as u8];
        value.extend_from_slice(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// MESSAGE-INTEGRITY with this key, and FINGERPRINT: the message is complete.
    pub fn seal(mut self, key: &[u8]) {
        self.set_length(24);
        let bytes = self.out.get(self.start..).unwrap_or_default();
        let proof = hmac_sha1(key, &[bytes]).finalize().into_bytes();
        self.attribute(attribute::MESSAGE_INTEGRITY, &proof);
        self.close();
    }

    /// FINGERPRINT alone: the message is complete, and nobody vouches for it.
    pub fn close(mut self) {
        self.set_length(8);
        let value = fingerprint(self.out.get(self.start..).unwrap_or_default());
        self.attribute(attribute::FINGERPRINT, &value.to_be_bytes());
    }

    fn head(&mut self, kind: u16, len: usize) {
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    }

    /// Writes the length of all there is and `more`.
    fn set_length(&mut self, more: usize) {
        let len = self.out.len() - self.start - HEADER + more;
        let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(place) = self.out.get_mut(self.start + 2..self.start + 4) {
            place.copy_from_slice(&len);
        }
    }
}

/// Puts an address into its place, XORed with the cookie and what follows it; returns how long it is.
fn xor(place: &mut [u8], octets: &[u8], cookie: &[u8], rest: &[u8]) -> usize {
    for ((to, octet), mask) in place.iter_mut().zip(octets).zip(cookie.iter().chain(rest)) {
        *to = octet ^ mask;
    }
    octets.len()
}
