//! The subscription that a REFER creates (RFC 3515 §2.4.4, RFC 6665 §4.2): what its NOTIFYs say, and when.
//!
//! One NOTIFY at a time: what happens meanwhile waits, and only the newest of it is told. Writing and sending is its
//! user's matter, and so is leaving the subscription out where nobody wants it (RFC 4488).

/// What one NOTIFY says of the request that the REFER led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its code so far, for the sipfrag.
    pub code: u16,
    /// It is the last one: the subscription ends with it.
    pub last: bool,
}

/// ```text
///   Idle --report--> Waiting --2xx--> Idle, or the next notice
///                       '--another answer, none, or the answer to the last--> Over
/// ```
#[derive(Clone, Debug)]
pub struct ReferSubscription {
    /// CSeq number of the REFER where Event needs it (RFC 3515 §2.4.6): from the second of a dialog on.
    id: Option<u32>,
    state: State,
    next: Option<Notice>,
    told: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Waiting { last: bool },
    Over,
}

impl ReferSubscription {
    /// A subscription that nothing was told of yet.
    pub fn new(id: Option<u32>) -> Self {
        Self { id, state: State::Idle, next: None, told: 0 }
    }

    /// The value of Event.
    pub fn event(&self) -> String {
        self.id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"))
    }

    /// The request has this code now. What comes back is to be sent at once.
    pub fn report(&mut self, code: u16) -> Option<Notice> {
        let last = code >= 200;
        if self.told >= 200 || (!last && code <= self.told) {
            return None;
        }
        self.told = code;
        let notice = Notice { code, last };
        match self.state {
            State::Idle => {
                self.state = State::Waiting { last };
                Some(notice)
            }
            State::Waiting { .. } => {
                self.next = Some(notice);
                None
            }
            State::Over => None,
        }
    }

    /// The NOTIFY was answered, or with `None` never was. What comes back is to be sent at once.
    pub fn on_answer(&mut self, code: Option<u16>) -> Option<Notice> {
        let State::Waiting { last } = self.state else { return None };
        let next = self.next.take().filter(|_| code.is_some_and(|code| code < 300));
        self.state = match (next, last, code) {
            (Some(notice), ..) => State::Waiting { last: notice.last },
            (None, false, Some(200..=299)) => State::Idle,
            (None, ..) => State::Over,
        };
        next
    }

    /// Whether nothing will be told any more.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Report(u16),
        Answer(u16),
        Silence,
    }
    use Event::{Answer, Report, Silence};

    fn play(events: &[(Event, Option<u16>)], over: bool) {
        let mut subscription = ReferSubscription::new(None);
        for (event, sent) in events {
            let notice = match *event {
                Report(code) => subscription.report(code),
                Answer(code) => subscription.on_answer(Some(code)),
                Silence => subscription.on_answer(None),
            };
            assert_eq!(notice.map(|n| n.code), *sent, "{event:?} of {events:?}");
            assert!(notice.is_none_or(|n| n.last == (n.code >= 200)));
        }
        assert_eq!(subscription.is_over(), over, "{events:?}");
    }

    #[test]
    fn one_notify_at_a_time_in_order_and_the_last_one_ends_it() {
        let table: &[(&[(Event, Option<u16>)], bool)] = &[
            (
                &[
                    (Report(100), Some(100)),
                    (Answer(200), None),
                    (Report(180), Some(180)),
                    (Answer(200), None),
                    (Report(200), Some(200)),
                    (Answer(200), None),
                ],
                true,
            ),
            (
                &[
                    (Report(100), Some(100)),
                    (Report(180), None),
                    (Report(486), None),
                    (Answer(200), Some(486)),
                ],
                false,
            ),
            (
                &[
                    (Report(100), Some(100)),
                    (Answer(200), None),
                    (Report(100), None),
                    (Report(180), Some(180)),
                ],
                false,
            ),
            (
                &[(Report(200), Some(200)), (Report(180), None), (Report(500), None), (Answer(200), None)],
                true,
            ),
            (
                &[(Report(100), Some(100)), (Report(200), None), (Answer(481), None), (Report(200), None)],
                true,
            ),
            (&[(Report(100), Some(100)), (Silence, None), (Report(200), None)], true),
            (&[(Answer(200), None), (Report(100), Some(100))], false),
        ];
        for (events, over) in table {
            play(events, *over);
        }
    }

    #[test]
    fn the_second_refer_of_a_dialog_is_named() {
        assert_eq!(ReferSubscription::new(None).event(), "refer");
        assert_eq!(ReferSubscription::new(Some(7)).event(), "refer;id=7");
    }
}
