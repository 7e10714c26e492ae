//! The name and the password of an ICE agent (RFC 8445 §5.3, RFC 8839 §5.4).

use core::fmt;

/// Ours of one transport: random, of one length, plain data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    ufrag: [u8; UFRAG],
    password: [u8; PASSWORD],
}

impl Credentials {
    /// From random numbers, of which each gives eight characters of six bits.
    pub fn from_numbers([name, rest @ ..]: [u64; 4]) -> Self {
        let mut password = [0; PASSWORD];
        for (part, number) in password.chunks_mut(8).zip(rest) {
            part.copy_from_slice(&characters(number));
        }
        Self { ufrag: characters(name), password }
    }

    /// What checks that are meant for us begin their USERNAME with.
    pub const fn ufrag(&self) -> &[u8; UFRAG] {
        &self.ufrag
    }

    /// The same as text.
    pub fn ufrag_text(&self) -> &str {
        str::from_utf8(&self.ufrag).unwrap_or_default()
    }

    /// What proves a check.
    pub(crate) const fn password(&self) -> &[u8] {
        &self.password
    }

    /// The same as text, for the description that the peer gets.
    pub fn password_text(&self) -> &str {
        str::from_utf8(&self.password).unwrap_or_default()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag_text()).finish_non_exhaustive()
    }
}

fn characters(number: u64) -> [u8; 8] {
    core::array::from_fn(|n| ICE_CHARS[(number >> (6 * n) & 0x3f) as usize])
}

/// RFC 8839 §5.1: what a name may be made of.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 48 bits: names of one port do not meet by chance.
const UFRAG: usize = 8;

/// 144 bits; RFC 8445 §5.3 asks for 128.
const PASSWORD: usize = 24;

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn every_character_is_one_of_ice_and_the_password_does_not_show() {
        let credentials = Credentials::from_numbers([u64::MAX, 0, 0x0123_4567_89ab_cdef, 1]);
        assert_eq!(credentials.ufrag_text(), "////////");
        let password = credentials.password_text();
        assert_eq!(password, "AAAAAAAAv38qJeWRBAAAAAAA");
        assert!(!format!("{credentials:?}").contains(password));
    }
}
