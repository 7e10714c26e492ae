//! Re-INVITEs, both ways: offers that cross, glare, and answers that come late.
//!
//! RFC 3261 §14, RFC 3264 §8. One that changes nothing is answered here and does not reach the other leg.

use core::time::Duration;

use sip_msg::build::answer;
use sip_msg::{Message, Method, Name};
use sip_stack::dialog::{Agreement, SessionTimer};
use sip_stack::timer::Timer;
use sip_stack::{Slot, User};

use routing::reason::Reason;

use crate::anchor::{self, Before, Passing};
use crate::call::{Call, Forward, timers};
use crate::leg::{Leg, SUPPORTED_WITHIN, write_ourselves};
use crate::means::Means;
use crate::record::EndedBy;
use crate::refresh::too_small;
use crate::talk::{InDialog, finish, respond, stamp_of};
use crate::usage::{InviteUsage, Unanswered, UpdateUsage};

impl Call {
    pub(crate) fn on_reinvite(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let request = event.request;
        let Some(leg) = self.leg_mut(event.leg) else { return };
        let unanswered = match (leg.is_confirmed(), leg.invited) {
            (true, _) => leg.unanswered(),
            (false, true) => Some(Unanswered::Theirs),
            (false, false) => Some(Unanswered::Ours),
        };
        if let Some(unanswered) = unanswered {
            refuse_offer(&event, unanswered, means);
            return;
        }
        if let Err(least) = leg.timer.propose(request) {
            let (name, value) = too_small(least);
            respond(&event, 422, &[(name, value.as_bytes())], means);
            return;
        }
        leg.dialog.refresh_target(request);
        if !request.body().is_empty() && anchor::unchanged(request.body(), leg) {
            let body = anchor::repeated(leg, means);
            self.accept(&event, &body, means);
            return;
        }
        leg.usage = InviteUsage::Asked;
        let Some((asking, other)) = self.pair(event.leg) else {
            self.reinvite_service(event, means);
            return;
        };
        if other.is_free() {
            respond(&event, 100, &[], means);
            self.reinvite_across(event, means);
        } else if matches!(other.usage, InviteUsage::Answering { .. }) && other.update == UpdateUsage::Idle {
            // RFC 3261 §14.1: none goes out before the ACK of the INVITE that came there.
            respond(&event, 100, &[], means);
            self.forwards.push(Forward::of(&event, None));
        } else {
            asking.usage = InviteUsage::Idle;
            respond(&event, 491, &[], means);
        }
    }

    /// The ACK of a leg came: a re-INVITE of the other leg's peer may have waited for it.
    pub(crate) fn reinvite_at_last(&mut self, acknowledged: u8, means: &mut Means<'_>) {
        let waits = |f: &Forward| f.client.is_none() && f.leg != acknowledged;
        let Some(index) = self.forwards.iter().position(waits) else { return };
        let Forward { server, leg, flow, request, .. } = self.forwards.remove(index);
        let Ok(request) = Message::parse(&request) else { return };
        let event = InDialog { leg, request: &request, server, flow };
        match self.pair(leg) {
            Some((_, other)) if other.is_free() => self.reinvite_across(event, means),
            Some((asking, _)) => {
                asking.usage = InviteUsage::Idle;
                respond(&event, 491, &[], means);
            }
            None => respond(&event, 487, &[], means),
        }
    }

    fn reinvite_across(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let (request, slot) = (event.request, self.slot);
        let Some((asking, other)) = self.pair(event.leg) else { return };
        // Without an offer the other peer is asked for one: what it would have, at full width. Our last description to
        // the asking peer may be the answer to its hold, and as an offer would keep it held for ever.
        let before = (!request.body().is_empty()).then(|| Box::new(Before::of(asking, other)));
        let passed = match request.body() {
            [] => Ok(Vec::new()),
            body => anchor::pass(Passing::Offer, body, asking, other, slot, means),
        };
        match passed {
            Ok(body) => {
                let client = send_reinvite(slot, other, &body, means);
                let cseq = other.dialog.local_cseq;
                other.usage = InviteUsage::Asking { client, cseq };
                self.forwards.push(Forward { before, ..Forward::of(&event, Some(client)) });
            }
            Err(reason) => {
                asking.usage = InviteUsage::Idle;
                refuse_in_dialog(&event, reason, means);
            }
        }
    }

