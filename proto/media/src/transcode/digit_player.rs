//! Digits that reach an end by another way than they came: reports of events or tones, twenty milliseconds at a time.
//!
//! They wait for each other, with a pause between, and last at least as long as every detector wants.

use std::collections::VecDeque;
use std::time::Duration;

use timestamp::Timestamp;

/// What is to be dialled.
#[derive(Debug)]
pub(super) struct DigitPlayer {
    waiting: VecDeque<(u8, u32)>,
    /// The digit that is on: its code, how long it lasts and has lasted, in milliseconds.
    current: Option<(u8, u32, u32)>,
    step_ms: u32,
    next: Timestamp,
}

/// What to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) code: u8,
    pub(super) first: bool,
    pub(super) last: bool,
    /// How long the digit has lasted with this, in milliseconds.
    pub(super) ms: u32,
}

impl DigitPlayer {
    /// Sends in steps of so many milliseconds.
    pub(super) fn new(step_ms: usize) -> Self {
        let waiting = VecDeque::with_capacity(MOST);
        Self { waiting, current: None, step_ms: step_ms as u32, next: Timestamp::default() }
    }

    /// A digit to dial; too many at a time are dropped.
    pub(super) fn dial(&mut self, code: u8, ms: u32, now: Timestamp) {
        if self.waiting.len() == MOST {
            return;
        }
        if self.current.is_none() && self.waiting.is_empty() {
            self.next = self.next.max(now);
        }
        self.waiting.push_back((code, ms.clamp(SHORTEST_MS, LONGEST_MS)));
    }

    /// Whether a digit is on: there is no other sound then.
    pub(super) fn is_on(&self) -> bool {
        self.current.is_some()
    }

    /// When there is something to send.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        (self.current.is_some() || !self.waiting.is_empty()).then_some(self.next)
    }

    /// What to send now, if it is time.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Stroke> {
        if self.next_timeout().is_none_or(|at| at > now) {
            return None;
        }
        let (first, (code, whole, done)) = match self.current {
            Some(current) => (false, current),
            None => (true, self.waiting.pop_front().map(|(code, ms)| (code, ms, 0))?),
        };
        let ms = done + self.step_ms;
        let last = ms >= whole;
        self.current = (!last).then_some((code, whole, ms));
        let pause = if last { PAUSE } else { Duration::ZERO };
        // After a stall the steps that were missed are not sent in a burst.
        let due = if now.since(self.next) > CATCH_UP { now } else { self.next };
        self.next = due + Duration::from_millis(self.step_ms.into()) + pause;
        Some(Stroke { code, first, last, ms })
    }
}

/// Digits that may wait.
const MOST: usize = 64;
/// ITU-T Q.24: 40 ms must be enough, many want 70.
const SHORTEST_MS: u32 = 80;
const LONGEST_MS: u32 = 5000;
/// Between two digits.
const PAUSE: Duration = Duration::from_millis(60);
const CATCH_UP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_wait_for_each_other_and_are_long_enough() {
        let start = Timestamp::from_secs(1);
        let mut player = DigitPlayer::new(20);
        assert_eq!(player.next_timeout(), None);
        player.dial(5, 10, start);
        player.dial(6, 100, start);
        let mut strokes = Vec::new();
        while let Some(at) = player.next_timeout() {
            let stroke = player.poll(at).expect("due");
            strokes.push((at.since(start).as_millis(), stroke.code, stroke.first, stroke.last, stroke.ms));
        }
        assert_eq!(
            strokes,
            [
                (0, 5, true, false, 20),
                (20, 5, false, false, 40),
                (40, 5, false, false, 60),
                (60, 5, false, true, 80),
                (140, 6, true, false, 20),
                (160, 6, false, false, 40),
                (180, 6, false, false, 60),
                (200, 6, false, false, 80),
                (220, 6, false, true, 100),
            ]
        );
    }
}
