//! Legs whose party has handed over, or has left while the call goes on: they say BYE, or we do after a while.
//!
//! Who hands over to whom is the matter of `transfer`.

use core::time::Duration;

use sip_stack::User;
use sip_stack::timer::Timer;
use timestamp::Timestamp;

use crate::call::{Call, timers};
use crate::end::leg_record;
use crate::leg::Leg;
use crate::means::Means;

/// A leg whose party was handed over: it says BYE, or we do after a while.
#[derive(Debug)]
pub(crate) struct Departing {
    pub(crate) leg: Leg,
    bye_at: Timestamp,
    gone: bool,
}

impl Call {
    /// A leg said BYE, or is as good as gone: whether it was one that hands over, so that the call goes on.
    pub(crate) fn transferor_left(&mut self, number: u8, means: &mut Means<'_>) -> bool {
        if let Some(departing) = self.handover.departing.iter_mut().find(|d| d.leg.number == number) {
            departing.gone = true;
            self.forget_departed(means);
            return true;
        }
        if self.leaves_place(number, means) {
            return true;
        }
        let Some(transfer) = &mut self.handover.transfer else { return false };
        let Some(leg) = transfer.transferor.take_if(|leg| leg.number == number) else { return false };
        self.depart(*leg, true, means);
        true
    }

    /// A leg whose party is no longer in the call: its media and its place go at once.
    pub(crate) fn depart(&mut self, mut leg: Leg, gone: bool, means: &mut Means<'_>) {
        self.part(&mut leg, means);
        let bye_at = means.now + PATIENCE;
        means.out.arm(bye_at, Timer::User(User::Call(self.slot), timers::DEPARTURE));
        self.handover.departing.push(Departing { leg, bye_at, gone });
        self.forget_departed(means);
    }

    /// Writes a leg down as one that took part.
    pub(crate) fn part(&mut self, leg: &mut Leg, means: &mut Means<'_>) {
        self.parted.push((leg.number, leg_record(leg.role(), leg)));
        self.close_leg(leg, means);
        if let Some(id) = leg.connection.as_ref().map(|c| c.id.clone()) {
            self.leave_place_of(&id, means);
        }
    }

    /// Whoever handed over and does not hang up is hung up on.
    pub(crate) fn on_departure_timer(&mut self, means: &mut Means<'_>) {
        let (slot, now) = (self.slot, means.now);
        for departing in self.handover.departing.iter_mut().filter(|d| !d.gone && d.bye_at <= now) {
            departing.leg.bye(slot, None, means);
            departing.gone = true;
        }
        self.forget_departed(means);
    }

    /// The call is over: nobody stays behind.
    pub(crate) fn leave_all(&mut self, means: &mut Means<'_>) {
        let slot = self.slot;
        for departing in self.handover.departing.iter_mut().filter(|d| !d.gone) {
            departing.leg.bye(slot, None, means);
            departing.gone = true;
        }
        self.refuse_replacement(487, means);
        self.handover.renewal = None;
        self.take_up_refer(means);
        self.forget_departed(means);
    }

    /// Legs that are gone stay for as long as a NOTIFY of theirs is on its way.
    pub(crate) fn forget_departed(&mut self, means: &Means<'_>) {
        let patient = self.times.ended.is_none_or(|at| means.now.since(at) < sip_stack::timer::T1_64);
        self.handover.departing.retain(|d| {
            !d.gone
                || d.leg.parting.is_some()
                || (patient && d.leg.referral.as_ref().is_some_and(|referral| !referral.is_over()))
        });
    }
}

/// How long a transferor may take to hang up.
const PATIENCE: Duration = Duration::from_secs(5);
