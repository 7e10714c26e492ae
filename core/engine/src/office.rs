//! Questions and orders of the office: calls, status, explanations, counters, drain, configuration.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use b2bua::{EndedBy, candidates, proof_text};
use routing::config::{Change, Connection, ConnectionId, Delta, Transport};
use routing::decide::{Addressed, Caller, Question, decide};
use routing::decision::{Decision, Outcome};
use routing::identify::{Facts, Identity, identify};
use routing::near::{Attempt, near_misses};
use routing::reason::Reason;
use sip_stack::{Slot, User};
use timestamp::Timestamp;

use crate::control::{Answer, Ask, CallView, DecisionView, ExplainQuery, ExplainView};
use crate::effects::call_view;
use crate::invite::given;
use crate::outbox::{Located, Outbox, Output};
use crate::shard::Shard;

impl Shard {
    pub(crate) fn on_ask(&mut self, id: u64, ask: Ask, now: Timestamp, out: &mut Outbox) {
        let answer = match ask {
            Ask::Calls => Answer::Calls(self.call_views()),
            Ask::Hangup { call } => self.hang_up(&call, now, out),
            Ask::Transfer { call, to, caller_stays } => self.transfer(&call, &to, caller_stays, now, out),
            Ask::Status { connections } => {
                Answer::Status(connections.iter().filter_map(|id| self.status(id, now, out)).collect())
            }
            Ask::Explain(query) => Answer::Explained(self.explain(&query)),
            Ask::Bans(order) => self.on_ban_order(order, now, out),
            Ask::Figures => Answer::Figures(Box::new(self.figures())),
            Ask::RegisterNow { connection } => self.register_now(&connection, now, out),
            Ask::Rehearse { connection, seconds } => {
                let until = seconds.map(|seconds| now + Duration::from_secs(u64::from(seconds)));
                self.rehearse(&connection, until, now, out)
            }
            Ask::Drain => {
                self.draining = true;
                Answer::Done
            }
            Ask::EndAll => {
                for slot in self.live_calls() {
                    self.with_call(slot, now, out, |call, means| {
                        call.hang_up(Reason::ShuttingDown, EndedBy::System, means);
                    });
                }
                Answer::Done
            }
        };
        out.outputs.push(Output::Answer { id, answer });
    }

    pub(crate) fn on_config(&mut self, id: u64, delta: &Arc<Delta>, now: Timestamp, out: &mut Outbox) {
        for change in &delta.changes {
            if let Change::Connection(row) = change {
                self.before_change(&row.id);
            } else if let Change::ConnectionGone(gone) = change {
                self.before_change(gone);
            }
        }
        self.tables.apply(delta);
        for change in &delta.changes {
            self.watched_reconfigured(change, now, out);
            if let Change::Connection(row) = change {
                self.attend(&row.id, now, out);
            }
            if let Change::ConnectionGone(gone) = change {
                self.attend(gone, now, out);
                self.standing.forget(gone.as_str());
                self.forget_rehearsal(gone.as_str());
                let mut removed = Vec::new();
                self.location.unbind(gone.as_str(), &|_| true, &mut removed);
                self.tell_gone(removed, now, out);
            }
        }
        out.outputs.push(Output::Answer { id, answer: Answer::Done });
    }

    /// A connection has changed: what we do towards it follows.
    fn attend(&mut self, id: &ConnectionId, now: Timestamp, out: &mut Outbox) {
        self.attend_registration(id, now, out);
        self.attend_watch(id, now, out);
        self.judge(id, now, out);
    }

    pub(crate) fn on_located(&mut self, located: &Located, now: Timestamp, out: &mut Outbox) {
        match self.locating.remove(&located.id) {
            Some(User::Call(slot)) => {
                self.with_call(slot, now, out, |call, means| call.on_located(&located.targets, means));
            }
            Some(User::Probe(slot)) => {
                self.on_watch_located(slot, located.id, &located.targets, now, out);
            }
            Some(User::Registration(slot)) => {
                self.on_registration_located(slot, located.id, &located.targets, now, out);
            }
            Some(User::Message(slot)) => self.on_peer_located(slot, &located.targets, now, out),
            Some(User::Subscription(_)) | None => {}
        }
    }

    pub(crate) fn on_media(&mut self, event: media::Event, now: Timestamp, out: &mut Outbox) {
        let end = match event {
            media::Event::Closed { end, .. }
            | media::Event::Failed { end, .. }
            | media::Event::FirstPacket { end, .. }
            | media::Event::Inactive { end } => end,
        };
        let owner = b2bua::end_owner(end);
        let slot = self.calls.slot_at(owner.index).filter(|slot| {
            owner.shard == self.index && slot.generation & 0xffff == u32::from(owner.generation)
        });
        if let Some(slot) = slot {
            self.with_call(slot, now, out, |call, means| call.on_media(event, means));
        }
    }

    fn live_calls(&self) -> Vec<Slot> {
        self.calls.iter().filter(|(_, call)| !call.has_ended()).map(|(slot, _)| slot).collect()
    }

    fn call_views(&self) -> Vec<CallView> {
        self.calls.iter().filter(|(_, call)| !call.has_ended()).map(|(_, call)| call_view(call)).collect()
    }

