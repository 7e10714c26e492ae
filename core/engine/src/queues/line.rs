//! The callers that wait for the agents of an account, and whose turn it is: a machine of its own, without calls.
//!
//! Each queue is served first in, first out. An agent of several queues is one agent, who rings for one caller at a time
//! and is left alone for a while after a talk, or after not answering.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use b2bua::{QueueTerms, QueueTold, Turn};
use timestamp::Timestamp;

use crate::control::{QueueAgent, QueueCaller, QueueView};
use crate::places::Holder;

/// The queues of one account.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Box<str>, Line>,
    agents: BTreeMap<Box<str>, Agent>,
    /// Calls that were given an order, by the place that asked.
    turns: BTreeMap<Box<str>, usize>,
}

/// One queue.
#[derive(Debug)]
struct Line {
    terms: QueueTerms,
    waiting: VecDeque<Waiting>,
    /// Whose turn is next, of those in order.
    next: usize,
    /// How long it takes to move up by one place.
    pace: Option<Duration>,
}

/// A caller.
#[derive(Clone, Debug)]
struct Waiting {
    holder: Holder,
    call: Arc<str>,
    since: Timestamp,
    /// The place at which it began to wait.
    from: usize,
    /// The place that it was told last.
    told: usize,
    rings: bool,
}

/// An agent, as far as queues know.
#[derive(Clone, Debug)]
struct Agent {
    doing: Doing,
    /// When the last talk ended.
    idle_since: Timestamp,
    /// Not to be rung before.
    not_before: Timestamp,
    /// Nothing of it could be reached lately.
    offline: bool,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Rings(Holder),
    Talks(Holder),
}

impl Lines {
    /// A caller wants to wait.
    pub(super) fn join(
        &mut self,
        queue: &str,
        (holder, call): (Holder, Arc<str>),
        terms: QueueTerms,
        now: Timestamp,
        say: &mut Vec<(Holder, QueueTold)>,
    ) {
        self.know(&terms.agents);
        let line = self.lines.entry(queue.into()).or_insert_with(|| Line {
            terms: terms.clone(),
            waiting: VecDeque::new(),
            next: 0,
            pace: None,
        });
        line.terms = terms;
        if line.waiting.len() >= line.terms.most {
            say.push((holder, QueueTold::Full));
            return;
        }
        let from = line.waiting.len() + 1;
        line.waiting.push_back(Waiting { holder, call, since: now, from, told: 0, rings: false });
        self.serve(now, say);
    }

    fn know(&mut self, agents: &[Box<str>]) {
        for agent in agents {
            self.agents.entry(agent.clone()).or_insert(Agent {
                doing: Doing::Nothing,
                idle_since: Timestamp::ZERO,
                not_before: Timestamp::ZERO,
                offline: false,
            });
        }
    }

    /// The order in which these are rung for a caller that does not wait.
    pub(super) fn order(&mut self, place: Box<str>, mut agents: Vec<Box<str>>, turn: Turn) -> Vec<Box<str>> {
        match turn {
            Turn::All | Turn::InOrder => {}
            Turn::LongestIdle => {
                self.know(&agents);
                agents.sort_by_key(|name| {
                    self.agents.get(name).map(|a| (a.doing != Doing::Nothing, a.idle_since))
                });
            }
            Turn::RoundRobin => {
                let count = agents.len().max(1);
                let turns = self.turns.entry(place).or_default();
                agents.rotate_left(*turns % count);
                *turns = (*turns + 1) % count;
            }
        }
        self.forget();
        agents
    }

