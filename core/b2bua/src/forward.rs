//! Requests that one leg carries to the other, and the answers that come back.
//!
//! RFC 7092 §3.1.2: each leg has its own transaction; the asking one stays open until the other is answered.

use sip_msg::build::answer;
use sip_msg::{Message, Method, Name};
use sip_stack::Slot;
use sip_stack::dialog::SessionTimer;

use crate::call::{Call, FORWARD, Forward};
use crate::leg::{SUPPORTED_WITHIN, write_ourselves};
use crate::means::Means;
use crate::passthrough::copy_headers;
use crate::talk::{InDialog, respond, stamp_of};
use crate::usage::{InviteUsage, UpdateUsage};

impl Call {
    /// Passes a request to the other leg; its answer will be the answer here.
    pub(crate) fn forward(&mut self, event: InDialog<'_, '_>, method: &[u8], means: &mut Means<'_>) {
        let slot = self.slot;
        let request = event.request;
        let Some((from, to)) = self.pair(event.leg) else {
            respond(&event, 200, &[], means);
            return;
        };
        let strip = [from.connection.as_deref(), to.connection.as_deref()].map(|c| c.map(ToOwned::to_owned));
        let client = to.request(method, slot, FORWARD, means, &mut |mut writer| {
            copy_headers(request, &mut writer, [strip[0].as_ref(), strip[1].as_ref()]);
            if let Some(package) = request.named(b"Info-Package") {
                writer.named(b"Info-Package", package);
            }
            match (request.field(Name::ContentType), request.body()) {
                (Some(kind), body) if !body.is_empty() => writer.body(kind, body),
                _ => writer.end(),
            }
        });
        self.forwards.push(Forward::of(&event, Some(client)));
    }

    pub(crate) fn on_forwarded_response(
        &mut self,
        client: Slot,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        if response.code() < 200 {
            return;
        }
        let Some(forward) = self.take_forward(client) else { return };
        if forward.ends_dialog() {
            self.on_update_response(forward, response, means);
            return;
        }
        let kind = response.content_type().map(<[u8]>::to_vec);
        let body = response.body().to_vec();
        let (code, _) = crate::failure::relayed(response.code());
        let carried = kind.as_deref().zip((!body.is_empty()).then_some(body.as_slice()));
        self.answer_forward(&forward, code, carried, means);
    }

    pub(crate) fn take_forward(&mut self, client: Slot) -> Option<Forward> {
        let index = self.forwards.iter().position(|f| f.client == Some(client))?;
        Some(self.forwards.remove(index))
    }

    /// Gives the other leg's answer to the request that waits for it.
    pub(crate) fn answer_forward(
        &mut self,
        forward: &Forward,
        code: u16,
        body: Option<(&[u8], &[u8])>,
        means: &mut Means<'_>,
    ) {
        if let (300.., Some(before)) = (code, &forward.before)
            && let Some((asking, other)) = self.pair(forward.leg)
        {
            before.restore(asking, other);
        }
        let Ok(request) = Message::parse(&forward.request) else { return };
        let invite = request.method() == Method::Invite;
        let refreshes = invite || request.method() == Method::Update;
        let shown = means.shown(&forward.flow);
        let flow = forward.flow;
        let sips = self.wants_sips(forward.leg);
        let agreement = if code < 300 { self.agreement(forward.leg, &request) } else { None };
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(forward.server, code, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, &request, code, b"", b"", forward.stamp);
            crate::session_id::write_answer(&request, &mut writer);
            if refreshes && code < 300 {
                write_ourselves(&mut writer, &flow, &shown, sips, SUPPORTED_WITHIN);
            }
            if let Some(agreement) = &agreement {
                SessionTimer::write_answer(agreement, &mut writer);
            }
            match body {
                Some((kind, body)) => writer.body(kind, body),
                None => writer.end(),
            }
        });
        self.start_timer(forward.leg, agreement, means);
        let Some(leg) = self.leg_mut(forward.leg) else { return };
        if !invite {
            if forward.ends_dialog() {
                leg.update = UpdateUsage::Idle;
            }
            return;
        }
        leg.usage = InviteUsage::Idle;
        if sent && code < 300 {
            let ok = means.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.answering(forward.leg, ok, request.cseq().map_or(0, |(number, _)| number), means);
        }
    }
}

impl Forward {
    pub(crate) fn of(event: &InDialog<'_, '_>, client: Option<Slot>) -> Self {
        Self {
            client,
            server: event.server,
            leg: event.leg,
            flow: event.flow,
            stamp: stamp_of(event),
            request: event.request.bytes().to_vec(),
            before: None,
        }
    }
}
