//! Ringing callees: targets one after the other, contacts of one target at once.
//!
//! The next address of a peer is chosen in `hunt`. What callees answer is the matter of `answers`, and of `losers` for
//! those that are cancelled.

use core::time::Duration;
use std::sync::Arc;

use sip_msg::Message;
use sip_stack::User;
use sip_stack::timer::Timer;
use sip_stack::transport::{Protocol, Target};
use timestamp::Timestamp;

use registrar::BindingRow;
use routing::config::{Connection, ConnectionId, Kind};
use routing::decision::{Destination, Outcome, next_in_line};
use routing::reason::Reason;

use crate::anchor::{self, Passing};
use crate::attendant::Attendant;
use crate::branch::{
    ANONYMOUS, Branch, Offer, Place, Presentation, escape_user, is_registered_kind, place_at_pbx,
    place_of_binding,
};
use crate::call::{Call, Final, Invite, Phase, timers};
use crate::claim::{Claim, Level, Told};
use crate::losers::TIMED_OUT;
use crate::means::{Effect, MOST_LEGS, Means};
use crate::provisional::Progress;
use crate::record::EndedBy;
use crate::search::Search;

/// Callees being rung.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) target: usize,
    pub(crate) peer: usize,
    pub(crate) branches: Vec<Branch>,
    /// The leg whose early media the caller hears.
    pub(crate) early: Option<u8>,
    /// The last provisional answer passed on.
    pub(crate) shown: (u16, bool),
    /// What the caller is to be shown once its PRACK is here.
    pub(crate) waiting: Option<Progress>,
    /// The first 2xx, which waits for the caller's PRACK: its leg and itself.
    pub(crate) answered: Option<(u8, Vec<u8>)>,
    pub(crate) best: Option<Final>,
    /// All that failed so far may be followed by another target: nobody declined.
    pub(crate) again: bool,
    /// Addresses of the same peer that were not tried yet (RFC 3263 §4.3).
    pub(crate) rest: Vec<Target>,
    pub(crate) ring_until: Timestamp,
    pub(crate) alive_until: Option<Timestamp>,
    /// Several parties are looked for, and this is how far it is with each.
    pub(crate) search: Option<Box<Search>>,
}

impl Dialling {
    /// These are rung until then; nothing is known of them yet.
    pub(crate) fn of(branches: Vec<Branch>, ring_until: Timestamp) -> Self {
        Self {
            target: 0,
            peer: 0,
            branches,
            early: None,
            shown: (0, false),
            waiting: None,
            answered: None,
            best: None,
            again: true,
            rest: Vec::new(),
            ring_until,
            alive_until: None,
            search: None,
        }
    }
}

impl Call {
    /// The caller's place is settled: answer ourselves, or go to the first target.
    pub(crate) fn admitted(&mut self, means: &mut Means<'_>) {
        if self.flow_rings() || self.diverted.is_some() || self.handover.transfer.is_some() {
            self.seek(0, means);
            return;
        }
        if self.awaits_vouching() {
            return;
        }
        match &self.decision.outcome {
            Outcome::Serve(service) => self.serve(*service, means),
            Outcome::Run(attached) => {
                let attached = attached.clone();
                self.attend(&attached, means);
            }
            Outcome::Feature(feature) => {
                let feature = feature.clone();
                self.serve_feature(&feature, means);
            }
            Outcome::Divert(condition) => {
                let condition = *condition;
                self.divert(condition, means);
            }
            Outcome::Ring(_) => self.seek_first(means),
            Outcome::Challenge | Outcome::Refuse(_) => self.seek(0, means),
        }
    }

