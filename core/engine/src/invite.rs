//! An INVITE that begins a call: who calls, where it goes, and the call.

use std::sync::Arc;

use b2bua::{
    ANONYMOUS, Begin, Call, CallOutcome, CallRecord, EndedBy, Presentation, call_id, candidates, id_of,
    proof_text,
};
use registrar::NonceUse;
use routing::config::Connection;
use routing::decide::{Caller, Question, decide};
use routing::decision::{Decision, Outcome, Proof};
use routing::reason::Reason;
use sip_msg::{Message, Name, answer};
use sip_stack::transport::{Flow, response_flow, stamp};
use timestamp::Timestamp;

use crate::control::{EmergencyCall, Event, Happening};
use crate::outbox::{Outbox, Output, Persist};
use crate::sender::{Parties, Sender};
use crate::shard::{Shard, Sink};

impl Shard {
    pub(crate) fn on_invite(&mut self, request: &Message<'_>, flow: Flow, now: Timestamp, out: &mut Outbox) {
        if let Some((code, fields)) = unacceptable(request) {
            self.reply(request, &flow, code, b"", fields, out);
            return;
        }
        if request.max_forwards() == Some(0) {
            self.refuse(request, &flow, Reason::TooManyHops, None, now, out);
            return;
        }
        if self.came_from_ourselves(request) {
            self.on_own_replacement(request, flow, now, out);
            return;
        }
        if self.draining && !self.is_emergency(request.uri()) {
            self.refuse_new(request, &flow, out);
            return;
        }
        let Some(Sender { parties, caller, nonce }) = self.sender(request, &flow, now, out) else { return };
        self.on_caller(request, flow, &parties, caller, nonce, now, out);
    }

    fn on_caller(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        parties: &Parties,
        caller: Caller,
        nonce: Option<NonceUse>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        // Asked of those only who may call: a stranger's INVITE in the form of RFC 2543 is challenged like any other.
        if request.field(Name::Contact).is_none() {
            self.reply(request, &flow, 400, b"An INVITE needs a Contact", &[], out);
            return;
        }
        if request.field(Name::Replaces).is_some() {
            self.on_replacement(request, flow, caller, nonce, now, out);
            return;
        }
        let called = self.called(request, &parties.called_user, &caller);
        let question = Question {
            called_user: &called.user,
            called_host: &parties.called_host,
            presented: parties.proposal(),
            addressed: called.addressed,
            at: Some(now),
        };
        let mut decision = decide(&self.tables, &caller, &question);
        if self.came_back(request, &decision.called) {
            decision.outcome = Outcome::Refuse(Reason::Loop);
        }
        if decision.emergency {
            raise_alarm(&decision, parties, now, out);
        } else if self.draining {
            self.refuse_new(request, &flow, out);
            return;
        }
        if let Outcome::Refuse(reason) = decision.outcome {
            self.refuse_decided(request, &flow, &decision, reason, now, out);
            return;
        }
        let answers = request.via().map_or(flow, |via| response_flow(&via, &flow));
        let server = self.transactions.open(request, answers);
        let presentation = self.presentation(parties, &caller, request);
        self.insert_call(now, out, |slot, means| {
            Call::begin(Begin { slot, invite: request, flow, server, decision, presentation, nonce }, means)
        });
    }

    /// We are about to end.
    fn refuse_new(&mut self, request: &Message<'_>, flow: &Flow, out: &mut Outbox) {
        let fields: &[(Name, &[u8])] = &[(Name::RetryAfter, b"5"), (Name::Warning, SHUTTING_DOWN)];
        self.reply(request, flow, 503, b"", fields, out);
    }

    /// What callees see of the caller: a user of ours at our domain, anybody else at our address, nobody as nobody.
    pub(crate) fn presentation(
        &self,
        parties: &Parties,
        caller: &Caller,
        request: &Message<'_>,
    ) -> Presentation {
        let user = b2bua::escape_user(&parties.from_user);
        let domain = match caller {
            Caller::Connection(connection, _) => {
                connection.domain.as_ref().and_then(|id| self.tables.domain(id))
            }
            Caller::Account(_) => None,
        };
        let host = match domain {
            _ if parties.from_host.eq_ignore_ascii_case(ANONYMOUS) => ANONYMOUS.into(),
            domain => domain.map(|d| d.host.clone()).unwrap_or_default(),
        };
        let privacy = request.field(Name::Privacy).unwrap_or_default();
        let mut wishes = privacy.split(|byte| matches!(byte, b';' | b',')).map(<[u8]>::trim_ascii);
        let hidden =
            wishes.any(|wish| wish.eq_ignore_ascii_case(b"id") || wish.eq_ignore_ascii_case(b"user"));
        Presentation { display: parties.display.clone(), user, host, asserted: None, hidden }
    }

    /// A request with a From tag of ours is our own call come back; with the same number dialled it is a loop.
    fn came_back(&self, request: &Message<'_>, called: &str) -> bool {
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let Some((shard, slot, _)) = self.owners.leg(tag) else { return false };
        shard == self.index && self.calls.get(slot).is_some_and(|call| call.has_dialled(called))
    }

    /// Refuses a request without a transaction.
    pub(crate) fn refuse(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        reason: Reason,
        connection: Option<&Connection>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.note_refusal(request, flow, reason, connection, reason.sip_code(), now, out);
        // Nobody was identified: no reason text is given away.
        let told = connection.is_some() || matches!(reason, Reason::TooManyHops);
        self.reply_reason(request, flow, reason, told, out);
    }

