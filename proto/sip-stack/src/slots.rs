//! A slab whose keys carry a generation, so that a late answer never meets a stranger in the same slot.

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
    entries: Vec<Entry<T>>,
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
        Self { entries: Vec::new(), free: Vec::new(), len: 0 }
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
            Some(&index) => Slot { index, generation: self.entries[index as usize].generation },
            None => Slot { index: self.fresh_index(), generation: 1 },
        }
    }

    /// Keeps a value.
    pub fn insert(&mut self, value: T) -> Slot {
        let slot = self.next_slot();
        self.len += 1;
        if self.free.pop().is_some() {
            self.entries[slot.index as usize].value = Some(value);
        } else {
            self.entries.push(Entry { generation: slot.generation, value: Some(value) });
        }
        slot
    }

    /// Takes a value out.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let entry = self.entries.get_mut(slot.index as usize).filter(|e| e.generation == slot.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot.index);
        self.len -= 1;
        Some(value)
    }

    /// Looks at a value.
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.entries.get(slot.index as usize).filter(|e| e.generation == slot.generation)?.value.as_ref()
    }

    /// Changes a value.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entries.get_mut(slot.index as usize).filter(|e| e.generation == slot.generation)?.value.as_mut()
    }

    /// The key of whatever lives at this position.
    pub fn slot_at(&self, index: u32) -> Option<Slot> {
        let entry = self.entries.get(index as usize)?;
        entry.value.as_ref().map(|_| Slot { index, generation: entry.generation })
    }

    /// Every value, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let slot = Slot { index: u32::try_from(index).ok()?, generation: entry.generation };
            entry.value.as_ref().map(|value| (slot, value))
        })
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut T)> {
        self.entries.iter_mut().enumerate().filter_map(|(index, entry)| {
            let slot = Slot { index: u32::try_from(index).ok()?, generation: entry.generation };
            entry.value.as_mut().map(|value| (slot, value))
        })
    }

    fn fresh_index(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("fewer than four billion entries")
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

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
}
