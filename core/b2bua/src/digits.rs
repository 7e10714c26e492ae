//! Digits that travel by signalling on one side and by media on the other: INFO with `application/dtmf-relay`.
//!
//! Nobody standardised that body; it is what telephones have sent for twenty years, a line with the signal and one with
//! its duration in milliseconds.

use media::{Command, Dtmf, EndId};
use rtp::TelephoneEvent;
use sip_msg::{Message, Writer};

use crate::anchor;
use crate::call::{Call, FORWARD};
use crate::line::Line;
use crate::means::Means;
use crate::talk::{InDialog, respond};

impl Call {
    /// An INFO: a digit goes the way of the other side where it is converted for, and once, whatever else its sender does to
    /// tell of it; all else passes.
    pub(crate) fn on_info(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let digit = digit_of(event.request);
        let ends = self.pair(event.leg).and_then(|(_, other)| {
            let agreed = other.media.agreed.filter(|_| other.media.transcoded)?;
            let has_one = agreed.format.dtmf != Dtmf::None;
            other.media.ends.get(agreed.line).filter(|_| has_one).map(|end| end.id)
        });
        match (digit, ends) {
            (Some((code, ms)), Some(end)) => {
                means.media(Command::Dial { end, code, ms });
                respond(&event, 200, &[], means);
            }
            (Some(_) | None, _) => self.forward(event, b"INFO", means),
        }
    }

    /// The peer behind `end` is to be told of a digit that was dialled by media on the other side.
    pub(crate) fn on_dialled(&mut self, end: EndId, code: u8, ms: u32, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(anchor::end_owner(end).leg).filter(|leg| leg.is_confirmed()) else {
            return;
        };
        let Some(signal) = TelephoneEvent::digit_of(code) else { return };
        leg.request(b"INFO", slot, FORWARD, means, &mut |writer| write_digit(writer, signal, ms));
    }
}

/// Ends an INFO that brings a digit.
pub(crate) fn write_digit(writer: Writer<'_>, signal: char, ms: u32) {
    let body = Line::of(format_args!("Signal={signal}\r\nDuration={ms}\r\n"));
    writer.body(RELAY, body.as_bytes());
}

/// The digit that an INFO brings, and its milliseconds: `application/dtmf-relay`, or `application/dtmf` with nothing but it.
pub(crate) fn digit_of(request: &Message<'_>) -> Option<(u8, u32)> {
    let (kind, body) = (request.content_type()?, core::str::from_utf8(request.body()).ok()?);
    let kind = kind.split(|&octet| octet == b';').next().unwrap_or_default().trim_ascii();
    let value = |name: &str| {
        body.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    };
    let (signal, ms) = if kind.eq_ignore_ascii_case(RELAY) {
        (value("signal")?, value("duration").and_then(|ms| ms.parse().ok()).unwrap_or(USUAL_MS))
    } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
        (body.trim(), USUAL_MS)
    } else {
        return None;
    };
    let code = match signal.as_bytes() {
        [signal] => TelephoneEvent::code_of(char::from(*signal))?,
        // Some send the code of the event.
        b"10" => 10,
        b"11" => 11,
        _ => return None,
    };
    Some((code, ms))
}

/// How long a digit lasts whose sender does not say.
const USUAL_MS: u32 = 160;

const RELAY: &[u8] = b"application/dtmf-relay";
