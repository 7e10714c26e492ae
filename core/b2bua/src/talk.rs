//! The established call: requests within its dialogs, what crosses to the other leg and what is settled here.
//!
//! RFC 3261 §12.2, §14 (re-INVITE, glare), §15 (BYE), RFC 6086 (INFO). The answer to every request is the
//! other leg's, unless the request changes nothing there.

use core::time::Duration;

use sip_msg::build::{Writer, answer};
use sip_msg::{Message, Method, Name, ViaStamp};
use sip_stack::dialog::Order;
use sip_stack::timer::Timer;
use sip_stack::transport::{Flow, stamp};
use sip_stack::{Slot, User};

use routing::reason::Reason;

use crate::anchor;
use crate::call::{Call, FORWARD, Forward, Phase, timers};
use crate::leg::{ALLOW, Leg, contact};
use crate::means::Means;
use crate::passthrough::copy_headers;
use crate::record::EndedBy;
use crate::usage::{AckTimer, InviteUsage};

/// A request within a dialog of this call.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a bundle of borrows")]
pub struct InDialog<'a, 'm> {
    /// The leg whose peer sent it.
    pub leg: u8,
    /// The request.
    pub request: &'a Message<'m>,
    /// Its transaction.
    pub server: Slot,
    /// How it came.
    pub flow: Flow,
}

impl Call {
    /// A request within a dialog.
    pub fn on_request(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let request = event.request;
        if request.method() == Method::Bye {
            self.on_bye(event, means);
            return;
        }
        let ended = self.has_ended();
        let Some(leg) = self.leg_mut(event.leg).filter(|_| !ended) else {
            respond(&event, 481, &[], means);
            return;
        };
        if leg.dialog.on_request(request) == Order::OutOfOrder {
            respond(&event, 500, &[], means);
            return;
        }
        if event.flow.protocol.is_reliable() {
            leg.dialog.flow = event.flow;
        }
        match request.method() {
            Method::Invite => self.on_reinvite(event, means),
            Method::Info => self.forward(event, b"INFO", means),
            Method::Options => respond(&event, 200, &[(Name::Allow, ALLOW)], means),
            _ => respond(&event, 405, &[(Name::Allow, ALLOW)], means),
        }
    }

    /// An ACK for a 2xx of ours.
    pub fn on_ack(&mut self, leg: u8, ack: &Message<'_>, means: &mut Means<'_>) {
        let number = ack.cseq().map_or(0, |(number, _)| number);
        let Some(answered) = self.leg_mut(leg) else {
            self.on_late_ack(leg, means);
            return;
        };
        let InviteUsage::Answering { cseq, .. } = answered.usage else { return };
        if cseq != number {
            return;
        }
        answered.usage = InviteUsage::Idle;
        if self.has_ended() {
            self.on_late_ack(leg, means);
            return;
        }
        if !ack.body().is_empty() {
            self.on_delayed_answer(leg, ack.body(), means);
        }
    }

    /// An answer to a request of ours within an established dialog.
    pub fn on_response(
        &mut self,
        transaction: Slot,
        purpose: u8,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        if purpose == FORWARD {
            self.on_forwarded_response(transaction, response, means);
            return;
        }
        let talking = matches!(&self.phase, Phase::Talking { callee } if purpose == 0
            || callee.as_ref().is_some_and(|leg| leg.number == purpose));
        if talking {
            self.on_reinvite_response(purpose, response, means);
        } else {
            self.on_branch_response(purpose, response, means);
        }
    }

    /// A request of ours had no answer.
    pub fn on_timeout(&mut self, transaction: Slot, purpose: u8, means: &mut Means<'_>) {
        if purpose == FORWARD {
            if let Some(forward) = self.take_forward(transaction) {
                self.answer_forward(&forward, 408, None, means);
            }
            return;
        }
        let asking = self.leg_mut(purpose).is_some_and(|leg| matches!(leg.usage, InviteUsage::Asking { .. }));
        if asking && matches!(self.phase, Phase::Talking { .. }) {
            // RFC 3261 §14.1: no answer to a re-INVITE ends the dialog.
            self.hang_up(Reason::NoAnswer, EndedBy::System, means);
        } else {
            self.on_branch_timeout(purpose, means);
        }
    }

