//! What limits would have refused: calls of the past, played again under them by the code that counts calls now.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use routing::config::{InForce, Zone};
use routing::policy::{Tallies, Wanted, permits};
use routing::reason::Reason;
use serde::Serialize;
use store::{PastCall, rfc3339};
use timestamp::Timestamp;
use utoipa::ToSchema;

/// What limits would have done.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// Calls looked at, of the last seven days.
    pub(crate) calls: usize,
    /// Calls that would have been refused.
    pub(crate) refused: usize,
    /// Calls that would have been cut off by `max_duration_s`.
    pub(crate) cut_off: usize,
    /// Refused calls by the field of the limit.
    pub(crate) by_limit: BTreeMap<&'static str, usize>,
    /// The first of them.
    pub(crate) examples: Vec<Example>,
    /// Whether there were more calls than are looked at.
    pub(crate) truncated: bool,
}

/// A call that would have been refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Example {
    /// The call, `call_…`.
    pub(crate) call: String,
    /// When it began.
    pub(crate) started_at: String,
    /// What was dialled.
    pub(crate) dialled: String,
    /// The limit.
    #[schema(example = "per_hour")]
    pub(crate) limit: &'static str,
    /// Why; see `/reasons`.
    pub(crate) reason_code: &'static str,
    /// Why, in words.
    pub(crate) reason_text: &'static str,
}

/// Limits to be tried.
pub(crate) struct Trial<'a> {
    /// The limits.
    pub(crate) limits: InForce<'a>,
    /// Where days begin.
    pub(crate) zone: &'a Zone,
    /// Whose they are.
    pub(crate) of: Of<'a>,
    /// The country of the connection's account.
    pub(crate) home: Option<&'a str>,
    /// Numbers of our own, which are no calls outside.
    pub(crate) is_ours: &'a dyn Fn(&str) -> bool,
}

/// Whose limits are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// A connection's.
    Connection(&'a str),
    /// An account's.
    Account(&'a str),
    /// The installation's.
    All,
}

impl Of<'_> {
    /// Whether a call is one that it makes, and not one that it gets or lets pass.
    fn makes(self, call: &PastCall) -> bool {
        match self {
            Self::Connection(id) => call.connection_in == id,
            Self::Account(id) => call.account == id,
            Self::All => true,
        }
    }
}

impl Trial<'_> {
    /// Plays calls in the order in which they began.
    pub(crate) fn play(&self, calls: &[PastCall]) -> Preview {
        let mut preview = Preview { calls: calls.len(), ..Preview::default() };
        let mut tallies = Tallies::default();
        let mut live: BinaryHeap<Reverse<(Timestamp, bool)>> = BinaryHeap::new();
        let mut at_once = [0_u32; 3];
        for call in calls {
            while let Some(Reverse((ended_at, from))) = live.peek().copied()
                && ended_at <= call.started_at
            {
                live.pop();
                at_once[0] -= 1;
                at_once[if from { 1 } else { 2 }] -= 1;
            }
            let from = self.of.makes(call);
            // What was refused for another reason than a limit never got so far.
            if !call.reason_code.is_empty()
                && call.connection_out.is_empty()
                && !call.reason_code.starts_with("L-")
            {
                continue;
            }
            let now = call.started_at;
            let refused = match self.destination(call, from) {
                Err((reason, limit)) => Some((reason, limit)),
                Ok(country) => {
                    let wanted = Wanted { from, again: false, country };
                    let over = tallies.refuses(&self.limits, wanted, at_once, (self.zone, now));
                    if over.is_none() {
                        tallies.count(&self.limits, wanted, self.zone, now);
                    }
                    over.map(|over| (over.reason, over.limit))
                }
            };
            match refused {
                Some((reason, limit)) => preview.note(call, reason, limit),
                None => {
                    at_once[0] += 1;
                    at_once[if from { 1 } else { 2 }] += 1;
                    live.push(Reverse((call.ended_at, from)));
                    let talked = call.answered_at.map(|at| call.ended_at.since(at).as_secs()).unwrap_or(0);
                    let most = self.limits.max_duration_s().map_or(u64::MAX, u64::from);
                    preview.cut_off += usize::from(talked > most);
                }
            }
        }
        preview
    }

    fn destination(
        &self,
        call: &PastCall,
        from: bool,
    ) -> Result<Option<routing::policy::Country>, (Reason, &'static str)> {
        if !from || !call.dialled.starts_with('+') || (self.is_ours)(&call.dialled) {
            return Ok(None);
        }
        permits(&self.limits, self.home, &call.dialled)
            .map_err(|reason| (reason, if reason == Reason::Prefix { "prefixes" } else { "countries" }))
    }
}

