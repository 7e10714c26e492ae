//! Places among the calls of connections, accounts and the installation, kept at their homes by call and not by number,
//! so that nothing drifts.

use std::sync::Arc;

use b2bua::Level;
use hashbrown::HashMap;
use presence::dialog_info::Progress;
use routing::config::ConnectionId;
use sip_stack::Slot;
use smallvec::SmallVec;

/// Who takes part in calls.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By connection, with what is to be told of each call.
    taken: HashMap<ConnectionId, Taken>,
    /// By account, and of the installation: there are more of them, and nothing is told of them.
    shared: HashMap<Box<str>, Shared>,
}

/// The calls of a connection.
#[derive(Debug, Default)]
struct Taken {
    places: SmallVec<[Place; 2]>,
    from: u32,
    /// Calls that it left, and whose outward legs are still there on its behalf.
    left: Vec<(Holder, bool)>,
}

/// The calls of several connections.
#[derive(Debug, Default)]
struct Shared {
    /// Places of each call: of its calling side, and of called ones.
    calls: HashMap<Holder, [u16; 2]>,
    /// Calls with a place of each kind.
    used: [u32; 2],
}

/// One call that a connection takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The call.
    pub(crate) holder: Holder,
    /// Whether the connection calls.
    pub(crate) from: bool,
    /// How far the call is.
    pub(crate) progress: Progress,
    /// The other side, once it rings there.
    pub(crate) remote: Option<Remote>,
}

/// The other side of a call. Its address is made when somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// Who calls.
    Calling {
        /// As in From.
        uri: Arc<str>,
        /// Its name, or nothing.
        display: Arc<str>,
    },
    /// Who is called.
    Called {
        /// The user or number.
        user: Arc<str>,
    },
}

/// A call, with its shard.
pub(crate) type Holder = (u8, Slot);

impl Places {
    /// Calls at once, in both directions, from it and to it, and whether this call is among them.
    pub(crate) fn used(&self, level: Level, key: &str, holder: Holder) -> ([u32; 3], bool) {
        match level {
            Level::Connection => {
                let used = self.taken.get(key).map_or([0; 3], Taken::used);
                // Who calls itself is twice in the call, and busy twice.
                (used, false)
            }
            Level::Account | Level::Installation => self
                .shared
                .get(key)
                .map_or(([0; 3], false), |shared| (shared.used(), shared.calls.contains_key(&holder))),
        }
    }

    /// Takes a place.
    pub(crate) fn take(&mut self, level: Level, key: &str, (holder, from): (Holder, bool)) {
        match level {
            Level::Connection => {
                let taken = match self.taken.get_mut(key) {
                    Some(taken) => taken,
                    None => self.taken.entry(key.into()).or_default(),
                };
                taken.from += u32::from(from);
                taken.places.push(Place { holder, from, progress: Progress::Trying, remote: None });
            }
            Level::Account | Level::Installation => {
                let shared = match self.shared.get_mut(key) {
                    Some(shared) => shared,
                    None => self.shared.entry(key.into()).or_default(),
                };
                let [calling, called] = shared.calls.entry(holder).or_default();
                let (count, place) = if from { (calling, 0) } else { (called, 1) };
                *count = count.saturating_add(1);
                shared.used[place] += u32::from(*count == 1);
            }
        }
    }

    /// A connection has left a call that goes on on its behalf: it counts, and is not shown any more.
    pub(crate) fn leave(&mut self, connection: &str, place: (Holder, bool)) {
        let Some(taken) = self.taken.get_mut(connection) else { return };
        if let Some(index) = taken.place_of(place) {
            taken.places.remove(index);
            taken.left.push(place);
        }
    }

    /// Gives a place back, or one that was left.
    pub(crate) fn release(&mut self, level: Level, key: &str, place: (Holder, bool), left: bool) {
        let empty = match level {
            Level::Connection => self.taken.get_mut(key).is_some_and(|taken| taken.release(place, left)),
            Level::Account | Level::Installation => {
                self.shared.get_mut(key).is_some_and(|shared| shared.release(place))
            }
        };
        match level {
            Level::Connection if empty => drop(self.taken.remove(key)),
            Level::Account | Level::Installation if empty => drop(self.shared.remove(key)),
            Level::Connection | Level::Account | Level::Installation => {}
        }
    }

    /// The call rings or is answered.
    pub(crate) fn advance(
        &mut self,
        connection: &str,
        (holder, from): (Holder, bool),
        progress: Progress,
        remote: Remote,
    ) {
        let Some(Taken { places, .. }) = self.taken.get_mut(connection) else { return };
        // Who waits for a transfer becomes the side that calls, and keeps the place it took when it was called.
        let exact = places.iter().position(|p| p.holder == holder && p.from == from);
        let index = exact.or_else(|| places.iter().position(|p| p.holder == holder));
        if let Some(place) = index.and_then(|index| places.get_mut(index)) {
            place.progress = progress;
            place.remote = Some(remote);
        }
    }

