//! The beat: what ends hear of our own, played or mixed, leaves on multiples of five milliseconds.
//!
//! A wake-up costs as much as some packets, so one of them serves all ends whose packets are due at the same beat. What is
//! passed on from a peer is none of this: it leaves as it comes.

use std::time::Duration;

use timestamp::Timestamp;

/// Time from one beat to the next.
const BEAT: Duration = Duration::from_millis(5);

/// The first beat after this moment.
pub fn next_beat(now: Timestamp) -> Timestamp {
    on_beat(now) + BEAT
}

/// The last beat up to this moment.
pub(crate) fn on_beat(at: Timestamp) -> Timestamp {
    let beat = BEAT.as_micros() as u64;
    Timestamp::from_micros(at.as_micros() / beat * beat)
}
