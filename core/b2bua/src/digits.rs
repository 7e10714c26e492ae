//! Digits that travel by signalling on one side and by media on the other: INFO with `application/dtmf-relay`.
//!
//! Nobody standardised that body; it is what telephones have sent for twenty years, a line with the signal and one with
//! its duration in milliseconds.

use media::EndId;

use crate::anchor;
use crate::call::{Call, FORWARD};
use crate::line::Line;
use crate::means::Means;

impl Call {
    /// The peer behind `end` is to be told of a digit that was dialled by media on the other side.
    pub(crate) fn on_dialled(&mut self, end: EndId, code: u8, ms: u32, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(anchor::end_owner(end).leg).filter(|leg| leg.is_confirmed()) else {
            return;
        };
        let Some(&signal) = SIGNALS.get(usize::from(code)) else { return };
        let body = Line::of(format_args!("Signal={}\r\nDuration={ms}\r\n", char::from(signal)));
        leg.request(b"INFO", slot, FORWARD, means, &mut |writer| {
            writer.body(RELAY, body.as_bytes());
        });
    }
}

const RELAY: &[u8] = b"application/dtmf-relay";

/// Signals by event code (RFC 4733 §3.2).
const SIGNALS: &[u8; 16] = b"0123456789*#ABCD";
