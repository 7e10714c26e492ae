//! One subscription, as the notifier sees it (RFC 6665 §4.2, RFC 5057 §5.1).
//!
//! ```text
//!              subscribe                  answered or given up
//!   (none) ──────────────▶ notifying ◀───────────────────────▶ quiet
//!                             │            change, subscribe      │
//!                             └──────────┬────────────────────────┘
//!                      lapsed, Expires 0 │ target gone        NOTIFY failed
//!                                        ▼                         │
//!                                      over ◀──────────────────────┘
//! ```
//!
//! One NOTIFY at a time: what changes while one is unanswered goes into the next, so a slow or lossy watcher gets
//! fewer of them and the newest state. It does not know what is watched, nor how a NOTIFY looks.

use core::time::Duration;

use timestamp::Timestamp;

use crate::package::granted;

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    expires_at: Timestamp,
    /// A NOTIFY is unanswered.
    notifying: bool,
    /// There is something that the last NOTIFY does not say.
    changed: bool,
    /// Not before this (Retry-After).
    hold_until: Option<Timestamp>,
    ending: Option<End>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Send the state as it is now.
    Notify,
    /// Send it for the last time, with this reason, and forget the subscription.
    Farewell(End),
    /// Forget it; the watcher has.
    Forget,
}

/// Why a subscription ends (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It may be made again at once.
    Deactivated,
    /// What was watched is gone for good.
    NoResource,
    /// The watcher may not.
    Rejected,
    /// Its time is over, or it was taken back.
    Timeout,
}

/// How a NOTIFY was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx.
    Taken,
    /// Refused with Retry-After.
    Later(Duration),
    /// Refused, or not answered.
    Failed,
}

impl End {
    /// As written in Subscription-State.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::NoResource => "noresource",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
        }
    }
}

impl Subscription {
    /// A SUBSCRIBE came in; `asked` is its Expires. Zero fetches the state once. `Err` is the least lifetime.
    pub fn begin(asked: Option<u32>, now: Timestamp) -> Result<(Self, Step), u32> {
        let mut made =
            Self { expires_at: now, notifying: false, changed: false, hold_until: None, ending: None };
        let step = made.on_subscribe(asked, now)?;
        Ok((made, step))
    }

    /// A SUBSCRIBE within the dialog: refreshes, or takes back with zero. Either way the state is sent again.
    pub fn on_subscribe(&mut self, asked: Option<u32>, now: Timestamp) -> Result<Step, u32> {
        let lifetime = granted(asked)?;
        self.expires_at = now + lifetime;
        self.changed = true;
        self.hold_until = None;
        if lifetime.is_zero() {
            self.ending = Some(End::Timeout);
        }
        Ok(self.next())
    }

    /// What is watched has changed.
    pub fn on_change(&mut self) -> Step {
        self.changed = true;
        self.next()
    }

    /// What is watched is gone, or may not be watched any more.
    pub fn on_end(&mut self, why: End) -> Step {
        self.ending.get_or_insert(why);
        self.next()
    }

    /// The NOTIFY was answered, or was not in time. A 481 and every other failure without Retry-After end the
    /// subscription (RFC 6665 §4.2.2).
    pub fn on_answer(&mut self, answer: Answer, now: Timestamp) -> Step {
        self.notifying = false;
        match answer {
            Answer::Taken => self.next(),
            Answer::Later(wait) => {
                self.changed = true;
                self.hold_until = Some(now + wait);
                self.next()
            }
            Answer::Failed => Step::Forget,
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) -> Step {
        if self.hold_until.is_some_and(|at| at <= now) {
            self.hold_until = None;
        }
        if self.expires_at <= now {
            self.ending.get_or_insert(End::Timeout);
        }
        self.next()
    }

    /// When [`Subscription::on_timer`] wants to be called.
    pub fn next_timeout(&self) -> Timestamp {
        self.hold_until.map_or(self.expires_at, |at| at.min(self.expires_at))
    }

    /// Seconds left.
    pub fn left(&self, now: Timestamp) -> u64 {
        if self.expires_at <= now {
            return 0;
        }
        self.expires_at.since(now).as_micros().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX)
    }

