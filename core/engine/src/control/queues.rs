//! Queues as the office sees them.

use std::sync::Arc;

use serde::Serialize;
use timestamp::Timestamp;

/// A queue, and who waits in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueView {
    /// Owner.
    pub account: Arc<str>,
    /// Its name.
    pub name: Box<str>,
    /// Callers, the first one first.
    pub callers: Vec<QueueCaller>,
    /// Who answers them.
    pub agents: Vec<QueueAgent>,
}

/// A caller in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueCaller {
    /// `call_…`.
    pub call: Arc<str>,
    /// Its place, from 1.
    pub position: usize,
    /// Since when it waits.
    pub since: Timestamp,
}

/// An agent of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueAgent {
    /// Connection, number or address.
    pub agent: Box<str>,
    /// `free`, `ringing`, `talking`, `resting` or `offline`.
    pub state: &'static str,
}

/// What happened in a queue.
#[derive(Clone, Debug, Serialize)]
pub struct QueueEvent {
    /// Its name.
    pub queue: Box<str>,
    /// The caller's call.
    pub call: Arc<str>,
    /// The agent; empty where none takes part.
    pub agent: Box<str>,
}
