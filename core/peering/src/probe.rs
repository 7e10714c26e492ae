//! Whether one address of a peer is there: asked by OPTIONS now and then (RFC 3261 §11), judged by what comes back.
//!
//! Any answer means that it is there; some answers mean that it is not well. A peer that falls silent is asked again
//! at once and often, so that the verdict comes within two intervals; whatever else it says counts as life.

use core::time::Duration;

use sip_stack::Slot;
use timestamp::Timestamp;

use crate::backoff::part;

/// ```text
///   Resting --time--> Asking --answer--> Resting
///                       '-- patience over --> Asking again, or Resting once it is down
/// ```
#[derive(Debug)]
enum Phase {
    Resting { until: Timestamp },
    Asking { until: Timestamp, transaction: Option<Slot> },
}

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not heard yet.
    Unknown,
    /// It answers.
    Up,
    /// It answers, but not as it should.
    Ailing,
    /// It does not answer.
    Down,
}

/// The probe of one address.
#[derive(Debug)]
pub struct Probe {
    phase: Phase,
    verdict: Verdict,
    /// Code of the last answer.
    code: u16,
    failures: u32,
    cseq: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOrder {
    /// Send an OPTIONS.
    Send,
    /// Call [`Probe::on_timer`] then.
    Wake(Timestamp),
    /// This transaction is waited for no longer.
    Abandon(Slot),
    /// The verdict is another.
    Judge(Verdict),
}

/// How a peer is probed.
#[derive(Clone, Copy, Debug)]
pub struct Cadence {
    /// Time between two probes.
    pub interval: Duration,
    /// Failures in a row after which it is down.
    pub fail_after: u32,
}

impl Probe {
    /// A probe that begins at this time.
    pub fn new(at: Timestamp, orders: &mut Vec<ProbeOrder>) -> Self {
        orders.push(ProbeOrder::Wake(at));
        Self { phase: Phase::Resting { until: at }, verdict: Verdict::Unknown, code: 0, failures: 0, cseq: 0 }
    }

    /// What is known.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What it answers that is not as it should be.
    pub fn ailment(&self) -> Option<u16> {
        (self.verdict == Verdict::Ailing).then_some(self.code)
    }

    /// CSeq of the next OPTIONS.
    pub fn next_cseq(&mut self) -> u32 {
        self.cseq = self.cseq.wrapping_add(1);
        self.cseq
    }

    /// When it asks next.
    pub fn next_attempt(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Resting { until } => Some(until),
            Phase::Asking { .. } => None,
        }
    }

    /// The OPTIONS was sent in this transaction.
    pub fn sent(&mut self, by: Slot) {
        if let Phase::Asking { transaction, .. } = &mut self.phase {
            *transaction = Some(by);
        }
    }

    /// Whether this transaction is the one whose answer is awaited.
    pub fn awaits(&self, by: Slot) -> bool {
        matches!(self.phase, Phase::Asking { transaction, .. } if transaction == Some(by))
    }

    /// Time passed.
    pub fn on_timer(&mut self, now: Timestamp, cadence: Cadence, draw: u64, orders: &mut Vec<ProbeOrder>) {
        match self.phase {
            Phase::Resting { until } if until <= now => self.ask(now, cadence, orders),
            Phase::Asking { until, transaction } if until <= now => {
                orders.extend(transaction.map(ProbeOrder::Abandon));
                self.on_silence(now, cadence, draw, orders);
            }
            Phase::Resting { .. } | Phase::Asking { .. } => {}
        }
    }

    /// Nothing came back, or the message could not be sent.
    pub fn on_silence(&mut self, now: Timestamp, cadence: Cadence, draw: u64, orders: &mut Vec<ProbeOrder>) {
        let Phase::Asking { until, .. } = self.phase else { return };
        self.failures = self.failures.saturating_add(1);
        if self.failures >= cadence.fail_after.max(1) {
            self.judge(Verdict::Down, orders);
            self.rest(now, cadence, draw, orders);
        } else if until <= now {
            self.ask(now, cadence, orders);
        } else {
            // It failed at once: waits as long as an answer might have taken.
            self.phase = Phase::Resting { until };
            orders.push(ProbeOrder::Wake(until));
        }
    }

    /// The OPTIONS was answered.
    pub fn on_answer(
        &mut self,
        code: u16,
        now: Timestamp,
        cadence: Cadence,
        draw: u64,
        orders: &mut Vec<ProbeOrder>,
    ) {
        self.failures = 0;
        self.code = code;
        self.judge(of_code(code), orders);
        self.rest(now, cadence, draw, orders);
    }

    /// Something else was heard of it: whoever speaks is there.
    pub fn on_life(&mut self, orders: &mut Vec<ProbeOrder>) {
        self.failures = 0;
        if matches!(self.verdict, Verdict::Down | Verdict::Unknown) {
            self.judge(Verdict::Up, orders);
        }
    }

