//! Time in a stream of ours against time in theirs, in units of their clock.
//!
//! Their silence is ours, a loss is filled or becomes silence, and what we sent while they sent nothing (noise, tones) is
//! taken off the silence that follows. Their timestamps are believed as far as the time that has really passed.

use std::time::Duration;

use timestamp::Timestamp;

/// Where their stream stands and how far ours is ahead of it.
#[derive(Debug)]
pub(super) struct Timeline {
    clock: u32,
    /// The timestamp that follows what was heard last.
    expected: Option<u32>,
    heard: Timestamp,
    ahead: u32,
}

impl Timeline {
    pub(super) fn new(clock: u32) -> Self {
        Self { clock, expected: None, heard: Timestamp::default(), ahead: 0 }
    }

    /// Something stands at `timestamp` and lasts `units`; how long nothing was before it.
    pub(super) fn on_packet(&mut self, timestamp: u32, units: u32, now: Timestamp) -> u32 {
        let gap = self.expected.map_or(0, |expected| timestamp.wrapping_sub(expected));
        let passed = self.units(now.since(self.heard) + SLACK);
        self.heard = now;
        let behind = 0u32.wrapping_sub(gap);
        if self.expected.is_some() && behind != 0 && behind <= self.clock {
            // It overlaps what was played.
            let end = units.saturating_sub(behind);
            self.expected = self.expected.map(|expected| expected.wrapping_add(end));
            return 0;
        }
        self.expected = Some(timestamp.wrapping_add(units));
        if gap > u32::MAX / 2 { 0 } else { gap.min(passed) }
    }

    /// Another stream begins: how long nothing was before it.
    pub(super) fn restart(&mut self, now: Timestamp) -> u32 {
        let passed = self.expected.take().map_or(0, |_| self.units(now.since(self.heard)));
        self.heard = now;
        passed
    }

    /// Of this much of their time, how much is not in our stream yet.
    pub(super) fn owed(&mut self, units: u32) -> u32 {
        let known = self.ahead.min(units);
        self.ahead -= known;
        units - known
    }

    /// We sent so much that they did not.
    pub(super) fn lead(&mut self, ms: usize) {
        self.ahead = self.ahead.saturating_add(self.clock / 1000 * ms as u32);
    }

    /// We talk in step again.
    pub(super) fn join(&mut self) {
        self.ahead = 0;
    }

    fn units(&self, passed: Duration) -> u32 {
        let passed = passed.min(LONGEST).as_micros() as u64;
        u32::try_from(passed * u64::from(self.clock) / 1_000_000).unwrap_or(u32::MAX / 2)
    }
}

/// How far their timestamps may run before the time that has passed here.
const SLACK: Duration = Duration::from_millis(500);
/// A pause of a day, at 48 kHz, is as long as a timestamp can say.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