    /// 200 to a re-INVITE or UPDATE that is settled here; no body for an UPDATE without one.
    pub(crate) fn accept(&mut self, event: &InDialog<'_, '_>, body: &[u8], means: &mut Means<'_>) {
        let (flow, request) = (event.flow, event.request);
        let (shown, sips) = (means.shown(&flow), self.wants_sips(event.leg));
        let cseq = request.cseq().map_or(0, |(number, _)| number);
        let stamp = stamp_of(event);
        let agreement = self.agreement(event.leg, request);
        let start = means.out.buffer().len();
        let sent = means.transactions.respond(event.server, 200, means.now, means.out, &mut |buffer| {
            let mut writer = answer(buffer, request, 200, b"", b"", stamp);
            crate::session_id::write_answer(request, &mut writer);
            write_ourselves(&mut writer, &flow, &shown, sips, SUPPORTED_WITHIN);
            if let Some(agreement) = &agreement {
                SessionTimer::write_answer(agreement, &mut writer);
            }
            finish(writer, body);
        });
        if sent && request.method() == Method::Invite {
            let ok = means.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.answering(event.leg, ok, cseq, means);
        }
        self.start_timer(event.leg, agreement, means);
    }

    /// What accepting this request means for the session timer of an established leg.
    pub(crate) fn agreement(&mut self, leg: u8, request: &Message<'_>) -> Option<Agreement> {
        let refreshes = matches!(request.method(), Method::Invite | Method::Update);
        let leg = self.leg_mut(leg).filter(|leg| refreshes && leg.timer.agreement().is_some())?;
        leg.timer.propose(request).ok()
    }

