//! A slab whose keys carry a generation, so that a late answer never meets a stranger in the same slot.
//!
//! It grows by pages that stay where they are: nothing is copied while a call waits, and nothing is reserved twice.

/// Names one thing in a [`Slots`] for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Position.
    pub index: u32,
    /// How often the position was reused.
    pub generation: u32,
}

/// A slab with generations.
#[derive(Debug)]
pub struct Slots<T> {
    /// All full but the last.
    pages: Vec<Vec<Entry<T>>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    /// How many things there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The key that the next [`Slots::insert`] will return.
    pub fn next_slot(&self) -> Slot {
        match self.free.last() {
            Some(&index) => Slot { index, generation: self.entry(index).map_or(1, |entry| entry.generation) },
            None => Slot { index: self.fresh_index(), generation: 1 },
        }
    }

    /// Keeps a value.
    pub fn insert(&mut self, value: T) -> Slot {
        let slot = self.next_slot();
        self.len += 1;
        self.free.pop();
        match self.entry_mut(slot.index) {
            Some(entry) => entry.value = Some(value),
            None => self.append(Entry { generation: slot.generation, value: Some(value) }),
        }
        slot
    }

    /// Takes a value out.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let entry = self.entry_mut(slot.index).filter(|e| e.generation == slot.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot.index);
        self.len -= 1;
        Some(value)
    }

    /// Looks at a value.
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.entry(slot.index).filter(|e| e.generation == slot.generation)?.value.as_ref()
    }

    /// Changes a value.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entry_mut(slot.index).filter(|e| e.generation == slot.generation)?.value.as_mut()
    }

    /// The key of whatever lives at this position.
    pub fn slot_at(&self, index: u32) -> Option<Slot> {
        let entry = self.entry(index)?;
        entry.value.as_ref().map(|_| Slot { index, generation: entry.generation })
    }

    /// Every value, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.pages.iter().flatten().enumerate().filter_map(|(index, entry)| {
            let slot = Slot { index: u32::try_from(index).ok()?, generation: entry.generation };
            entry.value.as_ref().map(|value| (slot, value))
        })
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut T)> {
        self.pages.iter_mut().flatten().enumerate().filter_map(|(index, entry)| {
            let slot = Slot { index: u32::try_from(index).ok()?, generation: entry.generation };
            entry.value.as_mut().map(|value| (slot, value))
        })
    }

    fn fresh_index(&self) -> u32 {
        let last = self.pages.last().map_or(PAGE, Vec::len);
        u32::try_from(self.pages.len() * PAGE - (PAGE - last)).expect("fewer than four billion entries")
    }

    fn append(&mut self, entry: Entry<T>) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
    }

    fn entry(&self, index: u32) -> Option<&Entry<T>> {
        self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry<T>> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }
}

/// Entries of a page.
const PAGE: usize = 64;

#[cfg(test)]
mod tests {
    use super::{PAGE, Slots};

    #[test]
    fn a_reused_slot_does_not_answer_to_its_old_key() {
        let mut slots = Slots::default();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(second.index, first.index);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn what_is_kept_stays_where_it_is_while_pages_are_added() {
        let mut slots = Slots::default();
        let keys: Vec<_> = (0..3 * PAGE + 1).map(|n| slots.insert(n)).collect();
        let first: *const usize = slots.get(keys[0]).unwrap();
        let more: Vec<_> = (0..PAGE).map(|n| slots.insert(n)).collect();
        assert_eq!(slots.get(keys[0]).map(|value| value as *const usize), Some(first));
        assert!(keys.iter().enumerate().all(|(n, key)| slots.get(*key) == Some(&n)));
        assert!(slots.iter().map(|(slot, _)| slot).eq(keys.iter().chain(&more).copied()));
        for key in keys.iter().rev() {
            assert_eq!(slots.slot_at(key.index), Some(*key));
            assert!(slots.remove(*key).is_some());
        }
        assert_eq!(slots.next_slot().index, 0);
        assert_eq!(slots.len(), more.len());
    }
}
