//! Proofs and secrets as the call path needs them; the host keeps them encrypted at rest.

use timestamp::Timestamp;

/// A password as HA1 per algorithm (RFC 7616 §3.4.2): enough to check a response, useless elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose it is: `primary`, `secondary`, or empty for the only one.
    pub label: String,
    /// The user name in the digest.
    pub user: String,
    /// The realm both hashes were made for.
    pub realm: String,
    /// MD5(user:realm:password) in lower-case hex.
    pub ha1_md5: String,
    /// SHA-256(user:realm:password) in lower-case hex.
    pub ha1_sha256: String,
    /// A password that was replaced is good until then; absent in those in force.
    pub until: Option<Timestamp>,
}

impl Credential {
    /// Whether it still proves anything.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential")
            .field("label", &self.label)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A password that we must be able to send: what we answer a peer's challenge with.
#[derive(Clone, PartialEq, Eq)]
pub struct OutwardSecret {
    /// User name in our answer.
    pub user: String,
    /// Password in clear; encrypted at rest.
    pub password: String,
}

impl core::fmt::Debug for OutwardSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OutwardSecret").field("user", &self.user).finish_non_exhaustive()
    }
}
