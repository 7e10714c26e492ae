//! What the peer of a leg says it can do: the methods and extensions that change what we send it.
//!
//! RFC 3261 §20.5 (Allow), §20.37 (Supported). Remembered of the last message that says so; nothing is guessed.

use sip_msg::{Message, Name};

/// What one peer can do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Abilities {
    /// UPDATE (RFC 3311).
    pub update: bool,
    /// It refused an UPDATE without a description.
    pub wants_description: bool,
    /// REFER (RFC 3515).
    pub refer: bool,
    /// `100rel` (RFC 3262).
    pub reliable: bool,
    /// `100rel` is required of us.
    pub demands_reliable: bool,
}

impl Abilities {
    /// Remembers what a message says.
    pub(crate) fn hear(&mut self, message: &Message<'_>) {
        if message.field(Name::Allow).is_some() {
            self.update = message.has_token(Name::Allow, b"UPDATE");
            self.refer = message.has_token(Name::Allow, b"REFER");
        }
        if message.is_request() {
            self.demands_reliable |= message.has_token(Name::Require, b"100rel");
        }
        self.reliable |= message.has_token(Name::Supported, b"100rel") || self.demands_reliable;
    }
}
