//! Wrong PINs: three in a call are the matter of the call; many in a row close a mailbox to PINs for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use timestamp::Timestamp;

/// Wrong PINs of each mailbox, since when.
#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<Box<str>, (u32, Timestamp)>>);

impl Guesses {
    /// Whether a PIN is looked at.
    pub(super) fn may_try(&self, mailbox: &str, now: Timestamp) -> bool {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match guesses.get(mailbox) {
            Some((_, since)) if now.since(*since) >= REST => {
                guesses.remove(mailbox);
                true
            }
            Some((wrong, _)) => *wrong < MOST,
            None => true,
        }
    }

    /// One was wrong.
    pub(super) fn was_wrong(&self, mailbox: &str, now: Timestamp) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.entry(mailbox.into()).or_insert((0, now)).0 += 1;
    }

    /// One was right.
    pub(super) fn was_right(&self, mailbox: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(mailbox);
    }
}

/// Wrong ones before that.
const MOST: u32 = 12;
const REST: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wrong_ones_close_it_for_a_while() {
        let (guesses, at) = (Guesses::default(), |s: u64| Timestamp::from_micros(s * 1_000_000));
        for _ in 0..MOST {
            assert!(guesses.may_try("box_1", at(0)));
            guesses.was_wrong("box_1", at(0));
        }
        for (mailbox, seconds, may) in
            [("box_1", 1, false), ("box_2", 1, true), ("box_1", 1_799, false), ("box_1", 1_800, true)]
        {
            assert_eq!(guesses.may_try(mailbox, at(seconds)), may, "{mailbox} {seconds}");
        }
        guesses.was_wrong("box_1", at(2_000));
        guesses.was_right("box_1");
        assert!(guesses.may_try("box_1", at(2_000)));
    }
}
