//! The question of `/routes/explain`, and its answer.

use std::net::IpAddr;

use routing::config::ConnectionId;
use routing::identify::Clue;
use routing::near::NearMiss;
use serde::Serialize;
use timestamp::Timestamp;

/// The question of `/routes/explain`.
#[derive(Clone, Debug)]
pub struct ExplainQuery {
    /// Caller: a user, `user@domain` or a number.
    pub from: String,
    /// Called: a user, `user@domain` or a number.
    pub to: String,
    /// The connection the call comes from; else found by `from` or `source`.
    pub connection: Option<ConnectionId>,
    /// Source address to be assumed.
    pub source: Option<IpAddr>,
    /// When it would begin.
    pub at: Timestamp,
}

/// The answer of `/routes/explain`.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainView {
    /// How the caller was looked for: every step of the order.
    pub identification: Vec<ClueView>,
    /// What would happen.
    pub decision: DecisionView,
    /// Connections considered, in order.
    pub candidates: Vec<b2bua::CandidateRecord>,
    /// What would have been right, where it refuses.
    pub near_misses: Vec<NearMiss>,
}

/// One step in finding out who calls.
#[derive(Clone, Debug, Serialize)]
pub struct ClueView {
    /// Which.
    pub step: Clue,
    /// `matched`, `passed`, `refused` or `not_looked_at`.
    pub result: &'static str,
    /// Reason code, when refused.
    pub reason_code: Option<&'static str>,
    /// In words.
    pub text: &'static str,
}

/// What would happen.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionView {
    /// `ring`, `flow`, `serve`, `challenge` or `refuse`.
    pub action: &'static str,
    /// Configuration revision.
    pub config_rev: u64,
    /// How the caller was identified.
    pub proof: &'static str,
    /// The connection that calls.
    pub caller: Option<ConnectionId>,
    /// The called user or number after rewriting.
    pub called: Box<str>,
    /// The connections that would ring, in order, or the one that the flow is attached to.
    pub targets: Vec<ConnectionId>,
    /// SIP code the caller would get, when refused or challenged.
    pub sip_code: Option<u16>,
    /// Reason code, when refused.
    pub reason_code: Option<&'static str>,
    /// In words.
    pub text: Box<str>,
}
