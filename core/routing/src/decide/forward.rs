//! What people want of calls to their connections: forwarded at once or after they did not answer, or not disturbed.
//!
//! A forwarded call is one that the connection makes which forwards it: its permission to call out, its limits and its
//! numbers apply. Each person forwards a call once; where it would come back to its caller, nothing is forwarded.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use timestamp::Timestamp;

use super::{Addressed, Caller, Deciding, Question, decide_devices, decide_hopping, voicemail};
use crate::caller_id::{self, Proposal};
use crate::config::{Condition, Connection, RingOrder};
use crate::decision::{Candidate, Decision, Forwarding, Hop, Outcome, Proof, Verdict};
use crate::reason::Reason;
use crate::tables::Tables;

impl Deciding<'_> {
    /// What becomes of a call to a connection because of what its owner wants, if anything does.
    pub(super) fn wishes(&mut self, connection: &Arc<Connection>) -> Option<Outcome> {
        let at = self.at?;
        let person = self.tables.person_of(&connection.id);
        let origin = self.hops.first().map_or_else(|| self.connection(), |hop| hop.caller.as_ref());
        let comes_back = origin.is_some_and(|origin| origin.id == connection.id)
            || self.hops.iter().any(|hop| person.is_some_and(|person| hop.person.id == person.id));
        if comes_back && !self.hops.is_empty() {
            return Some(Outcome::Refuse(Reason::Loop));
        }
        let person = person?;
        let own = origin.is_some_and(|origin| person.connections.contains(&origin.id));
        if own || self.hops.len() >= MOST_HOPS {
            return None;
        }
        let (person, connection) = (Arc::clone(person), Arc::clone(connection));
        let undisturbed = person.is_undisturbed(at);
        let forward = &person.forward;
        let outcome = match (&forward.always, undisturbed, &forward.busy) {
            (Some(_), ..) => Some(Outcome::Divert(Condition::Always)),
            (None, true, Some(_)) => Some(Outcome::Divert(Condition::Busy)),
            (None, true, None) => {
                self.note(&connection.id, false, Verdict::Refused(Reason::DoNotDisturb));
                let refused = Outcome::Refuse(Reason::DoNotDisturb);
                Some(voicemail::instead_of(&connection).map_or(refused, Outcome::Run))
            }
            (None, false, _) => None,
        };
        self.forwarding = Some(Forwarding { person, connection, rung: 0 });
        outcome
    }

    /// Whether nothing of whoever owns this connection is to ring.
    pub(super) fn is_undisturbed(&self, connection: &Connection) -> bool {
        let person = self.tables.person_of(&connection.id);
        self.at.is_some_and(|at| person.is_some_and(|person| person.is_undisturbed(at)))
    }

    /// Whether the owner of whoever is called wants calls elsewhere under this condition.
    pub(super) fn forwards(&self, condition: Condition) -> bool {
        let forward = self.forwarding.as_ref().map(|forwarding| &forwarding.person.forward);
        forward.is_some_and(|forward| forward.to(condition).is_some())
    }
}

/// Where a call goes under this condition that was decided like this: nowhere else if nothing is set for it, or if it would
/// come back.
pub fn divert(
    tables: &Tables,
    decision: &Decision,
    condition: Condition,
    presented: Proposal<'_>,
    at: Timestamp,
) -> Option<Decision> {
    let Forwarding { person, connection, .. } = decision.forwarding.as_ref()?;
    let to = person.forward.to(condition)?;
    let connection = tables.connection(&connection.id)?;
    let caller = Caller::Connection(Arc::clone(connection), Proof::Given);
    let mut hops = decision.hops.clone();
    let origin = hops.first().map_or(decision.caller.as_ref(), |hop| hop.caller.as_ref()).cloned();
    hops.push(Hop { person: Arc::clone(person), caller: origin.clone(), condition });
    let question = Question {
        called_user: to,
        called_host: "",
        presented,
        addressed: Addressed::ToContact,
        at: Some(at),
    };
    let mut diverted =
        decide_hopping(tables, &caller, &question, hops, |deciding| deciding.outcome(&question));
    let comes_back = matches!(diverted.outcome, Outcome::Refuse(Reason::Loop));
    if comes_back && condition != Condition::Always {
        return None;
    }
    if comes_back {
        let asked = Question { called_user: &decision.called, at: None, ..question };
        diverted = decide_devices(tables, &caller, &asked, &connection.id);
        diverted.hops.clone_from(&decision.hops);
    }
    if let (Outcome::Ring(targets), Some(origin)) = (&mut diverted.outcome, &origin) {
        for target in targets.iter_mut().filter(|target| !target.outbound) {
            target.caller_id = caller_id::shown(tables, origin, &presented, &target.connection);
        }
    }
    if comes_back {
        return Some(diverted);
    }
    let verdict = Verdict::Forwarded(condition);
    diverted
        .candidates
        .insert(0, Candidate { connection: connection.id.clone(), taken: false, reason: verdict });
    Some(diverted)
}

/// The next connection of a person whose connections ring one after the other.
pub fn follow(tables: &Tables, decision: &Decision, presented: Proposal<'_>) -> Option<Decision> {
    let forwarding = decision.forwarding.as_ref()?;
    let person = &forwarding.person;
    if person.ring != RingOrder::InOrder {
        return None;
    }
    let others = person.connections.iter().enumerate().skip(usize::from(forwarding.rung));
    let mut others = others.filter(|(_, id)| **id != forwarding.connection.id);
    let (index, next) = others.find_map(|(index, id)| Some((index, tables.connection(id)?)))?;
    let mut followed = another(tables, decision, next, presented)?;
    let rung = u8::try_from(index + 1).unwrap_or(u8::MAX);
    followed.forwarding = Some(Forwarding { rung, ..forwarding.clone() });
    Some(followed)
}

/// The other connections of a person whose connections all ring at once, beside the one that was dialled: those of them
/// that can.
pub fn beside(tables: &Tables, decision: &Decision, presented: Proposal<'_>) -> Vec<Decision> {
    let forwarding = decision.forwarding.as_ref();
    let Some(forwarding) = forwarding.filter(|forwarding| forwarding.person.ring == RingOrder::All) else {
        return Vec::new();
    };
    let others = forwarding.person.connections.iter().filter(|id| **id != forwarding.connection.id);
    let others = others.filter_map(|id| another(tables, decision, tables.connection(id)?, presented));
    others.filter(|other| matches!(other.outcome, Outcome::Ring(_))).collect()
}

/// The same call, to another connection of the person who is called.
fn another(
    tables: &Tables,
    decision: &Decision,
    to: &Arc<Connection>,
    presented: Proposal<'_>,
) -> Option<Decision> {
    let caller = match &decision.caller {
        Some(caller) => Caller::Connection(Arc::clone(caller), decision.proof),
        None => Caller::Account(Arc::clone(tables.account(decision.account.as_ref()?)?)),
    };
    let question = Question {
        called_user: &decision.called,
        called_host: "",
        presented,
        addressed: Addressed::ToContact,
        at: None,
    };
    let mut decided = decide_hopping(tables, &caller, &question, decision.hops.clone(), |deciding| {
        let outcome = deciding.devices(to, question.called_user);
        (question.called_user.to_owned(), outcome)
    });
    let taken = matches!(decided.outcome, Outcome::Ring(_));
    let first: SmallVec<[Candidate; 2]> =
        smallvec![Candidate { connection: to.id.clone(), taken, reason: Verdict::Follows }];
    decided.candidates = first;
    Some(decided)
}

/// People that forward one call, one after the other.
const MOST_HOPS: usize = 5;
