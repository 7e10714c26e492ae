//! The fingerprint of a certificate, as descriptions carry it (RFC 8122 §5).

use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

/// A hash of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    /// As many octets of it as the hash has.
    octets: [u8; 64],
}

/// Hashes that are taken: those of RFC 8122 §5 that are still sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// What everybody uses, and what we say.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl Hash {
    const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// That of a certificate in DER.
    pub fn of(certificate: &[u8], hash: Hash) -> Self {
        let mut octets = [0; 64];
        let (place, _) = octets.split_at_mut(hash.len());
        match hash {
            Hash::Sha256 => place.copy_from_slice(&Sha256::digest(certificate)),
            Hash::Sha384 => place.copy_from_slice(&Sha384::digest(certificate)),
            Hash::Sha512 => place.copy_from_slice(&Sha512::digest(certificate)),
        }
        Self { hash, octets }
    }

    /// The value of an `a=fingerprint` line: the hash's name and pairs of digits between colons.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|c| *c == b' ').filter(|word| !word.is_empty());
        let name = words.next()?;
        let named = [("sha-256", Hash::Sha256), ("sha-384", Hash::Sha384), ("sha-512", Hash::Sha512)];
        let (_, hash) = named.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
        let mut octets = [0; 64];
        let mut pairs = words.next()?.trim_ascii_end().split(|c| *c == b':');
        for octet in octets.get_mut(..hash.len())? {
            // A sign would be taken for part of the number.
            let pair =
                pairs.next().filter(|pair| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))?;
            let pair = str::from_utf8(pair).ok()?;
            *octet = u8::from_str_radix(pair, 16).ok()?;
        }
        (pairs.next().is_none() && words.next().is_none()).then_some(Self { hash, octets })
    }

    /// Whether this is the fingerprint of a certificate.
    pub(crate) fn fits(&self, certificate: &[u8]) -> bool {
        Self::of(certificate, self.hash).octets.ct_eq(&self.octets).into()
    }

    /// Its octets.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.hash.len()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Hash};

    #[test]
    fn only_whole_fingerprints_are_taken() {
        let digits = |n: usize| vec!["AB"; n].join(":");
        let table = [
            (format!("sha-256 {}", digits(32)), true),
            (format!("SHA-256 {}", digits(32).to_lowercase()), true),
            (format!("sha-256  {} ", digits(32)), true),
            (format!("sha-384 {}", digits(48)), true),
            (format!("sha-512 {}", digits(64)), true),
            (format!("sha-1 {}", digits(20)), false),
            (format!("sha-256 {}", digits(31)), false),
            (format!("sha-256 {}", digits(33)), false),
            (format!("sha-256 {}:+1", digits(31)), false),
            ("sha-256".to_owned(), false),
            (String::new(), false),
        ];
        for (value, whole) in table {
            let parsed = Fingerprint::parse(value.as_bytes());
            assert_eq!(parsed.is_some(), whole, "{value}");
            assert!(parsed.is_none_or(|parsed| parsed.octets().iter().all(|&octet| octet == 0xab)));
        }
    }

    #[test]
    fn a_certificate_fits_its_own_only() {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let fingerprint = Fingerprint::of(b"certificate", hash);
            assert!(fingerprint.fits(b"certificate") && !fingerprint.fits(b"another"));
        }
    }
}
