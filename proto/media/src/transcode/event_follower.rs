//! Follows the telephone events of a peer: RFC 4733 §2.5.
//!
//! Reports of one event share a timestamp and grow in duration; the last is sent three times. An event longer than a
//! duration can say goes on in another segment, with another timestamp and no marker (§2.5.1.3).

use std::time::Duration;

use rtp::TelephoneEvent;
use timestamp::Timestamp;

/// The event that is, or was last.
#[derive(Debug, Default)]
pub(super) struct EventFollower {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    code: u8,
    /// Where the segment began, and what its segments before lasted.
    timestamp: u32,
    before: u32,
    duration: u16,
    volume: u8,
    over: bool,
    heard: Timestamp,
}

/// What a report brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) code: u8,
    pub(super) volume: u8,
    /// Duration so far, in units of its clock.
    pub(super) duration: u32,
    /// It is the first of its event.
    pub(super) first: bool,
    /// It is the last that counts.
    pub(super) last: bool,
}

impl EventFollower {
    /// A report came; `None` if it says nothing new.
    pub(super) fn on_report(
        &mut self,
        timestamp: u32,
        event: &TelephoneEvent,
        now: Timestamp,
    ) -> Option<Report> {
        if let Some(current) = &mut self.current {
            let ahead = timestamp.wrapping_sub(current.timestamp);
            let goes_on = ahead != 0 && ahead <= u32::from(current.duration) + SLACK;
            if ahead == 0 || goes_on && !current.over && current.code == event.event {
                return current.on_report(ahead, event, now);
            }
            if ahead > u32::MAX / 2 {
                return None;
            }
        }
        self.current = Some(Current {
            code: event.event,
            timestamp,
            before: 0,
            duration: event.duration,
            volume: event.volume,
            over: event.end,
            heard: now,
        });
        let (duration, last) = (event.duration.into(), event.end);
        Some(Report { code: event.event, volume: event.volume, duration, first: true, last })
    }

    /// The event that is not over is given up, since nothing is heard of it or something else began.
    pub(super) fn give_up(&mut self) -> Option<Report> {
        let current = self.current.as_mut().filter(|current| !current.over)?;
        current.over = true;
        Some(current.report(true))
    }

    /// Whether an event is going on.
    pub(super) fn is_on(&self) -> bool {
        self.current.as_ref().is_some_and(|current| !current.over)
    }

    /// Whether this report is of another event than the one that is going on.
    pub(super) fn is_another(&self, timestamp: u32, event: &TelephoneEvent) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let ahead = timestamp.wrapping_sub(current.timestamp);
            !current.over
                && ahead <= u32::MAX / 2
                && ahead != 0
                && (current.code != event.event || ahead > u32::from(current.duration) + SLACK)
        })
    }

    /// When to give up waiting for its end.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        self.current.as_ref().filter(|current| !current.over).map(|current| current.heard + PATIENCE)
    }
}

impl Current {
    fn on_report(&mut self, ahead: u32, event: &TelephoneEvent, now: Timestamp) -> Option<Report> {
        if ahead != 0 {
            self.before = self.before.saturating_add(ahead);
            self.timestamp = self.timestamp.wrapping_add(ahead);
            self.duration = 0;
        }
        let older = event.duration < self.duration || event.duration == self.duration && !event.end;
        if self.over || event.event != self.code || older {
            return None;
        }
        self.duration = event.duration;
        self.over = event.end;
        self.heard = now;
        Some(self.report(event.end))
    }

    fn report(&self, last: bool) -> Report {
        let duration = self.before.saturating_add(self.duration.into());
        Report { code: self.code, volume: self.volume, duration, first: false, last }
    }
}

/// Reports come every 20 to 50 ms; when four are missing, so is the end.
const PATIENCE: Duration = Duration::from_millis(200);

/// Between two segments of an event a report's worth may lie, 50 ms at 48 kHz.
const SLACK: u32 = 2400;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: u8, duration: u16, end: bool) -> TelephoneEvent {
        TelephoneEvent { event, end, volume: 10, duration }
    }

    fn follow(reports: &[(u32, u8, u16, bool)]) -> Vec<(u8, u32, bool, bool)> {
        let mut follower = EventFollower::default();
        reports
            .iter()
            .filter_map(|&(at, code, duration, end)| {
                let report = follower.on_report(at, &event(code, duration, end), Timestamp::from_secs(1))?;
                Some((report.code, report.duration, report.first, report.last))
            })
            .collect()
    }

    #[test]
    fn each_event_begins_and_ends_once() {
        let table: &[(&str, &[(u32, u8, u16, bool)], &[(u8, u32, bool, bool)])] = &[
            (
                "a digit whose end is repeated",
                &[
                    (0, 5, 160, false),
                    (0, 5, 320, false),
                    (0, 5, 480, true),
                    (0, 5, 480, true),
                    (0, 5, 480, true),
                ],
                &[(5, 160, true, false), (5, 320, false, false), (5, 480, false, true)],
            ),
            (
                "reports out of order and twice",
                &[
                    (0, 1, 320, false),
                    (0, 1, 160, false),
                    (0, 1, 320, false),
                    (0, 1, 480, true),
                    (0, 1, 400, false),
                ],
                &[(1, 320, true, false), (1, 480, false, true)],
            ),
            (
                "the same digit again",
                &[(0, 1, 480, true), (2000, 1, 160, false), (0, 1, 480, true), (2000, 1, 320, true)],
                &[(1, 480, true, true), (1, 160, true, false), (1, 320, false, true)],
            ),
            ("only the end was heard", &[(0, 11, 800, true)], &[(11, 800, true, true)]),
            (
                "two segments",
                &[
                    (0, 3, 64_000, false),
                    (0, 3, 65_535, false),
                    (65_535, 3, 960, false),
                    (65_535, 3, 1920, true),
                ],
                &[
                    (3, 64_000, true, false),
                    (3, 65_535, false, false),
                    (3, 66_495, false, false),
                    (3, 67_455, false, true),
                ],
            ),
        ];
        for (name, reports, wanted) in table {
            assert_eq!(&follow(reports), wanted, "{name}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_given_up_once() {
        let mut follower = EventFollower::default();
        let now = Timestamp::from_secs(1);
        follower.on_report(0, &event(7, 320, false), now);
        assert_eq!(follower.next_timeout(), Some(now + PATIENCE));
        assert!(
            follower.is_another(5000, &event(7, 160, false))
                && !follower.is_another(0, &event(7, 480, false))
        );
        assert_eq!(
            follower.give_up().map(|report| (report.code, report.duration, report.last)),
            Some((7, 320, true))
        );
        assert_eq!((follower.give_up(), follower.next_timeout(), follower.is_on()), (None, None, false));
    }
}
