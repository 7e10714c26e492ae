//! One call's way through flows: asks out, what came of them in.
//!
//! A run holds the versions that it began with, whatever is published meanwhile. It ends by itself where it asks too
//! often, too much at once, or for too long.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use serde::Serialize;
use timestamp::Timestamp;

use crate::ask::{Ask, Errand, Told};
use crate::described::described;
use crate::graph::Graph;
use crate::variables::Variables;
use crate::verb::{Move, Outcome, Routine, Scene};

/// A version of a flow that calls may take.
#[derive(Debug)]
pub struct Published {
    /// Id of the flow.
    pub id: Arc<str>,
    /// Number of the version; 0 for a draft.
    pub version: u32,
    /// What it says.
    pub graph: Graph,
}

/// What lies outside of a run.
pub trait World: fmt::Debug {
    /// What the clock of a place shows, in seconds since its 1970: the zone of this name, or that of the account.
    fn local(&self, zone: Option<&str>, at: Timestamp) -> u64;
    /// A flow, if it is published.
    fn flow(&self, id: &str) -> Option<Arc<Published>>;
}

/// What is known of a call when a flow begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'f> {
    /// Id of the call.
    pub call: &'f str,
    /// Number or user of the caller; empty if withheld.
    pub caller: &'f str,
    /// Its name.
    pub caller_name: &'f str,
    /// What was dialled.
    pub called: &'f str,
    /// Id of the connection that the call came by; empty for none.
    pub connection: &'f str,
    /// Id of the connection that the flow is attached to; empty for none.
    pub attached: &'f str,
}

/// How a flow ended that said neither to hang up nor to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// An outcome led nowhere.
    Over,
    /// It took more steps than a call may.
    TooManySteps,
    /// It went in circles.
    Circling,
    /// It took longer than a call may.
    TooLong,
}

/// One node that a run came by.
#[derive(Clone, Debug)]
pub struct Step {
    flow: Arc<Published>,
    node: usize,
    /// When it came there.
    pub at: Timestamp,
    /// What it asked of the call, in words; none where the flow decided by itself.
    pub asked: Option<Box<str>>,
    /// When it went on.
    pub until: Option<Timestamp>,
    /// By which outcome; none while it is there, or if that ended it.
    pub outcome: Option<Outcome>,
}

impl Step {
    /// Id of the flow.
    pub fn flow(&self) -> &Arc<str> {
        &self.flow.id
    }

    /// Version of the flow.
    pub fn version(&self) -> u32 {
        self.flow.version
    }

    /// Id of the node.
    pub fn node(&self) -> &str {
        self.flow.graph.node(self.node).map_or("", |node| node.id())
    }

    /// Its verb.
    pub fn verb(&self) -> &'static str {
        self.flow.graph.node(self.node).map_or("", |node| node.row().name)
    }
}

/// One call's way.
#[derive(Debug)]
pub struct Run {
    frames: Vec<Frame>,
    variables: Variables,
    path: Vec<Step>,
    began: Timestamp,
    /// Steps since `burst_at`.
    burst: u32,
    burst_at: Timestamp,
    ended: bool,
}

/// Where it is in one flow.
#[derive(Debug)]
struct Frame {
    flow: Arc<Published>,
    node: usize,
    /// The step that it is at.
    step: usize,
    /// What its verb is in the middle of.
    routine: Option<Box<dyn Routine>>,
}

impl Run {
    /// A run that is about to begin.
    pub fn new(flow: Arc<Published>, facts: &Facts<'_>, now: Timestamp) -> Self {
        let mut variables = Variables::default();
        for (name, value) in [
            ("call", facts.call),
            ("caller", facts.caller),
            ("caller_name", facts.caller_name),
            ("called", facts.called),
            ("connection", facts.connection),
            ("attached", facts.attached),
            ("flow", &*flow.id),
        ] {
            variables.set(name, value.to_owned());
        }
        let node = flow.graph.start();
        Self {
            frames: vec![Frame { flow, node, step: 0, routine: None }],
            variables,
            path: Vec::new(),
            began: now,
            burst: 0,
            burst_at: now,
            ended: false,
        }
    }

    /// The first thing that it asks.
    pub fn begin(&mut self, world: &dyn World, now: Timestamp) -> Ask {
        self.advance(world, now)
    }

    /// What came of the last ask; the next one.
    pub fn on_told(&mut self, told: Told, world: &dyn World, now: Timestamp) -> Ask {
        let routine = self.frames.last_mut().and_then(|frame| frame.routine.as_mut()).filter(|_| !self.ended);
        let told = match routine.map(|routine| routine.on_told(told.clone())) {
            Some(Move::Ask(_)) if self.exhausted(now).is_some() => return self.end(Ended::TooLong),
            Some(Move::Ask(ask)) => return ask,
            Some(Move::Go(told)) => told,
            Some(Move::Into(_) | Move::Through(_)) | None => told,
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.routine = None;
        }
        match self.follow(told, now) {
            Some(ended) => self.end(ended),
            None => self.advance(world, now),
        }
    }