    /// The home of a connection answered.
    pub fn on_told(&mut self, told: Told, means: &mut Means<'_>) {
        self.asked = false;
        if self.handover.replacing.is_some() && matches!(self.phase, Phase::Talking { .. }) {
            self.on_replacement_told(told, means);
            return;
        }
        if self.searches() {
            self.on_search_told(told, means);
            return;
        }
        match (&self.phase, told) {
            (Phase::Admitting, Told::Granted(claim, _) | Told::Down(claim, _)) => {
                if !claim.onward {
                    self.held.push(claim);
                }
                self.admitted(means);
            }
            (Phase::Admitting, Told::Full(over, _)) => self.refuse(over.reason, EndedBy::System, means),
            (Phase::Admitting, Told::Replayed) => self.challenge_again(means),
            (Phase::Seeking { target }, Told::Granted(claim, bindings)) => {
                let target = *target;
                self.held.push(claim);
                self.reach(target, &bindings, means);
            }
            (Phase::Seeking { target }, Told::Full(over, _)) => {
                let (target, busy) = (*target, Final::ours(486, over.reason));
                self.pass_over(target, busy, means);
            }
            (Phase::Seeking { target }, Told::Replayed) => {
                let (target, busy) = (*target, Final::ours(486, Reason::NonceReplayed));
                self.pass_over(target, busy, means);
            }
            (Phase::Seeking { target }, Told::Down(claim, bindings)) => {
                let target = *target;
                self.held.push(claim);
                if self.next_target(target).is_some() {
                    self.pass_over(target, Final::ours(480, Reason::KnownDown), means);
                } else {
                    // It is asked nevertheless: what is known may be out of date.
                    self.reach(target, &bindings, means);
                }
            }
            (Phase::Seeking { target }, Told::Rehearsed) => {
                let target = *target;
                self.pass_over(target, Final::ours(480, Reason::Rehearsal), means);
            }
            (Phase::Admitting, Told::Rehearsed) => self.refuse(Reason::Rehearsal, EndedBy::System, means),
            (_, Told::Granted(claim, _) | Told::Down(claim, _)) => {
                // The caller gave up while the question was out: the place goes back.
                means.effects.push(Effect::Release(claim));
            }
            (
                Phase::Attending
                | Phase::Locating { .. }
                | Phase::Dialling(_)
                | Phase::Talking { .. }
                | Phase::Over,
                _,
            ) => {}
        }
    }

    /// Asks the home of the next target for a place.
    pub(crate) fn seek(&mut self, target: usize, means: &mut Means<'_>) {
        let Some(destination) = self.target(target) else {
            self.refuse(Reason::NoRoute, EndedBy::System, means);
            return;
        };
        let (connection, outbound) = (Arc::clone(&destination.connection), destination.outbound);
        self.phase = Phase::Seeking { target };
        let behalf = self.routed().caller.as_ref().filter(|_| outbound).map(|c| c.id.clone());
        let claim = self.claim(Some(&connection), false, means);
        self.ask(Claim { locate: is_registered_kind(connection.kind), behalf, ..claim }, means);
    }

    /// Rings the next contact of a PBX that registered.
    fn ring_next_contact(&mut self, target: usize, means: &mut Means<'_>) -> bool {
        let next = self.contacts.pop();
        if let Some(place) = &next {
            self.ring(target, 0, core::slice::from_ref(place), means);
        }
        next.is_some()
    }

    fn reach(&mut self, target: usize, bindings: &[BindingRow], means: &mut Means<'_>) {
        let Some(destination) = self.target(target).cloned() else { return };
        match destination.connection.kind {
            Kind::RegisterIn => {
                let (connection, number) = (&destination.connection, &destination.number);
                let places = bindings.iter().filter_map(|b| place_at_pbx(b, connection, number, means));
                // Its ways in the order of its home: the next one when the first does not work.
                self.contacts = places.rev().filter(|place| self.may_ring(place.flow.protocol)).collect();
                if !self.ring_next_contact(target, means) {
                    self.pass_over(target, self.nowhere(bindings), means);
                }
            }
            Kind::Device | Kind::Virtual => {
                let places: Vec<Place> = bindings
                    .iter()
                    .filter_map(|b| place_of_binding(b, &destination.connection, means))
                    .filter(|place| self.may_ring(place.flow.protocol))
                    .collect();
                let wakes = self.wake(bindings, target, means);
                match places.as_slice() {
                    [] if wakes => {}
                    [] => self.pass_over(target, self.nowhere(bindings), means),
                    places => self.ring(target, 0, places, means),
                }
            }
            Kind::RegisterOut | Kind::Trunk => self.hunt_peers(target, means),
        }
    }

    /// The target cannot be rung: the next one, if there is one.
    pub(crate) fn pass_over(&mut self, target: usize, failed: Final, means: &mut Means<'_>) {
        self.note_unrung(target, &failed, means);
        self.after_failure(target, failed, true, means);
    }

