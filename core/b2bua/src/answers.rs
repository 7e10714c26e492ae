//! What callees answer while the call is dialled: provisional answers, the first 2xx, failures.
//!
//! RFC 3261 §13.2.2, §16.7 for choosing among failures. Which target is next is the matter of `dial`.

use sip_msg::{Message, Name};
use sip_stack::dialog::Heard;
use sip_stack::transport::{FaultKind, StreamFault};

use routing::reason::Reason;

use crate::anchor::{self, Passing};
use crate::attendant::Attendant;
use crate::branch::Offer;
use crate::call::{Call, Final, Phase};
use crate::dial::present;
use crate::failure::{Failure, better, hunts, relayed};
use crate::leg::Leg;
use crate::losers::{DECLINED, ELSEWHERE};
use crate::means::{Effect, Means, Milestone};
use crate::provisional::Progress;
use crate::record::EndedBy;

impl Call {
    /// An answer to an INVITE of ours while nobody has answered the call.
    pub(crate) fn on_branch_response(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        if self.on_loser_response(number, response, means) {
            return;
        }
        let screens = self.screens();
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else { return };
        branch.leg.hear_agent(response);
        branch.was_answered(response, means);
        if (101..300).contains(&response.code()) {
            branch.leg.ids.hear(response, means.random.hex());
            if self.handover.transfer.is_none() {
                self.caller.ids.shown = branch.leg.ids.theirs;
            }
        }
        match response.code() {
            100..=199 => self.on_provisional(number, response, means),
            200..=299 if dialling.answered.is_some() => {}
            200..=299 if screens => self.screen(number, response, means),
            200..=299 if self.caller.reliable.holds_final() => {
                // RFC 3262 §3: the caller's PRACK first. The callee repeats its 2xx meanwhile.
                dialling.answered = Some((number, response.bytes().to_vec()));
            }
            200..=299 => self.on_winner(number, response, means),
            _ => self.on_branch_failure(number, response, means),
        }
    }

    fn on_provisional(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let (slot, late) = (self.slot, self.is_late());
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else { return };
        branch.alive = true;
        branch.heard_at.get_or_insert(means.now);
        if let Some(reason) = branch.cancelling.clone() {
            branch.cancel(&reason, means);
            return;
        }
        let lets_hear = self.attendant.as_deref().is_none_or(Attendant::lets_hear);
        let code = if lets_hear || response.code() == 100 { response.code() } else { 180 };
        let heard = branch.hear_provisional(response);
        if code == 100 || heard == Heard::Dropped {
            return;
        }
        if !core::mem::replace(&mut branch.rang, true) {
            means.effects.push(Effect::Rings);
        }
        let reliable = heard != Heard::Plain;
        // Without an offer of ours only a reliable answer may have one of theirs (RFC 3262 §5).
        let has_body = !response.body().is_empty() && (reliable || !late);
        let first = dialling.early.is_none();
        let passes = has_body
            && lets_hear
            && (first || dialling.early == Some(number) && !(late && branch.leg.agreed));
        if let Heard::Next(rseq) = heard {
            if late && passes && self.caller.abilities.reliable {
                branch.early.owed = Some(rseq);
            } else {
                branch.leg.agreed |= has_body && !late;
                branch.prack(rseq, &[], slot, means);
            }
        }
        if self.handover.transfer.is_some() {
            self.transfer_rings(code, means);
            return;
        }
        let mut body = None;
        if passes {
            dialling.early = Some(number);
            let passing = Passing::of_response(late);
            body =
                anchor::pass(passing, response.body(), &mut branch.leg, &mut self.caller, slot, means).ok();
            if !late && body.is_some() {
                anchor::connect(&mut self.caller, &mut branch.leg, false, means);
            }
        }
        if code == 183 && body.is_none() && !first {
            // The caller hears another branch already; this one has nothing for it.
            return;
        }
        let shown = (code, body.is_some());
        if dialling.shown == shown {
            return;
        }
        dialling.shown = shown;
        let ringing = self.times.ringing.is_none();
        self.times.ringing.get_or_insert(means.now);
        let phrase = if code == response.code() { response_phrase(response).to_vec() } else { Vec::new() };
        self.show(Progress { code, phrase, body, reliable }, means);
        if ringing {
            means.effects.push(Effect::Announce(Milestone::Ringing));
        }
    }

