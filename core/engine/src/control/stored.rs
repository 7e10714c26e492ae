//! What is told of audio that was kept: recordings of calls, and messages in mailboxes.

use serde::Serialize;

/// A recording that is on disk, or could not be brought there.
#[derive(Clone, Debug, Serialize)]
pub struct StoredRecording {
    /// `rec_…`.
    pub recording: Box<str>,
    /// `call_…`.
    pub call: Box<str>,
    /// `call` or `caller`.
    pub kind: Box<str>,
    /// `stored`, `cut_off` if its end is missing, or `failed`.
    pub state: Box<str>,
    /// Why not all of it is there.
    pub problem: Option<Box<str>>,
    /// Connection that called.
    pub connection_in: Option<Box<str>>,
    /// Connection that answered.
    pub connection_out: Option<Box<str>>,
    /// Who called.
    pub from: Box<str>,
    /// What was dialled.
    pub dialled: Box<str>,
    /// When it began.
    pub started_at: Box<str>,
    /// How long it is.
    pub length_ms: u64,
    /// 1, or 2 with the caller on the left and the callee on the right.
    pub channels: u8,
    /// Octets of its file.
    pub bytes: u64,
}

/// A message in a mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct StoredVoicemail {
    /// The message.
    pub message: Box<str>,
    /// The mailbox.
    pub mailbox: Box<str>,
    /// What the mailbox is called.
    pub mailbox_name: Box<str>,
    /// Number or user of the caller; empty if withheld.
    pub from: Box<str>,
    /// The caller's name.
    pub from_name: Box<str>,
    /// What was dialled.
    pub to: Box<str>,
    /// The call.
    pub call_id: Box<str>,
    /// How long it is.
    pub length_ms: u64,
}
