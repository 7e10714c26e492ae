//! Which addresses did not answer lately, and until when others go before them (RFC 3263 §4.3, RFC 3261 §21.5.4).
//!
//! Nothing is ever left out: what is known to be dead is tried last. When its rest is over one request tries it, and
//! the others wait for how that ends.

use core::time::Duration;
use std::collections::BTreeMap;

use sip_msg::{Message, Name};
use timestamp::Timestamp;

use crate::transport::Target;

/// The memory of dead addresses.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    resting: BTreeMap<Target, Rest>,
    notices: Vec<Notice>,
}

/// What one memory learned, for the others of the same server.
#[derive(Clone, Copy, Debug)]
pub struct Notice {
    target: Target,
    /// None: it lives.
    rest: Option<Rest>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Timestamp,
    /// Length of the rest after a failure; the next one is twice as long.
    length: Duration,
    /// Somebody is finding out whether it lives again.
    tried: bool,
}

impl Reach {
    /// Whether it is better to go elsewhere.
    pub fn is_dead(&self, target: &Target, now: Timestamp) -> bool {
        self.resting.get(target).is_some_and(|rest| now < rest.until)
    }

    /// Puts the dead behind the others, each part in its order; the first is about to be tried.
    pub fn order(&mut self, targets: &mut [Target], now: Timestamp) {
        targets.sort_by_key(|target| self.is_dead(target, now));
        if let Some(rest) = targets.first().and_then(|first| self.resting.get_mut(first))
            && now >= rest.until
        {
            rest.until = now + TRIAL;
            rest.tried = true;
            let notice = targets.first().map(|&target| Notice { target, rest: Some(*rest) });
            self.notices.extend(notice);
        }
    }

    /// It could not be connected to, or gave no sign of life.
    pub fn failed(&mut self, target: Target, now: Timestamp) {
        let former = self.resting.get(&target).copied();
        let length = match former {
            // Whoever was under way to it when it died adds nothing.
            Some(rest) if now < rest.until && !rest.tried => return,
            Some(rest) if now < rest.until + LONGEST => (rest.length * 2).min(LONGEST),
            Some(_) | None => FIRST,
        };
        self.rest(target, Rest { until: now + length, length, tried: false }, now);
    }

    /// It answered: it lives, unless it asks to be left alone for a while (503 with Retry-After).
    pub fn answered(&mut self, target: Target, response: &Message<'_>, now: Timestamp) {
        match retry_after(response) {
            Some(wait) if response.code() == 503 => {
                let until = now + wait.min(LONGEST);
                self.rest(target, Rest { until, length: FIRST, tried: false }, now);
            }
            Some(_) | None => self.lives(target),
        }
    }

    /// It was heard.
    pub fn lives(&mut self, target: Target) {
        if self.resting.remove(&target).is_some() {
            self.notices.push(Notice { target, rest: None });
        }
    }

    /// What was learned since the last time.
    pub fn notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    /// Another memory learned something.
    pub fn on_notice(&mut self, notice: &Notice, now: Timestamp) {
        match notice.rest {
            Some(rest) => self.keep(notice.target, rest, now),
            None => drop(self.resting.remove(&notice.target)),
        }
    }

    fn rest(&mut self, target: Target, rest: Rest, now: Timestamp) {
        self.keep(target, rest, now);
        self.notices.push(Notice { target, rest: Some(rest) });
    }

    fn keep(&mut self, target: Target, rest: Rest, now: Timestamp) {
        if self.resting.len() >= MOST && !self.resting.contains_key(&target) {
            self.resting.retain(|_, rest| now < rest.until);
        }
        if self.resting.len() >= MOST {
            let soonest = self.resting.iter().min_by_key(|(_, rest)| rest.until).map(|(target, _)| *target);
            soonest.and_then(|target| self.resting.remove(&target));
        }
        self.resting.insert(target, rest);
    }
}

/// The seconds of Retry-After, without its comment and parameters (RFC 3261 §20.33).
fn retry_after(response: &Message<'_>) -> Option<Duration> {
    let value = response.field(Name::RetryAfter)?;
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let seconds =
        digits.fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(seconds))
}