    /// A timer of this call fired.
    pub fn on_timer(&mut self, number: u8, means: &mut Means<'_>) {
        match number {
            timers::RING => self.on_ring_timer(means),
            timers::ALIVE => self.on_alive_timer(means),
            timers::DURATION => self.on_duration_timer(means),
            timers::USAGE => self.on_usage_timer(means),
            timers::LINGER => self.on_linger_timer(means),
            _ => {}
        }
    }

    /// The leg with this number, if its dialog is confirmed or confirming.
    pub(crate) fn leg_mut(&mut self, number: u8) -> Option<&mut Leg> {
        if number == 0 {
            return (!matches!(self.phase, Phase::Over)
                || matches!(self.caller.usage, InviteUsage::Answering { .. }))
            .then_some(&mut self.caller);
        }
        match &mut self.phase {
            Phase::Talking { callee: Some(leg) } if leg.number == number => Some(leg),
            _ => None,
        }
    }

    /// Both legs: the one with this number, then the other.
    fn pair(&mut self, number: u8) -> Option<(&mut Leg, &mut Leg)> {
        let Phase::Talking { callee: Some(callee) } = &mut self.phase else { return None };
        if number == 0 { Some((&mut self.caller, callee)) } else { Some((callee, &mut self.caller)) }
    }

