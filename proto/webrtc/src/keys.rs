//! What a handshake yields for SRTP (RFC 5764 §4.2).

use core::fmt;

/// A way of protecting media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// AES-128 in counter mode, HMAC-SHA1 of 80 bits (RFC 3711).
    AesCm128HmacSha1_80,
    /// AES-128 in GCM (RFC 7714).
    AeadAes128Gcm,
    /// AES-256 in GCM (RFC 7714).
    AeadAes256Gcm,
}

impl Profile {
    /// Octets of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// Master key and salt of one direction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    profile: Profile,
    material: [u8; 46],
}

impl Keys {
    /// From key and salt.
    pub fn new(profile: Profile, material: &[u8]) -> Option<Self> {
        let mut keys = Self { profile, material: [0; 46] };
        keys.material.get_mut(..material.len())?.copy_from_slice(material);
        Some(keys)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("profile", &self.profile).finish_non_exhaustive()
    }
}
