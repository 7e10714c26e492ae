//! The session keys of RTP or of RTCP in one direction, expanded, and what they do to a packet.
//!
//! RFC 3711 §4.1.1 and §4.2, RFC 7714 §8 and §9. A packet is authenticated before a single octet of it changes.

use aes::Aes128;
use aes::cipher::KeyInit;
use subtle::ConstantTimeEq;

use crate::derive::{Label, Protocol, apply, derive};
use crate::gcm::{Gcm, TAG};
use crate::header::RTCP_CLEAR;
use crate::keys::Keys;
use crate::mac::Mac;
use crate::profile::Profile;

/// Expanded keys of one protocol in one direction.
pub(crate) struct Cipher {
    /// The session salt where it stands in an initialisation vector of 128 bits.
    salt: u128,
    transform: Transform,
}

#[expect(clippy::large_enum_variant, reason = "two per direction of an end, read for every packet")]
enum Transform {
    Counter(Counter),
    Gcm(Gcm),
}

/// AES in counter mode beside a keyed hash of which `tag` octets are sent.
struct Counter {
    aes: Aes128,
    mac: Mac,
    tag: usize,
}

/// Which packet of which source: every pair has a key stream of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
}

impl Cipher {
    pub(crate) fn new(keys: &Keys, protocol: Protocol) -> Self {
        let profile = keys.profile();
        match profile {
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                let key = derive(keys, protocol, Label::Encryption);
                let authentication = derive(keys, protocol, Label::Authentication);
                let tag = match protocol {
                    Protocol::Rtp => profile.tag_len(),
                    Protocol::Rtcp => profile.rtcp_tag_len(),
                };
                Self::counter(key, derive(keys, protocol, Label::Salt), &authentication, tag)
            }
            Profile::AeadAes128Gcm => {
                let gcm = Gcm::of_128(derive(keys, protocol, Label::Encryption));
                Self::gcm(gcm, derive(keys, protocol, Label::Salt))
            }
            Profile::AeadAes256Gcm => {
                let gcm = Gcm::of_256(derive(keys, protocol, Label::Encryption));
                Self::gcm(gcm, derive(keys, protocol, Label::Salt))
            }
        }
    }

    fn counter(key: [u8; 16], salt: [u8; 14], authentication: &[u8; 20], tag: usize) -> Self {
        let counter = Counter { aes: Aes128::new(&key.into()), mac: Mac::new(authentication), tag };
        Self { salt: number(&salt) << 16, transform: Transform::Counter(counter) }
    }

    fn gcm(gcm: Gcm, salt: [u8; 12]) -> Self {
        Self { salt: number(&salt), transform: Transform::Gcm(gcm) }
    }

    /// Octets of a tag.
    pub(crate) fn tag_len(&self) -> usize {
        match &self.transform {
            Transform::Counter(counter) => counter.tag,
            Transform::Gcm(_) => TAG,
        }
    }

    /// Encrypts `len` octets of RTP behind the header and puts the tag after them; says how long the packet is then,
    /// or that there is no room.
    pub(crate) fn seal(&self, buffer: &mut [u8], len: usize, header: usize, place: Place) -> Option<usize> {
        let (packet, room) = buffer.split_at_mut_checked(len)?;
        let (clear, payload) = packet.split_at_mut_checked(header)?;
        let room = room.get_mut(..self.tag_len())?;
        match &self.transform {
            Transform::Counter(Counter { aes, mac, .. }) => {
                apply(aes, &self.counter_vector(place), payload);
                put(room, &mac.of(packet, rollover(place)));
            }
            Transform::Gcm(gcm) => put(room, &gcm.seal(self.nonce(place), clear, payload)),
        }
        Some(len + self.tag_len())
    }

    /// Decrypts a packet of RTP without its tag, if that is right.
    pub(crate) fn open(&self, packet: &mut [u8], tag: &[u8], header: usize, place: Place) -> bool {
        match &self.transform {
            Transform::Counter(Counter { aes, mac, .. }) => {
                let right = fits(&mac.of(packet, rollover(place)), tag);
                if right && let Some(payload) = packet.get_mut(header..) {
                    apply(aes, &self.counter_vector(place), payload);
                }
                right
            }
            Transform::Gcm(gcm) => {
                let (Some((clear, payload)), Ok(tag)) = (packet.split_at_mut_checked(header), tag.try_into())
                else {
                    return false;
                };
                gcm.open(self.nonce(place), clear, payload, tag)
            }
        }
    }

    /// Encrypts `len` octets of RTCP and puts index and tag after them; says how long the packet is then, or that
    /// there is no room.
    pub(crate) fn seal_rtcp(&self, buffer: &mut [u8], len: usize, place: Place) -> Option<usize> {
        let word = (ENCRYPTED | place.index as u32).to_be_bytes();
        let (packet, room) = buffer.split_at_mut_checked(len)?;
        let (clear, payload) = packet.split_first_chunk_mut::<RTCP_CLEAR>()?;
        let room = room.get_mut(..WORD + self.tag_len())?;
        match &self.transform {
            Transform::Counter(Counter { aes, mac, .. }) => {
                apply(aes, &self.counter_vector(place), payload);
                let (index, tag) = room.split_at_mut(WORD);
                index.copy_from_slice(&word);
                put(tag, &mac.of(packet, word));
            }
            Transform::Gcm(gcm) => {
                let (tag, index) = room.split_at_mut(TAG);
                index.copy_from_slice(&word);
                put(tag, &gcm.seal(self.nonce(place), &associated(*clear, word), payload));
            }
        }
        Some(len + WORD + self.tag_len())
    }

    /// A packet of RTCP in its parts: itself, its index word, its tag.
    pub(crate) fn rtcp_parts<'a>(
        &self,
        packet: &'a mut [u8],
    ) -> Option<(&'a mut [u8], [u8; WORD], &'a [u8])> {
        let len = packet.len().checked_sub(WORD + self.tag_len())?;
        let (packet, trailer) = packet.split_at_mut_checked(len)?;
        let (index, tag) = match &self.transform {
            Transform::Counter(_) => {
                let (index, tag) = trailer.split_first_chunk()?;
                (index, tag)
            }
            Transform::Gcm(_) => {
                let (tag, index) = trailer.split_last_chunk()?;
                (index, tag)
            }
        };
        Some((packet, *index, tag))
    }

    /// Decrypts a packet of RTCP without index and tag, if that is right.
    pub(crate) fn open_rtcp(&self, packet: &mut [u8], word: [u8; WORD], tag: &[u8], place: Place) -> bool {
        match &self.transform {
            Transform::Counter(Counter { aes, mac, .. }) => {
                let right = fits(&mac.of(packet, word), tag);
                if right && let Some(payload) = packet.get_mut(RTCP_CLEAR..) {
                    apply(aes, &self.counter_vector(place), payload);
                }
                right
            }
            Transform::Gcm(gcm) => {
                let (Some((clear, payload)), Ok(tag)) = (packet.split_first_chunk_mut(), tag.try_into())
                else {
                    return false;
                };
                gcm.open(self.nonce(place), &associated(*clear, word), payload, tag)
            }
        }
    }

    /// RFC 3711 §4.1.1.
    fn counter_vector(&self, place: Place) -> [u8; 16] {
        (self.salt ^ own(place) << 16).to_be_bytes()
    }

    /// RFC 7714 §8.1 and §9.1.
    fn nonce(&self, place: Place) -> [u8; 12] {
        let [_, _, _, _, nonce @ ..] = (self.salt ^ own(place)).to_be_bytes();
        nonce
    }
}