    /// A caller does not wait any more, or does not talk any more.
    pub(super) fn leave(&mut self, holder: Holder, now: Timestamp, say: &mut Vec<(Holder, QueueTold)>) {
        let mut wrap_up = Duration::ZERO;
        for line in self.lines.values_mut() {
            line.waiting.retain(|waiting| waiting.holder != holder);
        }
        for (name, agent) in &mut self.agents {
            match agent.doing {
                Doing::Rings(of) if of == holder => agent.doing = Doing::Nothing,
                Doing::Talks(of) if of == holder => {
                    let of_agent = self.lines.values().filter(|line| line.terms.agents.contains(name));
                    wrap_up = of_agent.map(|line| line.terms.wrap_up).max().unwrap_or(wrap_up);
                    (agent.doing, agent.idle_since, agent.not_before) = (Doing::Nothing, now, now + wrap_up);
                }
                Doing::Rings(_) | Doing::Talks(_) | Doing::Nothing => {}
            }
        }
        self.serve(now, say);
    }

    /// An agent answered a caller, who leaves the queue with it.
    pub(super) fn answered(
        &mut self,
        holder: Holder,
        agent: &str,
        now: Timestamp,
        say: &mut Vec<(Holder, QueueTold)>,
    ) {
        for line in self.lines.values_mut() {
            let Some(index) = line.waiting.iter().position(|waiting| waiting.holder == holder) else {
                continue;
            };
            let Some(served) = line.waiting.remove(index) else { continue };
            let took = now.since(served.since) / u32::try_from(served.from).unwrap_or(1).max(1);
            line.pace = Some(line.pace.map_or(took, |pace| (pace * 3 + took) / 4));
        }
        for (name, known) in &mut self.agents {
            if **name == *agent {
                (known.doing, known.offline) = (Doing::Talks(holder), false);
            } else if known.doing == Doing::Rings(holder) {
                known.doing = Doing::Nothing;
            }
        }
        self.serve(now, say);
    }

    /// Nobody answered of those who were rung for a caller; whether that is because they could not be reached.
    pub(super) fn missed(
        &mut self,
        holder: Holder,
        offline: bool,
        now: Timestamp,
        say: &mut Vec<(Holder, QueueTold)>,
    ) {
        let mut retry = Duration::ZERO;
        for line in self.lines.values_mut() {
            if let Some(waiting) = line.waiting.iter_mut().find(|waiting| waiting.holder == holder) {
                (waiting.rings, retry) = (false, line.terms.retry);
            }
        }
        for agent in self.agents.values_mut().filter(|agent| agent.doing == Doing::Rings(holder)) {
            (agent.doing, agent.offline) = (Doing::Nothing, offline);
            agent.not_before = now + retry;
        }
        self.serve(now, say);
    }

    /// Time passed.
    pub(super) fn serve(&mut self, now: Timestamp, say: &mut Vec<(Holder, QueueTold)>) {
        for line in self.lines.values_mut() {
            let mut leaving = Vec::new();
            for waiting in line.waiting.iter_mut().filter(|waiting| !waiting.rings) {
                let agents = turn(&line.terms, &mut line.next, &self.agents, now);
                if agents.is_empty() {
                    if line.terms.agents.iter().all(|name| self.agents.get(name).is_none_or(|a| a.offline)) {
                        leaving.push(waiting.holder);
                        say.push((waiting.holder, QueueTold::NoAgents));
                        continue;
                    }
                    break;
                }
                for agent in &agents {
                    if let Some(agent) = self.agents.get_mut(agent) {
                        agent.doing = Doing::Rings(waiting.holder);
                    }
                }
                waiting.rings = true;
                say.push((waiting.holder, QueueTold::Ring(agents)));
            }
            line.waiting.retain(|waiting| !leaving.contains(&waiting.holder));
            for (index, waiting) in line.waiting.iter_mut().enumerate() {
                let place = index + 1;
                if waiting.told != place {
                    waiting.told = place;
                    let wait = line.pace.map(|pace| pace * u32::try_from(place).unwrap_or(u32::MAX));
                    say.push((waiting.holder, QueueTold::Place(place, wait)));
                }
            }
        }
        self.forget();
    }