    /// Keeps a 2xx of ours until its ACK.
    pub(crate) fn answering(&mut self, leg: u8, ok: Vec<u8>, cseq: u32, means: &mut Means<'_>) {
        let late = self.leg_mut(leg).map(|leg| {
            leg.usage = InviteUsage::answering(ok, cseq, means.now);
            leg.usage.next_timeout()
        });
        if let Some(at) = late.flatten() {
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::USAGE));
        }
    }

    pub(crate) fn arm_duration(&mut self, means: &mut Means<'_>) {
        if let Some(seconds) = self.max_duration_s(means) {
            let at = means.now + Duration::from_secs(u64::from(seconds));
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::DURATION));
        }
    }

    fn max_duration_s(&self, means: &Means<'_>) -> Option<u32> {
        let limits = [self.connection_in(), self.connection_out()];
        let of_connections = limits.into_iter().flatten().filter_map(|c| c.limits.max_duration_s);
        let account = self.account().and_then(|id| means.tables.account(id));
        let of_account = account.and_then(|a| a.limits.max_duration_s);
        let of_all = means.tables.limits().and_then(|l| l.max_duration_s);
        of_connections.chain(of_account).chain(of_all).min()
    }

    fn on_duration_timer(&mut self, means: &mut Means<'_>) {
        let Some(answered) = self.times.answered else { return };
        let due =
            self.max_duration_s(means).is_some_and(|s| means.now.since(answered).as_secs() >= u64::from(s));
        if due {
            self.hang_up(Reason::TooLong, EndedBy::System, means);
        }
    }

    fn on_bye(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let known = self.leg_mut(event.leg).is_some();
        respond(&event, if known { 200 } else { 481 }, &[], means);
        if !known {
            return;
        }
        if let Some(leg) = self.leg_mut(event.leg) {
            leg.usage = InviteUsage::Idle;
        }
        let by = if event.leg == 0 { EndedBy::Caller } else { EndedBy::Callee };
        let reason = event.request.field(Name::Reason).map(<[u8]>::to_vec);
        self.ended_by_peer(event.leg, by, reason, means);
    }

    fn on_reinvite(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let request = event.request;
        let slot = self.slot;
        let Some(leg) = self.leg_mut(event.leg) else { return };
        match leg.usage {
            InviteUsage::Asking { .. } | InviteUsage::Waiting { .. } => {
                respond(&event, 491, &[], means);
                return;
            }
            InviteUsage::Asked => {
                respond(&event, 500, &[(Name::RetryAfter, b"3")], means);
                return;
            }
            // The ACK of our last 2xx is missing, but a new INVITE proves that it arrived.
            InviteUsage::Answering { .. } | InviteUsage::Idle => {}
        }
        leg.dialog.refresh_target(request);
        if request.body().is_empty() || anchor::unchanged(request.body(), leg) {
            let body = leg.media.sent.clone();
            self.accept_reinvite(event.leg, event.server, &event, &body, means);
            return;
        }
        leg.usage = InviteUsage::Asked;
        let Some((asking, other)) = self.pair(event.leg) else {
            self.reinvite_service(event, means);
            return;
        };
        if !matches!(other.usage, InviteUsage::Idle) {
            asking.usage = InviteUsage::Idle;
            respond(&event, 491, &[], means);
            return;
        }
        respond(&event, 100, &[], means);
        match anchor::pass(request.body(), asking, other, slot, means) {
            Ok(body) => {
                let client = send_reinvite(slot, other, &body, means);
                let cseq = other.dialog.local_cseq;
                other.usage = InviteUsage::Asking { client, cseq };
                self.forwards.push(Forward::of(&event, client));
            }
            Err(reason) => {
                asking.usage = InviteUsage::Idle;
                refuse_in_dialog(&event, reason, means);
            }
        }
    }

    /// A re-INVITE to ourselves: the echo follows its caller.
    fn reinvite_service(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let keep = |media: &sdp::Media<'_>| media.port != 0;
        let answered =
            anchor::answer_ourselves(event.request.body(), &mut self.caller, self.slot, &keep, means);
        match answered {
            Ok(body) => self.accept_reinvite(event.leg, event.server, &event, &body, means),
            Err(reason) => {
                self.caller.usage = InviteUsage::Idle;
                refuse_in_dialog(&event, reason, means);
            }
        }
    }

    fn accept_reinvite(
        &mut self,
        leg: u8,
        server: Slot,
        event: &InDialog<'_, '_>,
        body: &[u8],
        means: &mut Means<'_>,
    ) {
        let flow = event.flow;
        let shown = means.shown(&flow);
        let our_contact = contact(&flow, &shown);
        let cseq = event.request.cseq().map_or(0, |(number, _)| number);
        let stamp = stamp_of(event);
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(server, 200, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, event.request, 200, b"", b"", stamp);
            writer.field(Name::Contact, our_contact.as_bytes()).field(Name::Allow, ALLOW);
            finish(writer, body);
        });
        if sent {
            let ok = means.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.answering(leg, ok, cseq, means);
        }
    }

    fn on_reinvite_response(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(number) else { return };
        let code = response.code();
        let InviteUsage::Asking { client, cseq } = leg.usage else {
            // A 2xx that came again, or another branch of a fork downstream.
            if (200..300).contains(&code) {
                on_stray_2xx(leg, slot, response, means);
            }
            return;
        };
        if code < 200 {
            return;
        }
        if self.forwards.iter().all(|f| f.client != client) {
            // The 2xx of a call set up without an offer, repeated: its ACK waits for the caller's.
            return;
        }
        let Some(leg) = self.leg_mut(number) else { return };
        leg.usage = InviteUsage::Idle;
        match code {
            200..=299 => {
                leg.dialog.refresh_target(response);
                leg.acknowledge(cseq, None, means);
                self.reinvite_accepted(number, client, response, means);
            }
            491 => {
                // RFC 3261 §14.1: we made the callee's Call-ID, the caller made its own.
                let wait =
                    if number == 0 { means.random.below(2000) } else { 2100 + means.random.below(1900) };
                let until = means.now + Duration::from_millis(wait - wait % 10);
                leg.usage = InviteUsage::Waiting { until };
                means.out.arm(until, Timer::User(User::Call(slot), timers::USAGE));
            }
            408 | 481 => {
                self.reinvite_refused(client, response, means);
                self.hang_up(Reason::PeerFailed, EndedBy::System, means);
            }
            _ => self.reinvite_refused(client, response, means),
        }
    }

    fn reinvite_accepted(&mut self, number: u8, client: Slot, response: &Message<'_>, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(forward) = self.take_forward(client) else { return };
        let Some((answering, asking)) = self.pair(number) else { return };
        let body = anchor::pass(response.body(), answering, asking, slot, means);
        anchor::connect(asking, answering, true, means);
        match body {
            Ok(body) => self.answer_forward(&forward, 200, Some((b"application/sdp", &body)), means),
            Err(_) => self.answer_forward(&forward, 488, None, means),
        }
    }

    fn reinvite_refused(&mut self, client: Slot, response: &Message<'_>, means: &mut Means<'_>) {
        let Some(forward) = self.take_forward(client) else { return };
        let (code, _) = crate::failure::relayed(response.code());
        self.answer_forward(&forward, code, None, means);
    }

    /// The peer of a leg took back its re-INVITE.
    pub(crate) fn cancel_reinvite(&mut self, number: u8, means: &mut Means<'_>) {
        let Some(leg) = self.leg_mut(number) else { return };
        if !matches!(leg.usage, InviteUsage::Asked) {
            return;
        }
        let Some(client) = self.forwards.iter().find(|f| f.leg == number).map(|f| f.client) else { return };
        means.transactions.cancel(client, None, means.now, means.out);
    }

    /// A CANCEL came for the re-INVITE of a leg, or for the INVITE of the call.
    pub fn on_cancel_of(&mut self, server: Slot, means: &mut Means<'_>) {
        match self.forwards.iter().find(|f| f.server == server).map(|f| f.leg) {
            Some(leg) => self.cancel_reinvite(leg, means),
            None => self.on_cancel(means),
        }
    }

    fn on_delayed_answer(&mut self, number: u8, body: &[u8], means: &mut Means<'_>) {
        let slot = self.slot;
        let Some((answered, other)) = self.pair(number) else { return };
        if let InviteUsage::Asking { cseq, .. } = other.usage {
            other.usage = InviteUsage::Idle;
            let passed = anchor::pass(body, answered, other, slot, means);
            let ok = passed.is_ok();
            other.acknowledge(cseq, passed.ok().as_deref(), means);
            anchor::connect(answered, other, false, means);
            if !ok {
                self.hang_up(Reason::BadDescription, EndedBy::System, means);
            }
        } else if !anchor::unchanged(body, answered) {
            // The answer to our repeated offer: only this leg's side may have moved.
            let mut silent = Leg::new(number, None, other.dialog.clone(), anchor::LegMedia::default());
            silent.media.bypass = true;
            if anchor::pass(body, answered, &mut silent, slot, means).is_ok() {
                anchor::connect(answered, other, true, means);
            }
        }
    }

    fn on_usage_timer(&mut self, means: &mut Means<'_>) {
        let callee = match &self.phase {
            Phase::Talking { callee: Some(leg) } => Some(leg.number),
            _ => None,
        };
        for number in core::iter::once(0).chain(callee) {
            self.on_leg_timer(number, means);
        }
    }

    fn on_leg_timer(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(number) else { return };
        if let InviteUsage::Waiting { until } = leg.usage {
            if means.now >= until {
                let body = leg.media.sent.clone();
                let client = send_reinvite(slot, leg, &body, means);
                let cseq = leg.dialog.local_cseq;
                leg.usage = InviteUsage::Asking { client, cseq };
                if let Some(forward) = self.forwards.iter_mut().find(|f| f.leg != number) {
                    forward.client = client;
                }
            }
            return;
        }
        match leg.usage.on_ack_timer(means.now) {
            AckTimer::Wait => {}
            AckTimer::Again => {
                if let InviteUsage::Answering { ok, .. } = &leg.usage {
                    leg.send_kept(ok, means);
                }
            }
            AckTimer::GiveUp => {
                if self.has_ended() {
                    self.bye_at_last(means);
                } else {
                    self.hang_up(Reason::NoAnswer, EndedBy::System, means);
                }
                return;
            }
        }
        if let Some(at) = self.leg_mut(number).and_then(|leg| leg.usage.next_timeout()) {
            means.out.arm(at, Timer::User(User::Call(slot), timers::USAGE));
        }
    }

    /// Passes a request to the other leg; its answer will be the answer here.
    fn forward(&mut self, event: InDialog<'_, '_>, method: &[u8], means: &mut Means<'_>) {
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
            match (request.content_type(), request.body()) {
                (Some(kind), body) if !body.is_empty() => writer.body(kind, body),
                _ => writer.end(),
            }
        });
        self.forwards.push(Forward::of(&event, client));
    }

    fn on_forwarded_response(&mut self, client: Slot, response: &Message<'_>, means: &mut Means<'_>) {
        if response.code() < 200 {
            return;
        }
        let Some(forward) = self.take_forward(client) else { return };
        let kind = response.content_type().map(<[u8]>::to_vec);
        let body = response.body().to_vec();
        let (code, _) = crate::failure::relayed(response.code());
        let carried = kind.as_deref().zip((!body.is_empty()).then_some(body.as_slice()));
        self.answer_forward(&forward, code, carried, means);
    }

    fn take_forward(&mut self, client: Slot) -> Option<Forward> {
        let index = self.forwards.iter().position(|f| f.client == client)?;
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
        let Ok(request) = Message::parse(&forward.request) else { return };
        let invite = request.method() == Method::Invite;
        let shown = means.shown(&forward.flow);
        let our_contact = contact(&forward.flow, &shown);
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(forward.server, code, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, &request, code, b"", b"", forward.stamp);
            if invite && code < 300 {
                writer.field(Name::Contact, our_contact.as_bytes()).field(Name::Allow, ALLOW);
            }
            match body {
                Some((kind, body)) => writer.body(kind, body),
                None => writer.end(),
            }
        });
        if !invite {
            return;
        }
        if let Some(leg) = self.leg_mut(forward.leg) {
            leg.usage = InviteUsage::Idle;
        }
        if sent && code < 300 {
            let ok = means.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.answering(forward.leg, ok, request.cseq().map_or(0, |(number, _)| number), means);
        }
    }
}

