//! What would happen to a call: the code that real calls use, asked with the facts that a question gives.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use b2bua::{candidates, proof_text};
use routing::caller_id::Proposal;
use routing::config::{Condition, Connection, RingOrder, Transport};
use routing::decide::{Addressed, Caller, Question, decide_through};
use routing::decision::{Decision, Hop, Outcome, Proof};
use routing::identify::{Clue, Facts, Finding, Identity, after_digest, identify_aloud};
use routing::near::{Attempt, near_misses};
use routing::reason::Reason;

use crate::control::{ClueView, DecisionView, ExplainQuery, ExplainView};
use crate::invite::given;
use crate::shard::Shard;

impl Shard {
    /// Who would be calling, what would become of it, and why.
    pub(crate) fn explain(&self, query: &ExplainQuery) -> ExplainView {
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
        let attempt = Attempt { facts, digest_user: None, presented: &from_user };
        let mut looked = Vec::new();
        let caller = match query.connection.as_ref().and_then(|id| self.tables.connection(id)) {
            Some(connection) => Ok(given(connection)),
            None => self.assumed(&facts, query.source.is_some(), &mut looked),
        };
        let identification = told(&looked);
        match caller {
            Ok(caller) => {
                let question = Question {
                    called_user: &called_user,
                    called_host: &called_host,
                    presented: Proposal::from(&from_user),
                    addressed: Addressed::Directly,
                    at: Some(query.at),
                };
                let decision = decide_through(&self.tables, &caller, &question);
                let near_misses = match decision.outcome {
                    Outcome::Refuse(reason) => {
                        near_misses(&self.tables, &attempt, reason, decision.caller.as_deref())
                    }
                    Outcome::Ring(_)
                    | Outcome::Run(_)
                    | Outcome::Serve(_)
                    | Outcome::Divert(_)
                    | Outcome::Feature(_)
                    | Outcome::Challenge => Vec::new(),
                };
                ExplainView {
                    identification,
                    candidates: candidates(&decision),
                    decision: shown(&decision),
                    near_misses,
                }
            }
            Err((connection, reason)) => {
                let looked_for = reason.unwrap_or(Reason::SourceNotAllowed);
                ExplainView {
                    identification,
                    decision: self.unproven(&called_user, reason),
                    candidates: Vec::new(),
                    near_misses: near_misses(&self.tables, &attempt, looked_for, connection.as_deref()),
                }
            }
        }
    }

    /// Who would be calling: a user named in From is taken at its word, since a question needs no password; what a right
    /// password does not excuse is asked all the same.
    fn assumed(
        &self,
        facts: &Facts<'_>,
        from_somewhere: bool,
        looked: &mut Vec<(Clue, Finding)>,
    ) -> Result<Caller, (Option<Arc<Connection>>, Option<Reason>)> {
        match identify_aloud(&self.tables, facts, |clue, finding| looked.push((clue, finding))) {
            Identity::Connection { connection, proof } => Ok(Caller::Connection(connection, proof)),
            Identity::Digest { connection, .. } => {
                let transport = connection.transports.first().copied().unwrap_or(facts.transport);
                let excused = match after_digest(&connection, facts.source, transport) {
                    Err(Reason::SourceNotAllowed) if !from_somewhere => Ok(()),
                    verdict => verdict,
                };
                match excused {
                    Ok(()) => Ok(Caller::Connection(connection, Proof::Digest)),
                    Err(reason) => {
                        looked.push((Clue::Credentials, Finding::Refused(reason)));
                        Err((Some(connection), Some(reason)))
                    }
                }
            }
            Identity::Account(account) => Ok(Caller::Account(account)),
            Identity::Nobody(_) => Err((None, None)),
            Identity::Refused { connection, reason } => Err((connection, Some(reason))),
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

/// Every step of the order, with what was found there.
fn told(looked: &[(Clue, Finding)]) -> Vec<ClueView> {
    let view = |step: Clue| {
        let found = looked.iter().find(|(clue, _)| *clue == step).map(|(_, finding)| *finding);
        let (result, reason_code, text) = match found {
            Some(Finding::Matched(text)) => ("matched", None, text),
            Some(Finding::Passed(text)) => ("passed", None, text),
            Some(Finding::Refused(reason)) => ("refused", Some(reason.code()), reason.text()),
            None if looked.is_empty() => ("not_looked_at", None, "the question names the connection"),
            None => ("not_looked_at", None, "an earlier step settled it"),
        };
        ClueView { step, result, reason_code, text }
    };
    Clue::ORDER.into_iter().map(view).collect()
}

/// Who forwards the call before that, in words.
fn through(decision: &Decision) -> String {
    let hop = |hop: &Hop| {
        let why = match hop.condition {
            Condition::Always => "forwards every call",
            Condition::Busy => "does not want to be disturbed and forwards calls",
            Condition::NoAnswer => "forwards calls that nobody answers",
            Condition::Offline => "forwards calls that reach no device",
        };
        format!("{} {why}; ", hop.person.name)
    };
    decision.hops.iter().map(hop).collect()
}

/// Where a person has the call go if that does not help, in words.
fn later(decision: &Decision) -> String {
    let Some(forwarding) = &decision.forwarding else { return String::new() };
    let person = &forwarding.person;
    let mut text = String::new();
    let word = match person.ring {
        RingOrder::InOrder => "; then",
        RingOrder::All => "; at the same time",
        RingOrder::Dialled => "",
    };
    if !word.is_empty() && person.connections.len() > 1 {
        text = format!("{word} the other connections of {}", person.name);
    }
    let conditions =
        [(Condition::Busy, "busy"), (Condition::NoAnswer, "not answered"), (Condition::Offline, "offline")];
    for (condition, word) in conditions {
        if let Some(to) = person.forward.to(condition) {
            text += &format!("; if {word}, {} forwards to {to}", person.name);
        }
    }
    text
}

fn shown(decision: &Decision) -> DecisionView {
    let name = |connection: &Arc<Connection>| connection.id.clone();
    let (action, targets, reason, text) = match &decision.outcome {
        Outcome::Ring(targets) => {
            let ids = targets.iter().map(|t| name(&t.connection)).collect();
            let behind = decision.failover.as_ref();
            let behind =
                behind.map(|attached| format!("; then the flow {} takes the call", attached.flow.name));
            let last = if decision.voicemail.is_some() { "; then a message may be left" } else { "" };
            let text = "these are rung, one after the other".to_owned() + &behind.unwrap_or_default();
            let text = text + &later(decision) + last;
            ("ring", ids, None, text)
        }
        Outcome::Run(attached) => {
            let attached_to = attached.connection.iter().map(name).collect();
            let version = attached.flow.published.as_ref().map_or(0, |published| published.version);
            let text = match (version, attached.flow.name.as_str()) {
                (0, "voicemail") => "a message may be left".to_owned(),
                (0, _) => "its mailbox is opened".to_owned(),
                (version, name) => format!("version {version} of the flow {name} takes the call"),
            };
            ("flow", attached_to, None, text)
        }
        Outcome::Feature(_) => {
            ("serve", Vec::new(), None, "a star code: it sets something of the caller's person".to_owned())
        }
        Outcome::Divert(_) => ("refuse", Vec::new(), Some(Reason::NothingAttached), String::new()),
        Outcome::Serve(_) => ("serve", Vec::new(), None, "answered by the server itself".to_owned()),
        Outcome::Challenge => ("challenge", Vec::new(), None, "the caller must prove who it is".to_owned()),
        Outcome::Refuse(reason) => ("refuse", Vec::new(), Some(*reason), reason.text().to_owned()),
    };
    let text = through(decision) + &text;
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
