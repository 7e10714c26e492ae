//! Digest responses (RFC 7616, RFC 8760): computing and checking them.
//!
//! MD5 and SHA-256, quality of protection `auth` or none. No `auth-int`, no `-sess` algorithms, and no opinion on
//! whether a nonce is fresh.

use md5::Md5;
use sha2::Sha256;
use sha2::digest::Digest;
use subtle::ConstantTimeEq;

use crate::Credentials;

/// A hash algorithm by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RFC 1321, for devices that know nothing else.
    Md5,
    /// FIPS 180-4.
    Sha256,
}

impl Algorithm {
    /// The algorithm called `name`, in any case.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// A digest in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex {
    buf: [u8; 64],
    len: u8,
}

impl Hex {
    fn new(digest: &[u8]) -> Self {
        let mut hex = Self { buf: [0; 64], len: 0 };
        for (pair, octet) in hex.buf.chunks_exact_mut(2).zip(digest) {
            pair.copy_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
            hex.len += 2;
        }
        hex
    }
}

impl AsRef<[u8]> for Hex {
    fn as_ref(&self) -> &[u8] {
        &self.buf[..usize::from(self.len)]
    }
}

/// A digest may stand for a password: not shown.
impl core::fmt::Debug for Hex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hex(..)")
    }
}

/// The quality of protection a response was computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qop<'a> {
    /// The nonce count as written.
    pub nc: &'a [u8],
    /// The client's nonce.
    pub cnonce: &'a [u8],
    /// The word itself, `auth`.
    pub qop: &'a [u8],
}

/// The digest of user, realm and password, all unescaped; all a server needs to keep.
pub fn ha1(algorithm: Algorithm, user: &[u8], realm: &[u8], password: &[u8]) -> Hex {
    joined(algorithm, &[user, realm, password])
}

/// The response to a challenge.
pub fn response(
    algorithm: Algorithm,
    ha1: &[u8],
    nonce: &[u8],
    qop: Option<Qop<'_>>,
    method: &[u8],
    uri: &[u8],
) -> Hex {
    let ha2 = joined(algorithm, &[method, uri]);
    match qop {
        Some(q) => joined(algorithm, &[ha1, nonce, q.nc, q.cnonce, q.qop, ha2.as_ref()]),
        None => joined(algorithm, &[ha1, nonce, ha2.as_ref()]),
    }
}

/// Whether `credentials` prove knowledge of `ha1`; takes as long for a wrong response as for a right one.
pub fn verify(credentials: &Credentials<'_>, algorithm: Algorithm, ha1: &[u8], method: &[u8]) -> bool {
    let c = credentials;
    let (Some(nonce), Some(uri), Some(given)) = (c.nonce, c.uri, c.response) else { return false };
    if c.algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_bytes) != Some(algorithm) {
        return false;
    }
    let qop = match (c.qop, c.nc, c.cnonce) {
        (None, _, _) => None,
        (Some(qop), Some(nc), Some(cnonce)) if qop.eq_ignore_ascii_case(b"auth") => {
            Some(Qop { nc, cnonce, qop })
        }
        (Some(_), _, _) => return false,
    };
    let expected = response(algorithm, ha1, nonce, qop, method, uri);
    let mut lower = [0; 64];
    let Some(lower) = lower.get_mut(..given.len()) else { return false };
    lower.copy_from_slice(given);
    lower.make_ascii_lowercase();
    expected.as_ref().ct_eq(lower).into()
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digest of `parts` with colons between them.
fn joined(algorithm: Algorithm, parts: &[&[u8]]) -> Hex {
    fn hash<D: Digest>(parts: &[&[u8]]) -> Hex {
        let mut digest = D::new();
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                digest.update(b":");
            }
            digest.update(part);
        }
        Hex::new(&digest.finalize())
    }
    match algorithm {
        Algorithm::Md5 => hash::<Md5>(parts),
        Algorithm::Sha256 => hash::<Sha256>(parts),
    }
}

#[cfg(test)]
mod tests;
