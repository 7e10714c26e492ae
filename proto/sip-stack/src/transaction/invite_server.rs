//! INVITE server transaction (RFC 3261 §17.2.1 with RFC 6026 §7.1).

use core::time::Duration;

use timestamp::Timestamp;

use super::Step;
use crate::timer::{T1, T1_64, T2, T4};

/// ```text
///             INVITE received
///                  |
///              Proceeding --INVITE: last 1xx again--> Proceeding
///          300-699 |  2xx -------------.
///                  v                   v
///   G: again   Completed            Accepted  --INVITE: absorbed--> Accepted    L: end
///   H: up, end     | ACK
///                  v
///              Confirmed --ACK, INVITE: absorbed--> Confirmed                   I: end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteServer {
    /// No final answer was sent yet.
    Proceeding,
    /// A final answer other than 2xx was sent, and is repeated until its ACK.
    Completed {
        /// Timer G; absent on reliable transports.
        g: Option<Timestamp>,
        /// Its next interval.
        interval: Duration,
        /// Timer H.
        h: Timestamp,
    },
    /// The ACK came.
    Confirmed {
        /// Timer I.
        i: Timestamp,
    },
    /// A 2xx was sent; its repetition is the transaction user's matter (§13.3.1.4).
    Accepted {
        /// Timer L.
        l: Timestamp,
    },
    /// Over.
    Terminated,
}

impl InviteServer {
    /// The same INVITE came again.
    pub fn on_retransmission(&self) -> Step {
        match self {
            Self::Proceeding | Self::Completed { .. } => Step::RETRANSMIT,
            Self::Confirmed { .. } | Self::Accepted { .. } | Self::Terminated => Step::NONE,
        }
    }

    /// The transaction user answers; whether the answer may be sent.
    pub fn on_respond(&mut self, code: u16, reliable: bool, now: Timestamp) -> bool {
        match (*self, code) {
            (Self::Proceeding, 100..=199) => true,
            (Self::Proceeding, 200..=299) => {
                *self = Self::Accepted { l: now + T1_64 };
                true
            }
            (Self::Proceeding, _) => {
                let g = (!reliable).then(|| now + T1);
                *self = Self::Completed { g, interval: T1 * 2, h: now + T1_64 };
                true
            }
            (Self::Accepted { .. }, 200..=299) => true,
            (
                Self::Completed { .. } | Self::Confirmed { .. } | Self::Accepted { .. } | Self::Terminated,
                _,
            ) => false,
        }
    }

    /// An ACK for a final answer other than 2xx came.
    pub fn on_ack(&mut self, reliable: bool, now: Timestamp) {
        if let Self::Completed { .. } = *self {
            *self = if reliable { Self::Terminated } else { Self::Confirmed { i: now + T4 } };
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) -> Step {
        match *self {
            Self::Completed { h, .. } if now >= h => {
                *self = Self::Terminated;
                Step::PASS_UP
            }
            Self::Completed { g: Some(g), interval, h } if now >= g => {
                *self = Self::Completed { g: Some(now + interval), interval: Ord::min(interval * 2, T2), h };
                Step::RETRANSMIT
            }
            Self::Confirmed { i: end } | Self::Accepted { l: end } if now >= end => {
                *self = Self::Terminated;
                Step::NONE
            }
            Self::Proceeding
            | Self::Completed { .. }
            | Self::Confirmed { .. }
            | Self::Accepted { .. }
            | Self::Terminated => Step::NONE,
        }
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match *self {
            Self::Completed { g, h, .. } => Some(g.map_or(h, |g| if g < h { g } else { h })),
            Self::Confirmed { i: at } | Self::Accepted { l: at } => Some(at),
            Self::Proceeding | Self::Terminated => None,
        }
    }
}
