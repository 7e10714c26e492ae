//! A caller that waits in a queue: what it hears, and the agents that are rung for it when its turn comes.
//!
//! Whose turn it is stands at the home of the account, which is told what becomes of every agent. Agents are rung as any
//! other party of a flow.

use core::time::Duration;
use std::sync::Arc;

use callflow::{Callee, Clip, Dial, Outcome, Party, Queue, Strategy, Told, Turn};
use timestamp::Timestamp;

use super::{Brought, Doing, Wanted};
use crate::call::Call;
use crate::means::{Effect, Means};

/// What a call says to the home of its account's queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAsk {
    /// It wants to wait in the queue of this name.
    Join(Box<str>, QueueTerms),
    /// It rings these one after the other and does not wait: whose turn it is, where the same place of a flow asked before.
    Order(Box<str>, Vec<Box<str>>, Turn),
    /// This agent answered it.
    Answered(Box<str>),
    /// Nobody answered; whether that is because nobody could be reached.
    Missed {
        /// Nobody could be.
        offline: bool,
    },
    /// It does not wait any more, or does not talk any more.
    Leave,
}

/// What a caller brings along about its queue; the newest caller's terms count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueTerms {
    /// Who answers, in order, by the texts that name them.
    pub agents: Vec<Box<str>>,
    /// Whose turn it is.
    pub turn: Turn,
    /// Callers that may wait at once.
    pub most: usize,
    /// How long an agent is left alone after a talk.
    pub wrap_up: Duration,
    /// The same after not answering.
    pub retry: Duration,
}

/// What a call is told of its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueTold {
    /// It may not wait: too many do.
    Full,
    /// It waits at this place, from 1, and that long if everything goes on as it went.
    Place(usize, Option<Duration>),
    /// It is its turn: these agents are to be rung for it.
    Ring(Vec<Box<str>>),
    /// None of the agents can be reached.
    NoAgents,
    /// They are to be rung in this order.
    Order(Vec<Box<str>>),
}

/// A caller in a queue, waiting or talking with an agent.
#[derive(Debug)]
pub(super) struct Queueing {
    queue: Box<Queue>,
    until: Timestamp,
    place: usize,
    wait: Option<Duration>,
    announce_at: Option<Timestamp>,
    music: Option<Arc<[i16]>>,
    hears: Hears,
    /// Agents that ring for it.
    rings: Vec<Box<str>>,
}

/// What is being brought, or heard, besides signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Nothing,
    Music,
    Announcement,
}

impl Call {
    /// The caller begins to wait.
    pub(super) fn queue_up(&mut self, queue: Box<Queue>, means: &mut Means<'_>) -> Option<Told> {
        if !self.answered_by_flow(means) {
            return None;
        }
        let terms = QueueTerms {
            agents: queue.agents.iter().map(|party| party.as_str().into()).collect(),
            turn: queue.turn,
            most: usize::try_from(queue.most).unwrap_or(usize::MAX),
            wrap_up: queue.wrap_up,
            retry: queue.retry,
        };
        let name = queue.name.clone();
        let attendant = self.attendant.as_deref_mut()?;
        attendant.doing = Doing::Queueing;
        attendant.queueing = Some(Box::new(Queueing {
            until: means.now + queue.patience,
            place: 0,
            wait: None,
            announce_at: None,
            music: None,
            hears: Hears::Nothing,
            rings: Vec::new(),
            queue,
        }));
        self.tell_queue(QueueAsk::Join(name, terms), means);
        self.hear_queue(means);
        self.watch_queue(means);
        None
    }

    /// The caller hears what one hears who waits.
    fn hear_queue(&mut self, means: &mut Means<'_>) {
        let Some(queueing) = self.queueing() else { return };
        match (&queueing.music, queueing.queue.music.is_empty()) {
            (Some(music), _) => {
                let music = Arc::clone(music);
                queueing.hears = Hears::Music;
                self.hear(music, None, means);
            }
            (None, false) => {
                queueing.hears = Hears::Music;
                let clips = queueing.queue.music.clone();
                self.hush(means);
                self.order(Wanted::Audio(clips), means);
            }
            (None, true) if queueing.queue.rings => self.hear_signal(callflow::Signal::Ringback, means),
            (None, true) => self.hush(means),
        }
    }

    /// The next time at which something happens by itself.
    fn watch_queue(&mut self, means: &mut Means<'_>) {
        let Some(queueing) = self.queueing() else { return };
        let at = queueing.announce_at.map_or(queueing.until, |at| at.min(queueing.until));
        self.look_again(at, means);
    }