    fn next(&mut self) -> Step {
        match self.ending {
            _ if self.notifying => Step::Nothing,
            Some(why) => Step::Farewell(why),
            None if self.changed && self.hold_until.is_none() => {
                self.changed = false;
                self.notifying = true;
                Step::Notify
            }
            None => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Subscribe(u32),
        Change,
        Gone(End),
        Answered(Answer),
        Time,
    }
    use Event::{Answered, Change, Gone, Subscribe, Time};

    /// Seconds since the beginning, what happens then, and what is to be done.
    fn check(asked: Option<u32>, first: Step, rows: &[(u64, Event, Step)]) {
        let begin = Timestamp::from_secs(1_800_000_000);
        let (mut subscription, step) = Subscription::begin(asked, begin).expect("long enough");
        assert_eq!(step, first);
        for (at, event, wanted) in rows {
            let now = begin + Duration::from_secs(*at);
            let step = match *event {
                Subscribe(expires) => subscription.on_subscribe(Some(expires), now).expect("long enough"),
                Change => subscription.on_change(),
                Gone(why) => subscription.on_end(why),
                Answered(answer) => subscription.on_answer(answer, now),
                Time => subscription.on_timer(now),
            };
            assert_eq!(step, *wanted, "at {at}: {event:?}");
        }
    }

    const OK: Event = Answered(Answer::Taken);

    #[test]
    fn made_refreshed_and_taken_back() {
        check(
            Some(600),
            Step::Notify,
            &[
                (0, OK, Step::Nothing),
                (300, Subscribe(600), Step::Notify),
                (300, OK, Step::Nothing),
                (600, Time, Step::Nothing),
                (700, Subscribe(0), Step::Farewell(End::Timeout)),
            ],
        );
    }

    #[test]
    fn a_fetch_is_answered_once() {
        check(Some(0), Step::Farewell(End::Timeout), &[]);
    }

    #[test]
    fn it_lapses() {
        check(
            None,
            Step::Notify,
            &[
                (0, OK, Step::Nothing),
                (3599, Time, Step::Nothing),
                (3600, Time, Step::Farewell(End::Timeout)),
            ],
        );
    }

    #[test]
    fn one_notify_at_a_time_and_the_newest_state_after_it() {
        check(
            Some(600),
            Step::Notify,
            &[
                (0, Change, Step::Nothing),
                (1, Change, Step::Nothing),
                (1, Subscribe(600), Step::Nothing),
                (2, OK, Step::Notify),
                (3, OK, Step::Nothing),
                (4, Change, Step::Notify),
            ],
        );
    }

    #[test]
    fn its_end_waits_for_the_answer_that_is_due() {
        check(
            Some(600),
            Step::Notify,
            &[
                (1, Gone(End::NoResource), Step::Nothing),
                (1, Gone(End::Rejected), Step::Nothing),
                (2, OK, Step::Farewell(End::NoResource)),
            ],
        );
        check(
            Some(60),
            Step::Notify,
            &[(60, Time, Step::Nothing), (61, Answered(Answer::Failed), Step::Forget)],
        );
    }

    #[test]
    fn a_failure_ends_it_and_retry_after_holds_it() {
        check(Some(600), Step::Notify, &[(1, Answered(Answer::Failed), Step::Forget)]);
        check(
            Some(600),
            Step::Notify,
            &[
                (1, Answered(Answer::Later(Duration::from_secs(10))), Step::Nothing),
                (2, Change, Step::Nothing),
                (11, Time, Step::Notify),
                (11, OK, Step::Nothing),
            ],
        );
        check(
            Some(60),
            Step::Notify,
            &[
                (1, Answered(Answer::Later(Duration::from_secs(999))), Step::Nothing),
                (60, Time, Step::Farewell(End::Timeout)),
            ],
        );
    }

    #[test]
    fn it_says_when_it_wants_to_be_called_and_what_is_left() {
        let begin = Timestamp::from_secs(1_800_000_000);
        let later = |s| begin + Duration::from_secs(s);
        let (mut subscription, _) = Subscription::begin(Some(600), begin).expect("long enough");
        assert_eq!(subscription.next_timeout(), later(600));
        assert_eq!(
            (subscription.left(begin), subscription.left(later(599)), subscription.left(later(601))),
            (600, 1, 0)
        );
        subscription.on_answer(Answer::Later(Duration::from_secs(5)), begin);
        assert_eq!(subscription.next_timeout(), later(5));
        assert_eq!(Subscription::begin(Some(30), begin), Err(60));
    }
}
