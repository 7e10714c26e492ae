//! Provisional answers to the caller, reliable where it can (RFC 3262), and PRACKs both ways.
//!
//! Each leg has its own: what a callee sends reliably is acknowledged here at once, and what the caller gets reliably
//! is repeated here until its PRACK. Only descriptions cross.

use sip_msg::{Message, Name};
use sip_stack::dialog::ReliableDue;
use sip_stack::timer::Timer;
use sip_stack::transaction::NOBODY;
use sip_stack::{Slot, User};

use routing::reason::Reason;

use crate::anchor::{self, Passing};
use crate::branch::Branch;
use crate::call::{Call, Phase, timers};
use crate::means::Means;
use crate::record::EndedBy;
use crate::talk::{InDialog, finish, respond};

/// A provisional answer for the caller.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) code: u16,
    pub(crate) phrase: Vec<u8>,
    pub(crate) body: Option<Vec<u8>>,
    /// The callee sent it reliably.
    pub(crate) reliable: bool,
}

impl Call {
    /// Whether the caller left the offer to the callee.
    pub(crate) fn is_late(&self) -> bool {
        self.invite.as_ref().is_some_and(|i| Message::parse(&i.bytes).is_ok_and(|m| m.body().is_empty()))
    }

    /// Shows the caller what the callee is doing: reliably if it demands that, or if it can and there is something to
    /// lose. One at a time: the next waits for the PRACK (RFC 3262 §3).
    pub(crate) fn show(&mut self, progress: Progress, means: &mut Means<'_>) {
        let able = self.caller.abilities;
        let reliable =
            able.demands_reliable || able.reliable && (progress.body.is_some() || progress.reliable);
        let Progress { code, phrase, body, .. } = &progress;
        if !reliable {
            self.respond(*code, phrase, body.as_deref(), None, means);
            return;
        }
        if self.caller.reliable.is_awaiting() {
            if let Phase::Dialling(dialling) = &mut self.phase {
                let body = progress.body.or_else(|| dialling.waiting.take().and_then(|older| older.body));
                dialling.waiting = Some(Progress { body, ..progress });
            }
            return;
        }
        let first = u32::try_from(means.random.number() & 0x3fff_ffff).unwrap_or(1);
        let rseq = self.caller.reliable.next_rseq(first);
        let cseq = self.invite.as_ref().map_or(0, |invite| invite.cseq);
        let fill = |writer: &mut sip_msg::Writer<'_>| {
            writer.field(Name::Require, b"100rel").number(Name::RSeq, u64::from(rseq));
        };
        let start = means.out.buffer().len();
        self.respond(*code, phrase, body.as_deref(), Some(&fill), means);
        let message = means.out.buffer().get(start..).unwrap_or_default().to_vec();
        self.caller.reliable.sent(rseq, cseq, message, body.is_some(), means.now);
        self.arm_reliable(means);
    }

    fn arm_reliable(&mut self, means: &mut Means<'_>) {
        if let Some(at) = self.caller.reliable.next_timeout() {
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::RELIABLE));
        }
    }

    /// No PRACK yet.
    pub(crate) fn on_reliable_timer(&mut self, means: &mut Means<'_>) {
        if self.has_ended() {
            return;
        }
        match self.caller.reliable.on_timer(means.now) {
            ReliableDue::Nothing => {}
            ReliableDue::Again => self.caller.send_kept(self.caller.reliable.message(), means),
            ReliableDue::GiveUp => {
                self.refuse(Reason::NotAcknowledged, EndedBy::System, means);
                return;
            }
        }
        self.arm_reliable(means);
    }

    /// A PRACK came: it may bring the answer to a callee's offer, or an offer of its own (§5).
    pub(crate) fn on_prack(&mut self, event: InDialog<'_, '_>, means: &mut Means<'_>) {
        let late = self.is_late();
        let Some(leg) = self.leg_mut(event.leg) else { return };
        let described = leg.reliable.holds_final();
        if !leg.reliable.on_prack(event.request) {
            respond(&event, 481, &[], means);
            return;
        }
        let body = event.request.body();
        let answers = late && described && !leg.agreed;
        leg.agreed |= described && !answers;
        if answers {
            respond(&event, 200, &[], means);
            if !self.early_answer(body, means) {
                self.refuse(Reason::BadDescription, EndedBy::System, means);
                return;
            }
        } else if body.is_empty() {
            respond(&event, 200, &[], means);
        } else {
            self.on_offer(event, means);
        }
        self.go_on(means);
    }

    /// The caller's answer to the offer that a callee made in a reliable answer: it goes with our PRACK.
    fn early_answer(&mut self, body: &[u8], means: &mut Means<'_>) -> bool {
        let slot = self.slot;
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        let mine = dialling.early;
        let Some(branch) = dialling.branches.iter_mut().find(|b| Some(b.leg.number) == mine) else {
            return false;
        };
        let passed = anchor::pass(Passing::Answer, body, &mut self.caller, &mut branch.leg, slot, means);
        let (Ok(answer), Some(rseq)) = (passed, branch.early.owed.take()) else { return false };
        branch.prack(rseq, &answer, slot, means);
        (branch.leg.agreed, self.caller.agreed) = (true, true);
        anchor::connect(&mut self.caller, &mut branch.leg, false, means);
        true
    }

    /// What waited for a PRACK goes on: the next provisional answer, or the final one.
    fn go_on(&mut self, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let (waiting, answered) = (dialling.waiting.take(), dialling.answered.take());
        if let Some((number, bytes)) = answered {
            if let Ok(response) = Message::parse(&bytes) {
                self.on_winner(number, &response, means);
            }
        } else if let Some(progress) = waiting {
            self.show(progress, means);
        }
    }
}

impl Branch {
    /// Acknowledges a reliable answer within its early dialog (§4).
    pub(crate) fn prack(&mut self, rseq: u32, answer: &[u8], slot: Slot, means: &mut Means<'_>) {
        let rack = format!("{rseq} {} INVITE", self.early.invite_cseq);
        self.leg.request(b"PRACK", slot, NOBODY, means, &mut |mut writer| {
            writer.field(Name::RAck, rack.as_bytes());
            finish(writer, answer);
        });
    }
}
