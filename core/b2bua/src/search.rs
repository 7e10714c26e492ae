//! Several parties looked for at once (RFC 3261 §16.6, §16.7): each with targets of its own, which it goes through as a
//! call to it alone would.
//!
//! Places, signatures and addresses are asked for one after the other, while those found already ring. Whoever answers
//! first has the call. A party that says where else to look is not followed.

mod sought;

use core::time::Duration;

use registrar::BindingRow;
use routing::config::Kind;
use routing::decision::{Decision, Outcome, next_in_line};
use routing::reason::Reason;
use sip_msg::Message;
use sip_stack::User;
use sip_stack::timer::Timer;
use sip_stack::transport::{Query, Target};
use timestamp::Timestamp;

use crate::branch::{Branch, Place, is_registered_kind, place_at_pbx, place_of_binding, place_of_peer};
use crate::call::{Call, Final, Phase, timers};
use crate::claim::{Claim, Told};
use crate::dial::{Dialling, present};
use crate::failure::{Failure, better, hunts};
use crate::hop::next_hop;
use crate::hunt::Hunt;
use crate::losers::{DECLINED, TIMED_OUT};
use crate::means::{Effect, MOST_LEGS, Means};
use crate::vouch::Passport;
pub(crate) use sought::Sought;
use sought::Stage;

/// Parties being looked for.
#[derive(Debug)]
pub(crate) struct Search {
    parties: Vec<Sought>,
    /// What is being asked for, and for whom.
    asking: Option<(usize, Question)>,
}

/// What is asked for before a party rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// A signature of the caller id.
    Signature,
    /// Whether a call may go outside.
    Onward,
    /// A place at its connection.
    Place,
    /// The address of a peer.
    Address,
}

impl Search {
    /// These, and one decision with the targets of all.
    pub(crate) fn of(mut parties: Vec<Sought>) -> Option<(Self, Decision)> {
        let mut all = parties.first().map(|party| (*party.decision).clone())?;
        let mut targets = smallvec::SmallVec::new();
        for party in &mut parties {
            let first = targets.len();
            if let Outcome::Ring(own) = &mut party.decision.outcome {
                targets.extend(own.iter().cloned());
            }
            (party.targets, party.target) = (first..targets.len(), first);
        }
        all.outcome = Outcome::Ring(targets);
        Some((Self { parties, asking: None }, all))
    }

    /// Targets at which places are held, but for those of one party.
    pub(crate) fn places_but(&self, winner: Option<usize>) -> impl Iterator<Item = usize> {
        let rings =
            move |(index, party): &(usize, &Sought)| party.stage == Stage::Ringing && winner != Some(*index);
        self.parties.iter().enumerate().filter(rings).map(|(_, party)| party.target)
    }

    /// This party has until then: somebody is about to take the call.
    pub(crate) fn patient_until(&mut self, party: usize, until: Timestamp) {
        if let Some(party) = self.parties.get_mut(party) {
            party.until = party.until.map(|usual| usual.max(until));
        }
    }

    /// The signature for this party.
    pub(crate) fn passport(&self, party: usize) -> Option<Passport> {
        self.parties.get(party)?.passport.clone()
    }
}

impl Call {
    /// Looks for all of them. The decision with their targets is the one in force.
    pub(crate) fn begin_search(&mut self, search: Search, means: &mut Means<'_>) {
        for party in search.parties.iter().filter(|party| party.begins > means.now) {
            means.out.arm(party.begins, Timer::User(User::Call(self.slot), timers::RING));
        }
        let search = Some(Box::new(search));
        self.phase = Phase::Dialling(Box::new(Dialling { search, ..Dialling::of(Vec::new(), means.now) }));
        self.search_on(means);
    }

    fn search(&mut self) -> Option<&mut Search> {
        match &mut self.phase {
            Phase::Dialling(dialling) => dialling.search.as_deref_mut(),
            _ => None,
        }
    }

