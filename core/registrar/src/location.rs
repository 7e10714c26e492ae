//! All bindings of a shard's addresses of record, by connection.

use core::cmp::Reverse;
use core::hash::BuildHasher;
use std::collections::BinaryHeap;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use sip_stack::{Slot, Slots};
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::binding::{BindingRow, Registered};
use crate::push::push_address;
use crate::replay::{NonceUse, Replay};

/// The bindings.
#[derive(Debug, Default)]
pub struct Location {
    records: Slots<Record>,
    /// Records by the hash of their connection.
    index: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    expiring: BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    count: usize,
    /// Connections that have ever registered, by hash: enough to tell "down" from "never seen".
    seen: HashSet<u64>,
    /// Connections with a contact that lives by a stream, by listener and stream.
    streams: HashMap<(u16, u32), SmallVec<[Box<str>; 1]>>,
}

#[derive(Debug)]
struct Record {
    connection: Box<str>,
    bindings: SmallVec<[Stored; 1]>,
    replay: Replay,
    armed: Option<Timestamp>,
}

#[derive(Debug)]
struct Stored {
    row: Box<BindingRow>,
    /// Until when the disk has it; see [`Change::Refreshed`].
    kept_until: Timestamp,
}

/// What a registration changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// A contact registered for the first time.
    Added(Box<BindingRow>),
    /// A contact was refreshed, and the disk must hear of it.
    Refreshed(Box<BindingRow>),
    /// A device came back with another contact: this one is no more.
    Replaced {
        /// The connection.
        connection: Box<str>,
        /// The contact it had.
        contact: Box<str>,
    },
    /// A contact is gone.
    Removed {
        /// The connection.
        connection: Box<str>,
        /// The contact.
        contact: Box<str>,
        /// Whether it lapsed.
        expired: bool,
    },
}

impl Location {
    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bindings of a connection that have not lapsed, most preferred first.
    pub fn of(&self, connection: &str, now: Timestamp) -> SmallVec<[&BindingRow; 2]> {
        let mut rows: SmallVec<[&BindingRow; 2]> = SmallVec::new();
        if let Some(record) = self.record(connection) {
            rows.extend(record.bindings.iter().map(|s| &*s.row).filter(|row| row.expires_at > now));
            rows.sort_by(|a, b| b.q.cmp(&a.q).then(b.since.cmp(&a.since)));
        }
        rows
    }

    /// Whether a connection has registered since the start, or was registered when the last process ended.
    pub fn has_seen(&self, connection: &str) -> bool {
        self.seen.contains(&self.hasher.hash_one(connection))
    }

    /// Whether a contact in force was registered from a source like this. Looks at all of them.
    pub fn lives(&self, now: Timestamp, fits: &dyn Fn(core::net::IpAddr) -> bool) -> bool {
        let rows = self.records.iter().flat_map(|(_, record)| &record.bindings);
        rows.map(|stored| &stored.row).any(|row| row.expires_at > now && fits(row.source.ip()))
    }

    /// Whether a right digest answer is new at this address of record.
    pub fn admit(&mut self, connection: &str, used: NonceUse, keep_until: Timestamp) -> bool {
        let slot = self.slot(connection);
        self.arm(slot, keep_until);
        self.records.get_mut(slot).is_none_or(|record| record.replay.admit(used))
    }

    /// Takes up what a former process left.
    ///
    /// Its streams are gone, and their numbers mean other streams now. WebSockets come back as they like, or are woken.
    pub fn restore(&mut self, mut row: BindingRow) {
        row.stream = 0;
        self.seen.insert(self.hasher.hash_one(&*row.connection));
        if matches!(&*row.transport, "ws" | "wss") && row.asleep_at().is_none() {
            return;
        }
        let slot = self.slot(&row.connection);
        let at = row.expires_at;
        if let Some(record) = self.records.get_mut(slot) {
            record.bindings.push(Stored { kept_until: at, row: Box::new(row) });
            self.count += 1;
        }
        self.arm(slot, at);
    }

    /// Puts a binding in force: replaces one of the same instance, else one of the same contact.
    /// `matches` decides whether a stored contact is the same. A refresh that changes nothing costs no memory.
    pub(crate) fn bind(
        &mut self,
        connection: &str,
        registered: &Registered<'_>,
        matches: &dyn Fn(&BindingRow) -> bool,
        changes: &mut Vec<Change>,
    ) {
        let slot = self.slot(connection);
        let at = registered.expires_at;
        self.arm(slot, at);
        if registered.flow.stream != 0 {
            let flow = (registered.flow.listener, registered.flow.stream);
            let connections = self.streams.entry(flow).or_default();
            if !connections.iter().any(|known| **known == *connection) {
                connections.push(connection.into());
            }
        }
        let Some(record) = self.records.get_mut(slot) else { return };
        let granted = at.since(registered.at);
        if let Some(stored) = record.bindings.iter_mut().find(|s| matches(&s.row)) {
            let row = &mut stored.row;
            let moved = *row.contact != *registered.contact || row.source != registered.flow.remote;
            let late = stored.kept_until < at;
            if *row.contact != *registered.contact {
                let (connection, contact) = (row.connection.clone(), row.contact.clone());
                changes.push(Change::Replaced { connection, contact });
            }
            registered.refresh(row);
            if moved || late {
                stored.kept_until = at + granted * PADDING;
                changes.push(Change::Refreshed(padded(&stored.row, stored.kept_until)));
            }
            return;
        }
        let (row, kept_until) = (registered.row(connection), at + granted * PADDING);
        changes.push(Change::Added(padded(&row, kept_until)));
        record.bindings.push(Stored { row: Box::new(row), kept_until });
        self.count += 1;
        self.seen.insert(self.hasher.hash_one(connection));
    }

