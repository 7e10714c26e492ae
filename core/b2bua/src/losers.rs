//! Callees that lost: their CANCEL in every race, and the final answers they still owe.
//!
//! RFC 3261 §9 for CANCEL, §13.2.2.4 for late 2xx, RFC 3326 for why.

use sip_msg::Message;
use sip_stack::User;
use sip_stack::timer::{T1_64, Timer};

use routing::reason::Reason;

use crate::branch::Branch;
use crate::call::{Call, Final, Phase, timers};
use crate::means::Means;
use crate::reinvite::on_stray_2xx;

impl Call {
    /// Cancels whoever is being rung; their final answers are awaited among the losers.
    pub(crate) fn cancel_branches(&mut self, reason: &[u8], why: Reason, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let answered = dialling.answered.take();
        for mut branch in core::mem::take(&mut dialling.branches) {
            branch.cancel(reason, means);
            self.note_attempt(&branch, &Final::ours(0, why), means);
            self.retire(branch, means);
        }
        if let Some((number, bytes)) = answered
            && let Ok(response) = Message::parse(&bytes)
        {
            self.on_loser_response(number, &response, means);
        }
    }

    /// A cancelled branch: its media goes at once, its final answer is awaited, but not for ever.
    pub(crate) fn retire(&mut self, mut branch: Branch, means: &mut Means<'_>) {
        self.callee = Some((branch.leg.number, crate::end::leg_record("callee", &branch.leg)));
        self.close_leg(&mut branch.leg, means);
        if branch.screening.take().is_some() {
            branch.done = true;
            branch.leg.bye(self.slot, branch.cancelling.as_deref(), means);
        }
        means.out.arm(means.now + T1_64, Timer::User(User::Call(self.slot), timers::LINGER));
        // Numbers of legs are few: whoever has answered and might do so again goes first.
        if self.losers.len() >= MOST_LOSERS {
            let index = self.losers.iter().position(|loser| loser.done).unwrap_or(0);
            let oldest = self.losers.remove(index);
            self.forget(oldest, means);
        }
        self.losers.push(branch);
    }

    /// Answers of branches that lost: a late 2xx is acknowledged and ended (RFC 3261 §13.2.2.4).
    pub(crate) fn on_loser_response(
        &mut self,
        number: u8,
        response: &Message<'_>,
        means: &mut Means<'_>,
    ) -> bool {
        let Some(index) = self.losers.iter().position(|b| b.leg.number == number) else { return false };
        self.losers.iter().skip(index).take(1).for_each(|loser| loser.was_answered(response, means));
        match response.code() {
            100..=199 => {
                if let Some(loser) = self.losers.get_mut(index) {
                    loser.alive = true;
                    if let Some(reason) = loser.cancelling.clone() {
                        loser.cancel(&reason, means);
                    }
                }
            }
            200..=299 => {
                // Kept until the linger timer: its 2xx may come again, and needs its ACK each time.
                let slot = self.slot;
                let Some(loser) = self.losers.get_mut(index) else { return true };
                if loser.done {
                    on_stray_2xx(&mut loser.leg, slot, response, means);
                    return true;
                }
                loser.done = true;
                loser.select(response);
                loser.leg.dialog.confirm(response);
                let cseq = response.cseq().map_or(1, |(number, _)| number);
                loser.leg.acknowledge(cseq, None, means);
                loser.leg.bye(slot, loser.cancelling.as_deref(), means);
            }
            _ => {
                self.losers.swap_remove(index);
            }
        }
        true
    }

    /// The linger timer: cancelled branches that never answered are forgotten.
    pub(crate) fn on_linger_timer(&mut self, means: &mut Means<'_>) {
        if self.has_ended() {
            for loser in core::mem::take(&mut self.losers) {
                self.forget(loser, means);
            }
            self.close_record(means);
        }
    }

    pub(crate) fn forget(&mut self, mut loser: Branch, means: &mut Means<'_>) {
        means.transactions.abandon(loser.client);
        self.close_leg(&mut loser.leg, means);
    }
}

/// Losers of one call; with those being rung they leave numbers for the legs that talk.
const MOST_LOSERS: usize = 30;
/// RFC 3326: why a branch that lost is cancelled.
pub(crate) const ELSEWHERE: &[u8] = b"SIP;cause=200;text=\"Call completed elsewhere\"";
pub(crate) const DECLINED: &[u8] = b"SIP;cause=600;text=\"Declined\"";
pub(crate) const TIMED_OUT: &[u8] = b"Q.850;cause=19;text=\"No answer\"";