/// Source and index as both kinds of vector have them: 16 bits apart, the index 48 bits long.
fn own(place: Place) -> u128 {
    u128::from(place.ssrc) << 48 | u128::from(place.index)
}

/// The rollover counter, which is authenticated and not sent (RFC 3711 §4.2).
fn rollover(place: Place) -> [u8; 4] {
    ((place.index >> 16) as u32).to_be_bytes()
}

/// What AES-GCM authenticates of RTCP in the clear (RFC 7714 §9.2).
fn associated(clear: [u8; RTCP_CLEAR], word: [u8; WORD]) -> [u8; RTCP_CLEAR + WORD] {
    let mut associated = [0; RTCP_CLEAR + WORD];
    let (first, last) = associated.split_at_mut(RTCP_CLEAR);
    first.copy_from_slice(&clear);
    last.copy_from_slice(&word);
    associated
}

/// As much of a code as there is room for.
fn put(room: &mut [u8], code: &[u8]) {
    room.iter_mut().zip(code).for_each(|(to, octet)| *to = *octet);
}

/// Whether a tag is the beginning of this code, in a time that does not tell how much of it is.
fn fits(code: &[u8], tag: &[u8]) -> bool {
    code.get(..tag.len()).is_some_and(|code| code.ct_eq(tag).into())
}

fn number(octets: &[u8]) -> u128 {
    octets.iter().fold(0, |number, octet| number << 8 | u128::from(*octet))
}

/// Octets of the index of RTCP.
pub(crate) const WORD: usize = 4;
/// The index word says that the packet is encrypted (RFC 3711 §3.4).
pub(crate) const ENCRYPTED: u32 = 1 << 31;

#[cfg(test)]
mod tests;
