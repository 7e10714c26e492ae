//! How many calls began lately: sliding windows in buckets of a sixtieth, and periods of the calendar.
//!
//! A sliding window holds sixty whole buckets and the one being filled, so it never lets more pass than it says; a
//! call may be counted for a bucket too long. Counting is exact within a bucket and costs no memory per call.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use timestamp::Timestamp;

use crate::config::{Window, Zone};

/// A length of time over which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A second.
    Second,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week; it begins on Monday.
    Week,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 4] = [Self::Second, Self::Hour, Self::Day, Self::Week];

    /// Its length.
    pub const fn span(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        })
    }

    /// The name of its limit.
    pub const fn limit(self) -> &'static str {
        match self {
            Self::Second => "per_second",
            Self::Hour => "per_hour",
            Self::Day => "per_day",
            Self::Week => "per_week",
        }
    }

    /// Length of a bucket of the sliding window: how much too long a call may be counted.
    pub fn bucket(self) -> Duration {
        self.span() / BUCKETS_OF_A_SPAN
    }
}

/// Calls that began within a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Number of the newest bucket of the sliding window since the epoch.
    newest: u64,
    /// Its buckets, by their number modulo their count; empty while nothing was counted.
    buckets: Vec<u32>,
    /// Calls in all of them.
    sum: u32,
    /// When the calendar's period began, in seconds of its place.
    began: u64,
    /// Calls since then.
    since: u32,
}

impl Tally {
    /// Calls that count now.
    pub fn used(&mut self, period: Period, window: Window, zone: &Zone, now: Timestamp) -> u32 {
        match window {
            Window::Rolling => {
                self.slide(period, now);
                self.sum
            }
            Window::Calendar => {
                self.turn(period, zone, now);
                self.since
            }
        }
    }

    /// Counts a call. Both ways of counting go on, so that changing from one to the other loses nothing.
    pub fn count(&mut self, period: Period, zone: &Zone, now: Timestamp) {
        self.slide(period, now);
        self.turn(period, zone, now);
        if self.buckets.is_empty() {
            self.buckets = vec![0; BUCKETS];
        }
        let place = index(self.newest);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket = bucket.saturating_add(1);
            self.sum = self.sum.saturating_add(1);
        }
        self.since = self.since.saturating_add(1);
    }

    /// Takes back a call that was counted at `at`.
    pub fn take_back(&mut self, period: Period, zone: &Zone, at: Timestamp) {
        let number = number(period, at);
        if number <= self.newest
            && self.newest - number < BUCKETS as u64
            && let Some(bucket) = self.buckets.get_mut(index(number))
        {
            self.sum = self.sum.saturating_sub(1.min(*bucket));
            *bucket = bucket.saturating_sub(1);
        }
        if began(period, zone, at) == self.began {
            self.since = self.since.saturating_sub(1);
        }
    }

    /// Whether nothing in it counts any more.
    pub fn is_idle(&self) -> bool {
        self.since == 0 && self.sum == 0
    }

    /// Empties the buckets that have become too old.
    fn slide(&mut self, period: Period, now: Timestamp) {
        let number = number(period, now);
        if number <= self.newest {
            return;
        }
        let passed = (number - self.newest).min(BUCKETS as u64);
        self.newest = number;
        if self.buckets.len() != BUCKETS {
            (self.buckets, self.sum) = (Vec::new(), 0);
            return;
        }
        for back in 0..passed {
            if let Some(bucket) = self.buckets.get_mut(index(number - back)) {
                self.sum = self.sum.saturating_sub(core::mem::take(bucket));
            }
        }
    }

    /// Begins a new period of the calendar.
    fn turn(&mut self, period: Period, zone: &Zone, now: Timestamp) {
        let begins = began(period, zone, now);
        if begins > self.began {
            (self.began, self.since) = (begins, 0);
        }
    }
}

fn number(period: Period, at: Timestamp) -> u64 {
    let bucket = u64::try_from(period.bucket().as_micros()).unwrap_or(1).max(1);
    at.as_micros() / bucket
}

