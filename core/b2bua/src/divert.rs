//! Calls that people have go elsewhere: at once, or after their own devices did not take them.
//!
//! Where a call goes is decided by `routing`, as a call of the connection that forwards it. Here it leaves whoever was
//! rung and rings somebody else, who is told by Diversion (RFC 5806) whom the call was for.

use core::time::Duration;
use std::sync::Arc;

use routing::caller_id::Proposal;
use routing::config::Condition;
use routing::decide::{beside, divert, follow};
use routing::decision::{Decision, Outcome};
use routing::reason::Reason;

use crate::branch::escape_user;
use crate::call::{Call, Final, Invite, Phase};
use crate::means::Means;
use crate::record::EndedBy;
use crate::search::{Search, Sought};

impl Call {
    /// The person who is called has it go elsewhere.
    pub(crate) fn divert(&mut self, condition: Condition, means: &mut Means<'_>) {
        if !self.goes_elsewhere(condition, means) {
            self.refuse(Reason::NothingAttached, EndedBy::System, means);
        }
    }

    /// Nobody who was rung took the call: whether the person who was called has it ring elsewhere in that case.
    pub(crate) fn diverts(&mut self, failed: &Final, means: &mut Means<'_>) -> bool {
        let waits = matches!(self.phase, Phase::Seeking { .. } | Phase::Locating { .. } | Phase::Dialling(_));
        if !waits || self.attendant.is_some() || self.routed().forwarding.is_none() {
            return false;
        }
        let Some(condition) = condition_of(failed) else { return false };
        let presented = self.presented().to_owned();
        if let Some(followed) = follow(means.tables, self.routed(), Proposal::from(&presented)) {
            self.moved_on();
            self.go_on_as(followed, means);
            return true;
        }
        self.goes_elsewhere(condition, means)
    }

    fn goes_elsewhere(&mut self, condition: Condition, means: &mut Means<'_>) -> bool {
        let presented = self.presented().to_owned();
        let before = self.diverted.is_some();
        let decided = |decision: &Decision, condition, means: &Means<'_>| {
            divert(means.tables, decision, condition, Proposal::from(&presented), means.now)
        };
        let Some(mut next) = decided(self.routed(), condition, means) else { return false };
        self.name_diverter(&next, means);
        while let Outcome::Divert(further) = next.outcome {
            self.keep(next);
            let Some(after) = decided(self.routed(), further, means) else { return false };
            self.name_diverter(&after, means);
            next = after;
        }
        if before || !matches!(self.phase, Phase::Admitting) {
            self.moved_on();
        }
        self.go_on_as(next, means);
        true
    }

    /// Asks for the first target, or for all connections at once of a person who wants it so.
    pub(crate) fn seek_first(&mut self, means: &mut Means<'_>) {
        let others = self.beside(self.routed(), means);
        if others.is_empty() {
            return self.seek(0, means);
        }
        let noted: Vec<_> =
            others.iter().flat_map(|other| &other.candidates).take(MOST_NOTED).cloned().collect();
        self.decision.candidates.extend(noted);
        let flow_rings_for = self.flow_rings_for();
        let sought = |decision: Decision| {
            let usual = match &decision.outcome {
                Outcome::Ring(targets) => {
                    targets.first().map_or(1, |first| first.connection.dialled.ring_s.max(1))
                }
                _ => 1,
            };
            let usual = Duration::from_secs(u64::from(usual));
            Sought::new(decision, means.now, flow_rings_for.unwrap_or(usual))
        };
        let own = self.routed().clone();
        let parties = core::iter::once(own).chain(others).map(sought).collect();
        let Some((search, together)) = Search::of(parties) else { return };
        self.routed_mut().outcome = together.outcome;
        self.begin_search(search, means);
    }

    /// The other connections that ring at once with whom a decision names.
    pub(crate) fn beside(&self, decision: &Decision, means: &Means<'_>) -> Vec<Decision> {
        beside(means.tables, decision, Proposal::from(self.presented()))
    }

    /// From here on the call is one that was decided like this.
    fn go_on_as(&mut self, next: Decision, means: &mut Means<'_>) {
        let outcome = next.outcome.clone();
        self.keep(next);
        match outcome {
            Outcome::Ring(_) => {
                self.phase = Phase::Seeking { target: 0 };
                self.vouching.forget();
                self.look_further(means);
            }
            Outcome::Run(attached) => self.attend(&attached, means),
            Outcome::Serve(service) => self.serve(service, means),
            Outcome::Refuse(reason) => self.refuse(reason, EndedBy::System, means),
            Outcome::Challenge | Outcome::Divert(_) | Outcome::Feature(_) => {
                self.refuse(Reason::NothingAttached, EndedBy::System, means);
            }
        }
    }

    /// What was looked at stands in the record, too.
    fn keep(&mut self, next: Decision) {
        self.decision.candidates.extend(next.candidates.iter().take(MOST_NOTED).cloned());
        self.diverted = Some(Box::new(next));
    }

    /// Callees are told who forwards the call, the newest first.
    fn name_diverter(&mut self, next: &Decision, means: &Means<'_>) {
        let Some(invite) = self.invite.clone() else { return };
        let routed = self.routed();
        // Where it would have come back, nobody forwards it.
        let Some(hop) = next.hops.last().filter(|_| next.hops.len() > routed.hops.len()) else { return };
        let Some(forwarding) = &routed.forwarding else { return };
        let own = means.tables.numbers_of(&forwarding.connection.id).first();
        let user = match (own, routed.called.starts_with('+')) {
            (Some(own), false) => own.to_string(),
            (Some(_), true) | (None, _) => routed.called.clone(),
        };
        let of_connection = forwarding.connection.domain.as_ref().and_then(|id| means.tables.domain(id));
        let domain = of_connection.or_else(|| means.tables.home_domain());
        let host = domain.map_or("localhost", |domain| domain.host.as_str());
        let line = format!(
            "Diversion: <sip:{}@{host}>;reason={};counter=1\r\n",
            escape_user(&user),
            hop.condition.diversion()
        );
        let Some(end) = invite.bytes.windows(2).position(|two| two == b"\r\n") else { return };
        let (first, rest) = invite.bytes.split_at(end + 2);
        let bytes = [first, line.as_bytes(), rest].concat();
        self.invite = Some(Arc::new(Invite { bytes, presentation: invite.presentation.clone(), ..*invite }));
    }

    /// The user or number of the caller as it presents itself.
    fn presented(&self) -> &str {
        self.invite.as_ref().map_or("", |invite| invite.presentation.user.as_str())
    }
}

/// What a failure is to somebody who has calls forwarded.
fn condition_of(failed: &Final) -> Option<Condition> {
    match (failed.code, failed.why) {
        (_, Some(Reason::CallerGaveUp)) => None,
        (_, Some(Reason::NobodyAnswered)) | (408, _) => Some(Condition::NoAnswer),
        (486 | 600 | 603, _) => Some(Condition::Busy),
        (404 | 410 | 480 | 604, _) | (500..600, _) => Some(Condition::Offline),
        _ => None,
    }
}

/// Candidates that one more decision adds to the record.
const MOST_NOTED: usize = 8;
