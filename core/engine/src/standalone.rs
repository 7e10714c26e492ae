//! A request outside of dialogs that is no call: MESSAGE, PUBLISH, SUBSCRIBE. Its sender is found out, its nonce is
//! admitted where the sender is at home, and it is served where the user it is about is at home.

use std::sync::Arc;

use presence::Package;
use routing::config::{AccountId, Connection};
use routing::decide::{Addressed, Caller, Question, decide};
use routing::decision::Outcome;
use routing::reason::Reason;
use sip_msg::{Message, Method, Name};
use sip_stack::Slot;
use sip_stack::transport::Flow;
use timestamp::Timestamp;

use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::sender::Sender;
use crate::shard::{Shard, Sink};

/// A request whose sender's home was asked whether its nonce is new.
#[derive(Debug)]
pub(crate) struct Waiting {
    bytes: Box<[u8]>,
    flow: Flow,
    sender: Sender,
}

impl Shard {
    pub(crate) fn on_standalone(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if request.max_forwards() == Some(0) {
            self.refuse(request, &flow, Reason::TooManyHops, None, now, out);
            return;
        }
        let Some(sender) = self.sender(request, &flow, now, out) else { return };
        if request.method() != Method::Message
            && let Ok(target) = self.concerned(&sender)
        {
            // To and Request-URI may differ, and aliases of a user have other hashes.
            let home = self.owners.home_of(&target);
            if home != self.index {
                let message = ShardMessage::Forwarded { flow, bytes: request.bytes().into() };
                out.outputs.push(Output::ToShard { shard: home, message });
                return;
            }
        }
        let proven = match (&sender.caller, sender.nonce) {
            (Caller::Connection(connection, _), Some(nonce)) => Some((Arc::clone(connection), nonce)),
            (Caller::Connection(..) | Caller::Account(_), _) => None,
        };
        let Some((connection, nonce)) = proven else {
            self.serve_standalone(request, flow, &sender, now, out);
            return;
        };
        let home = self.owners.home_of(&connection);
        if home == self.index {
            let fresh = self.location.admit(connection.id.as_str(), nonce, now + self.nonces.life());
            self.admitted(request, flow, &sender, fresh, now, out);
        } else if self.waiting.len() >= MOST_WAITING {
            self.reply(request, &flow, 503, b"", &[(Name::RetryAfter, b"5")], out);
        } else {
            let waiting = self.waiting.insert(Waiting { bytes: request.bytes().into(), flow, sender });
            let connection = connection.id.as_str().into();
            self.tell(home, ShardMessage::Admit { from: self.index, waiting, connection, nonce }, out);
        }
    }

    /// The sender's home answered.
    pub(crate) fn on_admitted(&mut self, waiting: Slot, fresh: bool, now: Timestamp, out: &mut Outbox) {
        let Some(Waiting { bytes, flow, sender }) = self.waiting.remove(waiting) else { return };
        let Ok(request) = Message::parse(&bytes) else { return };
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        // It may have come twice meanwhile.
        if self.transactions.recognise(&request, now, &mut sink).is_none() {
            self.admitted(&request, flow, &sender, fresh, now, out);
        }
    }

    fn admitted(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        sender: &Sender,
        fresh: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if fresh {
            self.serve_standalone(request, flow, sender, now, out);
            return;
        }
        let connection = sender.connection();
        let domain =
            connection.and_then(|c| c.domain.as_ref()).and_then(|id| self.tables.domain(id)).cloned();
        self.note_refusal(request, &flow, Reason::NonceReplayed, connection.map(|c| &**c), 407, now, out);
        self.challenge(request, &flow, domain.as_deref(), true, now, out);
    }

    fn serve_standalone(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        sender: &Sender,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        match request.method() {
            Method::Message => self.on_page(request, &flow, sender, now, out),
            Method::Publish => self.on_publish(request, &flow, sender, now, out),
            Method::Subscribe => self.on_subscribe(request, flow, sender, now, out),
            _ => {}
        }
    }

    /// The connection that a request is about.
    pub(crate) fn concerned(&self, sender: &Sender) -> Result<Arc<Connection>, Reason> {
        let parties = &sender.parties;
        let question = Question {
            called_user: &parties.called_user,
            called_host: &parties.called_host,
            presented: parties.proposal(),
            addressed: Addressed::Directly,
            at: None,
        };
        let decision = decide(&self.tables, &sender.caller, &question);
        match (decision.refused(), &decision.outcome) {
            // A user without a device can be watched; it is only never there.
            (Some(Reason::NothingAttached), _) => {
                let named = decision.candidates.first().and_then(|c| self.tables.connection(&c.connection));
                named.cloned().ok_or(Reason::UserNotKnown)
            }
            (Some(reason), _) => Err(reason),
            (None, Outcome::Ring(targets)) => {
                let local = targets.iter().find(|target| !target.outbound);
                local.map(|target| Arc::clone(&target.connection)).ok_or(Reason::UserNotKnown)
            }
            (None, Outcome::Run(attached)) => attached.connection.clone().ok_or(Reason::UserNotKnown),
            (
                None,
                Outcome::Serve(_)
                | Outcome::Divert(_)
                | Outcome::Feature(_)
                | Outcome::Challenge
                | Outcome::Refuse(_),
            ) => Err(Reason::UserNotKnown),
        }
    }

    /// Says 489, and what there is instead (RFC 6665 §4.2.1.3).
    pub(crate) fn reply_bad_event(&mut self, request: &Message<'_>, flow: &Flow, out: &mut Outbox) {
        self.reply(request, flow, 489, b"", &[(Name::AllowEvents, presence::ALLOW_EVENTS)], out);
    }

    /// A NOTIFY that belongs to no subscription: we have none (RFC 6665 §4.1.3).
    pub(crate) fn on_stray_notify(&mut self, request: &Message<'_>, flow: &Flow, out: &mut Outbox) {
        match Package::from_event(request.field(Name::Event).unwrap_or_default()) {
            Some(_) => self.reply(request, flow, 481, b"", &[], out),
            None => self.reply_bad_event(request, flow, out),
        }
    }

    /// The address of a user at the domain of a connection, or at ours.
    pub(crate) fn uri_at(&self, connection: Option<&Connection>, user: &str) -> Box<str> {
        let own = connection.and_then(|c| c.domain.as_ref()).and_then(|id| self.tables.domain(id));
        let host = own.or_else(|| self.tables.home_domain()).map_or("", |domain| domain.host.as_str());
        let at = if host.is_empty() { "" } else { "@" };
        format!("sip:{}{at}{host}", b2bua::escape_user(user)).into()
    }
}

impl Sender {
    /// The connection it is, if it is one.
    pub(crate) fn connection(&self) -> Option<&Arc<Connection>> {
        match &self.caller {
            Caller::Connection(connection, _) => Some(connection),
            Caller::Account(_) => None,
        }
    }

    /// The account on whose behalf it acts.
    pub(crate) fn account(&self) -> &AccountId {
        match &self.caller {
            Caller::Connection(connection, _) => &connection.account,
            Caller::Account(account) => &account.id,
        }
    }
}

/// Answers come in fractions of a millisecond: more at once is a flood.
const MOST_WAITING: usize = 10_000;