    pub(crate) fn on_reinvite_response(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
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
        if leg.refresh == Some(client) {
            leg.usage = InviteUsage::Idle;
            if code < 300 {
                leg.acknowledge(cseq, None, means);
                self.described_again(number, response.body(), means);
            }
            self.on_refresh_answer(number, response, means);
            return;
        }
        if self.renews(client) {
            self.on_renewed(number, cseq, response, means);
            return;
        }
        if self.forwards.iter().all(|f| f.client != Some(client)) {
            // The 2xx of a call set up without an offer, repeated: its ACK waits for the caller's.
            return;
        }
        let Some(leg) = self.leg_mut(number) else { return };
        leg.usage = InviteUsage::Idle;
        leg.abilities.hear(response);
        match code {
            200..=299 => {
                leg.dialog.refresh_target(response);
                leg.proved = false;
                let settled = leg.timer.settled_by(response);
                self.reinvite_accepted(number, (client, cseq), response, means);
                self.start_timer(number, Some(settled), means);
            }
            401 | 407 if leg.prove(response, b"INVITE", means) => self.reinvite_again(number, means),
            422 if leg.timer.on_too_small(response) => self.reinvite_again(number, means),
            491 => {
                // RFC 3261 §14.1: we made the callee's Call-ID, the caller made its own.
                let wait =
                    if leg.invited { means.random.below(2000) } else { 2100 + means.random.below(1900) };
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

    /// The same re-INVITE once more: after a 491, or with the session interval that the peer wants.
    pub(crate) fn reinvite_again(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        if self.renew_again(number, means) {
            return;
        }
        let Some(forward) = self.forwards.iter().find(|f| f.leg != number) else { return };
        let late = Message::parse(&forward.request).is_ok_and(|request| request.body().is_empty());
        let Some(leg) = self.leg_mut(number) else { return };
        let body = if late { Vec::new() } else { leg.media.sent.clone() };
        let client = send_reinvite(slot, leg, &body, means);
        leg.usage = InviteUsage::Asking { client, cseq: leg.dialog.local_cseq };
        if let Some(forward) = self.forwards.iter_mut().find(|f| f.leg != number) {
            forward.client = Some(client);
        }
    }

    fn reinvite_accepted(
        &mut self,
        number: u8,
        (client, cseq): (Slot, u32),
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        let slot = self.slot;
        let Some(forward) = self.take_forward(client) else { return };
        let late = Message::parse(&forward.request).is_ok_and(|request| request.body().is_empty());
        let Some((answering, asking)) = self.pair(number) else { return };
        if late {
            // This is an offer; its ACK waits for the answer in theirs (RFC 3264 §4, RFC 3261 §13.2.2.4).
            answering.usage = InviteUsage::Asking { client, cseq };
        } else {
            answering.acknowledge(cseq, None, means);
        }
        let passing = Passing::of_response(late);
        let body = anchor::pass(passing, response.body(), answering, asking, slot, means);
        if !late && body.is_ok() {
            anchor::connect(asking, answering, true, means);
        }
        match body {
            Ok(body) => {
                self.answer_forward(&forward, 200, Some((b"application/sdp", &body)), means);
                self.mind_hold(forward.leg, means);
            }
            Err(_) => self.answer_forward(&forward, 488, None, means),
        }
    }

    fn reinvite_refused(&mut self, client: Slot, response: &Message<'_>, means: &mut Means<'_>) {
        let Some(forward) = self.take_forward(client) else { return };
        let (code, _) = crate::failure::relayed(response.code());
        self.answer_forward(&forward, code, None, means);
    }

    /// A peer took back its re-INVITE, at this place among the forwarded ones.
    fn cancel_reinvite(&mut self, index: usize, means: &mut Means<'_>) {
        match self.forwards.get(index).and_then(|f| f.client) {
            Some(client) => means.transactions.cancel(client, None, means.now, means.out),
            None => {
                let forward = self.forwards.remove(index);
                self.answer_forward(&forward, 487, None, means);
            }
        }
    }

    /// A CANCEL came for the re-INVITE of a leg, or for the INVITE of the call.
    pub fn on_cancel_of(&mut self, server: Slot, cancel: &Message<'_>, means: &mut Means<'_>) {
        match self.forwards.iter().position(|f| f.server == server) {
            Some(index) => self.cancel_reinvite(index, means),
            None if self.cancel_replacement(server, means) => {}
            None => self.on_cancel(cancel, means),
        }
    }

    /// Whether the ACK of this leg's peer had to bring the answer to an offer of the other leg's peer.
    pub(crate) fn owes_answer(&mut self, number: u8) -> bool {
        let Some((_, other)) = self.pair(number) else { return false };
        let InviteUsage::Asking { client, .. } = other.usage else { return false };
        let of_ours = other.refresh == Some(client) || self.renews(client);
        !of_ours && self.forwards.iter().all(|forward| forward.client != Some(client))
    }

    /// A description in the ACK of a leg's peer: the answer to an offer of the other leg's, or to ours.
    pub(crate) fn on_delayed_answer(&mut self, number: u8, body: &[u8], means: &mut Means<'_>) {
        let (slot, owed) = (self.slot, self.owes_answer(number));
        let Some((answered, other)) = self.pair(number) else { return };
        if let InviteUsage::Asking { cseq, .. } = other.usage
            && owed
        {
            other.usage = InviteUsage::Idle;
            let passed = anchor::pass(Passing::Answer, body, answered, other, slot, means);
            let ok = passed.is_ok();
            other.acknowledge(cseq, passed.ok().as_deref(), means);
            if ok {
                anchor::connect(answered, other, false, means);
            } else {
                self.hang_up(Reason::BadDescription, EndedBy::System, means);
            }
        } else {
            self.described_again(number, body, means);
        }
    }

    /// The answer to a description of ours that the peer had before: only this leg's side may have moved.
    pub(crate) fn described_again(&mut self, number: u8, body: &[u8], means: &mut Means<'_>) {
        let Some((answered, other)) = self.pair(number) else { return };
        if !anchor::unchanged(body, answered) && anchor::heard(body, answered, other, means).is_ok() {
            anchor::connect(answered, other, true, means);
            self.mind_hold(number, means);
        }
    }
}

/// Refuses an offer while another one has no answer yet.
pub(crate) fn refuse_offer(event: &InDialog<'_, '_>, unanswered: Unanswered, means: &mut Means<'_>) {
    match unanswered {
        Unanswered::Ours => respond(event, 491, &[], means),
        Unanswered::Theirs => respond(event, 500, &[(Name::RetryAfter, b"3")], means),
    }
}

pub(crate) fn refuse_in_dialog(event: &InDialog<'_, '_>, reason: Reason, means: &mut Means<'_>) {
    let code = if reason.sip_code() == 0 { 500 } else { reason.sip_code() };
    respond(event, code, &[(Name::Warning, reason.warning().as_bytes())], means);
}

pub(crate) fn send_reinvite(slot: Slot, leg: &mut Leg, body: &[u8], means: &mut Means<'_>) -> Slot {
    let flow = leg.dialog.flow;
    let (shown, sips) = (means.shown(&flow), leg.dialog.wants_sips());
    let (number, timer, credentials) = (leg.number, leg.timer.clone(), leg.credentials.take());
    leg.request(b"INVITE", slot, number, means, &mut |mut writer| {
        write_ourselves(&mut writer, &flow, &shown, sips, SUPPORTED_WITHIN);
        timer.write_request(&mut writer);
        if let Some((name, value)) = &credentials {
            writer.field(*name, value);
        }
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
