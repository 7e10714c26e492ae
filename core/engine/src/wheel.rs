//! A hierarchical timer wheel: setting a timer costs a push, and thousands cost no more than one.
//!
//! Milliseconds, 64 slots a level, three levels. Timers are not removed; who gets one that no longer fits ignores it. A
//! timer that is further away than half a minute is looked at on the way, and forgotten if its owner is gone: a call sets
//! timers for hours and ends after minutes.

use sip_stack::timer::Timer;
use timestamp::Timestamp;

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    elapsed: u64,
    levels: [Level; LEVELS],
    due: Vec<Timer>,
    len: usize,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    slots: [Vec<(u64, Timer)>; SLOTS],
}

impl Wheel {
    /// An empty wheel.
    pub(crate) fn new(now: Timestamp) -> Self {
        let level = || Level { occupied: 0, slots: core::array::from_fn(|_| Vec::new()) };
        Self { elapsed: now.as_millis(), levels: core::array::from_fn(|_| level()), due: Vec::new(), len: 0 }
    }

    /// How many timers are set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer; it never fires before `at`.
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.len += 1;
        self.place(at.as_micros().div_ceil(1000), timer);
    }

    /// When the next timer may fire.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        if !self.due.is_empty() {
            return Some(Timestamp::from_micros(self.elapsed * 1000));
        }
        self.next_slot().map(|(_, _, at)| Timestamp::from_micros(at * 1000))
    }

    /// The next timer that is due, if any. `lives` says whether the owner of a timer is still there.
    pub(crate) fn pop(&mut self, now: Timestamp, lives: impl Fn(Timer) -> bool) -> Option<Timer> {
        let now = now.as_millis();
        loop {
            if let Some(timer) = self.due.pop() {
                self.len -= 1;
                return Some(timer);
            }
            let Some((level, slot, at)) = self.next_slot().filter(|(_, _, at)| *at <= now) else {
                self.elapsed = self.elapsed.max(now);
                return None;
            };
            self.elapsed = self.elapsed.max(at);
            self.levels[level].occupied &= !(1 << slot);
            let mut entries = core::mem::take(&mut self.levels[level].slots[slot]);
            for (at, timer) in entries.drain(..) {
                if at > self.elapsed && !lives(timer) {
                    self.len -= 1;
                } else {
                    self.place(at, timer);
                }
            }
            // Give the emptied list its memory back for the next turn of the wheel.
            if self.levels[level].slots[slot].is_empty() {
                self.levels[level].slots[slot] = entries;
            }
        }
    }

    fn place(&mut self, at: u64, timer: Timer) {
        if at <= self.elapsed {
            self.due.push(timer);
            return;
        }
        let next = at.min(self.elapsed + FURTHEST);
        let differing = 63 - (next ^ self.elapsed).leading_zeros();
        let level = usize::try_from(differing / BITS).unwrap_or(LEVELS - 1).min(LEVELS - 1);
        let slot = slot_of(next, level);
        self.levels[level].occupied |= 1 << slot;
        self.levels[level].slots[slot].push((at, timer));
    }

    /// The slot that comes next, on the lowest level that has one, and when it begins.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        self.levels.iter().enumerate().find_map(|(level, entries)| {
            if entries.occupied == 0 {
                return None;
            }
            let current = slot_of(self.elapsed, level);
            let ahead = entries.occupied.rotate_right(u32::try_from(current).ok()?).trailing_zeros();
            let slot = (current + usize::try_from(ahead).ok()?) % SLOTS;
            let width = BITS * u32::try_from(level).ok()?;
            let turn = self.elapsed >> (width + BITS) << (width + BITS);
            let mut at = turn + (u64::try_from(slot).ok()? << width);
            if at < self.elapsed && slot < current {
                at += 1 << (width + BITS);
            }
            Some((level, slot, at.max(self.elapsed)))
        })
    }
}

fn slot_of(at: u64, level: usize) -> usize {
    usize::try_from(at >> (BITS as usize * level) & (SLOTS as u64 - 1)).unwrap_or(0)
}

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 3;
/// What is further away waits in a slot that comes by then: about as long as the transactions of a call outlive it.
const FURTHEST: u64 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use sip_stack::Slot;

    #[test]
    fn every_timer_fires_once_not_early_and_at_most_a_millisecond_late() {
        let start = Timestamp::from_micros(1_800_000_000_123_456);
        let mut wheel = Wheel::new(start);
        let mut expected = Vec::new();
        let mut random = b2bua::Random::new([3; 16]);
        for index in 0..20_000u32 {
            let spread = [5_000_000, 60_000_000, 4_000_000_000][index as usize % 3];
            let at = Timestamp::from_micros(start.as_micros() + random.below(spread));
            wheel.set(at, Timer::Server(Slot { index, generation: 0 }));
            expected.push(at);
        }
        let mut fired = vec![false; expected.len()];
        while let Some(next) = wheel.next_timeout() {
            while let Some(timer) = wheel.pop(next, |_| true) {
                let Timer::Server(slot) = timer else { panic!("another timer") };
                let at = expected[slot.index as usize];
                assert!(next >= at, "early");
                assert!(next.since(at).as_micros() <= 1000, "late by {:?}", next.since(at));
                assert!(!std::mem::replace(&mut fired[slot.index as usize], true));
            }
        }
        assert!(fired.iter().all(|f| *f));
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn timers_of_what_is_gone_do_not_stay() {
        let start = Timestamp::from_micros(1_800_000_000_123_456);
        let four_hours = Timestamp::from_micros(start.as_micros() + 14_400_000_000);
        let mut wheel = Wheel::new(start);
        for index in 0..1_000 {
            wheel.set(four_hours, Timer::Server(Slot { index, generation: 0 }));
        }
        let lives = |timer: Timer| matches!(timer, Timer::Server(slot) if slot.index == 7);
        let mut looked = 0;
        let (mut fired, mut at) = (None, start);
        while let Some(next) = wheel.next_timeout() {
            at = next;
            fired = wheel.pop(next, lives).or(fired);
            looked += 1;
            let since = next.since(start).as_secs();
            assert!(since < 40 || wheel.len() <= 1, "{} after {since} s", wheel.len());
        }
        assert_eq!(fired, Some(Timer::Server(Slot { index: 7, generation: 0 })));
        assert!(at >= four_hours && at.since(four_hours).as_micros() <= 1000, "{:?}", at.since(start));
        assert!(looked < 1_000, "{looked} looks for one timer");
    }
}
