//! Ringing callees: targets one after the other, contacts of one target at once, first answer wins.
//!
//! RFC 3261 §16.7 for choosing among failures, §9 for CANCEL in every race, §13.2.2.4 for late 2xx.

use core::time::Duration;
use std::sync::Arc;

use sip_msg::{Message, Name};
use sip_stack::User;
use sip_stack::timer::{T1_64, Timer};
use sip_stack::transport::Target;

use registrar::BindingRow;
use routing::config::{Connection, Kind, Peer};
use routing::decision::Destination;
use routing::reason::Reason;

use crate::anchor;
use crate::branch::{Branch, Offer, Place, Presentation, place_of_binding, place_of_peer, targets_of};
use crate::call::{Call, Dialling, Final, Invite, Phase, timers};
use crate::failure::{Failure, better, hunts, relayed};
use crate::means::{Effect, MOST_LEGS, Means, Milestone, Told};
use crate::record::EndedBy;

impl Call {
    /// The caller's place is settled: answer ourselves, or go to the first target.
    pub(crate) fn admitted(&mut self, means: &mut Means<'_>) {
        match self.service() {
            Some(service) => self.serve(service, means),
            None => self.seek(0, means),
        }
    }

    /// The home of a connection answered.
    pub fn on_told(&mut self, told: Told, means: &mut Means<'_>) {
        let asked = self.asked.take();
        match (&self.phase, told) {
            (Phase::Admitting, Told::Granted(_)) => {
                self.held.extend(asked);
                self.admitted(means);
            }
            (Phase::Admitting, Told::Full) => self.refuse(Reason::Simultaneous, EndedBy::System, means),
            (Phase::Admitting, Told::Replayed) => self.challenge_again(means),
            (Phase::Seeking { target }, Told::Granted(bindings)) => {
                let target = *target;
                self.held.extend(asked);
                self.reach(target, &bindings, means);
            }
            (Phase::Seeking { target }, Told::Full | Told::Replayed) => {
                let (target, busy) = (*target, Final::ours(486, Reason::Simultaneous));
                self.after_failure(target, busy, true, means);
            }
            (_, Told::Granted(_)) => {
                // The caller gave up while the question was out: the place goes back.
                means.effects.extend(asked.map(Effect::Release));
            }
            (Phase::Locating { .. } | Phase::Dialling(_) | Phase::Talking { .. } | Phase::Over, _) => {}
        }
    }

    /// A host name was resolved.
    pub fn on_located(&mut self, targets: &[Target], means: &mut Means<'_>) {
        let Phase::Locating { target, peer } = self.phase else { return };
        if targets.is_empty() {
            self.after_peer(target, peer, Final::ours(500, Reason::NameNotFound), true, means);
        } else {
            self.ring_peer(target, peer, targets, means);
        }
    }

    /// Asks the home of the next target for a place.
    pub(crate) fn seek(&mut self, target: usize, means: &mut Means<'_>) {
        let Some(destination) = self.target(target) else {
            self.refuse(Reason::NoRoute, EndedBy::System, means);
            return;
        };
        let connection = Arc::clone(&destination.connection);
        self.phase = Phase::Seeking { target };
        self.ask(&connection, false, None, means);
    }

    fn reach(&mut self, target: usize, bindings: &[BindingRow], means: &mut Means<'_>) {
        let Some(destination) = self.target(target).cloned() else { return };
        match destination.connection.kind {
            Kind::Device | Kind::RegisterIn | Kind::Virtual => {
                let places: Vec<Place> = bindings
                    .iter()
                    .filter_map(|b| place_of_binding(b, &destination.connection, means))
                    .collect();
                if places.is_empty() {
                    self.after_failure(target, Final::ours(480, Reason::NotRegistered), true, means);
                } else {
                    self.ring(target, 0, &places, means);
                }
            }
            Kind::RegisterOut | Kind::Trunk => self.try_peer(target, 0, means),
        }
    }

    fn try_peer(&mut self, target: usize, peer: usize, means: &mut Means<'_>) {
        let Some(row) = self.peer(target, peer).cloned() else {
            self.after_failure(target, Final::ours(500, Reason::NameNotFound), true, means);
            return;
        };
        match targets_of(&row) {
            Ok(found) => self.ring_peer(target, peer, &[found], means),
            Err(query) => {
                self.phase = Phase::Locating { target, peer };
                means.effects.push(Effect::Locate(query));
            }
        }
    }

