//! Who has to wait before the next try is looked at, in a table of fixed size.
//!
//! Two keys that share a place in the table may cost one of them its wait, never an extra one.

use timestamp::Timestamp;

/// Keys and until when they wait.
#[derive(Debug)]
pub struct Pace {
    places: Box<[(u64, Timestamp)]>,
    /// The last of all waits: nobody is looked up after that.
    last: Timestamp,
}

impl Default for Pace {
    fn default() -> Self {
        Self { places: Box::default(), last: Timestamp::ZERO }
    }
}

impl Pace {
    /// Whether nobody waits.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.last <= now
    }

    /// Until when a key waits, if it does.
    pub fn waits(&self, key: u64, now: Timestamp) -> Option<Timestamp> {
        let (held, until) = self.places.get(index(key))?;
        (*held == key && *until > now).then_some(*until)
    }

    /// Makes a key wait.
    pub fn hold(&mut self, key: u64, until: Timestamp) {
        if self.places.is_empty() {
            self.places = vec![(0, Timestamp::ZERO); PLACES].into();
        }
        self.last = if until > self.last { until } else { self.last };
        if let Some(place) = self.places.get_mut(index(key)) {
            *place = (key, until);
        }
    }

    /// A key need not wait any more.
    pub fn release(&mut self, key: u64) {
        if let Some(place) = self.places.get_mut(index(key)).filter(|(held, _)| *held == key) {
            *place = (0, Timestamp::ZERO);
        }
    }
}

fn index(key: u64) -> usize {
    usize::try_from(key % PLACES as u64).unwrap_or(0)
}

const PLACES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_held_waits_that_long_and_others_do_not() {
        let mut pace = Pace::default();
        let at = Timestamp::from_secs;
        assert_eq!(pace.waits(7, at(100)), None);
        pace.hold(7, at(110));
        assert_eq!(pace.waits(7, at(109)), Some(at(110)));
        assert_eq!(pace.waits(7, at(110)), None);
        assert_eq!(pace.waits(8, at(109)), None);
        assert_eq!(pace.waits(7 + PLACES as u64, at(109)), None, "another key in the same place");
        pace.release(7);
        assert_eq!(pace.waits(7, at(109)), None);
    }
}
