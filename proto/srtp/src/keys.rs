//! A master key with its salt: all that protects one direction of a stream, as plain data.

use core::fmt;

use crate::profile::Profile;

/// Profile, master key and master salt (RFC 3711 §3.2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    profile: Profile,
    /// The key and, right behind it, the salt; zeros fill the rest.
    material: [u8; MOST],
}

impl Keys {
    /// Keys of a profile from key and salt in this order, as SDES and DTLS-SRTP hand them over; `None` if there are
    /// more or fewer octets than the profile wants.
    pub fn new(profile: Profile, material: &[u8]) -> Option<Self> {
        if material.len() != profile.key_len() + profile.salt_len() {
            return None;
        }
        let mut keys = Self { profile, material: [0; MOST] };
        keys.material.get_mut(..material.len())?.copy_from_slice(material);
        Some(keys)
    }

    /// What they are for.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Key and salt in this order.
    pub fn material(&self) -> &[u8] {
        self.material.get(..self.profile.key_len() + self.profile.salt_len()).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &[u8] {
        self.material.get(..self.profile.key_len()).unwrap_or_default()
    }

    pub(crate) fn salt(&self) -> &[u8] {
        self.material().get(self.profile.key_len()..).unwrap_or_default()
    }
}

/// Shows no secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// A key of 256 bits and a salt of 112.
const MOST: usize = 46;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_length_makes_keys() {
        let octets: [u8; 64] = core::array::from_fn(|n| n as u8);
        for (profile, len) in Profile::ALL.into_iter().zip([30, 30, 28, 44]) {
            for wrong in (0..64).filter(|&wrong| wrong != len) {
                assert_eq!(Keys::new(profile, &octets[..wrong]), None, "{profile:?} {wrong}");
            }
            let keys = Keys::new(profile, &octets[..len]).expect("the right length");
            assert_eq!((keys.material(), keys.key().len()), (&octets[..len], profile.key_len()));
            assert_eq!(keys.salt(), &octets[profile.key_len()..len]);
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let keys = Keys::new(Profile::AeadAes128Gcm, &[0xa5; 28]).expect("the right length");
        assert_eq!(format!("{keys:?}"), "Keys { profile: AeadAes128Gcm, .. }");
    }
}