    /// Rings the first of the targets of a peer that we have a socket for; the rest is kept in case it fails.
    fn ring_peer(&mut self, target: usize, peer: usize, found: &[Target], means: &mut Means<'_>) {
        let number = self.target(target).map(|t| t.number.clone()).unwrap_or_default();
        let Some(row) = self.peer(target, peer) else { return };
        let place = found
            .iter()
            .enumerate()
            .find_map(|(index, to)| place_of_peer(row, *to, &number, means).map(|place| (place, index + 1)));
        match place {
            Some((place, next)) => {
                self.ring(target, peer, &[place], means);
                if let Phase::Dialling(dialling) = &mut self.phase {
                    dialling.rest = found.get(next..).unwrap_or_default().to_vec();
                }
            }
            None => self.after_peer(target, peer, Final::ours(500, Reason::ConnectionRefused), true, means),
        }
    }

    /// Peers of a target by priority, then in the order given.
    fn peer(&self, target: usize, index: usize) -> Option<&Peer> {
        let connection = &self.target(target)?.connection;
        let mut peers: Vec<&Peer> = connection.peers.iter().collect();
        peers.sort_by_key(|peer| peer.priority);
        peers.get(index).copied()
    }

    /// Sends an INVITE to every place of a target.
    fn ring(&mut self, target: usize, peer: usize, places: &[Place], means: &mut Means<'_>) {
        let Some(destination) = self.target(target).cloned() else { return };
        let Some(invite) = self.invite.clone() else { return };
        let mut branches = Vec::with_capacity(places.len());
        let mut fault = None;
        if let Ok(message) = Message::parse(&invite.bytes) {
            let presentation = present(&invite.presentation, &destination);
            for place in places.iter().take(usize::from(MOST_LEGS)) {
                match self.start(place, &destination.connection, &presentation, &invite, &message, means) {
                    Ok(branch) => branches.push(branch),
                    Err(reason) => fault = Some(reason),
                }
            }
        }
        if branches.is_empty() {
            self.refuse(fault.unwrap_or(Reason::Fault), EndedBy::System, means);
            return;
        }
        let connection = &destination.connection;
        let ring_until = means.now + Duration::from_secs(u64::from(connection.dialled.ring_s.max(1)));
        let is_peer = !crate::branch::is_registered_kind(connection.kind);
        let alive = Duration::from_secs(u64::from(connection.timers.no_provisional_s));
        let alive_until = (is_peer && !alive.is_zero()).then(|| means.now + alive);
        means.out.arm(ring_until, Timer::User(User::Call(self.slot), timers::RING));
        if let Some(at) = alive_until {
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::ALIVE));
        }
        let early = None;
        let shown = (0, false);
        self.phase = Phase::Dialling(Box::new(Dialling {
            target,
            peer,
            branches,
            early,
            shown,
            best: None,
            rest: Vec::new(),
            ring_until,
            alive_until,
        }));
    }

    fn start(
        &mut self,
        place: &Place,
        connection: &Arc<Connection>,
        presentation: &Presentation,
        invite: &Invite,
        message: &Message<'_>,
        means: &mut Means<'_>,
    ) -> Result<Branch, Reason> {
        let number = self.next_leg;
        self.next_leg = if number >= MOST_LEGS { 1 } else { number + 1 };
        let bypass = anchor::bypasses(self.caller.connection.as_deref(), Some(connection));
        let mut branch = Branch::new(self.slot, number, Arc::clone(connection), place, presentation, means);
        branch.leg.media.bypass = bypass;
        let body = if message.body().is_empty() {
            Vec::new()
        } else {
            self.caller.media.bypass = bypass;
            anchor::pass(message.body(), &mut self.caller, &mut branch.leg, self.slot, means)?
        };
        let offer = Offer {
            call: self.slot,
            invite: message,
            caller: self.caller.connection.as_deref(),
            max_forwards: invite.max_forwards,
            session_id: &invite.session_id,
        };
        branch.send(&body, None, presentation, &offer, means);
        Ok(branch)
    }

    /// An answer to an INVITE of ours while nobody has answered the call.
    pub(crate) fn on_branch_response(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        if self.on_loser_response(number, response, means) {
            return;
        }
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else { return };
        branch.leg.hear_agent(response);
        match response.code() {
            100..=199 => self.on_provisional(number, response, means),
            200..=299 => self.on_winner(number, response, means),
            _ => self.on_branch_failure(number, response, means),
        }
    }

    fn on_provisional(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(branch) = dialling.branches.iter_mut().find(|b| b.leg.number == number) else { return };
        branch.alive = true;
        if let Some(reason) = branch.cancelling {
            branch.cancel(reason, means);
            return;
        }
        let code = response.code();
        if code == 100 {
            return;
        }
        branch.rang = true;
        let has_body = !response.body().is_empty();
        let first = dialling.early.is_none();
        let mine = dialling.early == Some(number);
        let mut body = None;
        if has_body && (first || mine) {
            dialling.early = Some(number);
            body = anchor::pass(response.body(), &mut branch.leg, &mut self.caller, self.slot, means).ok();
            anchor::connect(&self.caller, &branch.leg, false, means);
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
        self.respond(code, response_phrase(response), body.as_deref(), None, means);
        if ringing {
            means.effects.push(Effect::Announce(Milestone::Ringing));
        }
    }

    fn on_winner(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) {
        let Phase::Dialling(mut dialling) = core::mem::replace(&mut self.phase, Phase::Over) else { return };
        let Some(index) = dialling.branches.iter().position(|b| b.leg.number == number) else {
            self.phase = Phase::Dialling(dialling);
            return;
        };
        let mut winner = dialling.branches.remove(index);
        for mut loser in dialling.branches {
            loser.cancel(ELSEWHERE, means);
            self.retire(loser, means);
        }
        winner.leg.dialog.confirm(response);
        winner.leg.code = response.code();
        let cseq = response.cseq().map_or(1, |(number, _)| number);
        let late_offer =
            self.invite.as_ref().is_some_and(|i| Message::parse(&i.bytes).is_ok_and(|m| m.body().is_empty()));
        let body = match response.body() {
            [] => None,
            body => match anchor::pass(body, &mut winner.leg, &mut self.caller, self.slot, means) {
                Ok(body) => Some(body),
                Err(reason) => {
                    winner.leg.acknowledge(cseq, None, means);
                    winner.leg.bye(self.slot, None, means);
                    self.callee = Some((winner.leg.number, crate::end::leg_record("callee", &winner.leg)));
                    self.close_leg(&mut winner.leg, means);
                    self.refuse(reason, EndedBy::System, means);
                    return;
                }
            },
        };
        self.times.answered = Some(means.now);
        if late_offer {
            // The answer comes in the caller's ACK, and ours waits for it (RFC 3261 §13.2.2.4).
            winner.leg.usage = crate::usage::InviteUsage::Asking { client: winner.client, cseq };
        } else {
            winner.leg.acknowledge(cseq, None, means);
            anchor::connect(&self.caller, &winner.leg, false, means);
        }
        self.phase = Phase::Talking { callee: Some(Box::new(winner.leg)) };
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
        let failed = Final {
            code,
            phrase: response_phrase(response).to_vec(),
            reason: response.field(Name::Reason).unwrap_or_default().to_vec(),
            why: None,
        };
        let redirected = (300..400).contains(&code) && self.follow(response, means);
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
        self.branch_over(number, Final::ours(408, Reason::NoAnswer), Failure::Unreachable, means);
    }

    /// A branch has its final answer; when all have, the next target is tried or the best answer relayed.
    fn branch_over(&mut self, number: u8, failed: Final, failure: Failure, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(index) = dialling.branches.iter().position(|b| b.leg.number == number) else { return };
        let mut branch = dialling.branches.remove(index);
        branch.done = true;
        branch.leg.code = failed.code;
        let failure = match failure {
            Failure::Answered { code, .. } => Failure::Answered { code, rang: branch.rang },
            Failure::Unreachable if branch.alive => {
                Failure::Answered { code: failed.code, rang: branch.rang }
            }
            Failure::Unreachable | Failure::Redirected => failure,
        };
        let media_began = dialling.early.is_some();
        let chosen = match dialling.best.take() {
            Some(best) if better(best.code, failed.code) == best.code => best,
            Some(_) | None => failed.clone(),
        };
        let all_done = dialling.branches.is_empty();
        let declined_by_all = failed.code >= 600;
        let (target, peer) = (dialling.target, dialling.peer);
        dialling.best = Some(chosen.clone());
        let again = !media_began && branch.leg.connection.as_deref().is_some_and(|c| hunts(failure, c));
        self.callee = Some((branch.leg.number, crate::end::leg_record("callee", &branch.leg)));
        self.close_leg(&mut branch.leg, means);
        if declined_by_all && !all_done {
            self.cancel_branches(DECLINED, means);
            self.after_peer(target, peer, failed, false, means);
        } else if all_done {
            self.after_peer(target, peer, chosen, again, means);
        }
    }

    /// The next address of the same peer, or the next peer of the same target, if that may help.
    fn after_peer(&mut self, target: usize, peer: usize, failed: Final, again: bool, means: &mut Means<'_>) {
        let rest = match &mut self.phase {
            Phase::Dialling(dialling) => core::mem::take(&mut dialling.rest),
            Phase::Admitting
            | Phase::Seeking { .. }
            | Phase::Locating { .. }
            | Phase::Talking { .. }
            | Phase::Over => Vec::new(),
        };
        if again && !rest.is_empty() {
            self.ring_peer(target, peer, &rest, means);
        } else if again && self.peer(target, peer + 1).is_some() {
            self.try_peer(target, peer + 1, means);
        } else {
            self.after_failure(target, failed, again, means);
        }
    }

    /// The next target, its failover, or the failure itself to the caller.
    pub(crate) fn after_failure(&mut self, target: usize, failed: Final, again: bool, means: &mut Means<'_>) {
        let stops = self
            .target(target)
            .is_some_and(|t| t.connection.on_failure == routing::config::FailurePolicy::Stop);
        self.leave_place(target, means);
        if again && !stops && self.target(target + 1).is_some() {
            self.seek(target + 1, means);
            return;
        }
        self.fail(failed, means);
    }

    /// Gives back the place at a target that did not answer.
    fn leave_place(&mut self, target: usize, means: &mut Means<'_>) {
        let Some(id) = self.target(target).map(|t| t.connection.id.clone()) else { return };
        let first = usize::from(self.caller.connection.is_some());
        if let Some(index) = self.held.iter().skip(first).position(|held| *held == id) {
            self.held.remove(index + first);
            means.effects.push(Effect::Release(id));
        }
    }

    /// Answers a peer's challenge, once, if we have credentials for it (RFC 3261 §22.2).
    fn authenticate(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) -> bool {
        let Some(invite) = self.invite.clone() else { return false };
        let sent = self.send_with_credentials(number, response, &invite, means);
        sent.is_some()
    }

    fn send_with_credentials(
        &mut self,
        number: u8,
        response: &Message<'_>,
        invite: &Invite,
        means: &mut Means<'_>,
    ) -> Option<()> {
        let slot = self.slot;
        let caller = self.caller.connection.clone();
        let Phase::Dialling(dialling) = &mut self.phase else { return None };
        let target = dialling.target;
        let branch = dialling.branches.iter_mut().find(|b| b.leg.number == number && !b.authenticated)?;
        let connection = branch.leg.connection.clone()?;
        let secret = connection.outward.as_ref()?;
        let cnonce = means.random.hex();
        let uri = branch.leg.dialog.target.clone();
        let (name, value) =
            sip_stack::auth::answer(response, &secret.user, &secret.password, b"INVITE", &uri, &cnonce)?;
        branch.authenticated = true;
        branch.alive = false;
        let message = Message::parse(&invite.bytes).ok()?;
        let body = branch.leg.media.sent.clone();
        let (max_forwards, session_id) = (invite.max_forwards, &invite.session_id);
        let offer =
            Offer { call: slot, invite: &message, caller: caller.as_deref(), max_forwards, session_id };
        let destination = match &self.decision.outcome {
            routing::decision::Outcome::Ring(targets) => targets.get(target)?,
            _ => return None,
        };
        let presentation = present(&invite.presentation, destination);
        branch.send(&body, Some((name, &value)), &presentation, &offer, means);
        Some(())
    }

    /// The caller's CANCEL came (RFC 3261 §9.2); the engine has answered it.
    pub fn on_cancel(&mut self, means: &mut Means<'_>) {
        match self.phase {
            Phase::Admitting | Phase::Seeking { .. } | Phase::Locating { .. } | Phase::Dialling(_) => {
                self.refuse(Reason::CallerGaveUp, EndedBy::Caller, means);
            }
            Phase::Talking { .. } => self.cancel_reinvite(0, means),
            Phase::Over => {}
        }
    }

    /// Nobody answered in time.
    pub(crate) fn on_ring_timer(&mut self, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        if means.now < dialling.ring_until {
            return;
        }
        let target = dialling.target;
        self.cancel_branches(TIMED_OUT, means);
        self.after_failure(target, Final::ours(480, Reason::NobodyAnswered), false, means);
    }

    /// A peer gave no sign of life in time.
    pub(crate) fn on_alive_timer(&mut self, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        let late = dialling.alive_until.is_some_and(|at| means.now >= at);
        if !late || dialling.branches.iter().any(|b| b.alive) {
            return;
        }
        let (target, peer) = (dialling.target, dialling.peer);
        self.cancel_branches(TIMED_OUT, means);
        self.after_peer(target, peer, Final::ours(408, Reason::NoAnswer), true, means);
    }

    /// Cancels whoever is being rung; their final answers are awaited among the losers.
    pub(crate) fn cancel_branches(&mut self, reason: &'static [u8], means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        for mut branch in core::mem::take(&mut dialling.branches) {
            branch.cancel(reason, means);
            self.retire(branch, means);
        }
    }

    /// A cancelled branch: its media goes at once, its final answer is awaited, but not for ever.
    fn retire(&mut self, mut branch: Branch, means: &mut Means<'_>) {
        self.callee = Some((branch.leg.number, crate::end::leg_record("callee", &branch.leg)));
        self.close_leg(&mut branch.leg, means);
        means.out.arm(means.now + T1_64, Timer::User(User::Call(self.slot), timers::LINGER));
        self.losers.push(branch);
    }

    /// Answers of branches that lost: a late 2xx is acknowledged and ended (RFC 3261 §13.2.2.4).
    fn on_loser_response(&mut self, number: u8, response: &Message<'_>, means: &mut Means<'_>) -> bool {
        let Some(index) = self.losers.iter().position(|b| b.leg.number == number) else { return false };
        match response.code() {
            100..=199 => {
                if let Some(loser) = self.losers.get_mut(index) {
                    loser.alive = true;
                    if let Some(reason) = loser.cancelling {
                        loser.cancel(reason, means);
                    }
                }
            }
            200..=299 => {
                // Kept until the linger timer: its 2xx may come again, and needs its ACK each time.
                let slot = self.slot;
                let Some(loser) = self.losers.get_mut(index) else { return true };
                if loser.done {
                    crate::talk::on_stray_2xx(&mut loser.leg, slot, response, means);
                    return true;
                }
                loser.done = true;
                loser.leg.dialog.confirm(response);
                let cseq = response.cseq().map_or(1, |(number, _)| number);
                loser.leg.acknowledge(cseq, None, means);
                loser.leg.bye(slot, loser.cancelling, means);
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

    fn forget(&mut self, mut loser: Branch, means: &mut Means<'_>) {
        means.transactions.abandon(loser.client);
        self.close_leg(&mut loser.leg, means);
    }
}

impl Final {
    /// A failure of our own making.
    pub(crate) fn ours(code: u16, reason: Reason) -> Self {
        Self { code, phrase: Vec::new(), reason: Vec::new(), why: Some(reason) }
    }

    /// What the caller gets, and why.
    pub(crate) fn for_caller(&self) -> (u16, Option<Reason>) {
        let (code, changed) = relayed(self.code);
        if self.why.is_some() { (self.code, self.why) } else { (code, changed) }
    }
}

fn present(presentation: &Presentation, destination: &Destination) -> Presentation {
    let mut shown = presentation.clone();
    let registered = crate::branch::is_registered_kind(destination.connection.kind);
    shown.assert = !registered;
    if !registered {
        shown.host = String::new();
    }
    if let Some(caller_id) = &destination.caller_id {
        shown.user.clone_from(caller_id);
    }
    shown
}

fn response_phrase<'a>(response: &Message<'a>) -> &'a [u8] {
    match response.start() {
        sip_msg::StartLine::Response { reason, .. } => reason,
        sip_msg::StartLine::Request { .. } => b"",
    }
}

/// RFC 3326: why a branch that lost is cancelled.
const ELSEWHERE: &[u8] = b"SIP;cause=200;text=\"Call completed elsewhere\"";
const DECLINED: &[u8] = b"SIP;cause=600;text=\"Declined\"";
const TIMED_OUT: &[u8] = b"Q.850;cause=19;text=\"No answer\"";