    fn sought(&mut self, index: usize) -> Option<&mut Sought> {
        self.search()?.parties.get_mut(index)
    }

    /// Whether several are looked for.
    pub(crate) fn searches(&self) -> bool {
        matches!(&self.phase, Phase::Dialling(dialling) if dialling.search.is_some())
    }

    /// Begins with those whose time has come; when nobody is left, the search is over.
    fn search_on(&mut self, means: &mut Means<'_>) {
        loop {
            let now = means.now;
            let Some(search) = self.search().filter(|search| search.asking.is_none()) else { return };
            let due = |party: &Sought| party.locates || party.stage == Stage::Waiting && party.begins <= now;
            let Some(index) = search.parties.iter().position(due) else { break };
            let Some(party) = search.parties.get_mut(index) else { break };
            if core::mem::take(&mut party.locates) {
                self.try_peer_of(index, means);
            } else {
                party.stage = Stage::Seeking;
                self.ask_for(index, None, means);
            }
        }
        self.search_may_be_over(means);
    }

    fn search_may_be_over(&mut self, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(search) = &dialling.search else { return };
        if search.parties.iter().any(|party| party.stage != Stage::Over) {
            return;
        }
        let unreachable = search.parties.iter().all(|party| party.again);
        let nobody = || Final::ours(480, Reason::NotRegistered);
        let failed = dialling.best.take().unwrap_or_else(nobody);
        if unreachable && self.may_fall_back() {
            return self.fall_back(means);
        }
        self.fail(failed, means);
    }

    /// Asks for what a party needs next after `answered`.
    fn ask_for(&mut self, index: usize, answered: Option<Question>, means: &mut Means<'_>) {
        let Some(party) = self.sought(index) else { return };
        let (target, decision) = (party.target, (*party.decision).clone());
        let Some(destination) = self.target(target).cloned() else { return };
        let fresh = answered.is_none() && destination.outbound;
        if fresh && self.vouch_for_party(&decision, means) {
            return self.is_asking(index, Question::Signature);
        }
        if fresh || answered == Some(Question::Signature) {
            let claim = self.claim(decision.caller.as_deref(), true, means);
            if claim.counts() {
                self.is_asking(index, Question::Onward);
                let (country, emergency) = (decision.country, decision.emergency);
                return self.ask(Claim { onward: true, country, emergency, ..claim }, means);
            }
        }
        self.is_asking(index, Question::Place);
        let connection = &destination.connection;
        let behalf = decision.caller.as_ref().filter(|_| destination.outbound).map(|c| c.id.clone());
        let claim = self.claim(Some(connection), false, means);
        let (locate, emergency) = (is_registered_kind(connection.kind), decision.emergency);
        self.ask(Claim { locate, behalf, emergency, ..claim }, means);
    }

    fn is_asking(&mut self, index: usize, question: Question) {
        if let Some(search) = self.search() {
            search.asking = Some((index, question));
        }
    }

    fn asked_for(&mut self, wanted: &[Question]) -> Option<(usize, Question)> {
        self.search()?.asking.take_if(|(_, question)| wanted.contains(question))
    }

    /// A home answered a search. What it granted comes back if nobody asks for it any more.
    pub(crate) fn on_search_told(&mut self, told: Told, means: &mut Means<'_>) {
        let Some((index, question)) = self.asked_for(&[Question::Onward, Question::Place]) else {
            if let Told::Granted(claim, _) | Told::Down(claim, _) = told {
                means.effects.push(Effect::Release(claim));
            }
            return;
        };
        let place = question == Question::Place;
        match told {
            Told::Granted(..) | Told::Down(..) if !place => self.ask_for(index, Some(question), means),
            Told::Granted(claim, bindings) => {
                self.held.push(claim);
                self.reach_party(index, &bindings, means);
            }
            Told::Down(claim, bindings) => {
                self.held.push(claim);
                match self.next_of(index) {
                    Some(_) => self.party_failed(index, Final::ours(480, Reason::KnownDown), true, means),
                    None => self.reach_party(index, &bindings, means),
                }
            }
            Told::Full(over, _) => {
                let code = if place { 486 } else { over.reason.sip_code() };
                self.party_failed(index, Final::ours(code, over.reason), place, means);
            }
            Told::Rehearsed => self.party_failed(index, Final::ours(480, Reason::Rehearsal), place, means),
            Told::Replayed => self.party_failed(index, Final::ours(486, Reason::NonceReplayed), place, means),
        }
        self.search_on(means);
    }

