//! Reliable provisional answers (RFC 3262): those we send, one at a time, and the order of those we get.
//!
//! Leaf machines. They keep the message that is repeated, and know neither transactions nor descriptions: whether an
//! answer has to wait for a PRACK is said by whether one is awaited.

use core::time::Duration;

use sip_msg::Message;
use sip_msg::Name;
use timestamp::Timestamp;

use crate::timer::{T1, T1_64};

/// The reliable answers we send to one INVITE (§3).
///
/// ```text
///   Idle --18x sent--> Awaiting --T1, 2 T1, 4 T1, …: again--> Awaiting --PRACK--> Idle
///                         |--final sent--> Settled --PRACK--> Settled
///                         '--64 T1--> the INVITE fails with 5xx
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReliableAnswers {
    /// RSeq of the last one sent; 0 before the first.
    rseq: u32,
    awaiting: Option<Awaiting>,
}

#[derive(Clone, Debug)]
struct Awaiting {
    message: Vec<u8>,
    cseq: u32,
    described: bool,
    again_at: Timestamp,
    interval: Duration,
    until: Timestamp,
    /// The final answer is out: nothing is repeated any more (§3).
    settled: bool,
}

/// What the timer of an unacknowledged answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReliableDue {
    /// Nothing yet.
    Nothing,
    /// The answer again.
    Again,
    /// A 5xx: no PRACK came in 64 × T1.
    GiveUp,
}

impl ReliableAnswers {
    /// The RSeq of the next answer; `first` is a random number for the first one (§3).
    pub fn next_rseq(&self, first: u32) -> u32 {
        if self.rseq == 0 { (first & 0x7fff_ffff) | 1 } else { self.rseq.wrapping_add(1) }
    }

    /// An answer was sent with this RSeq, and is repeated until its PRACK.
    pub fn sent(&mut self, rseq: u32, cseq: u32, message: Vec<u8>, described: bool, now: Timestamp) {
        self.rseq = rseq;
        let (again_at, interval, until) = (now + T1, T1 * 2, now + T1_64);
        self.awaiting =
            Some(Awaiting { message, cseq, described, again_at, interval, until, settled: false });
    }

    /// Whether a PRACK is awaited: no further reliable answer may be sent (§3).
    pub fn is_awaiting(&self) -> bool {
        self.awaiting.as_ref().is_some_and(|awaiting| !awaiting.settled)
    }

    /// Whether the awaited PRACK is for a description: then the 2xx has to wait, too (§3).
    pub fn holds_final(&self) -> bool {
        self.awaiting.as_ref().is_some_and(|awaiting| !awaiting.settled && awaiting.described)
    }

    /// The PRACK of an answer came; false means 481: it matches none (§3).
    pub fn on_prack(&mut self, prack: &Message<'_>) -> bool {
        let ours = self.awaiting.as_ref().map(|awaiting| (self.rseq, awaiting.cseq));
        let matches = ours.is_some() && prack.field(Name::RAck).and_then(parse_rack) == ours;
        if matches {
            self.awaiting = None;
        }
        matches
    }

    /// The final answer was sent.
    pub fn settle(&mut self) {
        if let Some(awaiting) = &mut self.awaiting {
            awaiting.settled = true;
            awaiting.message = Vec::new();
        }
    }

    /// The answer that is to be repeated.
    pub fn message(&self) -> &[u8] {
        self.awaiting.as_ref().map_or(b"", |awaiting| &awaiting.message)
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let awaiting = self.awaiting.as_ref().filter(|awaiting| !awaiting.settled)?;
        Some(Ord::min(awaiting.again_at, awaiting.until))
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp) -> ReliableDue {
        let Some(awaiting) = self.awaiting.as_mut().filter(|awaiting| !awaiting.settled) else {
            return ReliableDue::Nothing;
        };
        if now >= awaiting.until {
            self.awaiting = None;
            return ReliableDue::GiveUp;
        }
        if now < awaiting.again_at {
            return ReliableDue::Nothing;
        }
        awaiting.again_at = now + awaiting.interval;
        awaiting.interval *= 2;
        ReliableDue::Again
    }
}

/// What a provisional answer of theirs is to us (§4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is not reliable, and taken as it comes.
    Plain,
    /// Next in order: take it and send PRACK with this RSeq.
    Next(u32),
    /// Repeated, or ahead of one that is missing: dropped; it will come again.
    Dropped,
}

/// The order of the reliable answers that come in within one early dialog (§4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReliableOrder {
    last: u32,
}