    /// The calls that a connection takes part in.
    pub(crate) fn calls(&self, connection: &str) -> &[Place] {
        self.taken.get(connection).map_or(&[], |taken| &taken.places)
    }

    /// How many calls a connection takes part in.
    pub(crate) fn of(&self, connection: &str) -> u32 {
        self.taken.get(connection).map_or(0, |taken| u32::try_from(taken.places.len()).unwrap_or(u32::MAX))
    }

    /// Places taken in all.
    #[cfg(test)]
    pub(crate) fn total(&self) -> usize {
        let shared = self.shared.values().map(|shared| shared.calls.len()).sum::<usize>();
        self.taken.values().map(|taken| taken.places.len() + taken.left.len()).sum::<usize>() + shared
    }
}

impl Taken {
    fn used(&self) -> [u32; 3] {
        let all = u32::try_from(self.places.len() + self.left.len()).unwrap_or(u32::MAX);
        [all, self.from, all.saturating_sub(self.from)]
    }

    fn place_of(&self, (holder, from): (Holder, bool)) -> Option<usize> {
        self.places.iter().rposition(|place| place.holder == holder && place.from == from)
    }

    /// Whether nothing is left.
    fn release(&mut self, place: (Holder, bool), left: bool) -> bool {
        let found = if left {
            let index = self.left.iter().position(|known| *known == place);
            index.inspect(|index| _ = self.left.swap_remove(*index))
        } else {
            self.place_of(place).inspect(|index| _ = self.places.remove(*index))
        };
        self.from -= u32::from(found.is_some() && place.1);
        self.places.is_empty() && self.left.is_empty()
    }
}

impl Shared {
    fn used(&self) -> [u32; 3] {
        let [from, to] = self.used;
        [u32::try_from(self.calls.len()).unwrap_or(u32::MAX), from, to]
    }

    /// Whether nothing is left.
    fn release(&mut self, (holder, from): (Holder, bool)) -> bool {
        if let Some(counts) = self.calls.get_mut(&holder) {
            let place = usize::from(!from);
            if let Some(count) = counts.get_mut(place).filter(|count| **count > 0) {
                *count -= 1;
                self.used[place] -= u32::from(*count == 0);
            }
            if *counts == [0, 0] {
                self.calls.remove(&holder);
            }
        }
        self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(index: u32) -> Holder {
        (0, Slot { index, generation: 1 })
    }

    #[test]
    fn every_place_of_a_connection_comes_back() {
        let mut places = Places::default();
        let used = |places: &Places| places.used(Level::Connection, "con_1", call(1)).0;
        for (index, from) in [(1, true), (3, false), (4, false), (7, true), (7, false)] {
            places.take(Level::Connection, "con_1", (call(index), from));
        }
        assert_eq!(used(&places), [5, 2, 3]);
        // It calls itself, and tries elsewhere: the caller's place is still taken.
        places.release(Level::Connection, "con_1", (call(7), false), false);
        assert_eq!(used(&places), [4, 2, 2]);
        // Given back twice, and what was never taken.
        for (index, from) in [(7, true), (1, true), (1, true), (3, false), (4, false), (4, false), (9, true)]
        {
            places.release(Level::Connection, "con_1", (call(index), from), false);
        }
        assert_eq!((used(&places), places.total()), ([0; 3], 0));
    }

    #[test]
    fn a_call_that_was_left_counts_and_is_not_shown() {
        let mut places = Places::default();
        let used = |places: &Places| places.used(Level::Connection, "con_1", call(1)).0;
        places.take(Level::Connection, "con_1", (call(1), false));
        places.leave("con_1", (call(1), false));
        assert_eq!((used(&places), places.of("con_1"), places.calls("con_1")), ([1, 0, 1], 0, &[][..]));
        places.release(Level::Connection, "con_1", (call(1), false), false);
        assert_eq!(used(&places), [1, 0, 1]);
        places.release(Level::Connection, "con_1", (call(1), false), true);
        assert_eq!((used(&places), places.total()), ([0; 3], 0));
    }

    #[test]
    fn a_call_within_an_account_is_one_call() {
        let mut places = Places::default();
        let used = |places: &Places, index| places.used(Level::Account, "acc_1", call(index));
        places.take(Level::Account, "acc_1", (call(1), true));
        assert_eq!(used(&places, 2), ([1, 1, 0], false));
        places.take(Level::Account, "acc_1", (call(1), false));
        assert_eq!(used(&places, 1), ([1, 1, 1], true));
        places.take(Level::Account, "acc_1", (call(2), false));
        places.take(Level::Account, "acc_1", (call(2), false));
        assert_eq!(used(&places, 2), ([2, 1, 2], true));
        for (index, from) in [(2, false), (1, true), (1, true), (2, false), (1, false), (1, false)] {
            places.release(Level::Account, "acc_1", (call(index), from), false);
        }
        assert_eq!((used(&places, 1), places.total()), (([0; 3], false), 0));
    }
}
