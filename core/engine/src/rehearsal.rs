//! Rehearsals of failover: a connection is taken for down for some minutes, so that one sees where its calls go.
//!
//! Kept at its home, in memory only: a restart ends a rehearsal. Calls from it and calls in progress are left alone.

use hashbrown::HashMap;
use routing::config::ConnectionId;
use timestamp::Timestamp;

use crate::control::{Answer, Event, Happening};
use crate::outbox::{Outbox, Output};
use crate::shard::Shard;

/// Rehearsals at home here, each with its end.
#[derive(Debug, Default)]
pub(crate) struct Rehearsals {
    until: HashMap<Box<str>, Timestamp>,
    first: Option<Timestamp>,
}

impl Rehearsals {
    /// Until when a connection is taken for down.
    pub(crate) fn until(&self, connection: &str) -> Option<Timestamp> {
        self.until.get(connection).copied()
    }

    /// When the first of them ends.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.first
    }

    fn begin(&mut self, connection: &str, until: Timestamp) {
        self.until.insert(connection.into(), until);
        self.settle();
    }

    fn end(&mut self, connection: &str) -> bool {
        let ended = self.until.remove(connection).is_some();
        self.settle();
        ended
    }

    fn due(&mut self, now: Timestamp) -> Vec<Box<str>> {
        let mut due: Vec<_> = self.until.extract_if(|_, until| *until <= now).map(|(id, _)| id).collect();
        due.sort_unstable();
        self.settle();
        due
    }

    fn settle(&mut self) {
        self.first = self.until.values().min().copied();
    }
}

impl Shard {
    /// Takes a connection for down until then; without a time it is so no longer.
    pub(crate) fn rehearse(
        &mut self,
        id: &ConnectionId,
        until: Option<Timestamp>,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        let row = self.tables.connection(id).filter(|row| self.owners.home_of(row) == self.index);
        let Some(account) = row.map(|row| row.account.as_str().into()) else { return Answer::NotFound };
        let connection = id.as_str().into();
        let what = match until {
            Some(until) => {
                self.rehearsals.begin(id.as_str(), until);
                Happening::RehearsalStarted { connection, until }
            }
            None if self.rehearsals.end(id.as_str()) => Happening::RehearsalEnded { connection },
            None => return Answer::Done,
        };
        out.outputs.push(Output::Announce(Event { at: now, account, what }));
        self.judge(id, now, out);
        Answer::Done
    }

    /// Rehearsals that have lasted long enough.
    pub(crate) fn end_rehearsals(&mut self, now: Timestamp, out: &mut Outbox) {
        for connection in self.rehearsals.due(now) {
            let Some(row) = self.tables.connection_by_text(&connection) else { continue };
            let (id, account) = (row.id.clone(), row.account.as_str().into());
            let what = Happening::RehearsalEnded { connection };
            out.outputs.push(Output::Announce(Event { at: now, account, what }));
            self.judge(&id, now, out);
        }
    }

    /// A connection is gone.
    pub(crate) fn forget_rehearsal(&mut self, connection: &str) {
        self.rehearsals.end(connection);
    }
}
