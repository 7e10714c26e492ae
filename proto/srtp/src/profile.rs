//! Which transforms protect packets, and how long their keys and tags are: RFC 3711 §8.2, RFC 4568 §6.2, RFC 7714 §12.

/// A pair of cipher and authentication, as SDES and DTLS-SRTP name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// AES in counter mode with 128 bits, HMAC-SHA1 cut to 80 bits.
    AesCm128HmacSha1_80,
    /// The same with tags of 32 bits on RTP; those on RTCP have 80.
    AesCm128HmacSha1_32,
    /// AES-GCM with 128 bits.
    AeadAes128Gcm,
    /// AES-GCM with 256 bits.
    AeadAes256Gcm,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32, Self::AeadAes128Gcm, Self::AeadAes256Gcm];

    /// Its name as an SRTP crypto suite (RFC 4568 §6.2, RFC 7714 §14.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The profile that a crypto suite names.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Octets of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Octets that a packet of RTP grows by.
    pub(crate) const fn tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Octets of the tag of a packet of RTCP.
    pub(crate) const fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }
}