    /// What a party leaves with is signed, or is not to be.
    pub(crate) fn on_search_vouched(&mut self, passport: Option<Passport>, means: &mut Means<'_>) {
        let Some((index, question)) = self.asked_for(&[Question::Signature]) else { return };
        if let Some(party) = self.sought(index) {
            party.passport = passport;
        }
        self.ask_for(index, Some(question), means);
        self.search_on(means);
    }

    /// The address of a peer is known, or that it has none. Whether a search asked.
    pub(crate) fn on_search_located(&mut self, found: &[Target], means: &mut Means<'_>) -> bool {
        let Some((index, _)) = self.asked_for(&[Question::Address]) else { return false };
        match found {
            [] => self.party_failed(index, Final::ours(500, Reason::NameNotFound), true, means),
            found => self.ring_addresses(index, found, means),
        }
        self.search_on(means);
        true
    }

    /// A party has its place: its devices, contacts or peers are rung.
    fn reach_party(&mut self, index: usize, bindings: &[BindingRow], means: &mut Means<'_>) {
        let Some(party) = self.sought(index) else { return };
        (party.stage, party.peer, party.again) = (Stage::Ringing, 0, true);
        let target = party.target;
        let Some(destination) = self.target(target).cloned() else { return };
        let connection = &destination.connection;
        let nowhere = Final::ours(480, Reason::NotRegistered);
        match connection.kind {
            Kind::Device | Kind::Virtual => {
                let places = bindings.iter().filter_map(|b| place_of_binding(b, connection, means));
                let places: Vec<_> = places.filter(|place| self.may_ring(place.flow.protocol)).collect();
                let wakes = self.wake(bindings, target, means);
                if let Some(party) = self.sought(index) {
                    party.wakes = wakes;
                }
                match places.as_slice() {
                    [] if wakes => {}
                    [] => self.party_failed(index, nowhere, true, means),
                    places => self.ring_party(index, places, means),
                }
            }
            Kind::RegisterIn => {
                let number = &destination.number;
                let places = bindings.iter().filter_map(|b| place_at_pbx(b, connection, number, means));
                let mut places: Vec<_> =
                    places.rev().filter(|place| self.may_ring(place.flow.protocol)).collect();
                match places.pop() {
                    Some(place) => {
                        if let Some(party) = self.sought(index) {
                            party.contacts = places;
                        }
                        self.ring_party(index, &[place], means);
                    }
                    None => self.party_failed(index, nowhere, true, means),
                }
            }
            Kind::RegisterOut | Kind::Trunk => {
                let hunt = Hunt::new(connection, means);
                if let Some(party) = self.sought(index) {
                    party.hunt = hunt;
                }
                self.try_peer_of(index, means);
            }
        }
    }

    /// Looks for the peer whose turn it is.
    fn try_peer_of(&mut self, index: usize, means: &mut Means<'_>) {
        let Some(party) = self.sought(index) else { return };
        let (target, row) = (party.target, party.hunt.at(party.peer));
        let Some(connection) = self.target(target).map(|target| target.connection.clone()) else { return };
        let Some(row) = row.and_then(|row| connection.peers.get(row)) else {
            return self.party_failed(index, Final::ours(500, Reason::NameNotFound), true, means);
        };
        match next_hop(&connection, row) {
            Ok(found) => self.ring_addresses(index, &[found], means),
            Err(_) if self.search().is_some_and(|search| search.asking.is_some()) => {
                if let Some(party) = self.sought(index) {
                    party.locates = true;
                }
            }
            Err(query) => {
                self.is_asking(index, Question::Address);
                let secure = query.secure || self.began.secure;
                means.effects.push(Effect::Locate(Query { secure, ..query }));
            }
        }
    }

