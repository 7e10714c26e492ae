//! What is known of every place from which something wrong was tried, and what follows from it.
//!
//! A place that should be banned is asked about first: whoever has a registration or a trunk there vouches for it,
//! and then it is slowed and never banned. The table holds so many places; whoever was silent longest makes room.

use core::time::Duration;
use std::collections::BTreeSet;
use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;
use timestamp::Timestamp;

use crate::attempt::Attempt;
use crate::place::place;
use crate::suspect::{Evidence, Step, Suspect, WINDOW};

/// Suspects by place.
#[derive(Debug, Default)]
pub struct Ledger {
    suspects: HashMap<IpNet, Suspect>,
    /// The same, the one that was silent longest first.
    by_silence: BTreeSet<(Timestamp, IpNet)>,
    /// How often a place was banned: the next ban is longer.
    convictions: HashMap<IpNet, (u32, Timestamp)>,
}

/// What follows from a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Pass,
    /// This user at this place has to wait.
    Wait {
        /// Until then.
        until: Timestamp,
        /// How often it was tried.
        tries: u32,
    },
    /// The place should be banned, unless somebody vouches for it.
    Ask,
    /// The place should be banned, but was vouched for: all its unknown senders have to wait.
    WaitAll {
        /// Until then.
        until: Timestamp,
    },
}

impl Ledger {
    /// A try; `looked_at` unless it came while it should have waited.
    pub fn on_attempt(&mut self, attempt: &Attempt, looked_at: bool) -> Verdict {
        let (at, now) = (place(attempt.source.ip()), attempt.at);
        self.make_room(at);
        let suspect = self.suspects.entry(at).or_insert_with(|| Suspect::new(now));
        self.by_silence.remove(&(suspect.last, at));
        let step = suspect.on_attempt(attempt, looked_at);
        self.by_silence.insert((suspect.last, at));
        match step {
            Step::Pass => Verdict::Pass,
            Step::Wait(until) => Verdict::Wait { until, tries: suspect.tries_of(&attempt.user) },
            Step::Convict if suspect.vouched_until > now => Verdict::WaitAll { until: now + WAIT_OF_ALL },
            Step::Convict => {
                // Not asked again while the answer is on its way.
                suspect.vouched_until = now + ASKING;
                Verdict::Ask
            }
        }
    }

    /// Somebody vouches for a place: it is slowed, and asked about again when ten minutes have passed.
    pub fn on_vouched(&mut self, at: IpNet, now: Timestamp) {
        if let Some(suspect) = self.suspects.get_mut(&at) {
            suspect.vouched_until = now + WINDOW;
        }
    }

    /// Nobody vouches for a place: what speaks against it, and until when it is banned.
    pub fn convict(&mut self, at: IpNet, now: Timestamp) -> Option<(Evidence, Timestamp)> {
        let suspect = self.suspects.remove(&at)?;
        self.by_silence.remove(&(suspect.last, at));
        if self.convictions.len() >= MOST_PLACES {
            self.convictions.retain(|_, (_, until)| *until + LONGEST_BAN > now);
        }
        let before = self.convictions.get(&at).filter(|(_, until)| *until + LONGEST_BAN > now);
        let times = before.map_or(0, |(times, _)| *times);
        let length = FIRST_BAN * 4u32.saturating_pow(times.min(4));
        let until = now + if length > LONGEST_BAN { LONGEST_BAN } else { length };
        if self.convictions.len() < MOST_PLACES {
            self.convictions.insert(at, (times + 1, until));
        }
        Some((suspect.evidence(), until))
    }

    /// What speaks against a place so far.
    pub fn evidence(&self, address: IpAddr) -> Option<Evidence> {
        self.suspects.get(&place(address)).map(Suspect::evidence)
    }

    /// Nothing is held against these any more.
    pub fn forgive(&mut self, network: IpNet) {
        let inside = |at: &IpNet| network.contains(at);
        let gone: Vec<_> = self.by_silence.extract_if(.., |(_, at)| inside(at)).collect();
        for (_, at) in gone {
            self.suspects.remove(&at);
        }
        self.convictions.retain(|at, _| !inside(at));
    }

    fn make_room(&mut self, at: IpNet) {
        if self.suspects.len() >= MOST_PLACES
            && !self.suspects.contains_key(&at)
            && let Some((_, oldest)) = self.by_silence.pop_first()
        {
            self.suspects.remove(&oldest);
        }
    }
}

/// Places remembered.
const MOST_PLACES: usize = 4096;
/// Longest that an answer about a place takes.
const ASKING: Duration = Duration::from_secs(2);
/// Between two tries of all unknown senders of a place that was vouched for.
const WAIT_OF_ALL: Duration = Duration::from_secs(5);
const FIRST_BAN: Duration = Duration::from_secs(3600);
const LONGEST_BAN: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
