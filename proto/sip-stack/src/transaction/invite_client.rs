//! INVITE client transaction (RFC 3261 §17.1.1 with RFC 6026 §7.2).

use core::time::Duration;

use timestamp::Timestamp;

use super::Step;
use crate::timer::{D, T1, T1_64};

/// ```text
///              INVITE sent
///                  |
///               Calling --A: again--> Calling      B, transport error: up, end
///             1xx  |  2xx --------------------.
///                  v                          v
///              Proceeding ----2xx------->  Accepted --2xx: up--> Accepted   M: end
///           300-699|
///                  v
///              Completed --300-699: ACK--> Completed    D: end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteClient {
    /// Nothing was heard yet.
    Calling {
        /// Timer A; absent on reliable transports.
        a: Option<Timestamp>,
        /// Its next interval.
        interval: Duration,
        /// Timer B.
        b: Timestamp,
    },
    /// A provisional answer came.
    Proceeding,
    /// A final answer other than 2xx came.
    Completed {
        /// Timer D.
        d: Timestamp,
    },
    /// A 2xx came; more may come from other branches of a fork.
    Accepted {
        /// Timer M.
        m: Timestamp,
    },
    /// Over.
    Terminated,
}

impl InviteClient {
    /// The INVITE was just sent.
    pub fn start(reliable: bool, now: Timestamp) -> Self {
        Self::Calling { a: (!reliable).then(|| now + T1), interval: T1 * 2, b: now + T1_64 }
    }

    /// An answer arrived.
    pub fn on_response(&mut self, code: u16, reliable: bool, now: Timestamp) -> Step {
        match (*self, code) {
            (Self::Calling { .. } | Self::Proceeding, 100..=199) => {
                *self = Self::Proceeding;
                Step::PASS_UP
            }
            (Self::Calling { .. } | Self::Proceeding, 200..=299) => {
                *self = Self::Accepted { m: now + T1_64 };
                Step::PASS_UP
            }
            (Self::Calling { .. } | Self::Proceeding, _) => {
                *self = if reliable { Self::Terminated } else { Self::Completed { d: now + D } };
                Step::ACK_AND_PASS_UP
            }
            (Self::Completed { .. }, 300..=699) => Step::ACK,
            (Self::Accepted { .. }, 200..=299) => Step::PASS_UP,
            (Self::Completed { .. } | Self::Accepted { .. } | Self::Terminated, _) => Step::NONE,
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) -> Step {
        match *self {
            Self::Calling { b, .. } if now >= b => {
                *self = Self::Terminated;
                Step::PASS_UP
            }
            Self::Calling { a: Some(a), interval, b } if now >= a => {
                *self = Self::Calling { a: Some(now + interval), interval: interval * 2, b };
                Step::RETRANSMIT
            }
            Self::Completed { d: end } | Self::Accepted { m: end } if now >= end => {
                *self = Self::Terminated;
                Step::NONE
            }
            Self::Calling { .. }
            | Self::Proceeding
            | Self::Completed { .. }
            | Self::Accepted { .. }
            | Self::Terminated => Step::NONE,
        }
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match *self {
            Self::Calling { a, b, .. } => Some(a.map_or(b, |a| if a < b { a } else { b })),
            Self::Completed { d: at } | Self::Accepted { m: at } => Some(at),
            Self::Proceeding | Self::Terminated => None,
        }
    }
}
