//! Places among the calls of a connection, kept at its home by call and not by number, so that nothing drifts.

use b2bua::Question;
use hashbrown::HashMap;
use presence::dialog_info::{Party, Progress};
use sip_stack::Slot;
use smallvec::SmallVec;

/// Who takes part in calls, by connection.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: HashMap<Box<str>, SmallVec<[Place; 2]>>,
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
    pub(crate) remote: Option<Box<Party>>,
}

/// A call, with its shard.
pub(crate) type Holder = (u8, Slot);

impl Places {
    /// Takes a place, if the limits allow one more.
    pub(crate) fn take(&mut self, question: &Question, holder: Holder) -> bool {
        let [both, from, to] = question.most;
        let places = match self.taken.get_mut(question.connection.as_str()) {
            Some(places) => places,
            None => self.taken.entry(question.connection.as_str().into()).or_default(),
        };
        let count = |wanted: bool| {
            u32::try_from(places.iter().filter(|p| p.from == wanted).count()).unwrap_or(u32::MAX)
        };
        let one_way = if question.from { from } else { to };
        let full = both.is_some_and(|most| u32::try_from(places.len()).unwrap_or(u32::MAX) >= most)
            || one_way.is_some_and(|most| count(question.from) >= most);
        if !full {
            let progress = Progress::Trying;
            places.push(Place { holder, from: question.from, progress, remote: None });
        } else if places.is_empty() {
            self.taken.remove(question.connection.as_str());
        }
        !full
    }

    /// Gives a place back.
    pub(crate) fn release(&mut self, connection: &str, holder: Holder) {
        let Some(places) = self.taken.get_mut(connection) else { return };
        // The newest first: a call from a connection to itself that tries elsewhere keeps its caller's place.
        if let Some(index) = places.iter().rposition(|p| p.holder == holder) {
            places.remove(index);
        }
        if places.is_empty() {
            self.taken.remove(connection);
        }
    }

    /// The call rings or is answered.
    pub(crate) fn advance(
        &mut self,
        connection: &str,
        (holder, from): (Holder, bool),
        progress: Progress,
        remote: Box<Party>,
    ) {
        let Some(places) = self.taken.get_mut(connection) else { return };
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
        self.taken.get(connection).map_or(&[], |places| places)
    }

    /// How many calls a connection takes part in.
    pub(crate) fn of(&self, connection: &str) -> u32 {
        self.taken.get(connection).map_or(0, |places| u32::try_from(places.len()).unwrap_or(u32::MAX))
    }

    /// Places taken in all.
    #[cfg(test)]
    pub(crate) fn total(&self) -> usize {
        self.taken.values().map(|places| places.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_by_direction_and_in_all_and_every_place_comes_back() {
        let mut places = Places::default();
        let ask =
            |from, most| Question { connection: "con_1".into(), most, from, locate: false, nonce: None };
        let call = |index| (0, Slot { index, generation: 1 });
        let most = [Some(3), Some(1), None];
        assert!(places.take(&ask(true, most), call(1)));
        assert!(!places.take(&ask(true, most), call(2)), "one from it at most");
        assert!(places.take(&ask(false, most), call(3)));
        assert!(places.take(&ask(false, most), call(4)));
        assert!(!places.take(&ask(false, most), call(5)), "three in all");
        for index in [1, 3, 4, 4] {
            places.release("con_1", call(index));
        }
        assert_eq!((places.of("con_1"), places.total()), (0, 0));
        assert!(places.take(&ask(true, most), call(7)));
        assert!(places.take(&ask(false, most), call(7)), "it calls itself");
        places.release("con_1", call(7));
        assert!(!places.take(&ask(true, most), call(8)), "its caller's place is still taken");
        places.release("con_1", call(7));
        assert!(!places.take(&ask(true, [Some(0), None, None]), call(6)));
        assert_eq!(places.total(), 0);
    }
}
