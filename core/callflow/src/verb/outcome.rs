//! The name of what came of a verb.

use core::fmt;
use std::borrow::Cow;

use serde::Serialize;

/// An outcome, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Outcome(Cow<'static, str>);

impl Outcome {
    /// Somebody answered, and the talk is over.
    pub const ANSWERED: Self = Self(Cow::Borrowed("answered"));
    /// Whoever was called is busy, or declined.
    pub const BUSY: Self = Self(Cow::Borrowed("busy"));
    /// Outside of the hours.
    pub const CLOSED: Self = Self(Cow::Borrowed("closed"));
    /// Keys were pressed.
    pub const DIGITS: Self = Self(Cow::Borrowed("digits"));
    /// It was done to the end.
    pub const DONE: Self = Self(Cow::Borrowed("done"));
    /// It is over for everybody.
    pub const ENDED: Self = Self(Cow::Borrowed("ended"));
    /// There was nothing, or nobody.
    pub const EMPTY: Self = Self(Cow::Borrowed("empty"));
    /// An answer that cannot be used.
    pub const ERROR: Self = Self(Cow::Borrowed("error"));
    /// It could not be done.
    pub const FAILED: Self = Self(Cow::Borrowed("failed"));
    /// Somebody was there.
    pub const FOUND: Self = Self(Cow::Borrowed("found"));
    /// There is no room for more.
    pub const FULL: Self = Self(Cow::Borrowed("full"));
    /// A holiday.
    pub const HOLIDAY: Self = Self(Cow::Borrowed("holiday"));
    /// A key ended it.
    pub const INTERRUPTED: Self = Self(Cow::Borrowed("interrupted"));
    /// Keys that are no choice.
    pub const INVALID: Self = Self(Cow::Borrowed("invalid"));
    /// The caller left by a key.
    pub const LEFT: Self = Self(Cow::Borrowed("left"));
    /// A key ended it, as it was to.
    pub const KEY: Self = Self(Cow::Borrowed("key"));
    /// It matches.
    pub const MATCH: Self = Self(Cow::Borrowed("match"));
    /// There is no other way on.
    pub const NEXT: Self = Self(Cow::Borrowed("next"));
    /// It is not so.
    pub const NO: Self = Self(Cow::Borrowed("no"));
    /// None of the agents can be reached.
    pub const NO_AGENTS: Self = Self(Cow::Borrowed("no_agents"));
    /// Nobody answered in time.
    pub const NO_ANSWER: Self = Self(Cow::Borrowed("no_answer"));
    /// It does not match.
    pub const NO_MATCH: Self = Self(Cow::Borrowed("no_match"));
    /// Whoever was called has no device that could ring, or no way leads there.
    pub const OFFLINE: Self = Self(Cow::Borrowed("offline"));
    /// It worked.
    pub const OK: Self = Self(Cow::Borrowed("ok"));
    /// Within the hours.
    pub const OPEN: Self = Self(Cow::Borrowed("open"));
    /// The caller was put out.
    pub const REMOVED: Self = Self(Cow::Borrowed("removed"));
    /// Whoever asks may not.
    pub const REFUSED: Self = Self(Cow::Borrowed("refused"));
    /// Somebody took the caller over, and the talk is over.
    pub const RETRIEVED: Self = Self(Cow::Borrowed("retrieved"));
    /// It is kept.
    pub const SAVED: Self = Self(Cow::Borrowed("saved"));
    /// Nothing is heard any more.
    pub const SILENCE: Self = Self(Cow::Borrowed("silence"));
    /// Nothing came in time.
    pub const TIMEOUT: Self = Self(Cow::Borrowed("timeout"));
    /// Somebody else has the caller.
    pub const TRANSFERRED: Self = Self(Cow::Borrowed("transferred"));
    /// The caller shows no number.
    pub const WITHHELD: Self = Self(Cow::Borrowed("withheld"));
    /// No PIN that lets in.
    pub const WRONG_PIN: Self = Self(Cow::Borrowed("wrong_pin"));
    /// It is so.
    pub const YES: Self = Self(Cow::Borrowed("yes"));

    /// An outcome that a setting names.
    pub fn named(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