impl Preview {
    fn note(&mut self, call: &PastCall, reason: Reason, limit: &'static str) {
        self.refused += 1;
        *self.by_limit.entry(limit).or_default() += 1;
        if self.examples.len() < MOST_EXAMPLES {
            self.examples.push(Example {
                call: call.id.clone(),
                started_at: rfc3339(call.started_at),
                dialled: call.dialled.clone(),
                limit,
                reason_code: reason.code(),
                reason_text: reason.text(),
            });
        }
    }
}

/// Calls that are named.
const MOST_EXAMPLES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use routing::config::Limits;

    fn call(number: u64, at: u64, seconds: u64, dialled: &str) -> PastCall {
        let start = 1_800_000_000 + at;
        PastCall {
            id: format!("call_{number}"),
            started_at: Timestamp::from_secs(start),
            answered_at: Some(Timestamp::from_secs(start)),
            ended_at: Timestamp::from_secs(start + seconds),
            account: "acc_1".to_owned(),
            dialled: dialled.to_owned(),
            connection_in: "con_1".to_owned(),
            connection_out: "con_2".to_owned(),
            reason_code: String::new(),
        }
    }

    #[test]
    fn calls_of_the_past_are_counted_as_calls_of_today_are() {
        let calls = [
            call(1, 0, 600, "+4930123"),
            call(2, 10, 600, "+4930124"),
            call(3, 20, 5, "bob"),
            call(4, 700, 5, "+37120000000"),
            call(5, 800, 9_000, "+4930125"),
            call(6, 4_000, 5, "+4930126"),
        ];
        let play = |json: &str| {
            let limits: Limits = serde_json::from_str(json).expect("limits");
            let limits = InForce::new(&limits, None);
            let (zone, of, home) = (&Zone::default(), Of::Connection("con_1"), Some("DE"));
            let trial = Trial { limits, zone, of, home, is_ours: &|_| false };
            let preview = trial.play(&calls);
            let named: Vec<_> =
                preview.examples.iter().map(|e| format!("{} {}", e.call, e.reason_code)).collect();
            (preview.refused, preview.cut_off, named.join(", "))
        };
        let all = |rest: &str| format!(r#"{{"countries":{{"allow":["*"]}}{rest}}}"#);
        assert_eq!(play(&all("")), (0, 0, String::new()));
        assert_eq!(play("{}"), (1, 0, "call_4 L-03".to_owned()));
        assert_eq!(play(&all(r#","concurrent":2"#)), (1, 0, "call_3 L-01".to_owned()));
        assert_eq!(play(&all(r#","per_hour":4"#)), (1, 0, "call_5 L-07".to_owned()));
        assert_eq!(play(&all(r#","max_duration_s":3600"#)), (0, 1, String::new()));
    }
    #[test]
    fn calls_by_way_of_an_account_count_as_calls_to_it() {
        let foreign =
            |number, at| PastCall { account: "acc_2".to_owned(), ..call(number, at, 600, "+37120000000") };
        let calls = [foreign(1, 0), foreign(2, 10), call(3, 20, 600, "+4930123")];
        let play = |json: &str, of: Of<'_>| {
            let limits: Limits = serde_json::from_str(json).expect("limits");
            let (limits, zone) = (InForce::new(&limits, None), &Zone::default());
            let preview = Trial { limits, zone, of, home: Some("DE"), is_ours: &|_| false }.play(&calls);
            preview.examples.iter().map(|e| format!("{} {}", e.call, e.limit)).collect::<Vec<_>>().join(", ")
        };
        let table = [
            (r#"{"concurrent":2}"#, Of::Account("acc_1"), "call_3 concurrent"),
            (r#"{"concurrent_to":1}"#, Of::Account("acc_1"), "call_2 concurrent_to"),
            (r#"{"concurrent_from":1}"#, Of::Account("acc_1"), ""),
            ("{}", Of::Account("acc_1"), ""),
            ("{}", Of::Account("acc_2"), "call_1 countries, call_2 countries"),
        ];
        for (limits, of, expected) in table {
            assert_eq!(play(limits, of), expected, "{limits} {of:?}");
        }
    }
}