    /// The first 2xx.
    pub(crate) fn on_winner(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let Phase::Dialling(mut dialling) = core::mem::replace(&mut self.phase, Phase::Over) else { return };
        let Some(index) = dialling.branches.iter().position(|b| b.leg.number == number) else {
            self.phase = Phase::Dialling(dialling);
            return;
        };
        let mut winner = dialling.branches.remove(index);
        if let Some(search) = &dialling.search {
            search.places_but(winner.party).for_each(|target| self.leave_place(target, means));
        }
        for mut loser in dialling.branches {
            loser.cancel(ELSEWHERE, means);
            self.note_attempt(&loser, &Final::ours(0, Reason::CompletedElsewhere), means);
            self.retire(loser, means);
        }
        self.note_winner(&winner, response.code(), response_phrase(response), means);
        winner.select(response);
        winner.leg.dialog.confirm(response);
        winner.leg.code = response.code();
        self.caller.ids.shown = winner.leg.ids.theirs;
        let settled = winner.leg.timer.settled_by(response);
        // The answer may have come before, in a reliable 18x.
        let described = core::mem::take(&mut winner.early.described);
        if self.handover.transfer.is_some() {
            let described = if response.body().is_empty() { &described } else { response.body() };
            self.transfer_answered(winner.leg, settled, (response, described), means);
            return;
        }
        let cseq = response.cseq().map_or(1, |(number, _)| number);
        let late = self.is_late();
        let late_offer = late && !winner.leg.agreed;
        let passing = Passing::of_response(late_offer);
        let before = self.caller.media.sent.clone();
        let described = match response.body() {
            [] if self.caller.agreed && winner.leg.agreed => &[],
            [] => described.as_slice(),
            body => body,
        };
        let mut body = match described {
            [] => None,
            _ if late && !late_offer => None,
            body => match anchor::pass(passing, body, &mut winner.leg, &mut self.caller, self.slot, means) {
                Ok(body) => Some(body),
                Err(reason) => {
                    winner.leg.acknowledge(cseq, None, means);
                    self.spurn(winner.leg, reason, means);
                    return;
                }
            },
        };
        if self.caller.agreed {
            // The caller has its answer. Another one, of another callee, needs an offer of its own.
            self.caller.outdated = body.is_some() && before != self.caller.media.sent;
            body = None;
        }
        self.times.answered = Some(means.now);
        if late_offer {
            // The answer comes in the caller's ACK, and ours waits for it (RFC 3261 §13.2.2.4).
            winner.leg.usage = crate::usage::InviteUsage::Asking { client: winner.client, cseq };
        } else {
            if winner.leg.ack.is_empty() {
                winner.leg.acknowledge(cseq, None, means);
            }
            anchor::connect(&mut self.caller, &mut winner.leg, false, means);
        }
        let callee = winner.leg.number;
        self.phase = Phase::Talking { callee: Some(Box::new(winner.leg)) };
        self.flow_answered();
        self.queue_answered(means);
        self.start_timer(callee, Some(settled), means);
        self.arm_duration(means);
        let callee_headers = |writer: &mut sip_msg::Writer<'_>| {
            crate::passthrough::copy_headers(response, writer, [None, None]);
        };
        self.respond(200, response_phrase(response), body.as_deref(), Some(&callee_headers), means);
        means.effects.push(Effect::Open(Box::new(self.marker())));
        means.effects.push(Effect::Announce(Milestone::Answered));
    }

    fn on_branch_failure(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let code = response.code();
        if matches!(code, 401 | 407) && self.authenticate(number, response, means) {
            return;
        }
        if code == 422 && self.lengthen(number, response, means) {
            return;
        }
        if matches!(code, 488 | 606) && self.widen(number, means) {
            return;
        }
        let failed = Final {
            code,
            phrase: response_phrase(response).to_vec(),
            reason: crate::cause::given(response),
            why: None,
        };
        let redirected = (300..400).contains(&code) && !self.searches() && self.follow(response, means);
        let failure = if redirected { Failure::Redirected } else { Failure::Answered { code, rang: false } };
        self.branch_over(number, failed, failure, means);
    }

    /// No answer in time, or the message could not be sent.
    pub(crate) fn on_branch_timeout(&mut self, number: u8, means: &mut Means<'_>) {
        if let Some(index) = self.losers.iter().position(|b| b.leg.number == number) {
            let loser = self.losers.swap_remove(index);
            self.forget(loser, means);
            return;
        }
        let failed = means.fault.map_or_else(|| Final::ours(408, Reason::NoAnswer), Final::of_fault);
        self.branch_over(number, failed, Failure::Unreachable, means);
    }

    /// What somebody answered cannot be used: they are let go, and the caller is refused.
    pub(crate) fn spurn(&mut self, mut winner: Leg, reason: Reason, means: &mut Means<'_>) {
        winner.bye(self.slot, None, means);
        self.callee = Some((winner.number, crate::end::leg_record(winner.role(), &winner)));
        self.close_leg(&mut winner, means);
        self.await_parting(winner);
        self.refuse(reason, EndedBy::System, means);
    }

    /// A branch has its final answer; when all have, the next target is tried or the best answer relayed.
    pub(crate) fn branch_over(&mut self, number: u8, failed: Final, failure: Failure, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(index) = dialling.branches.iter().position(|b| b.leg.number == number) else { return };
        let mut branch = dialling.branches.remove(index);
        branch.done = true;
        branch.leg.code = failed.code;
        if dialling.answered.is_some() {
            self.close_leg(&mut branch.leg, means);
            return;
        }
        let failure = match failure {
            Failure::Answered { code, .. } => Failure::Answered { code, rang: branch.rang },
            Failure::Unreachable if branch.alive => {
                Failure::Answered { code: failed.code, rang: branch.rang }
            }
            Failure::Unreachable | Failure::Redirected => failure,
        };
        if failure == Failure::Unreachable {
            branch.was_not_answered(means);
        }
        if dialling.search.is_some() {
            return self.party_branch_over(branch, &failed, failure, means);
        }
        let media_began = dialling.early.is_some();
        dialling.again &= branch.leg.connection.as_deref().is_some_and(|c| hunts(failure, c));
        let chosen = match dialling.best.take() {
            Some(best) if better(best.code, failed.code) == best.code => best,
            Some(_) | None => failed.as_refusal_of(&branch.leg),
        };
        let all_done = dialling.branches.is_empty();
        let declined_by_all = failed.code >= 600;
        let (target, peer) = (dialling.target, dialling.peer);
        dialling.best = Some(chosen.clone());
        let again = !media_began && dialling.again;
        self.note_attempt(&branch, &failed, means);
        self.callee = Some((branch.leg.number, crate::end::leg_record("callee", &branch.leg)));
        self.close_leg(&mut branch.leg, means);
        if declined_by_all && !all_done {
            self.cancel_branches(DECLINED, Reason::DeclinedElsewhere, means);
            self.after_peer(target, peer, failed, false, means);
        } else if all_done && (declined_by_all || !self.waking.is_awaited()) {
            self.after_peer(target, peer, chosen, again, means);
        }
    }

    /// Answers a peer's challenge, once, if we have credentials for it (RFC 3261 §22.2).
    fn authenticate(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) -> bool {
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number && !b.authenticated)
        else {
            return false;
        };
        let Some(secret) = branch.leg.connection.as_ref().and_then(|c| c.outward.as_ref()) else {
            return false;
        };
        let cnonce = means.random.hex();
        let uri = &branch.leg.dialog.target;
        let (user, password) = (&secret.user, &secret.password);
        let credentials = sip_stack::auth::answer(response, user, password, b"INVITE", uri, &cnonce);
        let Some((name, value)) = credentials else { return false };
        branch.authenticated = true;
        self.invite_again(number, Some((name, &value)), means).is_some()
    }

    /// Answers a peer's 422 with the interval it wants, a few times at most (RFC 4028 §7.3).
    fn lengthen(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) -> bool {
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else {
            return false;
        };
        if branch.lengthened >= MOST_LENGTHENINGS || !branch.leg.timer.on_too_small(response) {
            return false;
        }
        branch.lengthened += 1;
        branch.authenticated = false;
        self.invite_again(number, None, means).is_some()
    }

    /// Offers a callee that found no codec those that can be converted, once.
    fn widen(&mut self, number: u8, means: &mut Means<'_>) -> bool {
        let (late, gives_place) = (self.is_late(), self.handover.gives_place());
        let Phase::Dialling(dialling) = &mut self.phase else { return false };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else {
            return false;
        };
        if late || gives_place || !anchor::widen(&self.caller, &mut branch.leg, means) {
            return false;
        }
        branch.authenticated = false;
        self.invite_again(number, None, means).is_some()
    }

    /// The INVITE of a branch once more, in the same dialog to be.
    fn invite_again(
        &mut self,
        number: u8,
        credentials: Option<(Name, &[u8])>,
        means: &mut Means<'_>,
    ) -> Option<()> {
        let slot = self.slot;
        let caller = self.caller.connection.clone();
        let reliable = self.caller.abilities.reliable || !self.is_late();
        let invite = self.invite.clone()?;
        let Phase::Dialling(dialling) = &self.phase else { return None };
        // Ourselves are no target: nothing about us changes what is shown there.
        let branch = dialling.branches.iter().find(|b| b.leg.number == number)?;
        let destination = self.target(branch.target).cloned();
        if let (Some(search), Some(party)) = (&dialling.search, branch.party) {
            let passport = search.passport(party);
            self.vouching.present(passport);
        }
        let presentation = match &destination {
            Some(destination) => self.shown_as(present(&invite.presentation, destination)),
            None => invite.presentation.clone(),
        };
        let Phase::Dialling(dialling) = &mut self.phase else { return None };
        let branch = dialling.branches.iter_mut().find(|b| b.leg.number == number)?;
        branch.alive = false;
        let message = Message::parse(&invite.bytes).ok()?;
        let body = branch.leg.media.sent.clone();
        let (caller, max_forwards) = (caller.as_deref(), invite.max_forwards);
        let way = destination.as_ref().map(|destination| &*destination.connection);
        let signed = self.vouching.signed_for(way);
        let fields = self.attendant.as_deref().map_or(&[][..], Attendant::fields);
        let offer = Offer { call: slot, invite: &message, caller, reliable, max_forwards, signed, fields };
        branch.send(&body, credentials, &presentation, &offer, means);
        Some(())
    }
}