    /// When an agent may be rung again for whom somebody waits.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        let waited_for = |line: &&Line| line.waiting.iter().any(|waiting| !waiting.rings);
        let names = self.lines.values().filter(waited_for).flat_map(|line| &line.terms.agents);
        let resting = names.filter_map(|name| self.agents.get(name)).filter(|a| a.doing == Doing::Nothing);
        resting.map(|agent| agent.not_before).min()
    }

    /// The queue that a caller waits in.
    pub(super) fn queue_of(&self, holder: Holder) -> Option<Box<str>> {
        let waits = |line: &Line| line.waiting.iter().any(|waiting| waiting.holder == holder);
        self.lines.iter().find(|(_, line)| waits(line)).map(|(name, _)| name.clone())
    }

    /// As people see them.
    pub(super) fn views(&self, account: &Arc<str>, now: Timestamp) -> Vec<QueueView> {
        let state = |name: &str| match self.agents.get(name) {
            Some(Agent { doing: Doing::Rings(_), .. }) => "ringing",
            Some(Agent { doing: Doing::Talks(_), .. }) => "talking",
            Some(agent) if agent.offline => "offline",
            Some(agent) if agent.not_before > now => "resting",
            Some(_) | None => "free",
        };
        let caller = |(index, waiting): (usize, &Waiting)| QueueCaller {
            call: Arc::clone(&waiting.call),
            position: index + 1,
            since: waiting.since,
        };
        let agent = |name: &str| QueueAgent { agent: name.into(), state: state(name) };
        let view = |name: &str, line: &Line| QueueView {
            account: Arc::clone(account),
            name: name.into(),
            callers: line.waiting.iter().enumerate().map(caller).collect(),
            agents: line.terms.agents.iter().map(|name| agent(name)).collect(),
        };
        self.lines.iter().map(|(name, line)| view(name, line)).collect()
    }

    /// Queues that nobody waits in and whose agents rest are remembered for their order only; there are few.
    fn forget(&mut self) {
        if self.turns.len() > MOST_REMEMBERED {
            self.turns.clear();
        }
        if self.lines.len() <= MOST_REMEMBERED && self.agents.len() <= MOST_AGENTS {
            return;
        }
        self.lines.retain(|_, line| !line.waiting.is_empty());
        let lines = &self.lines;
        self.agents.retain(|name, agent| {
            agent.doing != Doing::Nothing || lines.values().any(|line| line.terms.agents.contains(name))
        });
    }
}

/// Whom a caller gets whose turn it is: nobody, if nobody is free.
fn turn(
    terms: &QueueTerms,
    next: &mut usize,
    agents: &BTreeMap<Box<str>, Agent>,
    now: Timestamp,
) -> Vec<Box<str>> {
    let free = |name: &str| {
        agents.get(name).is_some_and(|agent| agent.doing == Doing::Nothing && agent.not_before <= now)
    };
    let mut frees = terms.agents.iter().filter(|name| free(name));
    let count = terms.agents.len().max(1);
    let first = match terms.turn {
        Turn::All => return frees.cloned().collect(),
        Turn::InOrder => frees.next(),
        Turn::LongestIdle => {
            frees.min_by_key(|name| agents.get(&***name).map(|agent| agent.idle_since.max(agent.not_before)))
        }
        Turn::RoundRobin => {
            let mut turns = (0..count).map(|step| (*next + step) % count);
            let found = turns.find(|&index| terms.agents.get(index).is_some_and(|name| free(name)));
            *next = found.map_or(*next, |index| (index + 1) % count);
            found.and_then(|index| terms.agents.get(index))
        }
    };
    first.cloned().into_iter().collect()
}

/// Queues of one account whose order is kept while nobody waits.
const MOST_REMEMBERED: usize = 200;

/// Agents of one account whose last talk is remembered though no queue names them.
const MOST_AGENTS: usize = 2_000;

#[cfg(test)]
mod tests;
