//! Whether anything is heard of a peer within five seconds of when it should be, and why not.
//!
//! Packets of G.711 are listened to until one of them is no silence; what other codecs send counts as sound. After that,
//! or after the five seconds, a packet costs a comparison. Told once each time that it is asked.

use std::time::Duration;

use rtp::g711::Law;
use timestamp::Timestamp;

use crate::event::{Counters, Unheard};

/// What is waited for.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// When it is judged; also says which timer counts.
    due: Option<Timestamp>,
    /// Packets that came, and those of strangers, when waiting began.
    before: (u64, u64),
}

impl Hearing {
    /// From now on it should be heard; when to judge.
    pub(crate) fn begin(&mut self, counters: &Counters, now: Timestamp) -> Timestamp {
        self.before = (counters.packets_in, counters.foreign_dropped);
        let due = now + PATIENCE;
        self.due = Some(due);
        due
    }

    /// Nothing is awaited any more.
    pub(crate) fn end(&mut self) {
        self.due = None;
    }

    /// A packet came.
    #[inline]
    pub(crate) fn on_packet(&mut self, payload_type: u8, payload: &[u8]) {
        if self.due.is_some() && sounds(payload_type, payload) {
            self.due = None;
        }
    }

    /// It is time to judge, if this is still the time.
    pub(crate) fn judge(&mut self, at: Timestamp, counters: &Counters) -> Option<Unheard> {
        if self.due != Some(at) {
            return None;
        }
        self.due = None;
        let (came, strangers) = self.before;
        Some(if counters.packets_in > came {
            Unheard::Silence
        } else if counters.foreign_dropped > strangers {
            Unheard::Foreign
        } else {
            Unheard::Nothing
        })
    }
}

#[cold]
fn sounds(payload_type: u8, payload: &[u8]) -> bool {
    let Some(law) = Law::of_payload_type(payload_type) else { return true };
    payload.iter().step_by(4).any(|&octet| law.decode(octet).unsigned_abs() > IDLE)
}

/// What an operator hears of while the call is young.
const PATIENCE: Duration = Duration::from_secs(5);

/// Idle noise of a codec and of a microphone that is off; a quiet room is louder.
const IDLE: u16 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_says_why_nothing_was_heard() {
        let now = Timestamp::from_secs(1);
        let came =
            |packets_in, foreign_dropped| Counters { packets_in, foreign_dropped, ..Counters::default() };
        let speech = [0x10; 160];
        let table: &[(&[(u8, &[u8])], Counters, Option<Unheard>)] = &[
            (&[], came(7, 0), Some(Unheard::Nothing)),
            (&[], came(7, 9), Some(Unheard::Foreign)),
            (&[(8, &[0xd5; 160]), (0, &[0xff; 160])], came(9, 0), Some(Unheard::Silence)),
            (&[(8, &[0xd5; 160]), (8, &speech)], came(9, 0), None),
            (&[(111, &[1, 2])], came(8, 0), None),
        ];
        for (packets, counters, wanted) in table {
            let mut hearing = Hearing::default();
            let at = hearing.begin(&came(7, 0), now);
            packets.iter().for_each(|(number, payload)| hearing.on_packet(*number, payload));
            assert_eq!(hearing.judge(at, counters), *wanted, "{counters:?}");
            assert_eq!(hearing.judge(at, counters), None, "told once");
        }
    }

    #[test]
    fn a_hold_waits_for_nothing() {
        let mut hearing = Hearing::default();
        let (now, counters) = (Timestamp::from_secs(1), Counters::default());
        let first = hearing.begin(&counters, now);
        let again = hearing.begin(&counters, now + PATIENCE / 2);
        assert_eq!(hearing.judge(first, &counters), None, "overtaken");
        hearing.end();
        assert_eq!(hearing.judge(again, &counters), None);
    }
}
