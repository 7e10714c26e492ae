//! Non-INVITE server transaction (RFC 3261 §17.2.2).

use timestamp::Timestamp;

use super::Step;
use crate::timer::T1_64;

/// ```text
///          request received
///                 |
///              Trying  --same request: nothing-->
///            1xx  |  200-699 ----------.
///                 v                    v
///            Proceeding --200-699--> Completed --same request: answer again-->   J: end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonInviteServer {
    /// No answer was sent yet.
    Trying,
    /// A provisional answer was sent.
    Proceeding,
    /// The final answer was sent, and is repeated on request.
    Completed {
        /// Timer J.
        j: Timestamp,
    },
    /// Over.
    Terminated,
}

impl NonInviteServer {
    /// The same request came again.
    pub fn on_retransmission(&self) -> Step {
        match self {
            Self::Proceeding | Self::Completed { .. } => Step::RETRANSMIT,
            Self::Trying | Self::Terminated => Step::NONE,
        }
    }

    /// The transaction user answers; whether the answer may be sent.
    pub fn on_respond(&mut self, code: u16, reliable: bool, now: Timestamp) -> bool {
        match (*self, code) {
            (Self::Trying | Self::Proceeding, 100..=199) => {
                *self = Self::Proceeding;
                true
            }
            (Self::Trying | Self::Proceeding, _) => {
                *self = if reliable { Self::Terminated } else { Self::Completed { j: now + T1_64 } };
                true
            }
            (Self::Completed { .. } | Self::Terminated, _) => false,
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) {
        if self.next_timeout().is_some_and(|j| now >= j) {
            *self = Self::Terminated;
        }
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match *self {
            Self::Completed { j } => Some(j),
            Self::Trying | Self::Proceeding | Self::Terminated => None,
        }
    }
}