    /// Whether callees may be reached over this protocol: who dialled `sips:` wants TLS (RFC 3261 §26.2.2).
    pub(crate) fn may_ring(&self, protocol: Protocol) -> bool {
        !self.began.secure || protocol.is_secure()
    }

    /// There is no contact that may be rung.
    fn nowhere(&self, bindings: &[BindingRow]) -> Final {
        let insecure = self.began.secure && !bindings.is_empty();
        Final::ours(480, if insecure { Reason::NotReachableSecurely } else { Reason::NotRegistered })
    }

    /// Sends an INVITE to every place of a target.
    pub(crate) fn ring(&mut self, target: usize, peer: usize, places: &[Place], means: &mut Means<'_>) {
        let Some(destination) = self.target(target).cloned() else { return };
        let Some(invite) = self.invite.clone() else { return };
        let mut branches = Vec::with_capacity(places.len());
        let mut fault = None;
        if let Ok(message) = Message::parse(&invite.bytes) {
            let presentation = self.shown_as(present(&invite.presentation, &destination));
            for place in places.iter().take(usize::from(MOST_LEGS / 2)) {
                match self.start(place, &destination.connection, &presentation, &invite, &message, means) {
                    Ok(branch) => branches.push(branch.of(target, None)),
                    Err(reason) => fault = Some(reason),
                }
            }
        }
        if branches.is_empty() {
            self.refuse(fault.unwrap_or(Reason::Fault), EndedBy::System, means);
            return;
        }
        let connection = &destination.connection;
        let usual = Duration::from_secs(u64::from(connection.dialled.ring_s.max(1)));
        let ring_until = means.now + self.flow_rings_for().unwrap_or(usual);
        // A phone may be slow to wake up: it is given up early only for somebody else.
        let hurry =
            !matches!(connection.kind, Kind::Device | Kind::Virtual) || self.next_target(target).is_some();
        let alive = Duration::from_secs(u64::from(connection.timers.no_provisional_s));
        let alive_until = (hurry && !alive.is_zero()).then(|| means.now + alive);
        means.out.arm(ring_until, Timer::User(User::Call(self.slot), timers::RING));
        if let Some(at) = alive_until {
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::ALIVE));
        }
        let dialling = Dialling { target, peer, alive_until, ..Dialling::of(branches, ring_until) };
        self.phase = Phase::Dialling(Box::new(dialling));
    }

    /// Sends an INVITE to one more place of the target that is being rung.
    pub(crate) fn ring_also(&mut self, place: &Place, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        let room = dialling.branches.len() < usize::from(MOST_LEGS / 2);
        let Some(destination) = self.target(dialling.target).cloned().filter(|_| room) else { return };
        let Some(invite) = self.invite.clone() else { return };
        let Ok(message) = Message::parse(&invite.bytes) else { return };
        let presentation = self.shown_as(present(&invite.presentation, &destination));
        let branch = self.start(place, &destination.connection, &presentation, &invite, &message, means);
        if let (Ok(branch), Phase::Dialling(dialling)) = (branch, &mut self.phase) {
            dialling.branches.push(branch.of(dialling.target, None));
        }
    }

    pub(crate) fn start(
        &mut self,
        place: &Place,
        connection: &Arc<Connection>,
        presentation: &Presentation,
        invite: &Invite,
        message: &Message<'_>,
        means: &mut Means<'_>,
    ) -> Result<Branch, Reason> {
        let number = self.fresh_leg();
        let moved = self.handover.transfer.is_some() && !self.caller.media.ends.is_empty();
        let bypass = !moved
            && !self.searches()
            && anchor::bypasses(self.caller.connection.as_deref(), Some(connection));
        let connection = Some(Arc::clone(connection));
        // What came with the call is said of its caller, and of nobody who is handed over.
        let told = self.vouching.verstat_for(connection.as_deref()).filter(|_| !self.handover.swapped());
        let told = told.map(|verdict| presentation.with_verstat(verdict));
        let presentation = told.as_ref().unwrap_or(presentation);
        let mut branch = Branch::new(self.slot, number, connection.clone(), place, presentation, means);
        branch.leg.media.bypass = bypass;
        branch.leg.ids.shown = self.caller.ids.theirs;
        let body = if self.handover.gives_place() {
            anchor::offer_ourselves(&mut branch.leg, self.slot, means)?
        } else if message.body().is_empty() {
            Vec::new()
        } else {
            self.caller.media.bypass = bypass;
            anchor::pass(Passing::Offer, message.body(), &mut self.caller, &mut branch.leg, self.slot, means)?
        };
        let offer = Offer {
            call: self.slot,
            invite: message,
            caller: self.caller.connection.as_deref(),
            reliable: self.caller.abilities.reliable || !message.body().is_empty(),
            max_forwards: invite.max_forwards,
            signed: self.vouching.signed_for(connection.as_deref()),
            fields: self.attendant.as_deref().map_or(&[], Attendant::fields),
        };
        branch.send(&body, None, presentation, &offer, means);
        Ok(branch)
    }

    /// The next target, its failover, or the failure itself to the caller.
    pub(crate) fn after_failure(&mut self, target: usize, failed: Final, again: bool, means: &mut Means<'_>) {
        if again && !self.contacts.is_empty() {
            self.moved_on();
            self.ring_next_contact(target, means);
            return;
        }
        self.contacts.clear();
        self.waking.clear();
        self.leave_place(target, means);
        match self.next_target(target) {
            Some(next) if again => {
                self.moved_on();
                self.seek(next, means);
            }
            None if again && self.may_fall_back() => self.fall_back(means),
            Some(_) | None => self.fail(failed, means),
        }
    }

    /// Whether a flow takes over from those who could not be reached.
    pub(crate) fn may_fall_back(&self) -> bool {
        self.decision.failover.is_some() && self.attendant.is_none() && self.handover.transfer.is_none()
    }

    pub(crate) fn fall_back(&mut self, means: &mut Means<'_>) {
        let Some(attached) = self.decision.failover.clone() else { return };
        self.moved_on();
        self.attend(&attached, means);
    }

    /// Who is tried when this target does not work.
    fn next_target(&self, target: usize) -> Option<usize> {
        next_in_line(self.routed().outcome.targets(), target)
    }

    /// Gives back the place at a target that did not answer.
    pub(crate) fn leave_place(&mut self, target: usize, means: &mut Means<'_>) {
        let Some(id) = self.target(target).map(|t| t.connection.id.clone()) else { return };
        let held = self.held.iter().filter(|held| held.is_of(&id) && !held.left).count();
        if held > self.present(&id) {
            self.give_back(&id, means);
        }
    }

    /// Gives back the newest place at a connection, and with it those of whoever left it behind.
    pub(crate) fn give_back(&mut self, id: &ConnectionId, means: &mut Means<'_>) {
        let Some(index) = self.held.iter().rposition(|held| held.is_of(id) && !held.left) else { return };
        let claim = self.held.remove(index);
        if let Some(behalf) = claim.behalf.as_ref().filter(|behalf| !self.is_outside_for(behalf)) {
            while let Some(index) = self.held.iter().position(|held| held.left && held.is_of(behalf)) {
                means.effects.push(Effect::Release(self.held.remove(index)));
            }
        }
        means.effects.push(Effect::Release(claim));
    }

    /// A connection leaves the call: what it set up outside goes on counting as its own.
    pub(crate) fn leave_place_of(&mut self, id: &ConnectionId, means: &mut Means<'_>) {
        if !self.is_outside_for(id) {
            self.give_back(id, means);
            return;
        }
        let Some(held) = self.held.iter_mut().rfind(|held| held.is_of(id) && !held.left) else { return };
        held.left = true;
        if let Some(home) = held.homes[Level::Connection as usize] {
            means.effects.push(Effect::Leave(id.clone(), home, held.from));
        }
    }

    /// Whether the call is outside on behalf of this connection.
    fn is_outside_for(&self, id: &ConnectionId) -> bool {
        self.held.iter().any(|held| held.behalf.as_ref() == Some(id))
    }

    /// Legs at a connection that are there whatever becomes of those being rung.
    fn present(&self, id: &ConnectionId) -> usize {
        let waiting = core::iter::once(&self.caller).chain(self.handover.transferor());
        waiting.filter(|leg| leg.connection.as_ref().is_some_and(|c| c.id == *id)).count()
    }

    /// A number that no leg of the call has.
    pub(crate) fn fresh_leg(&mut self) -> u8 {
        loop {
            let number = self.next_leg;
            self.next_leg = if number >= MOST_LEGS { 1 } else { number + 1 };
            let lost = self.losers.iter().any(|loser| loser.leg.number == number);
            if !lost && self.leg(number).is_none() && !self.is_vacant(number) {
                return number;
            }
        }
    }

    /// The caller's CANCEL came (RFC 3261 §9.2); the engine has answered it.
    pub(crate) fn on_cancel(&mut self, cancel: &Message<'_>, means: &mut Means<'_>) {
        if self.handover.transfer.is_some() {
            return;
        }
        match self.phase {
            Phase::Admitting
            | Phase::Attending
            | Phase::Seeking { .. }
            | Phase::Locating { .. }
            | Phase::Dialling(_) => {
                self.given = crate::cause::both(&crate::cause::given(cancel));
                self.refuse(Reason::CallerGaveUp, EndedBy::Caller, means);
            }
            Phase::Talking { .. } | Phase::Over => {}
        }
    }

    /// Nobody answered in time.
    pub(crate) fn on_ring_timer(&mut self, means: &mut Means<'_>) {
        self.on_screen_timer(means);
        if self.searches() {
            return self.on_search_timer(means);
        }
        let Phase::Dialling(dialling) = &self.phase else { return };
        if means.now < dialling.ring_until || dialling.answered.is_some() {
            return;
        }
        let target = dialling.target;
        let dead = !dialling.branches.iter().any(|branch| branch.alive) && dialling.again;
        self.cancel_branches(TIMED_OUT, Reason::NobodyAnswered, means);
        self.after_failure(target, Final::ours(480, Reason::NobodyAnswered), dead, means);
    }

    /// A peer gave no sign of life in time.
    pub(crate) fn on_alive_timer(&mut self, means: &mut Means<'_>) {
        if self.searches() {
            return self.on_search_alive_timer(means);
        }
        let Phase::Dialling(dialling) = &self.phase else { return };
        let late = dialling.alive_until.is_some_and(|at| means.now >= at);
        if !late || !dialling.again || self.waking.is_awaited() || dialling.branches.iter().any(|b| b.alive) {
            return;
        }
        let (target, peer) = (dialling.target, dialling.peer);
        for branch in &dialling.branches {
            branch.was_not_answered(means);
        }
        self.cancel_branches(TIMED_OUT, Reason::NoAnswer, means);
        self.after_peer(target, peer, Final::ours(408, Reason::NoAnswer), true, means);
    }
}

