//! A call as others see it: who takes part, since when, and what it is doing.

use std::sync::Arc;

use routing::config::{AccountId, Connection};
use routing::reason::Reason;
use sip_msg::NameAddr;
use timestamp::Timestamp;

use super::{Call, Phase, uri_of};

impl Call {
    /// The connection that calls.
    pub fn connection_in(&self) -> Option<&Arc<Connection>> {
        self.caller.connection.as_ref()
    }

    /// The connection that rings or answered.
    pub fn connection_out(&self) -> Option<&Arc<Connection>> {
        match &self.phase {
            Phase::Seeking { target } | Phase::Locating { target, .. } => {
                self.target(*target).map(|t| &t.connection)
            }
            Phase::Dialling(dialling) => self.target(dialling.target).map(|t| &t.connection),
            Phase::Talking { callee } => callee.as_ref().and_then(|leg| leg.connection.as_ref()),
            Phase::Admitting | Phase::Attending | Phase::Over => None,
        }
    }

    /// The account it belongs to.
    pub fn account(&self) -> Option<&AccountId> {
        self.decision.account.as_ref()
    }

    /// One word for what it is doing.
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Attending if self.times.ringing.is_some() => "ringing",
            Phase::Admitting | Phase::Attending | Phase::Seeking { .. } | Phase::Locating { .. } => "trying",
            Phase::Dialling(d) if d.early.is_some() => "early",
            Phase::Dialling(_) if self.times.ringing.is_some() => "ringing",
            Phase::Dialling(_) => "trying",
            Phase::Talking { .. } => "established",
            Phase::Over => "ending",
        }
    }

    /// When it began and was answered.
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.times.started, self.times.answered)
    }

    /// Who calls, as the From URI without parameters.
    pub fn from(&self) -> Arc<str> {
        if self.caller.number == 0 {
            return Arc::clone(&self.began.from);
        }
        uri_of(&self.caller.dialog.remote).into()
    }

    /// The caller's display name, or nothing.
    pub fn caller_name(&self) -> Arc<str> {
        let party = NameAddr::parse(&self.caller.dialog.remote).filter(|party| !party.display.is_empty());
        party.map(|party| String::from_utf8_lossy(party.display).into()).unwrap_or_default()
    }

    /// What was dialled.
    pub fn dialled(&self) -> &Arc<str> {
        &self.began.dialled
    }

    /// Final code and reason code, once it ended.
    pub fn verdict(&self) -> (u16, &'static str) {
        self.ending.as_ref().map_or((0, ""), |e| (e.code, e.reason.map_or("", Reason::code)))
    }
}
