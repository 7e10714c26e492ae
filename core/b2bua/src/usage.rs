//! The INVITE usage of one leg (RFC 3261 §13, §14): who has an offer out, and what waits for an ACK.

use core::time::Duration;

use sip_stack::Slot;
use sip_stack::timer::{T1, T1_64, T2};
use timestamp::Timestamp;

/// ```text
///   Idle --re-INVITE in--> Asked --2xx sent--> Answering --ACK--> Idle
///    |                       '--other final sent--> Idle
///    '--re-INVITE out--> Asking --final--> Idle     --491--> Waiting --timer--> Asking
/// ```
#[derive(Debug, Default)]
pub(crate) enum InviteUsage {
    /// Nothing is going on; a re-INVITE may go either way.
    #[default]
    Idle,
    /// An INVITE of theirs waits for our final answer.
    Asked,
    /// Our 2xx waits for its ACK, and is repeated until then (§13.3.1.4).
    Answering {
        /// The 2xx as sent.
        ok: Vec<u8>,
        /// CSeq number that the ACK will have.
        cseq: u32,
        /// When it is repeated.
        again_at: Timestamp,
        /// The interval after that.
        interval: Duration,
        /// When we give up and send BYE.
        until: Timestamp,
    },
    /// An INVITE of ours waits for its final answer.
    Asking {
        /// Its transaction.
        client: Slot,
        /// Its CSeq number, for the ACK.
        cseq: u32,
    },
    /// Ours met theirs (491) and is sent again at this time (§14.1).
    Waiting {
        /// When.
        until: Timestamp,
    },
}

/// Offers by UPDATE on one leg (RFC 3311 §5), beside whatever its INVITE is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UpdateUsage {
    /// None is out.
    #[default]
    Idle,
    /// One of theirs waits for our answer.
    Asked,
    /// One of ours waits for theirs.
    Asking,
}

/// Whose offer has no answer yet: another one has to wait (RFC 3261 §14.2, RFC 3311 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Ours.
    Ours,
    /// The peer's.
    Theirs,
}

/// What the timer of an unacknowledged 2xx asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckTimer {
    /// Nothing yet.
    Wait,
    /// Send the 2xx again.
    Again,
    /// No ACK came in 64 × T1: end the dialog.
    GiveUp,
}

impl InviteUsage {
    /// A 2xx was sent.
    pub(crate) fn answering(ok: Vec<u8>, cseq: u32, now: Timestamp) -> Self {
        Self::Answering { ok, cseq, again_at: now + T1, interval: T1 * 2, until: now + T1_64 }
    }

    /// When it wants to be called back.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Answering { again_at, until, .. } => {
                Some(if again_at < until { *again_at } else { *until })
            }
            Self::Waiting { until } => Some(*until),
            Self::Idle | Self::Asked | Self::Asking { .. } => None,
        }
    }

    /// Time passed while a 2xx waits for its ACK.
    pub(crate) fn on_ack_timer(&mut self, now: Timestamp) -> AckTimer {
        let Self::Answering { again_at, interval, until, .. } = self else { return AckTimer::Wait };
        if now >= *until {
            *self = Self::Idle;
            return AckTimer::GiveUp;
        }
        if now < *again_at {
            return AckTimer::Wait;
        }
        *again_at = now + *interval;
        *interval = Ord::min(*interval * 2, T2);
        AckTimer::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unacknowledged_2xx_is_repeated_like_table_4_and_given_up_after_32_seconds() {
        let start = Timestamp::from_secs(1000);
        let mut usage = InviteUsage::answering(Vec::new(), 1, start);
        let mut sent_at = Vec::new();
        loop {
            let at = usage.next_timeout().expect("a timer while unacknowledged");
            match usage.on_ack_timer(at) {
                AckTimer::Again => sent_at.push((at - start).as_millis()),
                AckTimer::GiveUp => {
                    assert_eq!((at - start).as_secs(), 32);
                    break;
                }
                AckTimer::Wait => panic!("called back too early"),
            }
        }
        assert_eq!(sent_at[..5], [500, 1500, 3500, 7500, 11500]);
        assert!(matches!(usage, InviteUsage::Idle));
    }
}
