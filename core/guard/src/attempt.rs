//! One wrong answer to a challenge of ours.

use std::net::SocketAddr;

use timestamp::Timestamp;

/// A request whose credentials were wrong, from a source that was given the nonce it echoes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub source: SocketAddr,
    /// The user it claims to be.
    pub user: Box<str>,
    /// Whether there is such a user.
    pub known: bool,
    /// Tells requests apart: the same for retransmissions.
    pub request: u64,
    /// What the sender calls itself.
    pub user_agent: Box<str>,
}
