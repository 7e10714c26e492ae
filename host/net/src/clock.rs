//! The clock of the process: wall time read once at start, plus the monotonic time elapsed since.
//!
//! A step of the wall clock (NTP, an operator) therefore never moves a timer. Drift against the wall over a long
//! run is not corrected.

use std::time::{Instant, SystemTime};

use timestamp::Timestamp;

/// Reads points in time; a small value to copy to every thread, and all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    started: Instant,
}

impl Clock {
    /// Reads the wall clock. A wall clock before 1970 counts as 1970.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: Timestamp::ZERO + since_epoch, started: Instant::now() }
    }

    /// The time now; never earlier than a time read before.
    pub fn now(&self) -> Timestamp {
        self.wall + self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_agree_and_never_go_back() {
        let clock = Clock::start();
        let copy = clock;
        let first = clock.now();
        let second = copy.now();
        assert!(first.as_secs() > 1_700_000_000);
        assert!(second >= first);
        assert!(second.since(first).as_secs() < 60);
    }
}
