//! Claims of calls at the homes: each level that lives here is looked at in its turn, the next home gets what is left,
//! and the last one answers the call. A refusal takes back what others had granted.

use core::time::Duration;
use std::sync::Arc;

use b2bua::{Claim, INSTALLATION, Level, Told};
use routing::config::{AccountId, InForce, Zone};
use routing::policy::{Over, Period, Tallies, Usage, Wanted, limits_of};
use routing::tables::Tables;
use sip_stack::Slot;
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::control::{Event, Happening, LimitWarning};
use crate::counters::CounterRow;
use crate::outbox::{Outbox, Output, Persist};
use crate::owner::{Owners, ShardMessage};
use crate::places::Holder;
use crate::shard::Shard;

impl Shard {
    /// Takes a claim to the next home that is to grant it.
    pub(crate) fn put_claim(&mut self, holder: Holder, claim: Box<Claim>, now: Timestamp, out: &mut Outbox) {
        match claim.next() {
            Some(level) => {
                let home = self.home_of_level(&claim, level);
                self.tell(home, ShardMessage::Ask { holder, claim }, out);
            }
            // It was for the last home to answer; a claim on nothing is granted at once.
            None => self.on_ask_claim(holder, claim, now, out),
        }
    }

    /// A claim has come to this home.
    pub(crate) fn on_ask_claim(
        &mut self,
        holder: Holder,
        mut claim: Box<Claim>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        while let Some(level) = claim.next() {
            let home = self.home_of_level(&claim, level);
            if home != self.index {
                self.tell(home, ShardMessage::Ask { holder, claim }, out);
                return;
            }
            if level == Level::Connection
                && let Some(used) = claim.nonce
                && !self.location.admit(claim.key(level), used, now + self.nonces.life())
            {
                self.withdraw(holder, claim, Told::Replayed, out);
                return;
            }
            let rehearsed = level == Level::Connection && !claim.from && !claim.emergency;
            if rehearsed && self.rehearsals.until(claim.key(level)).is_some() {
                self.withdraw(holder, claim, Told::Rehearsed, out);
                return;
            }
            if let Err(over) = self.admit(level, &claim, holder, now, out) {
                let told = Told::Full(over, claim.resource(level));
                self.withdraw(holder, claim, told, out);
                return;
            }
            claim.homes[level as usize] = Some(self.index);
        }
        let mut rows = SmallVec::<[&registrar::BindingRow; 2]>::new();
        let connection = claim.connection.clone();
        if let Some(connection) = connection.as_ref().filter(|_| claim.locate) {
            rows.extend(self.location.of(connection.as_str(), now));
            self.order_contacts(connection.as_str(), &mut rows);
        }
        let bindings: Vec<_> = rows.into_iter().cloned().collect();
        let known = connection.as_ref().filter(|_| !claim.from && (!claim.locate || !bindings.is_empty()));
        let told = match known.is_some_and(|connection| self.standing.is_down(connection.as_str())) {
            true => Told::Down(claim, bindings),
            false => Told::Granted(claim, bindings),
        };
        self.tell(holder.0, ShardMessage::Told { call: holder.1, told }, out);
        if let Some(connection) = connection {
            self.calls_changed(connection.as_str(), now, out);
        }
    }

    /// Limits were set, perhaps the first of an account or of the installation: calls in progress count, too.
    pub(crate) fn count_live_calls(&mut self, out: &mut Outbox) {
        let mut takes = Vec::new();
        for (slot, call) in self.calls.iter_mut() {
            for claim in call.places_mut() {
                takes.extend(late_takes(&self.tables, &self.owners, (self.index, slot), claim));
            }
        }
        for (home, message) in takes {
            self.tell(home, message, out);
        }
    }

    /// The same for a claim that was on its way meanwhile.
    pub(crate) fn count_late(&mut self, holder: Holder, claim: &mut Claim, out: &mut Outbox) {
        for (home, message) in late_takes(&self.tables, &self.owners, holder, claim) {
            self.tell(home, message, out);
        }
    }

