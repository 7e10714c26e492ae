//! A message that came in: whose it is, whether it was seen before, and which file serves it.

use b2bua::{Call, InDialog};
use routing::policy::is_service_for_help;
use sip_msg::{Message, Method, Name, Scheme, scan};
use sip_stack::Slot;
use sip_stack::transaction::Received;
use sip_stack::transport::{Flow, response_flow};
use timestamp::Timestamp;

use crate::outbox::{Outbox, Output};
use crate::owner::ShardMessage;
use crate::shard::{Shard, Sink};

impl Shard {
    /// A datagram or a framed message: finds the owner, then serves it or passes it on.
    pub(crate) fn on_message(&mut self, flow: Flow, bytes: &[u8], now: Timestamp, out: &mut Outbox) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        if self.owners.shards() > 1 {
            let Some(scanned) = scan(bytes) else {
                self.counts.malformed += 1;
                return;
            };
            let shard = self.owners.of(&scanned);
            if shard != self.index {
                let message = ShardMessage::Forwarded { flow, bytes: bytes.into() };
                out.outputs.push(Output::ToShard { shard, message });
                return;
            }
        }
        self.on_own_message(flow, bytes, now, out);
    }

    /// A message that belongs to this shard.
    pub(crate) fn on_own_message(&mut self, flow: Flow, bytes: &[u8], now: Timestamp, out: &mut Outbox) {
        if let Some(tap) = &mut self.tap {
            tap.received(now, &flow, bytes);
        }
        let Ok(message) = Message::parse(bytes) else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.received(&message);
        self.on_sign_of_life(flow.remote, now, out);
        if message.is_request() {
            self.on_request(&message, flow, now, out);
        } else {
            let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
            if let Some(event) = self.transactions.on_response(&message, now, &mut sink) {
                self.on_client_event(event, Some(&message), now, out);
            }
        }
    }

    fn on_request(&mut self, request: &Message<'_>, flow: Flow, now: Timestamp, out: &mut Outbox) {
        let method = request.method();
        if let Some(defect) = request.defect() {
            self.counts.malformed += 1;
            if method != Method::Ack {
                self.reply(request, &flow, defect.code, phrase(defect.code, defect.text), &[], out);
            }
            return;
        }
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        match self.transactions.recognise(request, now, &mut sink) {
            Some(Received::Retransmission | Received::Absorbed | Received::New(_)) => return,
            Some(Received::Merged) => {
                self.reply(request, &flow, 482, b"", &[], out);
                return;
            }
            Some(Received::Ack) => {
                self.on_ack(request, now, out);
                return;
            }
            None => {}
        }
        if method == Method::Cancel {
            self.on_cancel(request, &flow, self.index, now, out);
            return;
        }
        if !self.understood(request, &flow, out) {
            return;
        }
        let to_tag = request.to().and_then(|to| to.tag());
        match (to_tag, method) {
            (Some(tag), _) => self.on_in_dialog(request, tag, flow, now, out),
            (None, Method::Register) => self.on_register(request, &flow, now, out),
            (None, Method::Options) => self.on_options(request, &flow, now, out),
            (None, Method::Invite) => self.on_invite(request, flow, now, out),
            (None, Method::Message | Method::Publish | Method::Subscribe) => {
                self.on_standalone(request, flow, now, out);
            }
            (None, Method::Refer) => self.on_stray_refer(request, &flow, now, out),
            (None, Method::Notify) => self.on_stray_notify(request, &flow, out),
            (None, _) => self.on_other(request, &flow, out),
        }
    }

    /// Scheme, extensions and methods that nobody here understands (RFC 3261 §8.2.1, §8.2.2).
    fn understood(&mut self, request: &Message<'_>, flow: &Flow, out: &mut Outbox) -> bool {
        if request.method() == Method::Unknown {
            self.reply(request, flow, 501, b"", &[(Name::Allow, b2bua::ALLOW)], out);
            return false;
        }
        let known = request.parsed_uri().is_some_and(|uri| match uri.scheme {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => true,
            Scheme::Other => request.method() == Method::Invite && is_service_for_help(request.uri()),
        });
        if !known {
            self.reply(request, flow, 416, b"", &[], out);
            return false;
        }
        let mut unsupported = Vec::new();
        for value in request.values(Name::Require).chain(request.values(Name::ProxyRequire)) {
            if !value.is_empty() && !SUPPORTED.iter().any(|tag| tag.eq_ignore_ascii_case(value)) {
                if !unsupported.is_empty() {
                    unsupported.extend_from_slice(b", ");
                }
                unsupported.extend_from_slice(value);
            }
        }
        if !unsupported.is_empty() {
            self.reply(request, flow, 420, b"", &[(Name::Unsupported, &unsupported)], out);
            return false;
        }
        true
    }

    fn on_ack(&mut self, ack: &Message<'_>, now: Timestamp, out: &mut Outbox) {
        let Some((slot, leg)) = ack.to().and_then(|to| self.dialog_of(ack, to.tag()?)) else { return };
        self.with_call(slot, now, out, |call, means| call.on_ack(leg, ack, means));
    }

    /// A CANCEL does not say Replaces, so its INVITE may be with another shard than it came to: all are asked in turn,
    /// and the last one knows of no such INVITE.
    fn on_cancel_elsewhere(&mut self, cancel: &Message<'_>, flow: &Flow, home: u8, out: &mut Outbox) {
        let shard = (self.index + 1) % self.owners.shards();
        if shard == home {
            self.reply(cancel, flow, 481, b"", &[], out);
            return;
        }
        let message = ShardMessage::Cancel { home, flow: *flow, bytes: cancel.bytes().into() };
        out.outputs.push(Output::ToShard { shard, message });
    }

    /// A CANCEL whose INVITE is not with the shard it came to first.
    pub(crate) fn on_cancel(
        &mut self,
        cancel: &Message<'_>,
        flow: &Flow,
        home: u8,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some((server, user)) = self.transactions.cancelled_by(cancel) else {
            self.on_cancel_elsewhere(cancel, flow, home, out);
            return;
        };
        let tag = user.map(|slot| self.own_tag(slot));
        let tag = tag.as_ref().map_or(b"".as_slice(), |tag| tag.as_ref());
        crate::reply::reply_tagged(cancel, flow, 200, tag, out);
        if let Some(slot) = user {
            self.with_call(slot, now, out, |call, means| call.on_cancel_of(server, cancel, means));
        }
    }

    /// A request within a dialog: found by our tag, checked by theirs and by Call-ID.
    fn on_in_dialog(
        &mut self,
        request: &Message<'_>,
        tag: &[u8],
        flow: Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if let Some((shard, slot)) = self.owners.subscription(tag) {
            self.on_subscribed(slot, shard, request, flow, now, out);
            return;
        }
        let Some((slot, leg)) = self.dialog_of(request, tag) else {
            // A BYE that crosses ours finds the call gone; our own tag proves that there was one (RFC 3261 §15.1.2).
            let gone = self.owners.leg(tag).is_some_and(|(shard, slot, _)| {
                shard == self.index && self.calls.get(slot).is_none_or(Call::has_ended)
            });
            let code = if gone && request.method() == Method::Bye { 200 } else { 481 };
            self.reply(request, &flow, code, b"", &[], out);
            return;
        };
        let answers = request.via().map_or(flow, |via| response_flow(&via, &flow));
        let server = self.transactions.open(request, answers);
        self.transactions.set_user(server, slot);
        self.with_call(slot, now, out, |call, means| {
            call.on_request(InDialog { leg, request, server, flow }, means);
        });
    }

    fn dialog_of(&self, request: &Message<'_>, tag: &[u8]) -> Option<(Slot, u8)> {
        let (shard, slot, leg) = self.owners.leg(tag)?;
        let theirs = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let call: &Call = self.calls.get(slot).filter(|_| shard == self.index)?;
        call.owns(leg, request.call_id(), theirs).then_some((slot, leg))
    }

    fn own_tag(&self, slot: Slot) -> sip_msg::token::Token {
        let key = sip_msg::token::Key {
            shard: self.index,
            kind: b2bua::LEG_KIND,
            slot: slot.index,
            generation: slot.generation,
        };
        self.mint.token(key)
    }

    /// Answered to anybody; strangers only so often.
    fn on_options(&mut self, request: &Message<'_>, flow: &Flow, now: Timestamp, out: &mut Outbox) {
        let source = flow.remote.ip();
        let known = source.is_loopback() || self.tables.by_source(source).next().is_some();
        if !known && !self.throttle.admits(source, now) {
            return;
        }
        let fields: &[(Name, &[u8])] = &[
            (Name::Allow, b2bua::ALLOW),
            (Name::AllowEvents, presence::ALLOW_EVENTS),
            (Name::Accept, b"application/sdp"),
            (Name::Supported, b2bua::SUPPORTED),
            (Name::Supported, b"path, outbound"),
        ];
        self.reply(request, flow, 200, b"", fields, out);
    }

    /// A REFER outside of dialogs: whoever it is from, calls are handed over within them only.
    fn on_stray_refer(&mut self, request: &Message<'_>, flow: &Flow, now: Timestamp, out: &mut Outbox) {
        if self.sender(request, flow, now, out).is_some() {
            self.reply(request, flow, 403, b"", &[], out);
        }
    }

    fn on_other(&mut self, request: &Message<'_>, flow: &Flow, out: &mut Outbox) {
        let ours = self.request_host(request).is_some();
        let dialog_only =
            matches!(request.method(), Method::Bye | Method::Info | Method::Prack | Method::Update);
        let code = match (ours, dialog_only) {
            (_, true) => 481,
            (false, false) => 404,
            (true, false) => 405,
        };
        self.reply(request, flow, code, b"", &[(Name::Allow, b2bua::ALLOW)], out);
    }

    /// What the host of the Request-URI means, if it is ours.
    pub(crate) fn request_host(&self, request: &Message<'_>) -> Option<routing::tables::Host> {
        let uri = request.parsed_uri()?;
        self.tables.host(core::str::from_utf8(uri.host).ok()?)
    }
}

fn phrase(code: u16, text: &'static str) -> &'static [u8] {
    if code == 400 { text.as_bytes() } else { b"" }
}

/// Extensions that may be required of us.
const SUPPORTED: [&[u8]; 6] = [b"path", b"outbound", b"timer", b"replaces", b"norefersub", b"100rel"];