    fn ask(&mut self, now: Timestamp, cadence: Cadence, orders: &mut Vec<ProbeOrder>) {
        let until = now + patience(cadence);
        self.phase = Phase::Asking { until, transaction: None };
        orders.push(ProbeOrder::Send);
        orders.push(ProbeOrder::Wake(until));
    }

    fn rest(&mut self, now: Timestamp, cadence: Cadence, draw: u64, orders: &mut Vec<ProbeOrder>) {
        // Up to a tenth early, so that peers configured together are not asked together.
        let until = now + (cadence.interval - part(cadence.interval / 10, draw));
        self.phase = Phase::Resting { until };
        orders.push(ProbeOrder::Wake(until));
    }

    fn judge(&mut self, verdict: Verdict, orders: &mut Vec<ProbeOrder>) {
        if self.verdict != verdict {
            self.verdict = verdict;
            orders.push(ProbeOrder::Judge(verdict));
        }
    }
}

/// What the answer to an OPTIONS, or the final answer to anything, says of whoever gave it.
///
/// 200 is how it should be. Credentials wanted, a user that is not known or a method that is not carried are as usual from
/// whoever is well (Asterisk says 404 to an OPTIONS for its own Contact); anything else is a warning.
pub fn of_code(code: u16) -> Verdict {
    match code {
        200..=299 | 401 | 404 | 405 | 407 => Verdict::Up,
        _ => Verdict::Ailing,
    }
}

/// How long an answer is waited for: so that all failures fit into one interval.
fn patience(cadence: Cadence) -> Duration {
    let share = cadence.interval * 4 / 5 / cadence.fail_after.max(1);
    Ord::max(Ord::min(share, LONGEST), SHORTEST)
}

/// Five transmissions over a network that loses.
const LONGEST: Duration = Duration::from_secs(8);
/// Less than this is not enough for a peer far away.
const SHORTEST: Duration = Duration::from_millis(400);

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const CADENCE: Cadence = Cadence { interval: Duration::from_secs(30), fail_after: 3 };

    /// Lets time pass from wake-up to wake-up until `until`; `answers` says what a probe at that second is answered.
    fn run(
        probe: &mut Probe,
        orders: &mut Vec<ProbeOrder>,
        answers: &dyn Fn(u64) -> u16,
        until: u64,
    ) -> Vec<String> {
        let mut said = Vec::new();
        let (mut now, mut wake) = (START, START);
        let mut draw = 1u64;
        loop {
            let mut answer = None;
            for order in orders.drain(..) {
                match order {
                    ProbeOrder::Send => answer = Some(answers(now.since(START).as_secs())),
                    ProbeOrder::Wake(at) => wake = at,
                    ProbeOrder::Abandon(_) => {}
                    ProbeOrder::Judge(verdict) => {
                        said.push(format!("{} {verdict:?}", now.since(START).as_secs()))
                    }
                }
            }
            draw = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
            match answer {
                Some(code) if code > 0 => probe.on_answer(code, now, CADENCE, draw, orders),
                _ => {
                    now = wake;
                    if now.since(START).as_secs() >= until {
                        return said;
                    }
                    probe.on_timer(now, CADENCE, draw, orders);
                }
            }
        }
    }

    #[test]
    fn falls_and_rises_within_two_intervals() {
        let rows: [(&str, &dyn Fn(u64) -> u16, &[(&str, u64, u64)]); 6] = [
            ("always there", &|_| 200, &[("Up", 0, 0)]),
            ("wants credentials", &|_| 401, &[("Up", 0, 0)]),
            ("not well", &|_| 503, &[("Ailing", 0, 0)]),
            ("does not want us", &|_| 403, &[("Ailing", 0, 0)]),
            ("never there", &|_| 0, &[("Down", 20, 30)]),
            (
                "away from 100 to 200",
                &|second| if (100..200).contains(&second) { 0 } else { 200 },
                &[("Up", 0, 0), ("Down", 100, 160), ("Up", 200, 260)],
            ),
        ];
        for (what, answers, wanted) in rows {
            let mut orders = Vec::new();
            let mut probe = Probe::new(START, &mut orders);
            let said = run(&mut probe, &mut orders, answers, 600);
            assert_eq!(said.len(), wanted.len(), "{what}: {said:?}");
            for (have, (verdict, from, to)) in said.iter().zip(wanted) {
                let (second, word) = have.split_once(' ').unwrap();
                assert_eq!(word, *verdict, "{what}: {said:?}");
                assert!((*from..=*to).contains(&second.parse().unwrap()), "{what}: {said:?}");
            }
        }
    }

    #[test]
    fn whoever_speaks_is_not_declared_dead() {
        let mut orders = Vec::new();
        let mut probe = Probe::new(START, &mut orders);
        let mut now = START;
        for _ in 0..20 {
            orders.clear();
            probe.on_timer(now, CADENCE, 3, &mut orders);
            now = now + Duration::from_secs(8);
            probe.on_timer(now, CADENCE, 3, &mut orders);
            probe.on_life(&mut orders);
            assert_ne!(probe.verdict(), Verdict::Down);
        }
    }
}
