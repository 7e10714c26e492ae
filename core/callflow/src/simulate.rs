//! Walks a flow without a call: what it would ask, with given keys, answers and time.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use timestamp::Timestamp;

use crate::ask::{Ask, Dial, Errand, Strategy, Subject, Told};
use crate::collector::{Collected, Collector};
use crate::run::{Facts, Published, Run, World};
use crate::verb::Outcome;

/// What happens in a simulated call.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Who calls.
    pub caller: String,
    /// The caller's name.
    pub caller_name: String,
    /// What was dialled.
    pub called: String,
    /// What the caller presses, one text for each time it is asked; nothing after the last.
    pub digits: Vec<String>,
    /// Outcomes by the id of the node, one after the other; the last one stands for all that follow.
    pub outcomes: BTreeMap<String, Vec<String>>,
    /// Variables that are set before it begins.
    pub variables: BTreeMap<String, String>,
}

/// What a simulated call did.
#[derive(Clone, Debug, Serialize)]
pub struct Walk {
    /// Node by node.
    pub steps: Vec<Walked>,
    /// How it ended: the verb that ended it, or how the flow did.
    pub end: String,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// The variables at its end.
    pub variables: BTreeMap<String, String>,
}

/// One node of a simulated call.
#[derive(Clone, Debug, Serialize)]
pub struct Walked {
    /// Id of the flow.
    pub flow: Arc<str>,
    /// Id of the node.
    pub node: String,
    /// Its verb.
    pub verb: &'static str,
    /// When, in milliseconds from the beginning.
    pub at_ms: u64,
    /// What was asked of the call; absent where the flow decided by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The outcome; absent where that was the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// Walks `flow` as `script` says, beginning at `now`.
pub fn simulate(flow: Arc<Published>, script: &Script, world: &dyn World, now: Timestamp) -> Walk {
    let facts = Facts {
        call: "simulated",
        caller: &script.caller,
        caller_name: &script.caller_name,
        called: &script.called,
        connection: "",
        attached: "",
    };
    let mut run = Run::new(flow, &facts, now);
    for (name, value) in &script.variables {
        run.set(name, value.clone());
    }
    let mut play = Play { script, pressed: 0, visits: BTreeMap::new(), now };
    let mut ask = run.begin(world, now);
    while !ask.ends() {
        let node = run.path().last().map_or("", |step| step.node()).to_owned();
        ask = match run.leave_routine() {
            // What a verb does in several steps counts as one here.
            Some(usual) => {
                let told = Told::of(play.given(&node).unwrap_or_else(|| Outcome::named(usual)));
                run.on_told(told, world, play.now)
            }
            None => {
                let told = play.tell(&node, &ask);
                run.on_told(told, world, play.now)
            }
        };
    }
    let end = match &ask {
        Ask::End(ended) => serde_json::to_value(ended).ok().and_then(|word| word.as_str().map(str::to_owned)),
        _ => Some(ask.verb().to_owned()),
    };
    let steps = run.path().iter().map(|step| Walked {
        flow: Arc::clone(step.flow()),
        node: step.node().to_owned(),
        verb: step.verb(),
        at_ms: millis(step.at.since(now)),
        asked: step.asked.as_deref().map(str::to_owned),
        outcome: step.outcome.as_ref().map(|outcome| outcome.as_str().to_owned()),
    });
    Walk {
        steps: steps.collect(),
        end: end.unwrap_or_default(),
        took_ms: millis(play.now.since(now)),
        variables: run.variables().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

/// The call that is not there.
struct Play<'s> {
    script: &'s Script,
    pressed: usize,
    visits: BTreeMap<String, usize>,
    now: Timestamp,
}

impl Play<'_> {
    fn tell(&mut self, node: &str, ask: &Ask) -> Told {
        let given = self.given(node);
        match ask {
            Ask::Ring(length) | Ask::Pause(length) => self.pass(*length, given.unwrap_or(Outcome::NEXT)),
            Ask::Tone { length, .. } => self.pass(*length, given.unwrap_or(Outcome::DONE)),
            Ask::Play(play) => {
                // Nobody listens: what never ends has to end somewhere.
                let usual = if play.times.is_some() { Outcome::DONE } else { Outcome::INTERRUPTED };
                self.pass(CLIP, given.unwrap_or(usual))
            }
            Ask::Record(record) => match (&record.subject, given) {
                (Subject::Caller { .. }, given) => self.pass(CLIP, given.unwrap_or(Outcome::DONE)),
                (Subject::Call | Subject::Nothing, given) => Told::of(given.unwrap_or(Outcome::DONE)),
            },
            Ask::Gather(gather) => match given {
                Some(outcome) => Told::of(outcome),
                None => self.gather(gather),
            },
            Ask::Dial(dial) => {
                let outcome = given.unwrap_or(Outcome::NO_ANSWER);
                let length = length_of(&outcome, (Outcome::NO_ANSWER, patience(dial)));
                self.pass(length, outcome)
            }
            Ask::Conference(_) => self.pass(TALK, given.unwrap_or(Outcome::LEFT)),
            Ask::Refer(_) => Told::of(given.unwrap_or(Outcome::TRANSFERRED)),
            Ask::Queue(queue) => {
                let outcome = given.unwrap_or(Outcome::TIMEOUT);
                let length = length_of(&outcome, (Outcome::TIMEOUT, queue.patience));
                self.pass(length, outcome)
            }
            Ask::Park(park) => {
                let outcome = given.unwrap_or(Outcome::TIMEOUT);
                let length = length_of(&outcome, (Outcome::TIMEOUT, park.patience));
                self.pass(length, outcome)
            }
            Ask::Press(press) => {
                let keys = u32::try_from(press.digits.len()).unwrap_or(u32::MAX);
                self.pass((press.tone + press.pause) * keys, given.unwrap_or(Outcome::DONE))
            }
            Ask::TakeOver(_) => Told::of(given.unwrap_or(Outcome::EMPTY)),
            Ask::Errand(Errand::Person { .. }) => Told::of(given.unwrap_or(Outcome::DONE)),
            Ask::Errand(_) => Told::of(given.unwrap_or(Outcome::ERROR)),
            Ask::Answer | Ask::Reject { .. } | Ask::HangUp { .. } | Ask::End(_) => Told::of(Outcome::NEXT),
        }
    }

    fn given(&mut self, node: &str) -> Option<Outcome> {
        let outcomes = self.script.outcomes.get(node)?;
        let visit = self.visits.entry(node.to_owned()).or_default();
        let outcome = outcomes.get(*visit).or_else(|| outcomes.last())?;
        *visit += 1;
        Some(Outcome::named(outcome))
    }

    fn pass(&mut self, length: Duration, outcome: Outcome) -> Told {
        self.now = self.now + length;
        Told::of(outcome)
    }

    /// The caller listens to the end of the prompt, and then presses what the script says, a key a quarter of a second.
    fn gather(&mut self, gather: &crate::ask::Gather) -> Told {
        let mut collector = Collector::new(gather.rule.clone());
        let mut keys = Vec::new();
        let mut next = Collected::Prompt;
        loop {
            next = match next {
                Collected::Prompt => {
                    keys = self
                        .script
                        .digits
                        .get(self.pressed)
                        .map_or("", String::as_str)
                        .bytes()
                        .rev()
                        .collect();
                    self.pressed += 1;
                    self.now = self.now + CLIP;
                    collector.on_prompt_over(self.now)
                }
                Collected::Over(outcome) => {
                    return Told::of(outcome).with(&gather.variable, collector.digits());
                }
                Collected::Wait(until) => match (keys.pop(), until) {
                    (Some(key), _) => {
                        self.now = self.now + KEY;
                        collector.on_key(key, self.now)
                    }
                    (None, Some(until)) => {
                        self.now = until;
                        collector.on_timeout(until)
                    }
                    (None, None) => Collected::Over(Outcome::TIMEOUT),
                },
                Collected::Hush(until) => Collected::Wait(Some(until)),
            };
        }
    }
}

/// How long it takes to come to this, where waiting in vain takes so long.
fn length_of(outcome: &Outcome, (in_vain, length): (Outcome, Duration)) -> Duration {
    if *outcome == Outcome::ANSWERED {
        TALK
    } else if *outcome == in_vain {
        length
    } else {
        Duration::ZERO
    }
}

/// How long it takes until everybody has rung.
fn patience(dial: &Dial) -> Duration {
    let each = dial.to.iter().map(|callee| callee.after + callee.ring);
    let all = match dial.strategy {
        Strategy::All => each.max().unwrap_or_default(),
        Strategy::InOrder | Strategy::Random | Strategy::RoundRobin | Strategy::LongestIdle => each.sum(),
    };
    dial.patience.map_or(all, |limit| limit.min(all))
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// How long a sound counts as, whose length nobody knows here.
const CLIP: Duration = Duration::from_secs(3);
/// How long people talk.
const TALK: Duration = Duration::from_secs(60);
/// How long it takes to press a key.
const KEY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use serde_json::json;

    #[derive(Debug)]
    struct Utc;

    impl World for Utc {
        fn local(&self, _: Option<&str>, at: Timestamp) -> u64 {
            at.as_secs()
        }

        fn flow(&self, _: &str) -> Option<Arc<Published>> {
            None
        }
    }

    #[test]
    fn a_call_is_walked_through() {
        let document = json!({
            "nodes": [
                {"id": "hours", "type": "schedule", "settings": {"hours": [{"days": ["mon"], "from": "09:00", "to": "17:00"}]}},
                {"id": "menu", "type": "gather", "settings": {"sounds": ["welcome"], "options": ["1"], "tries": 2}},
                {"id": "sales", "type": "dial", "settings": {"to": [{"number": "101"}], "ring_s": 20}},
                {"id": "closed", "type": "reject", "settings": {"code": 480}}
            ],
            "edges": [
                {"from": "hours", "outcome": "open", "to": "menu"},
                {"from": "hours", "outcome": "closed", "to": "closed"},
                {"from": "menu", "outcome": "1", "to": "sales"},
                {"from": "sales", "outcome": "no_answer", "to": "menu"},
                {"from": "menu", "outcome": "invalid", "to": "closed"}
            ]
        });
        let flow = || {
            let (graph, problems) = Graph::read(&document);
            Arc::new(Published {
                id: "f".into(),
                version: 0,
                graph: graph.unwrap_or_else(|| panic!("{problems:?}")),
            })
        };
        // A Monday at 10, and at 18.
        let monday = Timestamp::from_secs(1_795_392_000);
        let at = |hour: u64| monday + Duration::from_secs(hour * 3_600);
        let script = |digits: &[&str]| Script {
            digits: digits.iter().map(ToString::to_string).collect(),
            ..Script::default()
        };
        let nodes =
            |walk: &Walk| walk.steps.iter().map(|step| step.node.clone()).collect::<Vec<_>>().join(" ");
        let open = simulate(flow(), &script(&["1", "7", "8"]), &Utc, at(10));
        assert_eq!((nodes(&open).as_str(), open.end.as_str()), ("hours menu sales menu closed", "reject"));
        assert_eq!(open.steps[2].asked.as_deref(), Some("rings 101 for 20 s"));
        assert_eq!(open.variables["digits"], "8");
        let closed = simulate(flow(), &script(&[]), &Utc, at(18));
        assert_eq!((nodes(&closed).as_str(), closed.took_ms), ("hours closed", 0));
        let mut busy = script(&["1"]);
        busy.outcomes.insert("sales".to_owned(), vec!["busy".to_owned()]);
        let busy = simulate(flow(), &busy, &Utc, at(10));
        assert_eq!((nodes(&busy).as_str(), busy.end.as_str()), ("hours menu sales", "over"));
        let mut talks = script(&["1"]);
        talks.outcomes.insert("sales".to_owned(), vec!["answered".to_owned()]);
        let talks = simulate(flow(), &talks, &Utc, at(10));
        assert_eq!(talks.took_ms - busy.took_ms, millis(TALK));
    }
}
