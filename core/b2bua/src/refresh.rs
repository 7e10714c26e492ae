//! Session timers of the legs of an established call (RFC 4028): refreshes, and the end of a call nobody refreshes.
//!
//! Each leg has its own: a refresh never crosses. UPDATE without a description if the peer allows it; if it refuses
//! that, with the description it has already; else a re-INVITE with that.

use core::time::Duration;

use sip_msg::{Message, Name};
use sip_stack::dialog::{Agreement, RefreshDue};
use sip_stack::timer::Timer;
use sip_stack::{Slot, User};

use routing::reason::Reason;

use crate::call::{Call, Phase, REFRESH, timers};
use crate::leg::{Leg, SUPPORTED_WITHIN, write_ourselves};
use crate::means::Means;
use crate::record::EndedBy;
use crate::reinvite::send_reinvite;
use crate::usage::{InviteUsage, UpdateUsage};

impl Call {
    /// An INVITE or UPDATE on this leg was accepted: its interval begins anew.
    pub(crate) fn start_timer(&mut self, number: u8, agreement: Option<Agreement>, means: &mut Means<'_>) {
        let now = means.now;
        if let (Some(leg), Some(agreement)) = (self.leg_mut(number), agreement) {
            leg.timer.start(agreement, now);
        }
        self.arm_session(number, means);
    }

    fn arm_session(&mut self, number: u8, means: &mut Means<'_>) {
        if let Some(at) = self.leg_mut(number).and_then(|leg| leg.timer.next_timeout()) {
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::SESSION));
        }
    }

    /// The timer of some leg fired.
    pub(crate) fn on_session_timer(&mut self, means: &mut Means<'_>) {
        for number in self.talking_legs() {
            let due = self.leg_mut(number).map(|leg| leg.timer.on_timer(means.now));
            match due {
                Some(RefreshDue::Refresh) => self.refresh(number, means),
                Some(RefreshDue::Expired) => {
                    self.hang_up(Reason::NotRefreshed, EndedBy::System, means);
                    return;
                }
                Some(RefreshDue::Nothing) | None => {}
            }
        }
    }

    fn refresh(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(number) else { return };
        if leg.is_free() {
            send_refresh(leg, slot, means);
        } else {
            leg.timer.later(means.now + PAUSE);
        }
        self.arm_session(number, means);
    }

    /// A peer that was answered before somebody else answered the call gets what holds now as an offer.
    pub(crate) fn offer_anew(&mut self, number: u8, means: &mut Means<'_>) {
        let slot = self.slot;
        let Some(leg) = self.leg_mut(number).filter(|leg| leg.outdated && leg.is_free()) else { return };
        leg.outdated = false;
        send_reinvite_alone(leg, slot, means);
    }

    /// The answer to a refresh by UPDATE.
    pub(crate) fn on_refreshed(&mut self, client: Slot, response: &Message<'_>, means: &mut Means<'_>) {
        let legs = self.talking_legs();
        let found = legs.into_iter().find(|n| self.leg_mut(*n).is_some_and(|l| l.refresh == Some(client)));
        if let Some(number) = found.filter(|_| response.code() >= 200) {
            self.on_refresh_answer(number, response, means);
        }
    }

    /// The final answer to a refresh of either kind (§7.4, RFC 3261 §12.2.1.2).
    pub(crate) fn on_refresh_answer(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let (slot, now) = (self.slot, means.now);
        let Some(leg) = self.leg_mut(number) else { return };
        leg.refresh = None;
        let by_update = response.cseq().is_some_and(|(_, method)| method == b"UPDATE");
        let described = by_update && leg.abilities.wants_description;
        if described {
            leg.update = UpdateUsage::Idle;
        }
        match response.code() {
            200..=299 => {
                leg.abilities.hear(response);
                leg.dialog.refresh_target(response);
                leg.proved = false;
                leg.timer.start(leg.timer.settled_by(response), now);
            }
            408 | 481 => {
                self.hang_up(Reason::NotRefreshed, EndedBy::System, means);
                return;
            }
            422 if leg.timer.on_too_small(response) => send_refresh(leg, slot, means),
            401 | 407 if leg.prove(response, refresh_method(leg), means) => send_refresh(leg, slot, means),
            405 | 501 if by_update => {
                leg.abilities.update = false;
                self.refresh(number, means);
            }
            491 | 500 => {
                let wait = 2100 + means.random.below(1900);
                leg.timer.later(now + Duration::from_millis(wait));
            }
            // Allow in a refusal may be the word of a proxy: the next attempt says more, the last one is an INVITE.
            _ if by_update => {
                leg.abilities.update = !described;
                leg.abilities.wants_description = true;
                self.refresh(number, means);
            }
            _ => leg.timer.refused(now),
        }
        if described && response.code() < 300 && !response.body().is_empty() {
            self.described_again(number, response.body(), means);
        }
        self.arm_session(number, means);
    }

    /// The numbers of the legs of an established call.
    pub(crate) fn talking_legs(&self) -> smallvec::SmallVec<[u8; 2]> {
        if self.handover.transfer.is_some() {
            let transferor = self.handover.transferor().map(|leg| leg.number);
            return core::iter::once(self.caller.number).chain(transferor).collect();
        }
        let Phase::Talking { callee } = &self.phase else { return smallvec::SmallVec::new() };
        core::iter::once(self.caller.number).chain(callee.as_ref().map(|leg| leg.number)).collect()
    }
}

fn refresh_method(leg: &Leg) -> &'static [u8] {
    if leg.abilities.update { b"UPDATE" } else { b"INVITE" }
}

fn send_refresh(leg: &mut Leg, slot: Slot, means: &mut Means<'_>) {
    leg.timer.asking();
    if leg.abilities.update {
        let body = if leg.abilities.wants_description { leg.media.sent.clone() } else { Vec::new() };
        if !body.is_empty() {
            leg.update = UpdateUsage::Asking;
        }
        leg.refresh = Some(send_update(slot, leg, &body, REFRESH, means));
        return;
    }
    send_reinvite_alone(leg, slot, means);
}

/// A re-INVITE that concerns this leg alone, with the description it has.
fn send_reinvite_alone(leg: &mut Leg, slot: Slot, means: &mut Means<'_>) {
    let body = leg.media.sent.clone();
    let client = send_reinvite(slot, leg, &body, means);
    leg.usage = InviteUsage::Asking { client, cseq: leg.dialog.local_cseq };
    leg.refresh = Some(client);
}

/// Sends an UPDATE (RFC 3311 §5.1), with an offer or without.
pub(crate) fn send_update(
    slot: Slot,
    leg: &mut Leg,
    body: &[u8],
    purpose: u8,
    means: &mut Means<'_>,
) -> Slot {
    let flow = leg.dialog.flow;
    let (shown, sips) = (means.shown(&flow), leg.dialog.wants_sips());
    let (timer, credentials) = (leg.timer.clone(), leg.credentials.take());
    leg.request(b"UPDATE", slot, purpose, means, &mut |mut writer| {
        write_ourselves(&mut writer, &flow, &shown, sips, SUPPORTED_WITHIN);
        if timer.agreement().is_some() {
            timer.write_request(&mut writer);
        }
        if let Some((name, value)) = &credentials {
            writer.field(*name, value);
        }
        crate::talk::finish(writer, body);
    })
}

/// The Min-SE of a 422, as a field.
pub(crate) fn too_small(least: u32) -> (Name, String) {
    (Name::MinSe, least.to_string())
}

/// How long a refresh waits while something else is going on in its dialog.
const PAUSE: Duration = Duration::from_secs(5);
