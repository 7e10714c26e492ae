//! A person: whose connections ring for them, and what they want of calls to these.

use serde::{Deserialize, Serialize};
use timestamp::Timestamp;

use super::{AccountId, ConnectionId, PersonId};

/// Somebody with connections of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Identifier, `per_…`.
    pub id: PersonId,
    /// Unique in its account.
    pub name: String,
    /// Owner.
    pub account: AccountId,
    /// Where they read mail.
    #[serde(default)]
    pub email: Option<String>,
    /// What they do, in words of the account.
    #[serde(default)]
    pub role: Option<String>,
    /// Their connections, in the order in which they ring.
    #[serde(default)]
    pub connections: Vec<ConnectionId>,
    /// Which of them ring.
    #[serde(default)]
    pub ring: RingOrder,
    /// Their voicemail.
    #[serde(default)]
    pub mailbox: Option<String>,
    /// Where calls go instead.
    #[serde(default)]
    pub forward: Forward,
    /// Until when nothing rings.
    #[serde(default)]
    pub dnd_until: Option<Timestamp>,
}

/// Which connections of a person ring when one of them is dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingOrder {
    /// The one that was dialled.
    #[default]
    Dialled,
    /// That one, and then the others, one after the other.
    InOrder,
    /// All at once.
    All,
}

/// Where calls of a person go instead: users and numbers as the person would dial them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// Every call.
    pub always: Option<String>,
    /// When they talk, decline or do not want to be disturbed.
    pub busy: Option<String>,
    /// When nobody answers in time.
    pub no_answer: Option<String>,
    /// When no device can be reached.
    pub offline: Option<String>,
}

/// What has calls of a person go somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing: they all do.
    Always,
    /// The person talks, declined or does not want to be disturbed.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// No device could be reached.
    Offline,
}

impl Person {
    /// Whether nothing rings at this time.
    pub fn is_undisturbed(&self, at: Timestamp) -> bool {
        self.dnd_until.is_some_and(|until| at < until)
    }
}

impl Forward {
    /// Where calls go under this condition.
    pub fn to(&self, condition: Condition) -> Option<&str> {
        match condition {
            Condition::Always => self.always.as_deref(),
            Condition::Busy => self.busy.as_deref(),
            Condition::NoAnswer => self.no_answer.as_deref(),
            Condition::Offline => self.offline.as_deref(),
        }
    }

    /// The same, to be changed.
    pub fn to_mut(&mut self, condition: Condition) -> &mut Option<String> {
        match condition {
            Condition::Always => &mut self.always,
            Condition::Busy => &mut self.busy,
            Condition::NoAnswer => &mut self.no_answer,
            Condition::Offline => &mut self.offline,
        }
    }
}

impl Condition {
    /// Its name, as in the fields of [`Forward`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Offline => "offline",
        }
    }

    /// The condition of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Always, Self::Busy, Self::NoAnswer, Self::Offline]
            .into_iter()
            .find(|known| known.name() == name)
    }

    /// The reason parameter of Diversion (RFC 5806 §4).
    pub const fn diversion(self) -> &'static str {
        match self {
            Self::Always => "unconditional",
            Self::Busy => "user-busy",
            Self::NoAnswer => "no-answer",
            Self::Offline => "unavailable",
        }
    }
}
