//! Nonces that prove themselves: a time, a salt and a MAC over both and the realm, so a challenge stores nothing.
//! The salt tells apart what is challenged in the same second: two requests must never share a nonce count.
//!
//! Replay protection needs memory, and that memory exists only after a right answer, at the home of the address
//! of record; see the registrar.

use core::time::Duration;
use std::hash::Hasher;

use sip_msg::Name;
use sip_msg::build::Writer;
use sip_msg::digest::Algorithm;
use siphasher::sip128::{Hasher128, SipHasher13};
use timestamp::Timestamp;

/// Makes and checks nonces.
#[derive(Clone, Debug)]
pub struct Nonces {
    key: [u8; 16],
    life: Duration,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Ours, and young enough.
    Fresh,
    /// Ours, but too old: `stale=true`.
    Stale,
    /// Not ours.
    Foreign,
}

impl Nonces {
    /// `key` must outlive a restart if challenges are to; `life` is how long a nonce may be used.
    pub fn new(key: [u8; 16], life: Duration) -> Self {
        Self { key, life }
    }

    /// How long a nonce may be used.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// A nonce for this realm, made now for the request that `salt` names.
    pub fn make(&self, realm: &[u8], salt: u64, now: Timestamp) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let [.., a, b, c, d] = now.as_secs().to_be_bytes();
        let (made, mac) = nonce.split_at_mut(MADE_LEN);
        let (time, salted) = made.split_at_mut(TIME_LEN);
        hex(&[a, b, c, d], time);
        hex(&salt.to_be_bytes(), salted);
        hex(&self.mac(realm, made).to_be_bytes(), mac);
        nonce
    }

    /// Whether a nonce is ours, and how old.
    pub fn check(&self, nonce: &[u8], realm: &[u8], now: Timestamp) -> Freshness {
        let Some((made, mac)) = (nonce.len() == NONCE_LEN).then(|| nonce.split_at(MADE_LEN)) else {
            return Freshness::Foreign;
        };
        let time = made.get(..TIME_LEN).and_then(|time| core::str::from_utf8(time).ok());
        let parsed = time.and_then(|time| u64::from_str_radix(time, 16).ok());
        let Some(seconds) = parsed else { return Freshness::Foreign };
        let mut expected = [0; 32];
        hex(&self.mac(realm, made).to_be_bytes(), &mut expected);
        if expected.iter().zip(mac).fold(0, |different, (a, b)| different | (a ^ b)) != 0 {
            return Freshness::Foreign;
        }
        if now.as_secs().saturating_sub(seconds) > self.life.as_secs() {
            return Freshness::Stale;
        }
        Freshness::Fresh
    }

    /// Writes one challenge header per algorithm, in the order given (RFC 8760 §2.4).
    pub fn write(
        &self,
        writer: &mut Writer<'_>,
        name: Name,
        realm: &[u8],
        algorithms: &[Algorithm],
        stale: bool,
        (salt, now): (u64, Timestamp),
    ) {
        let nonce = self.make(realm, salt, now);
        let stale: &[u8] = if stale { b", stale=true" } else { b"" };
        for algorithm in algorithms {
            let algorithm = algorithm.as_str().as_bytes();
            writer.parts(
                name,
                &[
                    b"Digest realm=\"",
                    realm,
                    b"\", nonce=\"",
                    &nonce,
                    b"\", algorithm=",
                    algorithm,
                    b", qop=\"auth\"",
                    stale,
                ],
            );
        }
    }

    fn mac(&self, realm: &[u8], made: &[u8]) -> u128 {
        let mut hash = SipHasher13::new_with_key(&self.key);
        hash.write(made);
        hash.write(realm);
        hash.finish128().as_u128()
    }
}

fn hex(octets: &[u8], into: &mut [u8]) {
    for (pair, octet) in into.chunks_exact_mut(2).zip(octets) {
        pair.copy_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Length of a nonce: 32 bits of time, 64 of salt and 128 of proof, in hex.
const NONCE_LEN: usize = 56;
/// Length of what the proof is about.
const MADE_LEN: usize = 24;
/// Length of the time.
const TIME_LEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_fresh_then_stale_and_never_valid_elsewhere() {
        let nonces = Nonces::new([7; 16], Duration::from_secs(300));
        let now = Timestamp::from_secs(1_800_000_000);
        let nonce = nonces.make(b"example.test", 1, now);
        assert_eq!(nonces.check(&nonce, b"example.test", now), Freshness::Fresh);
        assert_eq!(nonces.check(&nonce, b"example.test", now + Duration::from_secs(301)), Freshness::Stale);
        assert_eq!(nonces.check(&nonce, b"other.test", now), Freshness::Foreign);
        assert_ne!(nonce, nonces.make(b"example.test", 2, now), "two requests of the same second");
        let mut forged = nonce;
        forged[NONCE_LEN - 1] ^= 1;
        assert_eq!(nonces.check(&forged, b"example.test", now), Freshness::Foreign);
        assert_eq!(nonces.check(b"", b"example.test", now), Freshness::Foreign);
    }
}