    /// Rings the first address of a peer that we have a socket for; the rest is kept in case it fails.
    fn ring_addresses(&mut self, index: usize, found: &[Target], means: &mut Means<'_>) {
        let Some(party) = self.sought(index) else { return };
        let (target, row) = (party.target, party.hunt.at(party.peer));
        let Some(destination) = self.target(target).cloned() else { return };
        let mut found: Vec<_> = found.iter().copied().filter(|to| self.may_ring(to.protocol)).collect();
        means.reach.order(&mut found, means.now);
        let connection = &destination.connection;
        let peer = row.and_then(|row| connection.peers.get(row));
        let place = peer.and_then(|peer| {
            found.iter().enumerate().find_map(|(at, to)| {
                let place = place_of_peer(connection, peer, *to, &destination.number, means)?;
                Some((place, at + 1))
            })
        });
        let Some((place, next)) = place else {
            return self.party_failed(index, Final::ours(500, Reason::ConnectionRefused), true, means);
        };
        if let Some(party) = self.sought(index) {
            party.rest = found.split_off(next);
        }
        self.ring_party(index, &[place], means);
    }

    /// Sends an INVITE to places of a party.
    fn ring_party(&mut self, index: usize, places: &[Place], means: &mut Means<'_>) {
        let Some(party) = self.sought(index) else { return };
        let (target, passport) = (party.target, party.passport.clone());
        let Some(destination) = self.target(target).cloned() else { return };
        let Some(invite) = self.invite.clone() else { return };
        let Ok(message) = Message::parse(&invite.bytes) else { return };
        self.vouching.present(passport);
        let presentation = self.shown_as(present(&invite.presentation, &destination));
        let (connection, mut fault) = (&destination.connection, None);
        let mut rung = 0;
        for place in places {
            let Phase::Dialling(dialling) = &self.phase else { return };
            if dialling.branches.len() >= usize::from(MOST_LEGS / 2) {
                break;
            }
            match self.start(place, connection, &presentation, &invite, &message, means) {
                Ok(branch) => {
                    if let Phase::Dialling(dialling) = &mut self.phase {
                        dialling.branches.push(branch.of(target, Some(index)));
                        rung += 1;
                    }
                }
                Err(reason) => fault = Some(reason),
            }
        }
        if rung == 0 {
            let fault = fault.unwrap_or(Reason::Fault);
            return self.party_failed(index, Final::ours(500, fault), true, means);
        }
        let hurry = !matches!(connection.kind, Kind::Device | Kind::Virtual) || self.next_of(index).is_some();
        let alive = Duration::from_secs(u64::from(connection.timers.no_provisional_s));
        let alive_until = (hurry && !alive.is_zero()).then(|| means.now + alive);
        let user = User::Call(self.slot);
        let Some(party) = self.sought(index) else { return };
        let until = *party.until.get_or_insert(means.now + party.ring);
        party.alive_until = alive_until;
        means.out.arm(until, Timer::User(user, timers::RING));
        if let Some(at) = alive_until {
            means.out.arm(at, Timer::User(user, timers::ALIVE));
        }
    }