    /// Takes what homes granted back to the first of them.
    pub(crate) fn give_back(&mut self, holder: Holder, claim: Box<Claim>, out: &mut Outbox) {
        if let Some((_, home)) = claim.granted() {
            self.tell(home, ShardMessage::Release { holder, claim, undo: false }, out);
        }
    }

    /// A call gives its place back, here and wherever else it has one.
    pub(crate) fn on_release(
        &mut self,
        holder: Holder,
        mut claim: Box<Claim>,
        undo: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        while let Some((level, home)) = claim.granted() {
            if home != self.index {
                self.tell(home, ShardMessage::Release { holder, claim, undo }, out);
                return;
            }
            claim.homes[level as usize] = None;
            let key = claim.key(level);
            if !claim.onward {
                self.places.release(level, key, (holder, claim.from), claim.left);
            }
            if undo
                && let Some((limits, zone)) = in_force(&self.tables, level, key)
                && let Some(counter) = self.counters.get_mut(key)
            {
                let again = claim.onward;
                let wanted = Wanted { from: claim.from, again, country: None };
                counter.tallies.take_back(&limits, wanted, &zone, claim.at);
            }
            if let (Level::Connection, Some(connection)) = (level, claim.connection.clone()) {
                self.calls_changed(connection.as_str(), now, out);
            }
        }
    }

    fn withdraw(&mut self, holder: Holder, claim: Box<Claim>, told: Told, out: &mut Outbox) {
        self.tell(holder.0, ShardMessage::Told { call: holder.1, told }, out);
        if let Some((_, home)) = claim.granted() {
            self.tell(home, ShardMessage::Release { holder, claim, undo: true }, out);
        }
    }

    /// Counts a call at one level that lives here, if its limits let it pass.
    fn admit(
        &mut self,
        level: Level,
        claim: &Claim,
        holder: Holder,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), Over> {
        let key = claim.key(level);
        let (at_once, known) = self.places.used(level, key, holder);
        let wanted = Wanted { from: claim.from, again: claim.onward || known, country: claim.country };
        let limits = in_force(&self.tables, level, key);
        if let Some((limits, zone)) = limits.filter(|(limits, _)| limits.counts() || wanted.country.is_some())
        {
            let counter = self.counters.of(key);
            let over = counter.tallies.refuses(&limits, wanted, at_once, (&zone, now));
            if let Some(over) = over.filter(|_| !claim.emergency) {
                if over.max > 0 && counter.may_tell(over.limit, window_of(over.limit), now) {
                    warn(level, claim, (over.limit, over.used, over.max), now, out);
                }
                return Err(over);
            }
            let lasting = counter.tallies.count(&limits, wanted, &zone, now);
            for usage in counter.tallies.usage(&limits, with_this(at_once, wanted), &zone, now) {
                if is_near(&usage, limits.warn_at())
                    && counter.may_tell(usage.limit, window_of(usage.limit), now)
                {
                    warn(level, claim, (usage.limit, usage.used, usage.max), now, out);
                }
            }
            if lasting {
                self.counters.note_change(key, now);
            }
        }
        if !claim.onward {
            self.places.take(level, key, (holder, claim.from));
        }
        Ok(())
    }

    /// Takes over what a former process counted of those at home here.
    pub(crate) fn recount(&mut self, rows: Vec<CounterRow>) {
        for row in rows {
            let home = match self.tables.connection_by_text(&row.of) {
                Some(connection) => self.owners.home_of(connection),
                None => self.owners.home_of_id(&row.of),
            };
            if home == self.index {
                self.counters.restore(row);
            }
        }
    }

    /// The limits of one that lives here, and how much of each is used.
    pub(crate) fn limits_used(&mut self, level: Level, id: &str, now: Timestamp) -> Vec<Usage> {
        let Some((limits, zone)) = in_force(&self.tables, level, id) else { return Vec::new() };
        let (at_once, _) = self.places.used(level, id, (self.index, Slot { index: u32::MAX, generation: 0 }));
        match self.counters.get_mut(id) {
            Some(counter) => counter.tallies.usage(&limits, at_once, &zone, now).into_vec(),
            None => Tallies::default().usage(&limits, at_once, &zone, now).into_vec(),
        }
    }

