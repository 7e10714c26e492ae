//! A mailbox: where callers leave messages, who is told of them, and how long they are kept.

use serde::{Deserialize, Serialize};

use super::{AccountId, ConnectionId, MailboxId};

/// One mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Identifier, `box_…`.
    pub id: MailboxId,
    /// Unique in its account.
    pub name: String,
    /// Owner.
    pub account: AccountId,
    /// The number that people know it by at a telephone, unique in its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The connection whose calls leave messages here, and whose phones are told of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// What callers hear first.
    #[serde(default)]
    pub greeting: Greeting,
    /// Where messages are sent by e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What such an e-mail carries.
    #[serde(default)]
    pub attach: Attachments,
    /// Seconds of one message at most.
    #[serde(default = "max_s")]
    pub max_s: u32,
    /// Messages at most.
    #[serde(default = "max_messages")]
    pub max_messages: u32,
    /// Days that messages are kept; 0 for ever.
    #[serde(default = "retention_days")]
    pub retention_days: u32,
    /// Language of what is said in it (BCP 47); absent: that of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether messages are written down as text.
    #[serde(default = "yes")]
    pub transcribe: bool,
    /// Whether phones are told of messages that did not subscribe to that.
    #[serde(default)]
    pub unsolicited: bool,
    /// What proves a PIN; never serialised.
    #[serde(skip)]
    pub pin: Option<String>,
}

/// What callers hear before the beep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// The usual words.
    #[default]
    Default,
    /// What its owner recorded at a telephone, or sent.
    Recorded,
    /// A sound of the account, by id or name.
    Sound(String),
    /// These words.
    Text(String),
}

/// What an e-mail about a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attachments {
    /// The message itself, as a WAV file.
    pub audio: bool,
    /// What is said in it, as text.
    pub transcript: bool,
}

impl Default for Attachments {
    fn default() -> Self {
        Self { audio: true, transcript: true }
    }
}

fn max_s() -> u32 {
    180
}

fn max_messages() -> u32 {
    100
}

fn retention_days() -> u32 {
    30
}

fn yes() -> bool {
    true
}
