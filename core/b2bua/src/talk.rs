//! The established call: requests, answers and timers of its dialogs find what knows them.
//!
//! RFC 3261 §12.2, §15 (BYE). Offers are the matter of `reinvite`; what is only carried, of `forward`.

use core::time::Duration;

use sip_msg::build::{Writer, answer};
use sip_msg::{Message, Method, Name, ViaStamp};
use sip_stack::dialog::Order;
use sip_stack::timer::Timer;
use sip_stack::transport::{Flow, stamp};
use sip_stack::{Slot, User};

use routing::policy::limits_of;
use routing::reason::Reason;

use crate::call::{Call, FORWARD, NOTIFY, PARTING, Phase, REFERRED, REFRESH, timers};
use crate::cause;
use crate::leg::{ALLOW, Leg};
use crate::means::Means;
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
        if self.is_early_refer(&event) {
            return;
        }
        let ended = self.has_ended();
        if let Phase::Dialling(dialling) = &mut self.phase
            && let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == event.leg)
        {
            branch.select_tag(request.from().and_then(|from| from.tag()).unwrap_or_default());
        }
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
        leg.abilities.hear(request);
        leg.ids.hear(request, means.random.hex());
        if let Some((leg, other)) = self.pair(event.leg) {
            other.ids.shown = leg.ids.theirs;
        }
        match request.method() {
            Method::Invite => self.on_reinvite(event, means),
            Method::Prack => self.on_prack(event, means),
            Method::Update => self.on_update(event, means),
            Method::Info if self.is_key_info(&event, means) => {}
            Method::Info if self.is_of_candidates(&event) => respond(&event, 200, &[], means),
            Method::Info => self.on_info(event, means),
            Method::Message => self.forward(event, b"MESSAGE", means),
            Method::Refer => self.on_refer(event, means),
            Method::Notify if self.is_told_of_refer(&event, means) => {}
            Method::Notify => respond(&event, 481, &[], means),
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
        let offered = core::mem::take(&mut answered.offered);
        if self.has_ended() {
            self.on_late_ack(leg, means);
            return;
        }
        if offered {
            self.on_service_answer(leg, ack.body(), means);
        } else if !ack.body().is_empty() {
            self.on_delayed_answer(leg, ack.body(), means);
        } else if self.owes_answer(leg) {
            self.hang_up(Reason::BadDescription, EndedBy::System, means);
        }
        self.offer_anew(leg, means);
        self.reinvite_at_last(leg, means);
        self.proceed(means);
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
        if purpose == REFRESH {
            self.on_refreshed(transaction, response, means);
            return;
        }
        if purpose == NOTIFY {
            self.on_notified(transaction, Some(response.code()), means);
            return;
        }
        if purpose == PARTING {
            self.on_parted(transaction, Some(response), means);
            return;
        }
        if purpose == REFERRED {
            self.on_referred(transaction, Some(response.code()), means);
            return;
        }
        if self.leg_mut(purpose).is_some() && !self.is_early(purpose) {
            self.on_reinvite_response(purpose, response, means);
        } else {
            self.on_branch_response(purpose, response, means);
        }
        self.proceed(means);
    }

    /// A request of ours had no answer.
    pub fn on_timeout(&mut self, transaction: Slot, purpose: u8, means: &mut Means<'_>) {
        if purpose == FORWARD {
            if let Some(forward) = self.take_forward(transaction) {
                self.answer_forward(&forward, 408, None, means);
                if forward.ends_dialog() {
                    self.hang_up(Reason::NoAnswer, EndedBy::System, means);
                }
            }
            return;
        }
        if purpose == REFRESH {
            self.hang_up(Reason::NotRefreshed, EndedBy::System, means);
            return;
        }
        if purpose == NOTIFY {
            self.on_notified(transaction, None, means);
            return;
        }
        if purpose == PARTING {
            self.on_parted(transaction, None, means);
            return;
        }
        if purpose == REFERRED {
            self.on_referred(transaction, None, means);
            return;
        }
        let asking = self.leg_mut(purpose).is_some_and(|leg| matches!(leg.usage, InviteUsage::Asking { .. }));
        if asking && (matches!(self.phase, Phase::Talking { .. }) || self.handover.transfer.is_some()) {
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
            timers::RELIABLE => self.on_reliable_timer(means),
            timers::SESSION => self.on_session_timer(means),
            timers::VOUCH => self.on_vouch_timer(means),
            timers::FLOW => self.on_flow_timer(means),
            timers::WAKE => self.on_wake_timer(means),
            timers::DEPARTURE => self.on_departure_timer(means),
            _ => {}
        }
    }

    /// The leg with this number, if its dialog is confirmed or confirming.
    pub(crate) fn leg_mut(&mut self, number: u8) -> Option<&mut Leg> {
        if number == self.caller.number {
            return (!matches!(self.phase, Phase::Over)
                || matches!(self.caller.usage, InviteUsage::Answering { .. }))
            .then_some(&mut self.caller);
        }
        match &mut self.phase {
            Phase::Talking { callee: Some(leg) } if leg.number == number => Some(leg),
            Phase::Dialling(dialling)
                if dialling.branches.iter().any(|branch| branch.leg.number == number) =>
            {
                dialling.branches.iter_mut().map(|branch| &mut branch.leg).find(|leg| leg.number == number)
            }
            _ => self.handover.leg_mut(number),
        }
    }

    /// Both legs: the one with this number, then the other. Before the answer, the branch that the caller hears.
    pub(crate) fn pair(&mut self, number: u8) -> Option<(&mut Leg, &mut Leg)> {
        let caller = self.caller.number;
        let callee = match &mut self.phase {
            Phase::Talking { callee: Some(callee) } => &mut **callee,
            Phase::Dialling(dialling) => {
                let heard = dialling.early.filter(|heard| number == caller || *heard == number)?;
                &mut dialling.branches.iter_mut().find(|branch| branch.leg.number == heard)?.leg
            }
            _ => return None,
        };
        if number == caller { Some((&mut self.caller, callee)) } else { Some((callee, &mut self.caller)) }
    }

    /// Whether this is the leg of somebody who is being rung.
    pub(crate) fn is_early(&self, number: u8) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        dialling.branches.iter().any(|branch| branch.leg.number == number)
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
        if self.decision.emergency {
            return None;
        }
        let limits = [self.connection_in(), self.connection_out()];
        let of_connections =
            limits.into_iter().flatten().filter_map(|c| limits_of(means.tables, c).max_duration_s());
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
        // RFC 3261 §15: a callee ends no early dialog with BYE.
        let screened = self.is_screened(event.leg);
        let known = self.leg_mut(event.leg).is_some() && (screened || !self.is_early(event.leg));
        let known = known || self.handover.departs(event.leg);
        respond(&event, if known { 200 } else { 481 }, &[], means);
        if !known {
            return;
        }
        if let Some(leg) = self.leg_mut(event.leg) {
            leg.usage = InviteUsage::Idle;
        }
        if self.screened_left(event.leg, means) || self.transferor_left(event.leg, means) {
            return;
        }
        let by = if event.leg == 0 { EndedBy::Caller } else { EndedBy::Callee };
        let reason = Some(cause::both(&cause::given(event.request))).filter(|given| !given.is_empty());
        self.ended_by_peer(event.leg, by, reason, means);
    }

    fn on_usage_timer(&mut self, means: &mut Means<'_>) {
        let callee = match &self.phase {
            Phase::Talking { callee: Some(leg) } => Some(leg.number),
            _ => None,
        };
        let transferor = self.handover.transferor().map(|leg| leg.number);
        for number in core::iter::once(self.caller.number).chain(callee).chain(transferor) {
            self.on_leg_timer(number, means);
        }
    }

    fn on_leg_timer(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(number) else { return };
        if let InviteUsage::Waiting { until } = leg.usage {
            if means.now >= until {
                self.reinvite_again(number, means);
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
                } else if !self.transferor_left(number, means) {
                    self.hang_up(Reason::NoAnswer, EndedBy::System, means);
                }
                return;
            }
        }
        if let Some(at) = self.leg_mut(number).and_then(|leg| leg.usage.next_timeout()) {
            means.out.arm(at, Timer::User(User::Call(slot), timers::USAGE));
        }
    }
}

/// Answers a request within a dialog.
pub(crate) fn respond(event: &InDialog<'_, '_>, code: u16, fields: &[(Name, &[u8])], means: &mut Means<'_>) {
    let stamp = stamp_of(event);
    means.transactions.respond(event.server, code, means.now, means.out, &mut |buffer| {
        let mut writer = answer(buffer, event.request, code, b"", b"", stamp);
        crate::session_id::write_answer(event.request, &mut writer);
        for (name, value) in fields {
            writer.field(*name, value);
        }
        writer.end();
    });
}

pub(crate) fn stamp_of(event: &InDialog<'_, '_>) -> ViaStamp {
    let via = event.request.via();
    via.map(|via| stamp(&via, event.flow.remote)).unwrap_or(ViaStamp { received: None, rport: None })
}

pub(crate) fn finish(writer: Writer<'_>, body: &[u8]) {
    match body {
        [] => writer.end(),
        body => writer.body(b"application/sdp", body),
    }
}
