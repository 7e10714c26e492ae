//! Samples of an end that wait for the next tick: as many as its packets jitter, no more.
//!
//! It begins with a margin above one tick. When packets come late the margin grows; what lay there unused for five seconds
//! is taken away, where it is quiet if there is such a place.

use std::time::Duration;

use super::TICK_MS;

/// Decoded samples in a row.
#[derive(Debug)]
pub(super) struct Playout {
    per_ms: usize,
    samples: Vec<i16>,
    /// It waits until there is enough.
    filling: bool,
    /// Samples beyond a tick with which it begins.
    margin: usize,
    /// What was left after a tick, at least, and since how many ticks.
    least: usize,
    ticks: u32,
    /// What may go.
    spare: usize,
}

impl Playout {
    pub(super) fn new(per_ms: usize) -> Self {
        let samples = Vec::with_capacity(ROOM_MS * per_ms);
        Self {
            per_ms,
            samples,
            filling: true,
            margin: MARGIN_MS * per_ms,
            least: usize::MAX,
            ticks: 0,
            spare: 0,
        }
    }

    /// Whether it ran out of samples.
    pub(super) fn is_empty(&self) -> bool {
        self.filling
    }

    /// Where samples are appended.
    pub(super) fn room(&mut self) -> &mut Vec<i16> {
        &mut self.samples
    }

    /// Packets that follow on what was played came too late.
    pub(super) fn on_late(&mut self) {
        self.margin = (self.margin + STEP_MS * self.per_ms).min(MOST_MS * self.per_ms);
    }

    /// Samples were appended: what lies there too long is dropped.
    pub(super) fn trim(&mut self) {
        let most = (LONGEST.as_millis() as usize) * self.per_ms;
        if self.samples.len() > most {
            let kept = TICK_MS * self.per_ms + self.margin;
            self.samples.drain(..self.samples.len() - kept.min(self.samples.len()));
        }
    }

    /// Moves the samples of a tick; false if there are none yet.
    pub(super) fn take(&mut self, out: &mut Vec<i16>) -> bool {
        let tick = TICK_MS * self.per_ms;
        let wanted = if self.filling { tick + self.margin } else { tick };
        if self.samples.len() < wanted {
            (self.filling, self.least, self.ticks) = (true, usize::MAX, 0);
            return false;
        }
        self.filling = false;
        out.extend(self.samples.drain(..tick));
        self.least = self.least.min(self.samples.len());
        self.ticks += 1;
        if self.ticks == LOOK_TICKS {
            self.spare = self.least.saturating_sub(self.margin);
            self.spare -= self.spare % (STEP_MS * self.per_ms);
            (self.least, self.ticks) = (usize::MAX, 0);
        }
        true
    }

    /// Nobody would hear it if something was left out here.
    pub(super) fn shorten(&mut self) {
        let gone = self.spare.min(self.samples.len());
        self.samples.drain(..gone);
        self.spare = 0;
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.filling = true;
    }
}

/// Room for the longest packet behind the longest queue.
const ROOM_MS: usize = 700;
/// To begin with: a packet that comes ten milliseconds late is not missed.
const MARGIN_MS: usize = 20;
const STEP_MS: usize = 10;
/// The margin of the worst networks.
const MOST_MS: usize = 160;
/// Nobody talks over a delay like this; a stalled sender catches up.
const LONGEST: Duration = Duration::from_millis(400);
/// Five seconds.
const LOOK_TICKS: u32 = 250;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_a_margin_that_grows_and_lets_go_what_is_not_needed() {
        let mut playout = Playout::new(8);
        let mut out = Vec::new();
        playout.room().extend([1; 160]);
        assert!(!playout.take(&mut out), "not yet");
        playout.room().extend([2; 160]);
        assert!(playout.take(&mut out));
        assert_eq!(out, [1; 160]);
        assert!(playout.take(&mut out));
        assert!(!playout.take(&mut out) && playout.is_empty());
        playout.on_late();
        playout.room().extend([3; 320]);
        assert!(!playout.take(&mut out), "ten milliseconds more");
        playout.room().extend([3; 160]);
        assert!(playout.take(&mut out));

        // Sixty milliseconds lie there for five seconds; thirty of them are needed.
        playout.room().extend([4; 160]);
        for _ in 0..2 * LOOK_TICKS {
            playout.room().extend([4; 160]);
            out.clear();
            assert!(playout.take(&mut out));
        }
        let before = playout.room().len();
        playout.shorten();
        assert_eq!(before - playout.room().len(), 240);
    }

    #[test]
    fn a_burst_is_no_lasting_delay() {
        let mut playout = Playout::new(8);
        playout.room().extend([1; 3_600]);
        playout.trim();
        assert_eq!(playout.room().len(), 320);
    }
}
