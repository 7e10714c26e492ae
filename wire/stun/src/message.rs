//! A received message (RFC 8489 §5, §14): a view whose attributes lie within it.
//!
//! Attributes behind MESSAGE-INTEGRITY are not seen, FINGERPRINT apart (§14.5): nobody vouches for them.

use hmac::Mac as _;

use crate::checksum::{fingerprint, hmac_sha1};
use crate::{HEADER, MAGIC_COOKIE, attribute};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It wants an answer.
    Request,
    /// It wants none.
    Indication,
    /// Yes.
    Success,
    /// No.
    Error,
}

/// A well-formed message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What it is.
    pub class: Class,
    /// What it is about.
    pub method: u16,
    /// What its answer repeats.
    pub transaction: &'a [u8; 12],
    bytes: &'a [u8],
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
    /// Where FINGERPRINT begins; nothing stands behind it.
    fingerprint: Option<usize>,
}

impl<'a> Message<'a> {
    /// The message that a datagram is; `None` if it is none, or if its FINGERPRINT is wrong.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (kind, header) = header.split_first_chunk::<2>()?;
        let (len, header) = header.split_first_chunk::<2>()?;
        let (cookie, transaction) = header.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes(*kind);
        let len = usize::from(u16::from_be_bytes(*len));
        if kind >> 14 != 0 || *cookie != MAGIC_COOKIE || len != rest.len() || len % 4 != 0 {
            return None;
        }
        // RFC 8489 §5, figure 3: two bits of class within the method.
        let class = match (kind & 0x100 != 0, kind & 0x10 != 0) {
            (false, false) => Class::Request,
            (false, true) => Class::Indication,
            (true, false) => Class::Success,
            (true, true) => Class::Error,
        };
        let method = kind & 0xf | (kind & 0xe0) >> 1 | (kind & 0x3e00) >> 2;
        let transaction = transaction.first_chunk()?;
        let mut message = Self { class, method, transaction, bytes, integrity: None, fingerprint: None };
        message.look_through()?.then_some(message)
    }

    /// The first attribute of this type.
    pub fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes().find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }

    /// Whether MESSAGE-INTEGRITY proves that the sender knows this key; compared in constant time.
    pub fn is_proved(&self, key: &[u8]) -> bool {
        let Some(at) = self.integrity else { return false };
        let Some(value) = self.bytes.get(at + 4..at + 24) else { return false };
        // RFC 8489 §14.5: the length in the header ends with the attribute itself.
        let Ok(len) = u16::try_from(at + 24 - HEADER) else { return false };
        let kind = self.bytes.get(..2).unwrap_or_default();
        let rest = self.bytes.get(4..at).unwrap_or_default();
        hmac_sha1(key, &[kind, &len.to_be_bytes(), rest]).verify_slice(value).is_ok()
    }

    /// Whether it has a FINGERPRINT, which is right then.
    pub fn has_fingerprint(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// The name of the user whom the sender addresses: what stands before the colon of USERNAME (RFC 8445 §7.2.2).
    pub fn addressed(&self) -> Option<&'a [u8]> {
        let username = self.attribute(attribute::USERNAME)?;
        username.split(|&c| c == b':').next()
    }

    /// Attributes that would have to be understood and are not ours.
    pub fn not_understood(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.attributes().map(|(kind, _)| kind).filter(|kind| *kind < 0x8000 && !UNDERSTOOD.contains(kind))
    }

    /// The attributes that somebody vouches for.
    fn attributes(&self) -> Attributes<'a> {
        let end = self.integrity.or(self.fingerprint).unwrap_or(self.bytes.len());
        Attributes { bytes: self.bytes.get(..end).unwrap_or_default(), at: HEADER }
    }

    /// Finds the checks; `None` if an attribute reaches past the end, `false` if FINGERPRINT is wrong or not last.
    fn look_through(&mut self) -> Option<bool> {
        let mut all = Attributes { bytes: self.bytes, at: HEADER };
        let mut at = all.at;
        while let Some((kind, value)) = all.next() {
            match kind {
                attribute::MESSAGE_INTEGRITY if self.integrity.is_none() => {
                    (value.len() == 20).then_some(())?;
                    self.integrity = Some(at);
                }
                attribute::FINGERPRINT => {
                    let before = self.bytes.get(..at)?;
                    let right = *value == fingerprint(before).to_be_bytes();
                    self.fingerprint = Some(at);
                    return Some(right && all.at == self.bytes.len());
                }
                _ => {}
            }
            at = all.at;
        }
        (all.at == self.bytes.len()).then_some(true)
    }
}

/// Walks over attributes; stops before one that is not whole.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.bytes.get(self.at..)?.split_first_chunk::<2>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        let padded = len.next_multiple_of(4);
        let value = rest.get(..padded)?.get(..len)?;
        self.at += 4 + padded;
        Some((u16::from_be_bytes(*kind), value))
    }
}

/// Attributes below 0x8000 that a check may have.
const UNDERSTOOD: [u16; 6] = [
    attribute::USERNAME,
    attribute::MESSAGE_INTEGRITY,
    attribute::ERROR_CODE,
    attribute::XOR_MAPPED_ADDRESS,
    attribute::PRIORITY,
    attribute::USE_CANDIDATE,
];
