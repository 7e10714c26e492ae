//! The payload of `telephone-event`: RFC 4733 §2.3.
//!
//! Which packets belong to one event, and when it has ended, is the business of whoever follows the stream.

use crate::u16_at;

/// One report of an event in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Event code; 0..=15 are the DTMF digits.
    pub event: u8,
    /// The event is over.
    pub end: bool,
    /// Power level in dBm0 without its sign, 0..=63.
    pub volume: u8,
    /// Duration so far, in timestamp units.
    pub duration: u16,
}

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

impl TelephoneEvent {
    /// Length of the payload.
    pub const LEN: usize = 4;

    /// Reads a payload; `None` if it is too short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&event, &second) = (payload.first()?, payload.get(1)?);
        Some(Self { event, end: second & 0x80 != 0, volume: second & 0x3f, duration: u16_at(payload, 2)? })
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.event, (u8::from(self.end) << 7) | (self.volume & 0x3f)]);
        out.extend(self.duration.to_be_bytes());
    }

    /// The DTMF digit, if the event is one.
    pub fn digit(&self) -> Option<char> {
        Self::digit_of(self.event)
    }

    /// The DTMF digit of an event code, if it is one (RFC 4733 §3.2).
    pub fn digit_of(code: u8) -> Option<char> {
        DIGITS.get(usize::from(code)).map(|&digit| char::from(digit))
    }

    /// The event code of a DTMF digit.
    pub fn code_of(digit: char) -> Option<u8> {
        let wanted = u8::try_from(digit.to_ascii_uppercase()).ok()?;
        DIGITS.iter().position(|&d| d == wanted).and_then(|at| u8::try_from(at).ok())
    }
}