    /// A device that was woken for a party has registered. Whether one was waited for.
    pub(crate) fn ring_woken(&mut self, binding: &BindingRow, means: &mut Means<'_>) -> bool {
        let Phase::Dialling(dialling) = &self.phase else { return false };
        let Some(search) = &dialling.search else { return false };
        let woken = search.parties.iter().position(|party| {
            let connection = self.target(party.target).map(|target| &target.connection);
            party.wakes && connection.is_some_and(|connection| *connection.id.as_str() == *binding.connection)
        });
        let Some(index) = woken else { return false };
        let target = search.parties.get(index).map_or(0, |party| party.target);
        let connection = self.target(target).map(|target| target.connection.clone());
        let place = connection.and_then(|connection| place_of_binding(binding, &connection, means));
        if let Some(place) = place.filter(|place| self.may_ring(place.flow.protocol)) {
            self.ring_party(index, &[place], means);
        }
        true
    }

    /// Nobody wakes up any more: parties of whom nobody rings are over.
    pub(crate) fn all_sleep_on(&mut self, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let Some(search) = &mut dialling.search else { return };
        let mut silent = Vec::new();
        for (index, party) in search.parties.iter_mut().enumerate().filter(|(_, party)| party.wakes) {
            party.wakes = false;
            if !dialling.branches.iter().any(|branch| branch.party == Some(index)) {
                silent.push((index, party.best.clone()));
            }
        }
        for (index, best) in silent {
            let failed = best.unwrap_or_else(|| Final::ours(480, Reason::StaysAsleep));
            self.party_failed(index, failed, true, means);
        }
        self.search_on(means);
    }

    /// A branch of a party has its final answer, or was given up.
    pub(crate) fn party_branch_over(
        &mut self,
        mut branch: Branch,
        failed: &Final,
        failure: Failure,
        means: &mut Means<'_>,
    ) {
        let Some(index) = branch.party else { return };
        self.note_attempt(&branch, failed, means);
        self.callee = Some((branch.leg.number, crate::end::leg_record("callee", &branch.leg)));
        self.close_leg(&mut branch.leg, means);
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let others = dialling.branches.iter().any(|other| other.party == Some(index));
        let heard = dialling.early == Some(branch.leg.number);
        if heard {
            dialling.early = None;
        }
        let Some(party) = self.sought(index) else { return };
        party.again &= !heard && branch.leg.connection.as_deref().is_some_and(|c| hunts(failure, c));
        let chosen = match party.best.take() {
            Some(best) if better(best.code, failed.code) == best.code => best,
            Some(_) | None => failed.as_refusal_of(&branch.leg),
        };
        party.best = Some(chosen.clone());
        let (again, wakes) = (party.again, party.wakes);
        if failed.code >= 600 && self.attendant.is_none() {
            return self.declined_for_all(chosen, means);
        }
        if !others && !wakes {
            self.party_failed(index, chosen, again, means);
            self.search_on(means);
        }
    }

    /// The targets that ring, by what holds their places.
    pub(crate) fn places_rung(&self) -> Vec<usize> {
        match &self.phase {
            Phase::Dialling(dialling) => match &dialling.search {
                Some(search) => search.places_but(None).collect(),
                None => vec![dialling.target],
            },
            _ => Vec::new(),
        }
    }

    /// A person declined at one of its connections (RFC 3261 §21.6): the others need not ring.
    fn declined_for_all(&mut self, failed: Final, means: &mut Means<'_>) {
        let places = self.places_rung();
        self.cancel_branches(DECLINED, Reason::DeclinedElsewhere, means);
        places.into_iter().for_each(|target| self.leave_place(target, means));
        self.waking.clear();
        self.fail(failed, means);
    }

