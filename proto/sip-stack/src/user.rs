//! Who stands behind a transaction or a timer: the transaction users of RFC 3261 §5 that this system has.

use crate::slots::Slot;

/// A transaction user, named by its kind and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum User {
    /// A call.
    Call(Slot),
    /// A request that is carried from one connection to another outside of dialogs.
    Message(Slot),
    /// A peer whose health is watched.
    Probe(Slot),
    /// A registration of ours elsewhere.
    Registration(Slot),
    /// A subscription to something we know.
    Subscription(Slot),
}