    /// The same of accounts that live here, and of the installation.
    pub(crate) fn limits_used_of(
        &mut self,
        accounts: &[AccountId],
        installation: bool,
        now: Timestamp,
    ) -> Vec<(Box<str>, Vec<Usage>)> {
        let mut used = Vec::new();
        let accounts = accounts.iter().map(|id| (Level::Account, id.as_str()));
        for (level, id) in accounts.chain(installation.then_some((Level::Installation, INSTALLATION))) {
            if self.owners.home_of_id(id) == self.index {
                used.push((id.into(), self.limits_used(level, id, now)));
            }
        }
        used
    }

    /// Puts counters that changed on their way to the disk.
    pub(crate) fn write_counters(&mut self, out: &mut Outbox) {
        for row in self.counters.drain() {
            out.outputs.push(Output::Persist(Persist::Counter(Box::new(row))));
        }
    }

    fn home_of_level(&self, claim: &Claim, level: Level) -> u8 {
        match level {
            Level::Connection => {
                let row = claim.connection.as_ref().and_then(|id| self.tables.connection(id));
                row.map_or(0, |row| self.owners.home_of(row))
            }
            Level::Account | Level::Installation => self.owners.home_of_id(claim.key(level)),
        }
    }
}

/// What homes are told that count a call from now on; its claim knows them.
fn late_takes(
    tables: &Tables,
    owners: &Owners,
    holder: Holder,
    claim: &mut Claim,
) -> SmallVec<[(u8, ShardMessage); 2]> {
    let mut takes = SmallVec::new();
    for level in claim.late(tables) {
        let key = claim.key(level);
        let home = owners.home_of_id(key);
        takes.push((home, ShardMessage::Take { holder, level, key: key.into(), from: claim.from }));
        claim.count_at(level, home);
    }
    takes
}

/// Tells of a limit that is nearly reached.
fn warn(
    level: Level,
    claim: &Claim,
    (limit, used, max): (&'static str, u32, u32),
    now: Timestamp,
    out: &mut Outbox,
) {
    let account = match level {
        Level::Installation => "",
        Level::Account | Level::Connection => claim.key(Level::Account),
    };
    let resource = claim.resource(level);
    let what = Happening::LimitWarning(LimitWarning { resource, limit, used, max });
    out.outputs.push(Output::Announce(Event { at: now, account: account.into(), what }));
}

/// The limits in force for a connection, an account or the installation, and where its days begin.
fn in_force<'t>(tables: &'t Tables, level: Level, id: &str) -> Option<(InForce<'t>, Arc<Zone>)> {
    match level {
        Level::Installation => tables.limits().map(|limits| (InForce::new(limits, None), Arc::default())),
        Level::Account => {
            let account = tables.account_by_text(id)?;
            Some((InForce::new(&account.limits, None), Arc::clone(&account.zone)))
        }
        Level::Connection => {
            let row = tables.connection_by_text(id)?;
            let zone = tables.account(&row.account).map(|account| Arc::clone(&account.zone));
            Some((limits_of(tables, row), zone.unwrap_or_default()))
        }
    }
}

/// Calls at once with the one that was let in.
fn with_this([all, from, to]: [u32; 3], wanted: Wanted) -> [u32; 3] {
    let new = u32::from(!wanted.again);
    [all + new, from + u32::from(wanted.from) * new, to + u32::from(!wanted.from)]
}

fn is_near(usage: &Usage, warn_at: u8) -> bool {
    // A second passes before anybody has read of it.
    usage.max > 0
        && usage.limit != Period::Second.limit()
        && u64::from(usage.used) * 100 >= u64::from(usage.max) * u64::from(warn_at)
}

fn window_of(limit: &str) -> Duration {
    Period::ALL.into_iter().find(|period| period.limit() == limit).map_or(Duration::ZERO, Period::span)
}
