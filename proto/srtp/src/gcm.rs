//! AES-GCM as RFC 7714 uses it: nonces of 96 bits, tags of 128.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};

/// An expanded key.
pub(crate) enum Gcm {
    Bits128(Aes128Gcm),
    Bits256(Aes256Gcm),
}

impl Gcm {
    pub(crate) fn of_128(key: [u8; 16]) -> Self {
        Self::Bits128(Aes128Gcm::new(&key.into()))
    }

    pub(crate) fn of_256(key: [u8; 32]) -> Self {
        Self::Bits256(Aes256Gcm::new(&key.into()))
    }

    /// Encrypts `text` and returns the tag of `associated` and `text`.
    #[inline]
    pub(crate) fn seal(&self, nonce: [u8; 12], associated: &[u8], text: &mut [u8]) -> [u8; TAG] {
        let nonce = (&nonce).into();
        let tag = match self {
            Self::Bits128(gcm) => gcm.encrypt_inout_detached(nonce, associated, text.into()),
            Self::Bits256(gcm) => gcm.encrypt_inout_detached(nonce, associated, text.into()),
        };
        tag.expect("a packet is shorter than 2^36 octets").into()
    }

    /// Decrypts `text` if the tag is right; if not, it stays as it is.
    #[inline]
    pub(crate) fn open(&self, nonce: [u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8; TAG]) -> bool {
        let (nonce, tag) = ((&nonce).into(), tag.into());
        match self {
            Self::Bits128(gcm) => gcm.decrypt_inout_detached(nonce, associated, text.into(), tag),
            Self::Bits256(gcm) => gcm.decrypt_inout_detached(nonce, associated, text.into(), tag),
        }
        .is_ok()
    }
}

/// Octets of a tag.
pub(crate) const TAG: usize = 16;
