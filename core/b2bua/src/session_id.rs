//! The Session-ID of a call (RFC 7989): one half per party, carried from leg to leg so that both sides correlate.
//!
//! Each leg shows its peer the other party's half and gives its own back. A party that brings none gets one from us,
//! as §6 has an intermediary do. Nothing is made of the halves but copies.

use sip_msg::{Message, Name, Writer};

/// The two halves as one leg has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdHalves {
    /// What stands for the other party.
    pub shown: [u8; 32],
    /// What the peer calls itself.
    pub theirs: [u8; 32],
}

impl Default for IdHalves {
    fn default() -> Self {
        Self { shown: NIL, theirs: NIL }
    }
}

impl IdHalves {
    /// Remembers the half of whoever sent this; one without gets `made`.
    pub(crate) fn hear(&mut self, message: &Message<'_>, made: [u8; 32]) {
        match half(message) {
            Some(theirs) => self.theirs = theirs,
            None if self.theirs == NIL => self.theirs = made,
            None => {}
        }
    }

    /// Writes the field for this leg's peer.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        if self.shown != NIL || self.theirs != NIL {
            writer.parts(Name::SessionId, &[&self.shown, b";remote=", &self.theirs]);
        }
    }
}

/// Writes the field of an answer: the halves of the request, changed over (§7).
pub(crate) fn write_answer(request: &Message<'_>, writer: &mut Writer<'_>) {
    let remote = request.field(Name::SessionId).and_then(|value| {
        let at = value.windows(REMOTE.len()).position(|part| part.eq_ignore_ascii_case(REMOTE))?;
        digits(value.get(at + REMOTE.len()..)?)
    });
    if let (Some(local), Some(remote)) = (half(request), remote) {
        writer.parts(Name::SessionId, &[&remote, b";remote=", &local]);
    }
}

fn half(message: &Message<'_>) -> Option<[u8; 32]> {
    digits(message.field(Name::SessionId)?).filter(|half| *half != NIL)
}

fn digits(value: &[u8]) -> Option<[u8; 32]> {
    let digits: [u8; 32] = value.trim_ascii_start().get(..32)?.try_into().ok()?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)
}

/// Stands for whoever is not known yet (§5).
const NIL: [u8; 32] = [b'0'; 32];
const REMOTE: &[u8] = b"remote=";
