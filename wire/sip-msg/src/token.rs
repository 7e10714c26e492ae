//! Tokens that carry a key: what we put into branches and tags to know our own again.
//!
//! A token is the key, readable by anyone, and a keyed 64-bit SipHash over it, so a stranger can neither make one
//! nor have us look where it likes. Tokens are base32 in lower case; a prefix such as `z9hG4bK` is the caller's.

use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

/// Characters in a token.
pub const TOKEN_LEN: usize = 29;

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which owner.
    pub shard: u8,
    /// Which kind of thing, in the owner's numbering.
    pub kind: u8,
    /// Where the owner keeps it.
    pub slot: u32,
    /// Which of the things that were kept there.
    pub generation: u32,
}

impl Key {
    fn to_bytes(self) -> [u8; KEY_LEN] {
        let mut bytes = [self.shard, self.kind, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[2..6].copy_from_slice(&self.slot.to_be_bytes());
        bytes[6..].copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    const fn from_bytes([shard, kind, a, b, c, d, e, f, g, h]: [u8; KEY_LEN]) -> Self {
        Self {
            shard,
            kind,
            slot: u32::from_be_bytes([a, b, c, d]),
            generation: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

/// A token as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; TOKEN_LEN]);

impl AsRef<[u8]> for Token {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Token({})", str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// Makes tokens and opens them again.
#[derive(Clone)]
pub struct Mint {
    hasher: SipHasher24,
}

impl core::fmt::Debug for Mint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Mint(..)")
    }
}

impl Mint {
    /// A mint of its own coinage; tokens of another secret do not open.
    pub fn new(secret: [u8; 16]) -> Self {
        Self { hasher: SipHasher24::new_with_key(&secret) }
    }

    /// The token for `key`.
    pub fn token(&self, key: Key) -> Token {
        let mut token = Token([0; TOKEN_LEN]);
        self.mint(key, &mut token.0);
        token
    }

    /// Writes the token for `key` to `out`.
    pub fn mint(&self, key: Key, out: &mut [u8; TOKEN_LEN]) {
        let key = key.to_bytes();
        let mut sealed = [0; SEALED_LEN];
        sealed[..KEY_LEN].copy_from_slice(&key);
        sealed[KEY_LEN..].copy_from_slice(&self.mac(&key));
        encode(&sealed, out);
    }

    /// The key in `token`; `None` if this mint did not make it.
    pub fn open(&self, token: &[u8]) -> Option<Key> {
        let sealed = decode(token.try_into().ok()?)?;
        let (key, mac) = sealed.split_first_chunk::<KEY_LEN>()?;
        bool::from(self.mac(key).ct_eq(mac)).then(|| Key::from_bytes(*key))
    }

    fn mac(&self, key: &[u8; KEY_LEN]) -> [u8; 8] {
        self.hasher.hash(key).to_be_bytes()
    }
}

const KEY_LEN: usize = 10;
const SEALED_LEN: usize = KEY_LEN + 8;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 144 bits as 29 characters of five bits, the last bit zero.
fn encode(sealed: &[u8; SEALED_LEN], out: &mut [u8; TOKEN_LEN]) {
    let mut octets = sealed.iter();
    let (mut bits, mut held) = (0u32, 0);
    for c in out {
        if held < 5 {
            bits = bits << 8 | u32::from(*octets.next().unwrap_or(&0));
            held += 8;
        }
        held -= 5;
        *c = ALPHABET[(bits >> held & 31) as usize];
    }
}

/// The reverse of [`encode`]; `None` on any other character or a last bit that is not zero.
fn decode(token: &[u8; TOKEN_LEN]) -> Option<[u8; SEALED_LEN]> {
    let mut sealed = [0; SEALED_LEN];
    let mut octets = sealed.iter_mut();
    let (mut bits, mut held) = (0u32, 0);
    for c in token {
        let value = match c {
            b'a'..=b'z' => c - b'a',
            b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            *octets.next()? = (bits >> held) as u8;
        }
    }
    (bits & 1 == 0).then_some(sealed)
}

#[cfg(test)]
mod tests;
