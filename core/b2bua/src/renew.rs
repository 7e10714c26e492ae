//! Telling one party of a call about the other: a re-INVITE of our own (RFC 3261 §14, RFC 3725 §7).
//!
//! After a transfer, and when somebody takes a place in the call by Replaces. It waits while an offer is out.

use sip_msg::Message;
use sip_stack::timer::Timer;
use sip_stack::{Slot, User};

use core::time::Duration;

use routing::reason::Reason;

use crate::anchor::{self, Passing};
use crate::call::{Call, timers};
use crate::means::Means;
use crate::record::EndedBy;
use crate::reinvite::send_reinvite;
use crate::usage::InviteUsage;

/// A re-INVITE of our own, sent or about to be; its body is the last description kept for that leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Renewal {
    leg: u8,
    /// Its transaction, once it was sent.
    client: Option<Slot>,
    /// Whoever it was for gave up: the other side of the call is to be told back.
    pub(crate) undo: bool,
}

impl Renewal {
    /// One that is about to be sent to this leg.
    pub(crate) fn of(leg: u8) -> Self {
        Self { leg, client: None, undo: false }
    }

    /// Its transaction, once it was sent.
    pub(crate) fn client(&self) -> Option<Slot> {
        self.client
    }
}

impl Call {
    /// Tells a leg what the other one described last.
    pub(crate) fn renew(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some((leg, other)) = self.pair(number) else { return };
        let body = other.media.raw.clone();
        if anchor::pass(Passing::LateOffer, &body, other, leg, slot, means).is_ok() {
            self.handover.renewal = Some(Renewal::of(number));
            self.send_renewal(means);
        }
    }

    /// Sends what waits, if nothing else is going on with that leg.
    pub(crate) fn send_renewal(&mut self, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(Renewal { leg: number, client: None, undo }) = self.handover.renewal else { return };
        let Some(leg) = self.leg_mut(number) else {
            self.handover.renewal = None;
            return;
        };
        if !leg.is_free() {
            return;
        }
        let body = leg.media.sent.clone();
        let client = send_reinvite(slot, leg, &body, means);
        let cseq = leg.dialog.local_cseq;
        leg.usage = InviteUsage::Asking { client, cseq };
        self.handover.renewal = Some(Renewal { leg: number, client: Some(client), undo });
    }

    /// Whether this transaction is a re-INVITE of our own.
    pub(crate) fn renews(&self, client: Slot) -> bool {
        self.handover.renewal.is_some_and(|renewal| renewal.client == Some(client))
    }

    /// Sends it once more, if it is one of our own that waits on this leg.
    pub(crate) fn renew_again(&mut self, number: u8, means: &mut Means<'_>) -> bool {
        let Some(renewal) = self.handover.renewal.as_mut().filter(|renewal| renewal.leg == number) else {
            return false;
        };
        renewal.client = None;
        if let Some(leg) = self.leg_mut(number) {
            leg.usage = InviteUsage::Idle;
        }
        self.send_renewal(means);
        true
    }

    /// The final answer to a re-INVITE of our own.
    pub(crate) fn on_renewed(
        &mut self,
        number: u8,
        cseq: u32,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) {
        let (slot, code) = (self.slot, response.code());
        let Some(leg) = self.leg_mut(number) else { return };
        if code == 491 {
            // RFC 3261 §14.1: whoever made the Call-ID waits longer.
            let wait = if leg.invited { means.random.below(2000) } else { 2100 + means.random.below(1900) };
            let until = means.now + Duration::from_millis(wait - wait % 10);
            leg.usage = InviteUsage::Waiting { until };
            means.out.arm(until, Timer::User(User::Call(slot), timers::USAGE));
            return;
        }
        if code == 422 && leg.timer.on_too_small(response) {
            self.renew_again(number, means);
            return;
        }
        leg.usage = InviteUsage::Idle;
        leg.abilities.hear(response);
        let accepted = (200..300).contains(&code);
        if accepted {
            leg.dialog.refresh_target(response);
            leg.acknowledge(cseq, None, means);
            let settled = leg.timer.settled_by(response);
            self.start_timer(number, Some(settled), means);
        }
        let undo = self.handover.renewal.take().is_some_and(|renewal| renewal.undo);
        if self.handover.entering.is_some() {
            self.enter_flow(accepted.then(|| response.body()), means);
        } else if self.handover.replacing.is_some() {
            self.on_replacement_answer(number, response, means);
        } else if undo && accepted {
            self.renew(number, means);
        } else if let Some((leg, other)) = self.pair(number) {
            // Whoever refuses keeps what it has: our side of it has not moved.
            let heard = if accepted { anchor::heard(response.body(), leg, other, means) } else { Ok(()) };
            match heard {
                Err(Reason::EncryptionMismatch) => {
                    self.hang_up(Reason::EncryptionMismatch, EndedBy::System, means);
                    return;
                }
                _ => anchor::connect(leg, other, true, means),
            }
        }
        if matches!(code, 408 | 481) {
            self.hang_up(Reason::PeerFailed, EndedBy::System, means);
        }
    }
}