impl Final {
    /// A failure of our own making.
    pub(crate) fn ours(code: u16, reason: Reason) -> Self {
        Self { code, phrase: Vec::new(), reason: Vec::new(), why: Some(reason) }
    }

    /// The same; a description that demands encryption is most likely refused for that.
    pub(crate) fn as_refusal_of(&self, leg: &Leg) -> Self {
        let demanded = self.code == 488 && anchor::is_demanded(leg.connection.as_deref());
        Self { why: self.why.or_else(|| demanded.then_some(Reason::EncryptionMismatch)), ..self.clone() }
    }

    /// The stream that the request went over could not be used.
    pub(crate) fn of_fault(fault: &StreamFault) -> Self {
        match fault.kind {
            FaultKind::TimedOut => Self::ours(408, Reason::NoAnswer),
            FaultKind::Refused | FaultKind::Unreachable => Self::ours(500, Reason::ConnectionRefused),
            FaultKind::TlsName | FaultKind::TlsChain | FaultKind::TlsExpired | FaultKind::TlsProtocol => {
                Self::ours(500, Reason::TlsFailed)
            }
        }
    }

    /// What the caller gets, and why.
    pub(crate) fn for_caller(&self) -> (u16, Option<Reason>) {
        let (code, changed) = relayed(self.code);
        if self.why.is_some() { (self.code, self.why) } else { (code, changed) }
    }
}

fn response_phrase<'a>(response: &Message<'a>) -> &'a [u8] {
    match response.start() {
        sip_msg::StartLine::Response { reason, .. } => reason,
        sip_msg::StartLine::Request { .. } => b"",
    }
}

/// Times that one peer may ask for a longer session interval.
const MOST_LENGTHENINGS: u8 = 3;