fn index(number: u64) -> usize {
    usize::try_from(number % BUCKETS as u64).unwrap_or(0)
}

/// When the period of the calendar began that `at` is in, in seconds of its place.
fn began(period: Period, zone: &Zone, at: Timestamp) -> u64 {
    let local = zone.local(at);
    let span = period.span().as_secs();
    match period {
        // The epoch was a Thursday.
        Period::Week => (local + THURSDAY).saturating_sub((local + THURSDAY) % span),
        Period::Second | Period::Hour | Period::Day => local - local % span,
    }
}

const BUCKETS_OF_A_SPAN: u32 = 60;
/// Whole buckets, and the one being filled.
const BUCKETS: usize = BUCKETS_OF_A_SPAN as usize + 1;
/// From Monday to Thursday, in seconds.
const THURSDAY: u64 = 3 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(BEGINNING + secs)
    }

    /// A Friday, 08:00 UTC.
    const BEGINNING: u64 = 1_800_000_000;

    #[test]
    fn never_more_in_any_window_and_at_most_a_bucket_late() {
        let zone = Zone::default();
        for period in Period::ALL {
            let mut tally = Tally::default();
            let span = period.span();
            let step = span / 240;
            let mut admitted = Vec::new();
            let mut now = at(0);
            for _ in 0..1_200 {
                now = now + step;
                if tally.used(period, Window::Rolling, &zone, now) < 20 {
                    tally.count(period, &zone, now);
                    admitted.push(now);
                }
            }
            for (index, first) in admitted.iter().enumerate() {
                let within = admitted[index..].iter().filter(|at| at.since(*first) < span).count();
                assert!(within <= 20, "{period:?}: {within}");
            }
            let next = admitted[20].since(admitted[0]);
            assert!(next <= span + period.bucket() + step, "{period:?}: {next:?}");
        }
    }

    #[test]
    fn the_calendar_turns_at_the_place() {
        // Two hours ahead until a change of clocks 12 hours later, then one.
        let zone = Zone::new(7_200, vec![(at(12 * 3_600), 3_600)]);
        let used = |tally: &mut Tally, period, secs| tally.used(period, Window::Calendar, &zone, at(secs));
        let mut tally = Tally::default();
        tally.count(Period::Hour, &zone, at(10));
        assert_eq!(used(&mut tally, Period::Hour, 3_599), 1);
        assert_eq!(used(&mut tally, Period::Hour, 3_600), 0);
        let mut tally = Tally::default();
        tally.count(Period::Day, &zone, at(10));
        // Midnight is at 23:00 UTC after the change.
        assert_eq!(used(&mut tally, Period::Day, 15 * 3_600 - 1), 1);
        assert_eq!(used(&mut tally, Period::Day, 15 * 3_600), 0);
        let mut tally = Tally::default();
        tally.count(Period::Week, &zone, at(10));
        let monday = (2 * 24 + 15) * 3_600;
        assert_eq!(used(&mut tally, Period::Week, monday - 1), 1);
        assert_eq!(used(&mut tally, Period::Week, monday), 0);
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let zone = Zone::default();
        let mut tally = Tally::default();
        tally.count(Period::Hour, &zone, at(0));
        tally.count(Period::Hour, &zone, at(100));
        tally.take_back(Period::Hour, &zone, at(0));
        assert_eq!(tally.used(Period::Hour, Window::Rolling, &zone, at(100)), 1);
        assert_eq!(tally.used(Period::Hour, Window::Calendar, &zone, at(100)), 1);
        assert_eq!(tally.used(Period::Hour, Window::Rolling, &zone, at(3_599)), 1);
        assert_eq!(tally.used(Period::Hour, Window::Rolling, &zone, at(4_000)), 0);
        assert!(!tally.is_idle());
        assert_eq!(tally.used(Period::Hour, Window::Calendar, &zone, at(4_000)), 0);
        assert!(tally.is_idle());
    }
}