impl ReliableOrder {
    /// A provisional answer came.
    pub fn on_response(&mut self, response: &Message<'_>) -> Heard {
        let reliable = response.code() > 100 && response.has_token(Name::Require, b"100rel");
        let rseq = response.field(Name::RSeq).and_then(number).filter(|&rseq| rseq > 0);
        match rseq.filter(|_| reliable) {
            None => Heard::Plain,
            Some(rseq) if self.last == 0 || rseq == self.last.wrapping_add(1) => {
                self.last = rseq;
                Heard::Next(rseq)
            }
            Some(_) => Heard::Dropped,
        }
    }
}

fn parse_rack(value: &[u8]) -> Option<(u32, u32)> {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (rseq, cseq, method) = (number(words.next()?)?, number(words.next()?)?, words.next()?);
    (method == b"INVITE").then_some((rseq, cseq))
}

fn number(digits: &[u8]) -> Option<u32> {
    core::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(start: &str, fields: &str) -> Vec<u8> {
        format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
             To: <sip:b@x>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{fields}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn repeated_with_doubling_intervals_and_given_up_after_32_seconds() {
        let start = Timestamp::from_secs(1000);
        let mut answers = ReliableAnswers::default();
        answers.sent(7, 1, b"183".to_vec(), true, start);
        let mut sent_at = Vec::new();
        loop {
            let at = answers.next_timeout().expect("a timer while unacknowledged");
            match answers.on_timer(at) {
                ReliableDue::Again => sent_at.push((at - start).as_millis()),
                ReliableDue::GiveUp => break assert_eq!((at - start).as_secs(), 32),
                ReliableDue::Nothing => panic!("called back too early"),
            }
        }
        assert_eq!(sent_at, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert!(!answers.is_awaiting());
    }

    #[test]
    fn only_the_right_prack_ends_it() {
        let table = [
            ("RAck: 7 1 INVITE\r\n", true),
            ("RAck:  7   1  INVITE\r\n", true),
            ("RAck: 8 1 INVITE\r\n", false),
            ("RAck: 7 2 INVITE\r\n", false),
            ("RAck: 7 1 BYE\r\n", false),
            ("RAck: 7\r\n", false),
            ("", false),
        ];
        for (fields, matches) in table {
            let mut answers = ReliableAnswers::default();
            answers.sent(7, 1, b"183".to_vec(), true, Timestamp::from_secs(1));
            assert!(answers.holds_final());
            let bytes = message("PRACK sip:b@x SIP/2.0", fields);
            let prack = Message::parse(&bytes).expect("a request");
            assert_eq!(answers.on_prack(&prack), matches, "{fields}");
            assert_eq!(answers.is_awaiting(), !matches);
            assert!(!matches || !answers.on_prack(&prack), "acknowledged twice");
        }
    }

    #[test]
    fn rseq_counts_up_from_a_number_within_31_bits() {
        let mut answers = ReliableAnswers::default();
        for first in [0, 1, u32::MAX, 0x8000_0000] {
            assert!((1..=0x7fff_ffff).contains(&answers.next_rseq(first)));
        }
        answers.sent(41, 1, Vec::new(), false, Timestamp::from_secs(1));
        assert!(!answers.holds_final() && answers.is_awaiting());
        assert_eq!(answers.next_rseq(9), 42);
        answers.settle();
        assert_eq!((answers.is_awaiting(), answers.next_timeout()), (false, None));
    }

    #[test]
    fn reliable_answers_are_taken_in_order() {
        let mut order = ReliableOrder::default();
        let table = [
            ("SIP/2.0 180 Ringing", "", Heard::Plain),
            ("SIP/2.0 183 Progress", "RSeq: 4\r\n", Heard::Plain),
            ("SIP/2.0 100 Trying", "Require: 100rel\r\nRSeq: 4\r\n", Heard::Plain),
            ("SIP/2.0 183 Progress", "Require: 100rel\r\nRSeq: 5\r\n", Heard::Next(5)),
            ("SIP/2.0 183 Progress", "Require: 100rel\r\nRSeq: 5\r\n", Heard::Dropped),
            ("SIP/2.0 180 Ringing", "Require: 100rel\r\nRSeq: 7\r\n", Heard::Dropped),
            ("SIP/2.0 180 Ringing", "Require: 100rel\r\nRSeq: 6\r\n", Heard::Next(6)),
        ];
        for (start, fields, wanted) in table {
            let bytes = message(start, fields);
            let response = Message::parse(&bytes).expect("an answer");
            assert_eq!(order.on_response(&response), wanted, "{start} {fields}");
        }
    }
}
