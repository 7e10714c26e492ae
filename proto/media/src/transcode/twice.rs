//! Digits that a phone tells in two ways at once, by INFO and in its media: each counts once.
//!
//! Whichever comes first counts, and the same digit by the other way a little later is the same press. Digits of one way
//! are never taken for each other.

use std::time::Duration;

use timestamp::Timestamp;

/// How a digit was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By events or tones.
    Media,
    /// By INFO.
    Signalling,
}

/// The digit that was told last.
#[derive(Debug, Default)]
pub struct Twice {
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    way: Way,
    code: u8,
    /// How often it was, and not yet by the other way.
    ahead: u8,
    at: Timestamp,
}

impl Twice {
    /// A digit came; false if it is one that came by the other way.
    pub fn is_new(&mut self, way: Way, code: u8, now: Timestamp) -> bool {
        let same = self.told.as_mut().filter(|told| told.code == code && now.since(told.at) <= APART);
        let Some(told) = same else {
            self.told = Some(Told { way, code, ahead: 1, at: now });
            return true;
        };
        if told.way == way {
            *told = Told { way, code, ahead: told.ahead.saturating_add(1), at: now };
            return true;
        }
        told.ahead -= 1;
        if told.ahead == 0 {
            self.told = None;
        }
        false
    }

    /// The digit that was told last is still pressed.
    pub(crate) fn goes_on(&mut self, now: Timestamp) {
        if let Some(told) = self.told.as_mut().filter(|told| told.way == Way::Media) {
            told.at = now;
        }
    }
}

/// Signalling takes longer than media, and comes when a key is let go.
const APART: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::Way::{Media, Signalling};
    use super::*;

    /// Which of these presses, by way, digit and milliseconds, count.
    fn counted(presses: &[(Way, u8, u64)]) -> String {
        let mut twice = Twice::default();
        let count = |&(way, code, ms): &(Way, u8, u64)| {
            let now = Timestamp::from_secs(1) + Duration::from_millis(ms);
            twice.is_new(way, code, now).then(|| char::from(b'0' + code))
        };
        presses.iter().filter_map(count).collect()
    }

    #[test]
    fn a_press_counts_once_and_presses_of_one_way_each() {
        for (presses, wanted) in [
            (vec![(Media, 1, 0), (Media, 1, 300), (Media, 1, 600)], "111"),
            (vec![(Media, 1, 0), (Signalling, 1, 100), (Media, 1, 500), (Signalling, 1, 600)], "11"),
            (vec![(Media, 1, 0), (Media, 1, 300), (Signalling, 1, 350), (Signalling, 1, 600)], "11"),
            (vec![(Signalling, 4, 0), (Media, 4, 80), (Media, 7, 500), (Signalling, 7, 620)], "47"),
            // Somebody pressed it again.
            (vec![(Media, 1, 0), (Signalling, 1, 1500)], "11"),
            (vec![(Media, 1, 0), (Signalling, 2, 100)], "12"),
        ] {
            assert_eq!(counted(&presses), wanted, "{presses:?}");
        }
    }

    #[test]
    fn a_long_press_is_told_when_the_key_is_let_go() {
        let (mut twice, start) = (Twice::default(), Timestamp::from_secs(1));
        assert!(twice.is_new(Media, 5, start));
        twice.goes_on(start + Duration::from_secs(3));
        assert!(!twice.is_new(Signalling, 5, start + Duration::from_millis(3200)));
    }
}