    /// A time may have come.
    pub(super) fn on_queue_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        let Some(queueing) = self.queueing() else { return };
        if queueing.until <= now {
            self.leave_queue(Outcome::TIMEOUT, means);
            return;
        }
        self.announce_place(means);
        self.watch_queue(means);
    }

    /// The caller hears its place, if it is time for that; also while agents ring.
    pub(super) fn announce_place(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        let Some(queueing) = self.queueing() else { return };
        if queueing.announce_at.is_some_and(|at| at <= now) {
            queueing.announce_at = Some(now + queueing.queue.every);
            queueing.hears = Hears::Announcement;
            let clips = announcement(queueing);
            self.order(Wanted::Audio(clips), means);
        }
    }

    /// When it will hear its place next.
    pub(super) fn next_announcement(&mut self) -> Option<Timestamp> {
        self.queueing()?.announce_at
    }

    /// The home of the queue says something.
    pub fn on_queue_told(&mut self, told: QueueTold, means: &mut Means<'_>) {
        if let QueueTold::Order(order) = &told {
            return self.ring_in_order(order, means);
        }
        let waits = self.attendant.as_deref().is_some_and(|a| matches!(a.doing, Doing::Queueing));
        let now = means.now;
        let Some(queueing) = self.queueing() else { return };
        match told {
            QueueTold::Full if waits => self.leave_queue(Outcome::FULL, means),
            QueueTold::NoAgents if waits => self.leave_queue(Outcome::NO_AGENTS, means),
            QueueTold::Place(place, wait) => {
                (queueing.place, queueing.wait) = (place, wait);
                if !queueing.queue.announce.is_empty() {
                    // Who is served at once need not hear of places.
                    queueing.announce_at.get_or_insert(now + SOON);
                }
                self.watch_queue(means);
            }
            QueueTold::Ring(agents) if waits => self.ring_agents(agents, means),
            QueueTold::Full | QueueTold::NoAgents | QueueTold::Ring(_) | QueueTold::Order(_) => {}
        }
    }

    /// Asks the home of the account's queues in which order these ring.
    pub(super) fn ask_whose_turn(&self, names: Vec<Box<str>>, turn: Turn, means: &mut Means<'_>) {
        let place = self.flow().map(|(flow, _, node)| format!("{flow}/{node}")).unwrap_or_default();
        self.tell_queue(QueueAsk::Order(place.into(), names, turn), means);
    }

    fn ring_agents(&mut self, agents: Vec<Box<str>>, means: &mut Means<'_>) {
        let now = means.now;
        let Some(queueing) = self.queueing() else { return };
        let (queue, ring) = (&queueing.queue, queueing.queue.ring);
        let known = |party: &&Party| agents.iter().any(|agent| **agent == *party.as_str());
        let callee = |party: &Party| Callee { party: party.clone(), after: Duration::ZERO, ring };
        let dial = Dial {
            to: queue.agents.iter().filter(known).map(callee).collect(),
            strategy: if agents.len() > 1 { Strategy::All } else { Strategy::InOrder },
            patience: Some(queueing.until.since(now)),
            caller_id: None,
            caller_name: None,
            as_connection: None,
            fields: Vec::new(),
            early_media: false,
            whisper: Vec::new(),
            accept: None,
        };
        queueing.rings = agents;
        if let Some(told) = self.ring_others(dial, means) {
            self.tell_flow(told, means);
        }
    }

    /// What the flow would be told while its caller is in a queue: whether it is for the queue instead.
    pub(super) fn queue_hears(&mut self, told: &Told, means: &mut Means<'_>) -> bool {
        let Some(attendant) = self.attendant.as_deref_mut() else { return false };
        let rings = matches!(attendant.doing, Doing::Ringing(_));
        let Some(queueing) = attendant.queueing.as_deref_mut() else { return false };
        if !rings {
            // The talk is over, or the wait: the flow goes on.
            return false;
        }
        queueing.rings.clear();
        (attendant.doing, attendant.decision) = (Doing::Queueing, None);
        self.tell_queue(QueueAsk::Missed { offline: told.outcome == Outcome::OFFLINE }, means);
        self.on_queue_timer(means);
        true
    }

    /// An agent answered.
    pub(crate) fn queue_answered(&mut self, means: &mut Means<'_>) {
        let by = self.connection_out().cloned();
        if let Some(agent) = self.attendant.as_deref().and_then(|attendant| attendant.agent.clone()) {
            self.tell_queue(QueueAsk::Answered(agent), means);
        }
        let Some(queueing) = self.queueing() else { return };
        let mut rings = core::mem::take(&mut queueing.rings);
        let is_it = |agent: &str| {
            by.as_ref().is_some_and(|by| by.id.as_str() == agent || by.user.as_deref() == Some(agent))
        };
        let index = rings.iter().position(|agent| is_it(agent)).unwrap_or(0);
        if index < rings.len() {
            let agent = rings.swap_remove(index);
            self.tell_queue(QueueAsk::Answered(agent), means);
        }
    }

    /// Something to hear was brought: whether it was for the queue.
    pub(super) fn queue_brought(&mut self, brought: &Brought, means: &mut Means<'_>) -> bool {
        let waits = |doing: &Doing| matches!(doing, Doing::Queueing | Doing::Ringing(_));
        if !self.attendant.as_deref().is_some_and(|a| a.queueing.is_some() && waits(&a.doing)) {
            return false;
        }
        let Some(queueing) = self.queueing() else { return false };
        let audio = match brought {
            Brought::Audio(Ok(audio)) if !audio.is_empty() => Some(Arc::clone(audio)),
            _ => None,
        };
        match (queueing.hears, audio) {
            (Hears::Announcement, Some(audio)) => self.hear(audio, Some(1), means),
            (Hears::Announcement, None) => self.hear_queue(means),
            (Hears::Music, Some(audio)) => {
                queueing.music = Some(Arc::clone(&audio));
                self.hear(audio, None, means);
            }
            (Hears::Music | Hears::Nothing, _) => {
                // Without music one waits in silence, or with ringing.
                queueing.queue.music.clear();
                self.hear_queue(means);
            }
        }
        self.watch_queue(means);
        true
    }

    /// An announcement is over.
    pub(super) fn queue_played(&mut self, means: &mut Means<'_>) {
        let Some(queueing) = self.queueing() else { return };
        if queueing.hears == Hears::Announcement {
            queueing.hears = Hears::Nothing;
            self.hear_queue(means);
        }
    }

    /// A key of a caller that waits.
    pub(super) fn queue_key(&mut self, key: u8, means: &mut Means<'_>) {
        if self.queueing().is_some_and(|queueing| queueing.queue.leave == Some(key)) {
            self.stop_ringing(means);
            if let Some(attendant) = self.attendant.as_deref_mut() {
                (attendant.doing, attendant.decision) = (Doing::Queueing, None);
            }
            self.leave_queue(Outcome::LEFT, means);
        }
    }

    /// Whether agents ring for a caller in a queue.
    pub(super) fn queues_while_ringing(&self) -> bool {
        let attendant = self.attendant.as_deref();
        attendant.is_some_and(|a| a.queueing.is_some() && matches!(a.doing, Doing::Ringing(_)))
    }

    fn leave_queue(&mut self, outcome: Outcome, means: &mut Means<'_>) {
        self.hush(means);
        self.tell_flow(Told::of(outcome), means);
    }

    /// The wait is over, or the talk with an agent.
    pub(super) fn forget_queue(&mut self) -> Option<Effect> {
        let attendant = self.attendant.as_deref_mut()?;
        let (waited, talked) = (attendant.queueing.take().is_some(), attendant.agent.take().is_some());
        (waited || talked).then_some(())?;
        Some(Effect::Queue(attendant.flow.account.clone(), Box::new(QueueAsk::Leave)))
    }

    fn tell_queue(&self, ask: QueueAsk, means: &mut Means<'_>) {
        let Some(account) = self.attendant.as_deref().map(|a| a.flow.account.clone()) else { return };
        means.effects.push(Effect::Queue(account, Box::new(ask)));
    }

    fn queueing(&mut self) -> Option<&mut Queueing> {
        self.attendant.as_deref_mut()?.queueing.as_deref_mut()
    }
}

/// What is said of the caller's place.
fn announcement(queueing: &Queueing) -> Vec<Clip> {
    let minutes = queueing.wait.map_or(1, |wait| wait.as_secs().div_ceil(60).max(1)).to_string();
    let place = queueing.place.max(1).to_string();
    let fill = |text: &str| text.replace("{position}", &place).replace("{minutes}", &minutes);
    queueing.queue.announce.iter().map(|clip| clip.filled(fill)).collect()
}

/// How long somebody waits before it is told its place.
const SOON: Duration = Duration::from_secs(3);