    fn refuse_decided(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        decision: &Decision,
        reason: Reason,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.counts.ended(CallOutcome::Refused);
        let record = self.refused_record(request, flow, decision, reason, now);
        out.outputs.push(Output::Persist(Persist::Record(Box::new(record))));
        self.note_refusal(request, flow, reason, decision.caller.as_deref(), reason.sip_code(), now, out);
        self.refuse_once(request, flow, reason, now, out);
    }

    /// Refuses in a transaction: what leaves a record is answered from memory when it comes again.
    fn refuse_once(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        reason: Reason,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(via) = request.via() else { return };
        let tag = self.stateless_tag(request);
        let [why, warning] = reason_values(reason);
        let server = self.transactions.open(request, response_flow(&via, flow));
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        self.transactions.respond(server, reason.sip_code(), now, &mut sink, &mut |buffer| {
            let mut writer = answer(buffer, request, reason.sip_code(), b"", &tag, stamp(&via, flow.remote));
            writer.field(Name::Reason, why.as_bytes()).field(Name::Warning, warning.as_bytes());
            writer.end();
        });
    }

    /// Refuses with a reason, without a transaction and without a note.
    pub(crate) fn reply_reason(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        reason: Reason,
        told: bool,
        out: &mut Outbox,
    ) {
        let [why, warning] = reason_values(reason);
        let fields: &[(Name, &[u8])] = &[(Name::Reason, why.as_bytes()), (Name::Warning, warning.as_bytes())];
        self.reply(request, flow, reason.sip_code(), b"", if told { fields } else { &[] }, out);
    }

    fn refused_record(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        decision: &Decision,
        reason: Reason,
        now: Timestamp,
    ) -> CallRecord {
        let unique = self.random.number();
        let text = |bytes: &[u8]| -> Box<str> { String::from_utf8_lossy(bytes).into() };
        let connection = id_of(decision.caller.as_ref());
        let leg = b2bua::LegRecord {
            role: "caller",
            sip_call_id: text(request.call_id()),
            connection: Arc::clone(&connection),
            remote: format!("{}:{}", flow.protocol.name(), flow.remote).into(),
            user_agent: text(request.field(Name::UserAgent).unwrap_or_default()).into(),
            sip_code: reason.sip_code(),
            ..b2bua::LegRecord::default()
        };
        CallRecord {
            id: call_id(now, unique),
            account: decision.account.as_ref().map(|account| Arc::clone(&account.0)).unwrap_or_default(),
            provider: None,
            started_at: now,
            ringing_at: None,
            answered_at: None,
            ended_at: now,
            from: text(request.from().map_or(b"".as_slice(), |from| from.uri)).into(),
            from_display: text(request.from().map_or(b"".as_slice(), |from| from.display)),
            dialled: decision.called.as_str().into(),
            connection_in: connection,
            connection_out: Arc::default(),
            outcome: CallOutcome::Refused,
            sip_code: reason.sip_code(),
            reason_code: reason.code(),
            reason_text: reason.text().into(),
            q850: reason.q850(),
            ended_by: EndedBy::System,
            config_rev: decision.revision,
            proof: proof_text(decision.proof),
            attempts: Vec::new(),
            flow: Vec::new(),
            candidates: candidates(decision),
            signature: None,
            signed: None,
            legs: vec![leg],
        }
    }
}

/// Somebody calls for help: those who watch are told, and it is written down.
fn raise_alarm(decision: &Decision, parties: &Parties, now: Timestamp, out: &mut Outbox) {
    let ways = decision.outcome.targets().iter().map(|way| way.connection.id.clone()).collect();
    let call = EmergencyCall {
        at: now,
        account: decision.account.as_ref().map_or("", |account| account.as_str()).into(),
        connection: decision.caller.as_ref().map_or("", |caller| caller.id.as_str()).into(),
        from: parties.from_user.as_str().into(),
        dialled: decision.called.as_str().into(),
        ways,
    };
    let (account, what) = (call.account.clone(), Happening::CallEmergency(call.clone()));
    out.outputs.push(Output::Announce(Event { at: now, account: account.into(), what }));
    out.outputs.push(Output::Persist(Persist::Emergency(Box::new(call))));
}

/// Values of Reason (RFC 6432) and Warning.
pub(crate) fn reason_values(reason: Reason) -> [String; 2] {
    let (code, text) = (reason.code(), reason.text());
    [format!("Q.850;cause={};text=\"{code} {text}\"", reason.q850()), reason.warning()]
}

/// What is wrong with an INVITE before anybody asks who sent it.
fn unacceptable(request: &Message<'_>) -> Option<(u16, &'static [(Name, &'static [u8])])> {
    if request.body().is_empty() {
        return None;
    }
    let sdp = request.content_type().is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/sdp"));
    let plain = request.field(Name::ContentEncoding).is_none_or(|e| e.eq_ignore_ascii_case(b"identity"));
    (!sdp || !plain).then_some((415, ACCEPTABLE))
}

/// Used by the explanation, too: the account a connection belongs to calls as that connection.
pub(crate) fn given(connection: &Arc<Connection>) -> Caller {
    Caller::Connection(Arc::clone(connection), Proof::Given)
}

const ACCEPTABLE: &[(Name, &[u8])] =
    &[(Name::Accept, b"application/sdp"), (Name::AcceptEncoding, b"identity")];
const SHUTTING_DOWN: &[u8] = b"399 trunkline \"S-01 the server is shutting down\"";