    /// The caller is gone, while this was recorded if anything was: what is left to be done.
    pub fn on_gone(&mut self, recording: &str) -> Option<Errand> {
        self.frames.last_mut()?.routine.take()?.on_gone(recording)
    }

    /// Whoever only walks through a verb in several steps leaves them out: its usual outcome, if it is in one.
    pub(crate) fn leave_routine(&mut self) -> Option<&'static str> {
        let frame = self.frames.last_mut()?;
        frame.routine.take()?;
        Some(frame.flow.graph.node(frame.node)?.row().outcomes.first()?.name)
    }

    /// Whether this outcome of what it asked last leads on, here or in a flow around this one.
    pub fn leads(&self, outcome: &Outcome) -> bool {
        self.frames.iter().rev().enumerate().any(|(depth, frame)| {
            let outcome = if depth == 0 { outcome } else { &Outcome::DONE };
            frame.flow.graph.node(frame.node).is_some_and(|node| node.leads(outcome).is_some())
        })
    }

    /// Where it has been, in order.
    pub fn path(&self) -> &[Step] {
        &self.path
    }

    /// Its variables.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Sets a variable from outside.
    pub fn set(&mut self, name: &str, value: String) {
        self.variables.set(name, value);
    }

    fn advance(&mut self, world: &dyn World, now: Timestamp) -> Ask {
        loop {
            if let Some(ended) = self.exhausted(now) {
                return self.end(ended);
            }
            let Some(frame) = self.frames.last_mut() else { return self.end(Ended::Over) };
            let flow = Arc::clone(&frame.flow);
            let index = frame.node;
            let Some(node) = flow.graph.node(index) else { return self.end(Ended::Over) };
            frame.step = self.path.len();
            self.path.push(Step {
                flow: Arc::clone(&flow),
                node: index,
                at: now,
                asked: None,
                until: None,
                outcome: None,
            });
            let mut scene = Scene { variables: &mut self.variables, world, now };
            let told = match node.verb.begin(&mut scene) {
                Move::Ask(ask) => {
                    self.ended = ask.ends();
                    return self.note(ask);
                }
                Move::Go(told) => told,
                Move::Through(mut routine) => match routine.begin() {
                    Move::Ask(ask) => {
                        frame.routine = Some(routine);
                        return self.note(ask);
                    }
                    Move::Go(told) => told,
                    Move::Into(_) | Move::Through(_) => Told::of(Outcome::FAILED),
                },
                Move::Into(id) => match world.flow(&id).filter(|_| self.frames.len() < DEEPEST) {
                    Some(flow) => {
                        let node = flow.graph.start();
                        self.frames.push(Frame { flow, node, step: 0, routine: None });
                        continue;
                    }
                    None => Told::of(Outcome::FAILED),
                },
            };
            if let Some(ended) = self.follow(told, now) {
                return self.end(ended);
            }
        }
    }

    /// Keeps what the newest node asks.
    fn note(&mut self, ask: Ask) -> Ask {
        if let Some(step) = self.path.last_mut() {
            step.asked = Some(described(&ask));
        }
        ask
    }

    /// Goes where an outcome leads; out of a flow that it leads out of.
    fn follow(&mut self, told: Told, now: Timestamp) -> Option<Ended> {
        if self.ended {
            return Some(Ended::Over);
        }
        for (name, value) in told.set {
            self.variables.set(&name, value);
        }
        let mut outcome = told.outcome;
        loop {
            let Some(frame) = self.frames.last_mut() else { return Some(Ended::Over) };
            let next = frame.flow.graph.node(frame.node).and_then(|node| node.leads(&outcome));
            if let Some(step) = self.path.get_mut(frame.step) {
                (step.until, step.outcome) = (Some(now), Some(outcome));
            }
            if let Some(next) = next {
                frame.node = next;
                return None;
            }
            self.frames.pop();
            outcome = Outcome::DONE;
        }
    }

    fn exhausted(&mut self, now: Timestamp) -> Option<Ended> {
        if now.since(self.burst_at) >= BURST {
            (self.burst, self.burst_at) = (0, now);
        }
        self.burst += 1;
        if self.path.len() >= MOST_STEPS {
            return Some(Ended::TooManySteps);
        }
        if self.burst > MOST_AT_ONCE {
            return Some(Ended::Circling);
        }
        (now.since(self.began) >= LONGEST).then_some(Ended::TooLong)
    }

    fn end(&mut self, ended: Ended) -> Ask {
        self.ended = true;
        Ask::End(ended)
    }
}

/// Steps of one call.
pub const MOST_STEPS: usize = 1_000;
/// Steps within [`BURST`].
const MOST_AT_ONCE: u32 = 100;
const BURST: Duration = Duration::from_secs(1);
/// Flows within each other.
const DEEPEST: usize = 8;
/// How long a call may be in flows.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

#[cfg(test)]
mod tests;
