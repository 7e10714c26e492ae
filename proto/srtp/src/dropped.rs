//! Why a packet does not pass.

/// A packet is dropped; what is in the buffer is of no use then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is not by whoever has the key, or was changed on the way.
    Forged,
    /// It came before, or so late that nobody can tell any more (RFC 3711 §3.3.2).
    Replayed,
    /// It is no packet, or shorter than its own header and tag.
    Malformed,
    /// More sources than a direction may have.
    Crowded,
    /// The key has protected all the packets it may (RFC 3711 §9.2).
    Exhausted,
}
