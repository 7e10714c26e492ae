//! Every attempt of a call to reach somebody: where it went, what came back, and what followed.
//!
//! A call that its first callee answers has one attempt, which its legs tell: nothing is kept of it here.

use sip_stack::transport::Flow;
use timestamp::Timestamp;

use routing::reason::Reason;

use crate::branch::Branch;
use crate::call::{Call, Final};
use crate::failure::relayed;
use crate::means::Means;
use crate::record::{AttemptRecord, Then};

impl Call {
    /// A target that was not even rung.
    pub(crate) fn note_unrung(&mut self, target: usize, failed: &Final, means: &Means<'_>) {
        let connection = self.target(target).map_or("", |target| target.connection.id.as_str()).into();
        self.keep_attempt(AttemptRecord {
            connection,
            address: Box::default(),
            started_at: means.now,
            sip_code: 0,
            sip_text: Box::default(),
            reason_code: failed.why.map_or("", Reason::code).into(),
            reason_text: failed.why.map_or("", Reason::text).into(),
            provisional_ms: None,
            final_ms: None,
            then: Then::Ended,
        });
    }

    /// A callee gave its final answer, or none in time.
    pub(crate) fn note_attempt(&mut self, branch: &Branch, failed: &Final, means: &Means<'_>) {
        let answered = failed.why.is_none();
        let changed = || relayed(failed.code).1;
        let malfunction = || (failed.code / 100 == 5).then_some(Reason::PeerFailed);
        let why = failed.why.or_else(changed).or_else(malfunction);
        let then = match why {
            Some(Reason::CallerGaveUp | Reason::CompletedElsewhere | Reason::DeclinedElsewhere) => {
                Then::Cancelled
            }
            Some(_) | None => Then::Ended,
        };
        self.keep_attempt(AttemptRecord {
            sip_code: if answered { failed.code } else { 0 },
            sip_text: String::from_utf8_lossy(&failed.phrase).into(),
            reason_code: why.map_or("", Reason::code).into(),
            reason_text: why.map_or("", Reason::text).into(),
            final_ms: Some(millis(branch.sent_at, means.now)),
            then,
            ..of(branch)
        });
    }

    /// A callee answered who was not the only one to be tried.
    pub(crate) fn note_winner(&mut self, winner: &Branch, code: u16, phrase: &[u8], means: &Means<'_>) {
        if self.attempts.is_empty() {
            return;
        }
        self.keep_attempt(AttemptRecord {
            sip_code: code,
            sip_text: String::from_utf8_lossy(phrase).into(),
            final_ms: Some(millis(winner.sent_at, means.now)),
            then: Then::Answered,
            ..of(winner)
        });
    }

    /// What failed so far is followed by another attempt.
    pub(crate) fn moved_on(&mut self) {
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.then == Then::Ended) {
            attempt.then = Then::Next;
        }
    }

    fn keep_attempt(&mut self, attempt: AttemptRecord) {
        if self.attempts.len() < MOST {
            self.attempts.push(attempt);
        }
    }
}

fn of(branch: &Branch) -> AttemptRecord {
    let Flow { protocol, remote, .. } = branch.leg.dialog.flow;
    AttemptRecord {
        connection: branch.leg.connection.as_ref().map_or("", |connection| connection.id.as_str()).into(),
        address: format!("{}:{remote}", protocol.name()).into(),
        started_at: branch.sent_at,
        sip_code: 0,
        sip_text: Box::default(),
        reason_code: Box::default(),
        reason_text: Box::default(),
        provisional_ms: branch.heard_at.map(|at| millis(branch.sent_at, at)),
        final_ms: None,
        then: Then::Ended,
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Attempts of one call that are kept.
const MOST: usize = 64;
