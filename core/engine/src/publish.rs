//! PUBLISH (RFC 3903): what a user's devices say of its presence. Only the user itself may, and only presence.

use presence::{Package, Refused, Request};
use sip_msg::{Message, Name, answer};
use sip_stack::transport::{Flow, response_flow, stamp};
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::sender::Sender;
use crate::shard::{Shard, Sink};

impl Shard {
    /// A PUBLISH of somebody who is known.
    pub(crate) fn on_publish(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        sender: &Sender,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let event = request.field(Name::Event).unwrap_or_default();
        if Package::from_event(event) != Some(Package::Presence) {
            self.reply(request, flow, 489, b"", &[(Name::AllowEvents, b"presence")], out);
            return;
        }
        let user = match self.concerned(sender) {
            Ok(user) if sender.connection().is_some_and(|own| own.id == user.id) => user,
            Ok(_) => {
                self.reply(request, flow, 403, b"Publish for yourself only", &[], out);
                return;
            }
            Err(reason) => {
                self.reply_reason(request, flow, reason, true, out);
                return;
            }
        };
        let kind = Package::Presence.content_type().as_bytes();
        if !request.body().is_empty() && request.content_type().is_none_or(|t| !t.eq_ignore_ascii_case(kind))
        {
            self.reply(request, flow, 415, b"", &[(Name::Accept, kind)], out);
            return;
        }
        if request.body().len() > LONGEST {
            self.reply(request, flow, 413, b"", &[], out);
            return;
        }
        let etag = self.random.hex();
        let etag = core::str::from_utf8(etag.get(..16).unwrap_or_default()).unwrap_or_default();
        let publication = Request {
            matching: request.field(Name::SipIfMatch),
            expires: request.expires(),
            document: request.body(),
        };
        match self.publications.publish(user.id.as_str(), &publication, etag, now) {
            Ok(published) => {
                self.confirm_publication(request, flow, etag, published.lifetime.as_secs(), now, out);
                if published.changed {
                    self.publication_changed(user.id.as_str(), now, out);
                }
            }
            Err(Refused::Malformed(text)) => self.reply(request, flow, 400, text.as_bytes(), &[], out),
            Err(Refused::NoMatch) => self.reply(request, flow, 412, b"", &[], out),
            Err(Refused::TooBrief(least)) => self.reply_too_brief(request, flow, least, out),
        }
    }

    /// Answers in a transaction: the same PUBLISH again must not publish again.
    fn confirm_publication(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        etag: &str,
        lifetime_s: u64,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(via) = request.via() else { return };
        let tag = self.stateless_tag(request);
        let server = self.transactions.open(request, response_flow(&via, flow));
        let mut sink = Sink { outbox: out, wheel: &mut self.wheel };
        self.transactions.respond(server, 200, now, &mut sink, &mut |buffer| {
            let mut writer = answer(buffer, request, 200, b"", &tag, stamp(&via, flow.remote));
            writer.field(Name::SipEtag, etag.as_bytes()).number(Name::Expires, lifetime_s);
            writer.end();
        });
    }

    /// Publications whose time is over.
    pub(crate) fn expire_publications(&mut self, now: Timestamp, out: &mut Outbox) {
        for user in self.publications.on_timer(now) {
            self.publication_changed(&user, now, out);
        }
    }

    fn publication_changed(&mut self, user: &str, now: Timestamp, out: &mut Outbox) {
        self.state_changed(user, &[Package::Presence], now, out);
    }
}

/// A document of a phone has some hundred octets.
const LONGEST: usize = 8192;