    /// A target of a party did not work: its next address, contact or target, or it is over with it.
    fn party_failed(&mut self, index: usize, failed: Final, again: bool, means: &mut Means<'_>) {
        let next = self.next_of(index).filter(|_| again);
        let Some(party) = self.sought(index) else { return };
        let target = party.target;
        let rung = party.stage == Stage::Ringing;
        if again && rung {
            let rest = core::mem::take(&mut party.rest);
            if !rest.is_empty() {
                self.moved_on();
                return self.ring_addresses(index, &rest, means);
            }
            if party.hunt.at(party.peer + 1).is_some() {
                party.peer += 1;
                self.moved_on();
                return self.try_peer_of(index, means);
            }
            if let Some(contact) = party.contacts.pop() {
                self.moved_on();
                return self.ring_party(index, &[contact], means);
            }
        }
        if failed.why.is_some() {
            self.note_unrung(target, &failed, means);
        }
        if rung {
            self.leave_place(target, means);
        }
        let Some(party) = self.sought(index) else { return };
        (party.hunt, party.rest, party.contacts) = (Hunt::default(), Vec::new(), Vec::new());
        if let Some(next) = next {
            (party.target, party.stage) = (next, Stage::Waiting);
            self.moved_on();
            return;
        }
        (party.stage, party.again) = (Stage::Over, again);
        self.note_party_unreached(&failed);
        if let Phase::Dialling(dialling) = &mut self.phase {
            dialling.best = match dialling.best.take() {
                Some(best) if says_more(&best, &failed) => Some(best),
                Some(_) | None => Some(failed),
            };
        }
    }

    /// Which target of a party follows.
    fn next_of(&self, index: usize) -> Option<usize> {
        let Phase::Dialling(dialling) = &self.phase else { return None };
        let party = dialling.search.as_ref()?.parties.get(index)?;
        let own = self.routed().outcome.targets().get(party.targets.clone())?;
        let next = next_in_line(own, party.target.checked_sub(party.targets.start)?)?;
        Some(party.targets.start + next)
    }

    /// Some party has rung for long enough, or its time to ring has come.
    pub(crate) fn on_search_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        for index in self.parties_where(|party| party.until.is_some_and(|until| until <= now)) {
            self.silence_party(index, Reason::NobodyAnswered, means);
            self.party_failed(index, Final::ours(480, Reason::NobodyAnswered), false, means);
        }
        self.search_on(means);
    }

    /// Some peer gave no sign of life in time.
    pub(crate) fn on_search_alive_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        for index in self.parties_where(|party| party.alive_until.is_some_and(|until| until <= now)) {
            let Phase::Dialling(dialling) = &self.phase else { return };
            let mut own = dialling.branches.iter().filter(|branch| branch.party == Some(index));
            if own.any(|branch| branch.alive) {
                continue;
            }
            for branch in dialling.branches.iter().filter(|branch| branch.party == Some(index)) {
                branch.was_not_answered(means);
            }
            self.silence_party(index, Reason::NoAnswer, means);
            self.party_failed(index, Final::ours(408, Reason::NoAnswer), true, means);
        }
        self.search_on(means);
    }

    fn parties_where(&mut self, is: impl Fn(&Sought) -> bool) -> Vec<usize> {
        let parties = self.search().map(|search| search.parties.iter().enumerate()).into_iter().flatten();
        let ringing = parties.filter(|(_, party)| party.stage == Stage::Ringing && is(party));
        ringing.map(|(index, _)| index).collect()
    }

    /// Cancels the branches of a party.
    fn silence_party(&mut self, index: usize, why: Reason, means: &mut Means<'_>) {
        let Phase::Dialling(dialling) = &mut self.phase else { return };
        let (silenced, others) = core::mem::take(&mut dialling.branches)
            .into_iter()
            .partition::<Vec<_>, _>(|branch| branch.party == Some(index));
        dialling.branches = others;
        for mut branch in silenced {
            branch.cancel(TIMED_OUT, means);
            self.note_attempt(&branch, &Final::ours(0, why), means);
            self.retire(branch, means);
        }
    }
}

/// Whether the first of two failures says more to the caller: that somebody might have answered says most, short of a refusal
/// in the name of all.
fn says_more(one: &Final, other: &Final) -> bool {
    let unanswered = |failed: &Final| failed.why == Some(Reason::NobodyAnswered);
    match (unanswered(one), unanswered(other)) {
        (true, false) => other.code < 600,
        (false, true) => one.code >= 600,
        (true, true) | (false, false) => better(one.code, other.code) == one.code,
    }
}
