//! What is counted at this home over time, of connections, accounts and the installation; what of it is to outlive the
//! process; and what was told of limits that are nearly reached.
//!
//! The disk gets a row of each counter that changed, together and not more often than twice a second.

use core::time::Duration;

use hashbrown::HashMap;
use routing::policy::Tallies;
use serde::{Deserialize, Serialize};
use timestamp::Timestamp;

/// Counters by the id of what they are of.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    of: HashMap<Box<str>, Counter>,
    /// Those that the disk does not have as they are.
    changed: Vec<Box<str>>,
    write_at: Option<Timestamp>,
}

/// What is counted of one of them.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) tallies: Tallies,
    changed: bool,
    /// When each limit was told of.
    told: Vec<(&'static str, Timestamp)>,
}

/// A counter as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterRow {
    /// Id of the connection or account, or `system`.
    pub of: Box<str>,
    /// What was counted; nothing if it is to be forgotten.
    pub tallies: Tallies,
}

impl Counters {
    /// The counter of this id.
    pub(crate) fn of(&mut self, id: &str) -> &mut Counter {
        if !self.of.contains_key(id) {
            self.of.insert(id.into(), Counter::default());
        }
        self.of.get_mut(id).expect("it was put there")
    }

    /// The counter of this id, if there is one.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Counter> {
        self.of.get_mut(id)
    }

    /// What a former process counted.
    pub(crate) fn restore(&mut self, row: CounterRow) {
        self.of.insert(row.of, Counter { tallies: row.tallies, ..Counter::default() });
    }

    /// Something worth keeping was counted.
    pub(crate) fn note_change(&mut self, id: &str, now: Timestamp) {
        if let Some(counter) = self.of.get_mut(id).filter(|counter| !counter.changed) {
            counter.changed = true;
            self.changed.push(id.into());
            self.write_at.get_or_insert(now + WRITE_AFTER);
        }
    }

    /// What it counted is gone.
    pub(crate) fn forget(&mut self, id: &str, now: Timestamp) {
        if self.of.contains_key(id) {
            self.note_change(id, now);
            self.of.insert(id.into(), Counter { changed: true, ..Counter::default() });
        }
    }

    /// When rows are to be written.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.write_at
    }

    /// The rows that changed.
    pub(crate) fn drain(&mut self) -> Vec<CounterRow> {
        self.write_at = None;
        let mut rows = Vec::with_capacity(self.changed.len());
        for of in core::mem::take(&mut self.changed) {
            let Some(counter) = self.of.get_mut(&of) else { continue };
            counter.changed = false;
            let tallies = counter.tallies.clone();
            if tallies.is_idle() {
                self.of.remove(&of);
            }
            rows.push(CounterRow { of, tallies });
        }
        rows
    }
}

impl Counter {
    /// Whether a limit may be told of now: once in its window, and not more than once an hour.
    pub(crate) fn may_tell(&mut self, limit: &'static str, window: Duration, now: Timestamp) -> bool {
        match self.told.iter_mut().find(|(told, _)| *told == limit) {
            Some((_, at)) if now.since(*at) < window.max(TELL_EVERY) => false,
            Some((_, at)) => {
                *at = now;
                true
            }
            None => {
                self.told.push((limit, now));
                true
            }
        }
    }
}

/// Together with the group commit, half a second at most is lost when the process dies.
const WRITE_AFTER: Duration = Duration::from_millis(400);
const TELL_EVERY: Duration = Duration::from_secs(3_600);
