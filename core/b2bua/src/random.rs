//! Numbers nobody can guess, from a seed that the host hands in; the same seed gives the same run.

use core::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

/// A keyed counter.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u8; 16],
    counter: u64,
}

impl Random {
    /// From a secret seed.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key, counter: 0 }
    }

    /// The next 128 bits.
    pub fn wide(&mut self) -> u128 {
        self.counter += 1;
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u64(self.counter);
        hasher.finish128().as_u128()
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        u64::try_from(self.wide() & u128::from(u64::MAX)).unwrap_or_default()
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound.max(1)
    }

    /// 128 bits as 32 hex digits, for a Call-ID or a cnonce.
    pub fn hex(&mut self) -> [u8; 32] {
        let number = self.wide();
        core::array::from_fn(|i| {
            let nibble = usize::try_from((number >> (4 * (31 - i))) & 0xf).unwrap_or(0);
            b"0123456789abcdef"[nibble]
        })
    }
}