    /// Takes bindings away.
    pub fn unbind(
        &mut self,
        connection: &str,
        matches: &dyn Fn(&BindingRow) -> bool,
        gone: &mut Vec<Change>,
    ) {
        self.take(connection, matches, false, gone);
    }

    /// Earliest time at which something lapses.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.expiring.peek().map(|Reverse((at, ..))| *at)
    }

    /// Drops what has lapsed.
    pub fn on_timer(&mut self, now: Timestamp, gone: &mut Vec<Change>) {
        while let Some(&Reverse((at, index, generation))) = self.expiring.peek() {
            if at > now {
                return;
            }
            self.expiring.pop();
            let slot = Slot { index, generation };
            let Some(record) = self.records.get_mut(slot).filter(|r| r.armed == Some(at)) else { continue };
            record.armed = None;
            let connection = record.connection.clone();
            self.take(&connection, &|row| row.expires_at <= now, true, gone);
            let next = self.records.get(slot).and_then(|r| r.bindings.iter().map(|s| s.row.expires_at).min());
            match next {
                Some(next) => self.arm(slot, next),
                None => self.forget(slot),
            }
        }
    }

    /// A stream is closed: its contacts cannot be reached any more (RFC 5626 §5.3), but those that can be woken sleep.
    pub fn unbind_stream(&mut self, listener: u16, stream: u32, gone: &mut Vec<Change>) {
        for connection in self.streams.remove(&(listener, stream)).unwrap_or_default() {
            let record = self.known(&connection).and_then(|slot| self.records.get_mut(slot));
            for row in
                record.into_iter().flat_map(|record| &mut record.bindings).map(|stored| &mut stored.row)
            {
                let wakes =
                    row.stream == stream && row.listener == listener && push_address(&row.contact).is_some();
                if wakes {
                    row.stream = 0;
                }
            }
            self.unbind(&connection, &|row| row.stream == stream && row.listener == listener, gone);
        }
    }

    fn take(
        &mut self,
        connection: &str,
        matches: &dyn Fn(&BindingRow) -> bool,
        expired: bool,
        gone: &mut Vec<Change>,
    ) {
        let Some(slot) = self.known(connection) else { return };
        let Some(record) = self.records.get_mut(slot) else { return };
        let before = record.bindings.len();
        record.bindings.retain(|stored| {
            let leaves = matches(&stored.row);
            if leaves {
                let row = &stored.row;
                gone.push(Change::Removed {
                    connection: row.connection.clone(),
                    contact: row.contact.clone(),
                    expired,
                });
            }
            !leaves
        });
        self.count -= before - record.bindings.len();
    }

    fn record(&self, connection: &str) -> Option<&Record> {
        self.records.get(self.known(connection)?)
    }

    fn known(&self, connection: &str) -> Option<Slot> {
        let named = |slot: &Slot| self.records.get(*slot).is_some_and(|r| *r.connection == *connection);
        self.index.find(self.hasher.hash_one(connection), named).copied()
    }

    fn slot(&mut self, connection: &str) -> Slot {
        if let Some(slot) = self.known(connection) {
            return slot;
        }
        let slot = self.records.insert(Record {
            connection: connection.into(),
            bindings: SmallVec::new(),
            replay: Replay::default(),
            armed: None,
        });
        let (hasher, records) = (&self.hasher, &self.records);
        let hash = |slot: &Slot| records.get(*slot).map_or(0, |record| hasher.hash_one(&*record.connection));
        self.index.insert_unique(hasher.hash_one(connection), slot, hash);
        slot
    }

    /// One entry in the heap per record: refreshes cost nothing, an entry that comes too early is put back.
    fn arm(&mut self, slot: Slot, at: Timestamp) {
        let Some(record) = self.records.get_mut(slot) else { return };
        if record.armed.is_none_or(|armed| at < armed) {
            record.armed = Some(at);
            self.expiring.push(Reverse((at, slot.index, slot.generation)));
        }
    }

    fn forget(&mut self, slot: Slot) {
        if let Some(record) = self.records.remove(slot)
            && let Ok(entry) =
                self.index.find_entry(self.hasher.hash_one(&*record.connection), |s| *s == slot)
        {
            entry.remove();
        }
    }
}

/// The row for the disk: valid longer than granted, so that the next refreshes need no write. After a restart a
/// contact that is really gone is believed for this much longer, and no more.
fn padded(row: &BindingRow, kept_until: Timestamp) -> Box<BindingRow> {
    Box::new(BindingRow { expires_at: kept_until, ..row.clone() })
}

/// Extra lifetimes a stored row is given.
const PADDING: u32 = 2;
