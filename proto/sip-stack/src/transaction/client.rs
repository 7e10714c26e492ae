//! Non-INVITE client transaction (RFC 3261 §17.1.2).

use core::time::Duration;

use timestamp::Timestamp;

use super::Step;
use crate::timer::{T1, T1_64, T2, T4};

/// ```text
///            request sent
///                 |
///              Trying  --E: again--> Trying        F, transport error: up, end
///            1xx  |  200-699 ---------.
///                 v                   v
///            Proceeding --200-699--> Completed     K: end
///             E: again (T2)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonInviteClient {
    /// Nothing was heard yet.
    Trying {
        /// Timer E; absent on reliable transports.
        e: Option<Timestamp>,
        /// Its next interval.
        interval: Duration,
        /// Timer F.
        f: Timestamp,
    },
    /// A provisional answer came.
    Proceeding {
        /// Timer E.
        e: Option<Timestamp>,
        /// Timer F.
        f: Timestamp,
    },
    /// The final answer came; copies of it are absorbed.
    Completed {
        /// Timer K.
        k: Timestamp,
    },
    /// Over.
    Terminated,
}

impl NonInviteClient {
    /// The request was just sent.
    pub fn start(reliable: bool, now: Timestamp) -> Self {
        Self::Trying { e: (!reliable).then(|| now + T1), interval: T1 * 2, f: now + T1_64 }
    }

    /// An answer arrived.
    pub fn on_response(&mut self, code: u16, reliable: bool, now: Timestamp) -> Step {
        match (*self, code) {
            (Self::Trying { f, .. } | Self::Proceeding { f, .. }, 100..=199) => {
                *self = Self::Proceeding { e: (!reliable).then(|| now + T2), f };
                Step::PASS_UP
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, _) => {
                *self = if reliable { Self::Terminated } else { Self::Completed { k: now + T4 } };
                Step::PASS_UP
            }
            (Self::Completed { .. } | Self::Terminated, _) => Step::NONE,
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) -> Step {
        match *self {
            Self::Trying { f, .. } | Self::Proceeding { f, .. } if now >= f => {
                *self = Self::Terminated;
                Step::PASS_UP
            }
            Self::Trying { e: Some(e), interval, f } if now >= e => {
                *self = Self::Trying { e: Some(now + interval), interval: Ord::min(interval * 2, T2), f };
                Step::RETRANSMIT
            }
            Self::Proceeding { e: Some(e), f } if now >= e => {
                *self = Self::Proceeding { e: Some(now + T2), f };
                Step::RETRANSMIT
            }
            Self::Completed { k } if now >= k => {
                *self = Self::Terminated;
                Step::NONE
            }
            Self::Trying { .. } | Self::Proceeding { .. } | Self::Completed { .. } | Self::Terminated => {
                Step::NONE
            }
        }
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match *self {
            Self::Trying { e, f, .. } | Self::Proceeding { e, f } => {
                Some(e.map_or(f, |e| if e < f { e } else { f }))
            }
            Self::Completed { k } => Some(k),
            Self::Terminated => None,
        }
    }
}