    fn live_call(&self, id: &str) -> Option<Slot> {
        self.calls.iter().find(|(_, call)| *call.id == *id && !call.has_ended()).map(|(slot, _)| slot)
    }

    fn transfer(
        &mut self,
        id: &str,
        to: &str,
        caller_stays: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Answer {
        let Some(slot) = self.live_call(id) else { return Answer::NotFound };
        let (user, host) = self.party(to);
        let mut done = false;
        self.with_call(slot, now, out, |call, means| {
            done = call.hand_over(caller_stays, &user, &host, means);
        });
        if done { Answer::Done } else { Answer::NotNow }
    }

    fn hang_up(&mut self, id: &str, now: Timestamp, out: &mut Outbox) -> Answer {
        let Some(slot) = self.live_call(id) else { return Answer::NotFound };
        self.with_call(slot, now, out, |call, means| {
            call.hang_up(Reason::OperatorEnded, EndedBy::Operator, means);
        });
        Answer::Done
    }

    /// The same code that real calls use, asked with the facts that the question gives.
    fn explain(&self, query: &ExplainQuery) -> ExplainView {
        let (from_user, from_host) = self.party(&query.from);
        let (called_user, called_host) = self.party(&query.to);
        let facts = Facts {
            source: query.source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            transport: Transport::Udp,
            from_user: &from_user,
            from_host: &from_host,
            called_user: &called_user,
            called_host: &called_host,
            contact_of: None,
        };
        let attempt = Attempt { facts, digest_user: None };
        let caller = match query.connection.as_ref().and_then(|id| self.tables.connection(id)) {
            Some(connection) => Ok(given(connection)),
            None => self.assumed(&facts),
        };
        match caller {
            Ok(caller) => {
                let question = Question {
                    called_user: &called_user,
                    called_host: &called_host,
                    presented: &from_user,
                    addressed: Addressed::Directly,
                };
                let decision = decide(&self.tables, &caller, &question);
                let near_misses = match decision.outcome {
                    Outcome::Refuse(reason) => {
                        near_misses(&self.tables, &attempt, reason, decision.caller.as_deref())
                    }
                    Outcome::Ring(_) | Outcome::Serve(_) | Outcome::Challenge => Vec::new(),
                };
                ExplainView {
                    candidates: candidates(&decision),
                    decision: decision_view(&decision),
                    near_misses,
                }
            }
            Err((connection, reason)) => {
                let looked_for = reason.unwrap_or(Reason::SourceNotAllowed);
                ExplainView {
                    decision: self.unproven(&called_user, reason),
                    candidates: Vec::new(),
                    near_misses: near_misses(&self.tables, &attempt, looked_for, connection.as_deref()),
                }
            }
        }
    }

    /// Who would be calling: a user named in From is taken at its word, since a question needs no password.
    fn assumed(&self, facts: &Facts<'_>) -> Result<Caller, (Option<Arc<Connection>>, Option<Reason>)> {
        match identify(&self.tables, facts) {
            Identity::Connection { connection, proof } => Ok(Caller::Connection(connection, proof)),
            Identity::Digest { connection, .. } => Ok(given(&connection)),
            Identity::Account(account) => Ok(Caller::Account(account)),
            Identity::Nobody(_) => Err((None, None)),
            Identity::Refused { connection, reason } => Err((connection, Some(reason))),
        }
    }

    fn party(&self, text: &str) -> (String, String) {
        let plain = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:")).unwrap_or(text);
        match plain.split_once('@') {
            Some((user, host)) => (user.to_owned(), host.split([';', ':']).next().unwrap_or(host).to_owned()),
            None => (plain.to_owned(), self.tables.home_domain().map(|d| d.host.clone()).unwrap_or_default()),
        }
    }

    fn unproven(&self, called: &str, reason: Option<Reason>) -> DecisionView {
        DecisionView {
            action: if reason.is_some() { "refuse" } else { "challenge" },
            config_rev: self.tables.revision(),
            proof: "none",
            caller: None,
            called: called.into(),
            targets: Vec::new(),
            sip_code: Some(reason.map_or(407, Reason::sip_code)),
            reason_code: reason.map(Reason::code),
            text: reason.map_or("the caller must prove who it is", Reason::text).into(),
        }
    }
}

fn decision_view(decision: &Decision) -> DecisionView {
    let name = |connection: &Arc<Connection>| connection.id.clone();
    let (action, targets, reason, text) = match &decision.outcome {
        Outcome::Ring(targets) => {
            let ids = targets.iter().map(|t| name(&t.connection)).collect();
            ("ring", ids, None, "these are rung, one after the other")
        }
        Outcome::Serve(_) => ("serve", Vec::new(), None, "answered by the server itself"),
        Outcome::Challenge => ("challenge", Vec::new(), None, "the caller must prove who it is"),
        Outcome::Refuse(reason) => ("refuse", Vec::new(), Some(*reason), reason.text()),
    };
    DecisionView {
        action,
        config_rev: decision.revision,
        proof: proof_text(decision.proof),
        caller: decision.caller.as_ref().map(name),
        called: decision.called.as_str().into(),
        targets,
        sip_code: reason.map(Reason::sip_code),
        reason_code: reason.map(Reason::code),
        text: text.into(),
    }
}
