//! Timer values (RFC 3261 §17, table 4) and what a callback names.

use core::time::Duration;

use crate::slots::Slot;
use crate::user::User;

/// Round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of non-INVITE requests and INVITE responses.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 × T1: Timers B, F, H, J, L, M.
pub const T1_64: Duration = Duration::from_secs(32);
/// Timer D: how long a client absorbs repeated finals on an unreliable transport.
pub const D: Duration = Duration::from_secs(32);

/// A callback that a machine asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A client transaction.
    Client(Slot),
    /// A server transaction.
    Server(Slot),
    /// A transaction user, with a number of its own.
    User(User, u8),
}
