//! One place and what was tried from it.
//!
//! ```text
//!              3 tries of one user                a user per line too many, or
//!   [watched] ────────────────────▶ [slowed] ──── more tries than a waiting device makes ───▶ [convicted]
//!       ▲                              │
//!       └───── ten minutes of silence ─┘
//! ```
//!
//! A phone with a wrong password saved tries one user again and again, and waits when it is not answered
//! (RFC 3261 §17.1.2.2: 32 s; RFC 5626 §4.5: 30 s and more after a failure). Whoever guesses either tries many users
//! or does not wait. Each wait is twice the one before, to a minute.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::attempt::Attempt;

/// What somebody tried, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The first users tried.
    pub users: Vec<TriedUser>,
    /// How many different users in ten minutes.
    pub distinct_users: u32,
    /// How many tries in all.
    pub tries: u32,
    /// What the sender called itself.
    pub user_agents: Vec<Box<str>>,
    /// The first try.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
}

/// One user that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedUser {
    /// User name.
    pub user: Box<str>,
    /// Whether there is such a user.
    pub known: bool,
    /// How often.
    pub tries: u32,
}

/// A place under suspicion.
#[derive(Debug)]
pub(crate) struct Suspect {
    first: Timestamp,
    pub(crate) last: Timestamp,
    tries: u32,
    users: Vec<Tried>,
    /// Users beyond the list.
    unnamed: u32,
    agents: SmallVec<[Box<str>; 2]>,
    /// Until when nothing is asked about it again: it was vouched for.
    pub(crate) vouched_until: Timestamp,
}

#[derive(Debug)]
struct Tried {
    user: Box<str>,
    known: bool,
    /// Tries since it last was silent.
    tries: u32,
    /// Tries that did not wait, in thousandths; runs out with time.
    hurry: u64,
    last: Timestamp,
    /// The last requests: a retransmission is no further try.
    requests: SmallVec<[u64; 4]>,
}

/// What follows for one user at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Pass,
    /// The next try is not looked at before that.
    Wait(Timestamp),
    /// This is an attack.
    Convict,
}

impl Suspect {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            first: now,
            last: now,
            tries: 0,
            users: Vec::new(),
            unnamed: 0,
            agents: SmallVec::new(),
            vouched_until: Timestamp::ZERO,
        }
    }

    /// One more try; `looked_at` unless it came while its user had to wait.
    pub(crate) fn on_attempt(&mut self, attempt: &Attempt, looked_at: bool) -> Step {
        let now = attempt.at;
        if now.since(self.last) > WINDOW {
            *self = Self { vouched_until: self.vouched_until, ..Self::new(now) };
        }
        self.users.retain(|tried| now.since(tried.last) <= WINDOW);
        let Some(tried) = self.tried(attempt) else {
            self.unnamed = self.unnamed.saturating_add(1);
            (self.last, self.tries) = (now, self.tries.saturating_add(1));
            return Step::Convict;
        };
        if tried.requests.contains(&attempt.request) {
            return Step::Pass;
        }
        if tried.requests.len() == REQUESTS {
            tried.requests.remove(0);
        }
        tried.requests.push(attempt.request);
        let rested = u64::try_from(now.since(tried.last).as_millis()).unwrap_or(u64::MAX);
        tried.hurry = tried.hurry.saturating_sub(rested * 1000 / PATIENT_EVERY_MS) + 1000;
        tried.last = now;
        tried.tries = tried.tries.saturating_add(u32::from(looked_at));
        let (tries, hurry) = (tried.tries, tried.hurry);
        self.tries = self.tries.saturating_add(1);
        self.last = now;
        if !self.agents.contains(&attempt.user_agent) && self.agents.len() < AGENTS {
            self.agents.push(attempt.user_agent.clone());
        }
        if hurry > HASTY || self.users.len() >= TOO_MANY_USERS {
            return Step::Convict;
        }
        match (looked_at, wait(tries)) {
            (true, Some(wait)) => Step::Wait(now + wait),
            (true | false, _) => Step::Pass,
        }
    }

    /// How often this user was tried.
    pub(crate) fn tries_of(&self, user: &str) -> u32 {
        self.users.iter().find(|tried| *tried.user == *user).map_or(0, |tried| tried.tries)
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let shown = |tried: &Tried| TriedUser {
            user: tried.user.clone(),
            known: tried.known,
            // A thousandth is left over at most: what was not looked at was tried, too.
            tries: tried.tries.max(u32::try_from(tried.hurry / 1000).unwrap_or(u32::MAX)),
        };
        Evidence {
            users: self.users.iter().map(shown).collect(),
            distinct_users: u32::try_from(self.users.len()).unwrap_or(u32::MAX).saturating_add(self.unnamed),
            tries: self.tries,
            user_agents: self.agents.to_vec(),
            first_at: self.first,
            last_at: self.last,
        }
    }

    fn tried(&mut self, attempt: &Attempt) -> Option<&mut Tried> {
        if let Some(at) = self.users.iter().position(|tried| tried.user == attempt.user) {
            return self.users.get_mut(at);
        }
        if self.users.len() >= USERS {
            return None;
        }
        self.users.push(Tried {
            user: attempt.user.clone(),
            known: attempt.known,
            tries: 0,
            hurry: 0,
            last: attempt.at,
            requests: SmallVec::new(),
        });
        self.users.last_mut()
    }
}

/// How long the next try has to wait after so many.
pub(crate) fn wait(tries: u32) -> Option<Duration> {
    let doublings = tries.checked_sub(FREE_TRIES)?.min(6);
    Some(Duration::from_secs((2u64 << doublings).min(60)))
}

/// Silence after which nothing is held against anybody.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
/// Typing errors are free.
const FREE_TRIES: u32 = 3;
/// A device that waits for answers makes no more than one try in this time.
const PATIENT_EVERY_MS: u64 = 15_000;
/// Thirty tries more than that are no device.
const HASTY: u64 = 30_000;
/// So many wrong users at one place are no office where somebody changed a password.
const TOO_MANY_USERS: usize = 8;
/// Users named in evidence.
const USERS: usize = 16;
const AGENTS: usize = 3;
/// Requests told apart, by user.
const REQUESTS: usize = 4;