/// First rest: as long as a transaction takes to time out.
const FIRST: Duration = Duration::from_secs(30);
/// An address that came back is found within this time.
const LONGEST: Duration = Duration::from_secs(300);
/// How long the others wait for the one who tries.
const TRIAL: Duration = Duration::from_secs(10);
/// Addresses that are remembered.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;
    use crate::transport::Protocol;

    #[test]
    fn what_one_learns_all_know() {
        let now = Timestamp::from_micros(0);
        let (mut here, mut there) = (Reach::default(), Reach::default());
        here.failed(target(1), now);
        here.failed(target(1), now);
        let notices = here.notices();
        assert_eq!(notices.len(), 1, "news only");
        notices.iter().for_each(|notice| there.on_notice(notice, now));
        assert!(there.is_dead(&target(1), now));
        let ok = format!("SIP/2.0 200 OK\r\n{REST}");
        let ok = Message::parse(ok.as_bytes()).expect("a response");
        there.answered(target(1), &ok, now);
        there.answered(target(1), &ok, now);
        let notices = there.notices();
        assert_eq!(notices.len(), 1);
        notices.iter().for_each(|notice| here.on_notice(notice, now));
        assert!(!here.is_dead(&target(1), now));
    }

    /// What happens at a second to an address.
    enum Event {
        Fails,
        Answers(&'static str),
        /// The order of addresses 1, 2 and 3 when somebody chooses.
        Chosen([u8; 3]),
    }

    #[test]
    fn the_dead_come_last_and_are_tried_again() {
        use Event::{Answers, Chosen, Fails};
        let ok = "SIP/2.0 200 OK";
        let table: &[(&str, &[(u64, u8, Event)])] = &[
            ("all alive", &[(0, 0, Chosen([1, 2, 3]))]),
            (
                "a dead one is last for half a minute, then one tries it",
                &[
                    (0, 1, Fails),
                    (0, 0, Chosen([2, 3, 1])),
                    (29, 0, Chosen([2, 3, 1])),
                    (30, 0, Chosen([1, 2, 3])),
                    (30, 0, Chosen([2, 3, 1])),
                    (40, 0, Chosen([1, 2, 3])),
                ],
            ),
            (
                "it rests twice as long each time, five minutes at most",
                &[
                    (0, 1, Fails),
                    (30, 0, Chosen([1, 2, 3])),
                    (35, 1, Fails),
                    (94, 0, Chosen([2, 3, 1])),
                    (95, 0, Chosen([1, 2, 3])),
                    (100, 1, Fails),
                    (219, 0, Chosen([2, 3, 1])),
                    (220, 0, Chosen([1, 2, 3])),
                    (221, 1, Fails),
                    (461, 0, Chosen([1, 2, 3])),
                    (462, 1, Fails),
                    (761, 0, Chosen([2, 3, 1])),
                    (762, 0, Chosen([1, 2, 3])),
                ],
            ),
            (
                "a hundred calls that were under way count once",
                &[(0, 1, Fails), (1, 1, Fails), (5, 1, Fails), (30, 0, Chosen([1, 2, 3]))],
            ),
            (
                "any answer proves life",
                &[
                    (0, 1, Fails),
                    (3, 1, Answers("SIP/2.0 486 Busy Here")),
                    (4, 0, Chosen([1, 2, 3])),
                    (5, 1, Fails),
                    (34, 0, Chosen([2, 3, 1])),
                    (35, 0, Chosen([1, 2, 3])),
                    (36, 1, Answers(ok)),
                ],
            ),
            (
                "503 alone is an answer, with Retry-After it is a rest",
                &[
                    (0, 1, Answers("SIP/2.0 503 No")),
                    (0, 0, Chosen([1, 2, 3])),
                    (0, 1, Answers("SIP/2.0 503 No\r\nRetry-After: 60 (busy);duration=9")),
                    (59, 0, Chosen([2, 3, 1])),
                    (60, 0, Chosen([1, 2, 3])),
                    (61, 1, Answers(ok)),
                    (70, 2, Answers("SIP/2.0 503 No\r\nRetry-After: 99999999999999999999999")),
                    (369, 0, Chosen([1, 3, 2])),
                    (370, 0, Chosen([1, 2, 3])),
                    (370, 3, Answers("SIP/2.0 500 No\r\nRetry-After: 60")),
                    (380, 0, Chosen([1, 2, 3])),
                ],
            ),
            (
                "all dead: in their order",
                &[(0, 1, Fails), (0, 2, Fails), (0, 3, Fails), (1, 0, Chosen([1, 2, 3]))],
            ),
        ];
        for (name, events) in table {
            let mut reach = Reach::default();
            for (second, address, event) in *events {
                let now = Timestamp::from_micros(second * 1_000_000);
                match event {
                    Fails => reach.failed(target(*address), now),
                    Answers(text) => {
                        let bytes = format!("{text}\r\n{REST}");
                        let message = Message::parse(bytes.as_bytes()).expect("a response");
                        reach.answered(target(*address), &message, now);
                    }
                    Chosen(expected) => {
                        let mut targets = [1, 2, 3].map(target);
                        reach.order(&mut targets, now);
                        assert_eq!(targets, expected.map(target), "{name} at {second}");
                    }
                }
            }
        }
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut reach = Reach::default();
        for number in 0..4200 {
            let address = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), number);
            reach.failed(
                Target { protocol: Protocol::Tcp, address },
                Timestamp::from_micros(u64::from(number)),
            );
        }
        assert_eq!(reach.resting.len(), MOST);
    }

    fn target(last: u8) -> Target {
        Target { protocol: Protocol::Udp, address: SocketAddr::new(IpAddr::from([192, 0, 2, last]), 5060) }
    }

    const REST: &str = "Via: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\n\
        CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
}
