//! REGISTER (RFC 3261 §10.3): who may bind what, and what becomes of it.

use std::sync::Arc;

use registrar::{BindingRow, Change, PushAsked, Rejection, WEB_PUSH, write_contacts};
use routing::config::{Connection, Domain, Kind, Transport};
use routing::identify::after_digest;
use routing::reason::Reason;
use routing::tables::Host;
use sip_msg::build::Writer;
use sip_msg::{Message, Name, NameAddr, Scheme, Uri};
use sip_stack::transport::{Flow, Protocol};
use timestamp::Timestamp;

use crate::control::{Event, Happening, RegistrationLogRow};
use crate::outbox::{Outbox, Output, Persist};
use crate::owner::ShardMessage;
use crate::prove::Proven;
use crate::sender::as_secure_as_asked;
use crate::shard::Shard;

impl Shard {
    pub(crate) fn on_register(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(to) = request.to_uri().filter(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips)) else {
            self.reply(request, flow, 400, b"To is no SIP address", &[], out);
            return;
        };
        let Some(domain) = self.registrar_domain(request, &to) else {
            self.refuse(request, flow, Reason::DomainNotOurs, None, now, out);
            return;
        };
        let user = to.plain_user();
        let connection =
            core::str::from_utf8(&user).ok().and_then(|user| self.tables.user(&domain.id, user)).cloned();
        // A PBX with two users has one home.
        if let Some(home) = connection.as_ref().map(|c| self.owners.home_of(c)).filter(|&h| h != self.index) {
            let message = ShardMessage::Registering { flow: *flow, bytes: request.as_bytes().into() };
            self.tell(home, message, out);
            return;
        }
        if self.must_wait(request, flow, connection.as_deref(), now, out) {
            return;
        }
        match self.prove(request, &domain.realm, connection.as_deref(), now) {
            Proven::Missing => self.challenge(request, flow, Some(&domain), false, now, out),
            Proven::Stale => self.challenge(request, flow, Some(&domain), true, now, out),
            Proven::Wrong => {
                let reason = if connection.is_some() { Reason::WrongPassword } else { Reason::UnknownUser };
                self.note_wrong(request, flow, connection.as_deref(), now, out);
                self.note_refusal(request, flow, reason, connection.as_deref(), 401, now, out);
                self.challenge(request, flow, Some(&domain), false, now, out);
            }
            Proven::Yes(used, label) => {
                let Some(connection) = &connection else { return };
                let keep_until = now + self.nonces.life();
                if !self.location.admit(connection.id.as_str(), used, keep_until) {
                    self.note_refusal(request, flow, Reason::NonceReplayed, Some(connection), 401, now, out);
                    self.challenge(request, flow, Some(&domain), true, now, out);
                    return;
                }
                self.note_right(connection, flow);
                self.register(request, flow, connection, label, now, out);
            }
        }
    }

    fn registrar_domain(&self, request: &Message<'_>, to: &Uri<'_>) -> Option<Arc<Domain>> {
        let named = core::str::from_utf8(to.host).ok().and_then(|host| self.tables.host(host));
        match (self.request_host(request)?, named) {
            (Host::Domain(domain), _) => Some(domain),
            (Host::Ours | Host::Trunk(_), Some(Host::Domain(domain))) => Some(domain),
            (Host::Ours | Host::Trunk(_), _) => self.tables.home_domain().cloned(),
        }
    }

    fn register(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        connection: &Arc<Connection>,
        label: &str,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let allowed =
            after_digest(connection, flow.remote.ip(), transport_of(flow.protocol)).and_then(|()| {
                let registers = matches!(connection.kind, Kind::Device | Kind::RegisterIn);
                if registers { self.certified(connection, flow) } else { Err(Reason::NothingAttached) }
            });
        let allowed = allowed.and_then(|()| as_secure_as_asked(request, flow));
        if let Err(reason) = allowed {
            self.refuse(request, flow, reason, Some(connection), now, out);
            return;
        }
        let bounds = self.bounds;
        let came_back = self.comes_another_way(connection.id.as_str(), flow, now);
        match self.location.register(connection.id.as_str(), request, flow, label, &bounds, now) {
            Ok(changes) => {
                self.confirm_registration(request, flow, connection, now, out);
                if came_back {
                    self.move_calls(connection.id.as_str(), flow, now, out);
                }
                let moved = changes.iter().any(|change| !matches!(change, Change::Refreshed(_)));
                for change in changes {
                    self.keep_binding(change, connection, now, out);
                }
                if moved {
                    self.contacts_changed(connection.id.as_str(), now, out);
                    self.tell_phones(connection, now, out);
                }
            }
            Err(Rejection::Malformed(text)) => self.reply(request, flow, 400, text.as_bytes(), &[], out),
            Err(Rejection::TooBrief(min)) => {
                let min = min.to_string();
                self.reply(request, flow, 423, b"", &[(Name::MinExpires, min.as_bytes())], out);
            }
            Err(Rejection::OutOfOrder) => self.reply(request, flow, 500, b"CSeq out of order", &[], out),
            Err(Rejection::PushUnknown) => {
                self.reply(request, flow, 555, b"Push Notification Service Not Supported", &[], out);
            }
            Err(Rejection::TooMany) => self.reply(request, flow, 403, b"Too many contacts", &[], out),
        }
    }

    /// Whether a connection that takes part in calls registers over a stream that none of its contacts has.
    fn comes_another_way(&self, connection: &str, flow: &Flow, now: Timestamp) -> bool {
        let has = |row: &&BindingRow| (row.listener, row.stream) == (flow.listener, flow.stream);
        flow.stream != 0
            && !self.places.calls(connection).is_empty()
            && !self.location.of(connection, now).iter().any(has)
    }

    /// What is said within dialogs of this device takes the way of its registration, and a call that woke it rings it.
    fn move_calls(&mut self, connection: &str, flow: &Flow, now: Timestamp, out: &mut Outbox) {
        let holders: Vec<_> = self.places.calls(connection).iter().map(|place| place.holder).collect();
        let has = |row: &&BindingRow| (row.listener, row.stream) == (flow.listener, flow.stream);
        let rows: Vec<BindingRow> =
            self.location.of(connection, now).into_iter().filter(has).cloned().collect();
        for binding in rows {
            for (shard, call) in &holders {
                let binding = Box::new(binding.clone());
                self.tell(*shard, ShardMessage::Moved { call: *call, binding, flow: *flow }, out);
            }
        }
    }

    fn confirm_registration(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        connection: &Connection,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let outbound = request.has_token(Name::Supported, b"outbound");
        self.reply_with(request, flow, 200, b"", out, |shard, writer| {
            let rows = shard.location.of(connection.id.as_str(), now);
            write_contacts(&rows, now, writer);
            if request.has_token(Name::Supported, b"path") {
                writer.copy(request, Name::Path);
            }
            shard.write_push(request, writer);
            if outbound && rows.iter().any(|row| row.instance.contains('#')) {
                writer.field(Name::Require, b"outbound");
            }
        });
    }

    /// Which push service there is, for who asks or uses it (RFC 8599 §4.1, §9; RFC 8292 for the key).
    fn write_push(&self, request: &Message<'_>, writer: &mut Writer<'_>) {
        let asks = |contact: NameAddr<'_>| {
            Uri::parse(contact.uri).is_some_and(|uri| PushAsked::of(&uri) != PushAsked::No)
        };
        if request.values(Name::Contact).filter_map(NameAddr::parse).any(asks) {
            let parts: [&[u8]; 5] =
                [b"*;+sip.pns=\"", WEB_PUSH.as_bytes(), b"\";+sip.vapid=\"", self.vapid.as_bytes(), b"\""];
            writer.named(b"Feature-Caps", &parts.concat());
        }
    }

    /// Bindings whose time is over.
    pub(crate) fn expire_bindings(&mut self, now: Timestamp, out: &mut Outbox) {
        let mut gone = Vec::new();
        self.location.on_timer(now, &mut gone);
        self.tell_gone(gone, now, out);
    }

    /// A stream is closed: contacts that lived by it cannot be reached any more (RFC 5626 §5.3).
    pub(crate) fn unbind_stream(&mut self, flow: &Flow, now: Timestamp, out: &mut Outbox) {
        let mut gone = Vec::new();
        self.location.unbind_stream(flow.listener, flow.stream, &mut gone);
        self.tell_gone(gone, now, out);
    }

    pub(crate) fn tell_gone(&mut self, gone: Vec<Change>, now: Timestamp, out: &mut Outbox) {
        for change in gone {
            let Change::Removed { connection, .. } = &change else { continue };
            self.contacts_changed(connection, now, out);
            match self.tables.connection_by_text(connection).cloned() {
                Some(row) => self.keep_binding(change, &row, now, out),
                None => {
                    if let Change::Removed { connection, contact, .. } = change {
                        out.outputs.push(Output::Persist(Persist::BindingGone { connection, contact }));
                    }
                }
            }
        }
    }

    /// What a change of bindings means to the disk, to listeners and to whoever watches.
    fn keep_binding(&mut self, change: Change, connection: &Connection, now: Timestamp, out: &mut Outbox) {
        let account = Arc::clone(&connection.account.0);
        match change {
            Change::Added(row) => {
                let what = added(&row);
                out.outputs
                    .push(Output::Persist(Persist::RegistrationLog(Box::new(log_of(&row, connection)))));
                out.outputs.push(Output::Persist(Persist::Binding(row)));
                out.outputs.push(Output::Announce(Event { at: now, account, what }));
            }
            Change::Refreshed(row) => out.outputs.push(Output::Persist(Persist::Binding(row))),
            Change::Replaced { connection, contact } => {
                out.outputs.push(Output::Persist(Persist::BindingGone { connection, contact }));
            }
            Change::Removed { connection: id, contact, expired } => {
                let log = RegistrationLogRow {
                    at: now,
                    connection: id.clone(),
                    account: (&*account).into(),
                    direction: "in",
                    event: if expired { "expired" } else { "unregistered" },
                    code: 0,
                    reason: Box::default(),
                    target: Box::default(),
                    contact: contact.clone(),
                    expires_s: 0,
                    elapsed_ms: 0,
                };
                out.outputs.push(Output::Persist(Persist::RegistrationLog(Box::new(log))));
                let gone = Persist::BindingGone { connection: id.clone(), contact: contact.clone() };
                out.outputs.push(Output::Persist(gone));
                let what = Happening::RegistrationRemoved { connection: id, contact, expired };
                out.outputs.push(Output::Announce(Event { at: now, account, what }));
            }
        }
        if connection.kind == Kind::RegisterIn {
            self.attend_watch(&connection.id, now, out);
            self.judge(&connection.id, now, out);
        }
    }
}

/// The configuration's word for a protocol.
pub(crate) fn transport_of(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
        Protocol::Tls => Transport::Tls,
        Protocol::Ws => Transport::Ws,
        Protocol::Wss => Transport::Wss,
    }
}

/// A contact that registered for the first time, for the log.
fn log_of(row: &BindingRow, connection: &Connection) -> RegistrationLogRow {
    RegistrationLogRow {
        at: row.since,
        connection: row.connection.clone(),
        account: connection.account.as_str().into(),
        direction: "in",
        event: "registered",
        code: 200,
        reason: Box::default(),
        target: format!("{}:{}", row.transport, row.source).into(),
        contact: row.contact.clone(),
        // The row is kept longer than it was granted.
        expires_s: 0,
        elapsed_ms: 0,
    }
}

fn added(row: &BindingRow) -> Happening {
    Happening::RegistrationAdded {
        connection: row.connection.clone(),
        contact: row.contact.clone(),
        source: row.source,
    }
}