impl Forward {
    fn of(event: &InDialog<'_, '_>, client: Slot) -> Self {
        Self {
            client,
            server: event.server,
            leg: event.leg,
            flow: event.flow,
            stamp: stamp_of(event),
            request: event.request.bytes().to_vec(),
        }
    }
}

/// Answers a request within a dialog.
pub(crate) fn respond(event: &InDialog<'_, '_>, code: u16, fields: &[(Name, &[u8])], means: &mut Means<'_>) {
    let stamp = stamp_of(event);
    means.transactions.respond(event.server, code, means.now, means.out, &mut |buffer| {
        let mut writer = answer(buffer, event.request, code, b"", b"", stamp);
        for (name, value) in fields {
            writer.field(*name, value);
        }
        writer.end();
    });
}

fn refuse_in_dialog(event: &InDialog<'_, '_>, reason: Reason, means: &mut Means<'_>) {
    let code = if reason.sip_code() == 0 { 500 } else { reason.sip_code() };
    respond(event, code, &[(Name::Warning, reason.warning().as_bytes())], means);
}

fn send_reinvite(slot: Slot, leg: &mut Leg, body: &[u8], means: &mut Means<'_>) -> Slot {
    let flow = leg.dialog.flow;
    let shown = means.shown(&flow);
    let our_contact = contact(&flow, &shown);
    let number = leg.number;
    leg.request(b"INVITE", slot, number, means, &mut |mut writer| {
        writer.field(Name::Contact, our_contact.as_bytes()).field(Name::Allow, ALLOW);
        finish(writer, body);
    })
}

pub(crate) fn on_stray_2xx(leg: &mut Leg, slot: Slot, response: &Message<'_>, means: &mut Means<'_>) {
    let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
    if *leg.dialog.remote_tag == *tag {
        leg.acknowledge_again(means);
        return;
    }
    // RFC 3261 §13.2.2.4: another callee answered the same INVITE; acknowledge it and let it go.
    let mut dialog = leg.dialog.clone();
    dialog.confirm(response);
    let mut stray = Leg::new(leg.number, None, dialog, anchor::LegMedia::default());
    let cseq = response.cseq().map_or(1, |(number, _)| number);
    stray.acknowledge(cseq, None, means);
    stray.bye(slot, Some(b"SIP;cause=200;text=\"Call completed elsewhere\""), means);
}

fn stamp_of(event: &InDialog<'_, '_>) -> ViaStamp {
    let via = event.request.via();
    via.map(|via| stamp(&via, event.flow.remote)).unwrap_or(ViaStamp { received: None, rport: None })
}

fn finish(writer: Writer<'_>, body: &[u8]) {
    match body {
        [] => writer.end(),
        body => writer.body(b"application/sdp", body),
    }
}