/// What this destination is to see of the caller: who is hidden is named to trusted peers only, and there beside a From
/// that names nobody (RFC 3323 §4.1, RFC 3325 §7).
pub fn present(presentation: &Presentation, destination: &Destination) -> Presentation {
    let mut shown = presentation.clone();
    let connection = &destination.connection;
    let anonymous = shown.host == ANONYMOUS;
    let caller_id = destination.caller_id.as_deref().map(escape_user);
    let asserted = caller_id.or_else(|| (!anonymous).then(|| shown.user.clone()));
    if let Some(user) = asserted.as_ref().filter(|_| !anonymous) {
        shown.user.clone_from(user);
    }
    if shown.hidden {
        shown.display = "Anonymous".into();
    }
    if shown.hidden || anonymous {
        (shown.user, shown.host) = ("anonymous".into(), ANONYMOUS.into());
    } else if !is_registered_kind(connection.kind) {
        shown.host = String::new();
    }
    if matches!(connection.kind, Kind::Device | Kind::Virtual) {
        return shown;
    }
    // Who registers is known to the registrar by its account: the caller is asserted beside it.
    if let (Kind::RegisterOut, Some(account), Some(peer)) =
        (connection.kind, &connection.outward, connection.peers.first())
    {
        shown.user = escape_user(&account.user);
        shown.host.clone_from(&peer.host);
    }
    shown.asserted = asserted.filter(|_| !shown.hidden || connection.trust_identity);
    shown
}
