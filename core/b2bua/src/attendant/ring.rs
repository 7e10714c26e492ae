//! Whom a flow rings: decided as a call of the connection that the flow is attached to, and rung as any other.
//!
//! A caller that is not answered waits as it is, and hears what callees say; one that is answered waits as in a
//! transfer. A flow never enters itself or another this way: what is dialled rings or fails.

use core::time::Duration;
use std::sync::Arc;

use callflow::{Accept, Callee, Dial, Outcome, Party, Strategy, Told, Turn};
use routing::caller_id::Proposal;
use routing::config::Connection;
use routing::decide::{Addressed, Caller, Question, decide_at, decide_devices, decide_through};
use routing::decision::{Decision, Outcome as Routed, Proof};
use routing::reason::Reason;
use sip_msg::Uri;
use timestamp::Timestamp;

use super::{Attendant, Doing, Wanted};
use crate::branch::Presentation;
use crate::call::{Call, Final, Phase};
use crate::losers::TIMED_OUT;
use crate::means::Means;
use crate::search::{Search, Sought};

/// Others being rung for the caller.
#[derive(Debug)]
pub(super) struct Ringing {
    dial: Dial,
    /// Who is left, the next one last.
    left: Vec<Callee>,
    /// How long whoever rings now may do so.
    ring: Duration,
    /// Until when the next one is paused for.
    paused: Option<Timestamp>,
    /// When all of it has taken long enough.
    until: Option<Timestamp>,
    /// Whether it is being asked in which order they ring.
    ordering: bool,
    /// Who rings, where they do so one after the other.
    rung: Box<str>,
    /// What is told if nobody answers.
    outcome: Outcome,
    /// What whoever answers hears first.
    whisper: Whisper,
}

/// What whoever answers hears first.
#[derive(Debug)]
pub(super) enum Whisper {
    /// It is being brought.
    Awaited,
    /// This.
    Brought(Arc<[i16]>),
    /// Nothing.
    Nothing,
}

impl Call {
    /// Begins to ring them.
    pub(super) fn ring_others(&mut self, mut dial: Dial, means: &mut Means<'_>) -> Option<Told> {
        let mut left = core::mem::take(&mut dial.to);
        if dial.strategy == Strategy::Random {
            shuffle(&mut left, means);
        }
        let turn = match dial.strategy {
            Strategy::RoundRobin => Some(Turn::RoundRobin),
            Strategy::LongestIdle => Some(Turn::LongestIdle),
            Strategy::InOrder | Strategy::All | Strategy::Random => None,
        };
        let names = left.iter().map(|callee| callee.party.as_str().into()).collect();
        left.reverse();
        let until = dial.patience.map(|patience| means.now + patience);
        let all = dial.strategy == Strategy::All;
        let ring = Duration::ZERO;
        let clips = dial.whisper.clone();
        let whisper = if clips.is_empty() { Whisper::Nothing } else { Whisper::Awaited };
        let ringing = Ringing {
            dial,
            left,
            ring,
            paused: None,
            until,
            ordering: turn.is_some(),
            rung: Box::default(),
            outcome: Outcome::FAILED,
            whisper,
        };
        let attendant = self.attendant.as_deref_mut()?;
        (attendant.doing, attendant.failed) = (Doing::Ringing(Box::new(ringing)), None);
        if !clips.is_empty() {
            self.order(Wanted::Audio(clips), means);
        }
        self.watch_ringing(means);
        match turn {
            Some(turn) => {
                self.ask_whose_turn(names, turn, means);
                None
            }
            None if all => self.ring_all(means),
            None => self.ring_next(means),
        }
    }

    /// It is known in which order they ring.
    pub(super) fn ring_in_order(&mut self, order: &[Box<str>], means: &mut Means<'_>) {
        let Some(ringing) = self.ringing().filter(|ringing| ringing.ordering) else { return };
        ringing.ordering = false;
        let place = |callee: &Callee| order.iter().position(|name| **name == *callee.party.as_str());
        ringing.left.sort_by_key(|callee| core::cmp::Reverse(place(callee)));
        if let Some(told) = self.ring_next(means) {
            self.tell_flow(told, means);
        }
    }

    /// The flow is looked at again when a pause is over, or all of it has taken long enough.
    fn watch_ringing(&mut self, means: &mut Means<'_>) {
        let announces = self.next_announcement();
        let Some(ringing) = self.ringing() else { return };
        if let Some(at) = ringing.paused.into_iter().chain(ringing.until).chain(announces).min() {
            self.look_again(at, means);
        }
    }

    fn ringing(&mut self) -> Option<&mut Ringing> {
        match &mut self.attendant.as_deref_mut()?.doing {
            Doing::Ringing(ringing) => Some(ringing),
            _ => None,
        }
    }

    /// Rings the next one who can be rung; what is told, if there is none.
    fn ring_next(&mut self, means: &mut Means<'_>) -> Option<Told> {
        loop {
            let ringing = self.ringing()?;
            let Some(next) = ringing.left.pop() else { return Some(self.unreached()) };
            if !next.after.is_zero() {
                ringing.paused = Some(means.now + next.after);
                ringing.left.push(Callee { after: Duration::ZERO, ..next });
                self.watch_ringing(means);
                return None;
            }
            (ringing.ring, ringing.rung) = (next.ring, next.party.as_str().into());
            self.moved_on();
            let decision = self.decide_callee(&next.party, means);
            match decision.outcome {
                Routed::Ring(_) => {
                    self.look_for(decision, next.party.as_str(), means);
                    return None;
                }
                Routed::Refuse(reason) => self.note_unreached(Final::ours(reason.sip_code(), reason)),
                Routed::Run(_)
                | Routed::Serve(_)
                | Routed::Divert(_)
                | Routed::Feature(_)
                | Routed::Challenge => {
                    self.note_unreached(Final::ours(480, Reason::NothingAttached));
                }
            }
        }
    }

    /// Rings all who can be rung, each at its time; what is told, if there is none.
    fn ring_all(&mut self, means: &mut Means<'_>) -> Option<Told> {
        let mut parties = Vec::new();
        let mut names = Vec::new();
        while let Some(next) = self.ringing()?.left.pop() {
            let decision = self.decide_callee(&next.party, means);
            match decision.outcome {
                Routed::Ring(_) => {
                    names.push(next.party.as_str().to_owned());
                    let others = self.beside(&decision, means);
                    let all = core::iter::once(decision).chain(others);
                    parties.extend(all.map(|one| Sought::new(one, means.now + next.after, next.ring)));
                }
                Routed::Refuse(reason) => self.note_party_unreached(&Final::ours(reason.sip_code(), reason)),
                Routed::Run(_)
                | Routed::Serve(_)
                | Routed::Divert(_)
                | Routed::Feature(_)
                | Routed::Challenge => {
                    self.note_party_unreached(&Final::ours(480, Reason::NothingAttached));
                }
            }
        }
        let Some((search, decision)) = Search::of(parties) else { return Some(self.unreached()) };
        if matches!(self.phase, Phase::Talking { .. }) {
            let presentation = self.attendant.as_deref().map(|a| a.presentation.clone())?;
            self.wait_with(decision, &names.join(", "), presentation, means);
            self.let_ring(means);
        } else if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.decision = Some(Box::new(decision));
        }
        self.begin_search(search, means);
        None
    }

    /// What whoever answers is to hear is here, or cannot be had.
    pub(super) fn on_whisper_brought(&mut self, audio: Option<Arc<[i16]>>, means: &mut Means<'_>) {
        if let Some(ringing) = self.ringing() {
            ringing.whisper = audio.map_or(Whisper::Nothing, Whisper::Brought);
        }
        self.watch_ringing(means);
        self.whisper_to_all(means);
    }

    /// What a flow is told when it has reached nobody.
    fn unreached(&mut self) -> Told {
        let outcome = self.ringing().map_or(Outcome::FAILED, |ringing| ringing.outcome.clone());
        let told = Told::of(outcome);
        match self.attendant.as_deref().and_then(|attendant| attendant.failed.as_ref()) {
            Some(failed) => told.with("dial_code", failed.for_caller().0.to_string()),
            None => told,
        }
    }

    /// A pause is over, or all of it has taken long enough.
    pub(super) fn on_ringing_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        self.announce_place(means);
        let screening = match &self.phase {
            Phase::Dialling(dialling) => dialling.branches.iter().any(|branch| branch.screening.is_some()),
            _ => false,
        };
        let Some(ringing) = self.ringing() else { return };
        if ringing.until.is_some_and(|until| until <= now) && screening {
            ringing.until = Some(now + MOMENT);
            self.watch_ringing(means);
        } else if ringing.until.is_some_and(|until| until <= now) {
            ringing.left.clear();
            self.stop_ringing(means);
            let told = self.unreached();
            self.tell_flow(told, means);
        } else if ringing.paused.take_if(|at| *at <= now).is_some() {
            self.watch_ringing(means);
            if let Some(told) = self.ring_next(means) {
                self.tell_flow(told, means);
            }
        } else {
            self.watch_ringing(means);
        }
    }

    /// Whoever rings has done so for long enough.
    pub(super) fn stop_ringing(&mut self, means: &mut Means<'_>) {
        if self.ringing().is_some() {
            self.stop_ringing_for(TIMED_OUT, Reason::NobodyAnswered, means);
            self.note_unreached(Final::ours(480, Reason::NobodyAnswered));
        }
    }

    /// Whoever rings is let go for this reason.
    pub(super) fn stop_ringing_for(&mut self, why: &[u8], reason: Reason, means: &mut Means<'_>) {
        let places = self.places_rung();
        self.cancel_branches(why, reason, means);
        places.into_iter().for_each(|target| self.leave_place(target, means));
        self.contacts.clear();
        self.waking.clear();
        if self.handover.transfer.is_some() {
            self.give_up_transfer(408, means);
        } else if !matches!(self.phase, Phase::Talking { .. }) {
            self.phase = Phase::Attending;
        }
    }

    /// What calling this party leads to, seen as the flow wants it to be.
    fn decide_callee(&mut self, party: &Party, means: &Means<'_>) -> Decision {
        let dial = self
            .ringing()
            .map(|ringing| (ringing.dial.caller_id.clone(), ringing.dial.as_connection.clone()));
        let (caller_id, as_connection) = dial.unwrap_or_default();
        let mut decision = self.decide_party(party, caller_id.as_deref(), as_connection.as_deref(), means);
        if let (Routed::Ring(targets), Some(caller_id)) = (&mut decision.outcome, &caller_id) {
            // Outside, the caller id was looked at; within, it is shown as the flow says.
            for target in targets.iter_mut().filter(|target| !target.outbound) {
                target.caller_id = Some(caller_id.clone());
            }
        }
        decision
    }

    /// Rings whom a decision names, for a caller that waits.
    fn look_for(&mut self, decision: Decision, to: &str, means: &mut Means<'_>) {
        if matches!(self.phase, Phase::Talking { .. }) {
            let Some(presentation) = self.attendant.as_deref().map(|a| a.presentation.clone()) else {
                return;
            };
            self.wait_for(decision, to, presentation, means);
            self.let_ring(means);
            return;
        }
        let outbound = matches!(&decision.outcome, Routed::Ring(targets) if targets.iter().any(|target| target.outbound));
        self.vouching.present(None);
        self.phase = Phase::Seeking { target: 0 };
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.decision = Some(Box::new(decision));
        }
        match outbound {
            true if self.vouch_for_transfer(means) => {}
            true => self.go_onward(means),
            false => self.seek_first(means),
        }
    }

    /// What the connection that the flow acts for would reach by calling this party.
    fn decide_party(
        &self,
        party: &Party,
        caller_id: Option<&str>,
        as_connection: Option<&str>,
        means: &Means<'_>,
    ) -> Decision {
        let refused = |reason| Decision {
            revision: means.tables.revision(),
            outcome: Routed::Refuse(reason),
            candidates: Default::default(),
            failover: None,
            voicemail: None,
            ..(*self.decision).clone()
        };
        let Some(attendant) = self.attendant.as_deref() else { return refused(Reason::Fault) };
        let Some(caller) = attendant.acts_for(as_connection, means) else { return refused(Reason::Disabled) };
        let presented = caller_id.unwrap_or(&attendant.presentation.user).to_owned();
        let question = |user, host, addressed| Question {
            called_user: user,
            called_host: host,
            presented: Proposal::from(&presented),
            addressed,
            at: Some(means.now),
        };
        match party {
            Party::Connection(id) => {
                let question = question(&self.decision.called, "", Addressed::ToContact);
                decide_devices(means.tables, &caller, &question, &id.as_str().into())
            }
            Party::Number(number) => {
                let asked = question(number, "", Addressed::ToContact);
                ring_instead(decide_through(means.tables, &caller, &asked), &caller, &asked, means)
            }
            Party::Uri(uri) => {
                let mut user = Vec::new();
                let Some(uri) = Uri::parse(uri.as_bytes()) else { return refused(Reason::UserNotKnown) };
                uri.unescape_user(&mut user);
                let user = String::from_utf8_lossy(&user).into_owned();
                let host = String::from_utf8_lossy(uri.host).into_owned();
                if means.tables.host(&host).is_some() {
                    let asked = question(&user, &host, Addressed::Directly);
                    return ring_instead(
                        decide_through(means.tables, &caller, &asked),
                        &caller,
                        &asked,
                        means,
                    );
                }
                let asked = question(&user, &host, Addressed::ToContact);
                let lives_there = |row: &Connection| {
                    row.peers.iter().any(|peer| peer.host.trim_end_matches('.').eq_ignore_ascii_case(&host))
                };
                let mut ways = means.tables.ways_out(&attendant.flow.account);
                match ways.find(|way| lives_there(&way.connection)) {
                    Some(way) => decide_at(means.tables, &caller, &asked, &way.connection.id),
                    None => refused(Reason::DomainNotOurs),
                }
            }
        }
    }

    /// Whoever was rung did not answer: the next one, or what the flow is told.
    pub(crate) fn flow_not_reached(&mut self, failed: Final, means: &mut Means<'_>) {
        if !matches!(self.phase, Phase::Talking { .. }) {
            self.cancel_branches(TIMED_OUT, failed.why.unwrap_or(Reason::NobodyAnswered), means);
            self.phase = Phase::Attending;
        }
        let seeks = self.attendant.as_deref().is_some_and(|a| matches!(a.doing, Doing::Seeking));
        if seeks {
            return self.tell_flow(Told::of(Outcome::EMPTY), means);
        }
        self.note_unreached(failed);
        if let Some(told) = self.ring_next(means) {
            self.tell_flow(told, means);
        }
    }

    fn note_unreached(&mut self, failed: Final) {
        self.note_party_unreached(&failed);
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.decision = None;
        }
    }

    /// One of several could not be reached.
    pub(crate) fn note_party_unreached(&mut self, failed: &Final) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        if let Doing::Ringing(ringing) = &mut attendant.doing {
            let (outcome, all) = (outcome_of(failed), ringing.dial.strategy == Strategy::All);
            if attendant.failed.is_none() || rank(&outcome, all) >= rank(&ringing.outcome, all) {
                ringing.outcome = outcome;
                attendant.failed = Some(failed.clone());
            }
        }
    }

    /// Somebody answered whom the flow rang.
    pub(crate) fn flow_answered(&mut self) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let outcome = match &mut attendant.doing {
            Doing::Ringing(ringing) => {
                let counts = ringing.dial.strategy == Strategy::LongestIdle;
                attendant.agent = counts.then(|| core::mem::take(&mut ringing.rung));
                Outcome::ANSWERED
            }
            Doing::Seeking => Outcome::FOUND,
            _ => return,
        };
        (attendant.doing, attendant.decision, attendant.failed) = (Doing::Talking(outcome), None, None);
    }

    /// Whoever the flow rang has left, and the flow goes on with the caller.
    pub(crate) fn flow_alone_again(&mut self, means: &mut Means<'_>) {
        let Phase::Talking { callee } = &mut self.phase else { return };
        if let Some(mut leg) = callee.take() {
            self.settle_forwards(means);
            self.handover.renewal = None;
            self.part(&mut leg, means);
        }
        let outcome = match self.attendant.as_deref().map(|attendant| &attendant.doing) {
            Some(Doing::Talking(outcome)) => outcome.clone(),
            _ => Outcome::ANSWERED,
        };
        self.listen_again(means);
        self.tell_flow(Told::of(outcome), means);
    }

    /// How long those may ring who are being rung, if a flow says so.
    pub(crate) fn flow_rings_for(&self) -> Option<Duration> {
        match &self.attendant.as_deref()?.doing {
            Doing::Ringing(ringing) => Some(ringing.ring),
            _ => None,
        }
    }

    /// The caller's name that a flow shows to those whom it rings.
    pub(crate) fn shown_as(&self, presentation: Presentation) -> Presentation {
        let name = self.attendant.as_deref().and_then(|attendant| match &attendant.doing {
            Doing::Ringing(ringing) => ringing.dial.caller_name.as_deref(),
            _ => None,
        });
        match name {
            Some(name) => {
                let display = name.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
                Presentation { display, ..presentation }
            }
            None => presentation,
        }
    }
}

impl Attendant {
    /// Header fields that a flow adds for those whom it rings.
    pub(crate) fn fields(&self) -> &[(Box<str>, String)] {
        match &self.doing {
            Doing::Ringing(ringing) => &ringing.dial.fields,
            _ => &[],
        }
    }

    /// Whether whoever answers has something to hear or to press before it talks.
    pub(super) fn screens(&self) -> bool {
        match &self.doing {
            Doing::Ringing(ringing) => {
                ringing.dial.accept.is_some() || !matches!(ringing.whisper, Whisper::Nothing)
            }
            _ => false,
        }
    }

    /// What whoever answers hears.
    pub(super) fn whisper(&self) -> &Whisper {
        match &self.doing {
            Doing::Ringing(ringing) => &ringing.whisper,
            _ => &Whisper::Nothing,
        }
    }

    /// What whoever answers has to press.
    pub(super) fn accept(&self) -> Option<Accept> {
        match &self.doing {
            Doing::Ringing(ringing) => ringing.dial.accept,
            _ => None,
        }
    }

    /// Whether the caller hears what callees say before they answer.
    pub(crate) fn lets_hear(&self) -> bool {
        match &self.doing {
            Doing::Ringing(ringing) => ringing.dial.early_media,
            _ => true,
        }
    }

    /// Who calls when the flow does: the connection that it names, the one that it is attached to, or its account.
    fn acts_for(&self, named: Option<&str>, means: &Means<'_>) -> Option<Caller> {
        let ours = |row: &&Arc<Connection>| row.enabled && row.account == self.flow.account;
        let given = |row: &Arc<Connection>| Caller::Connection(Arc::clone(row), Proof::Given);
        match (named, &self.connection) {
            (Some(id), _) => means.tables.connection_by_text(id).filter(ours).map(given),
            (None, Some(attached)) => means.tables.connection(&attached.id).filter(ours).map(given),
            (None, None) => {
                means.tables.account(&self.flow.account).map(|row| Caller::Account(Arc::clone(row)))
            }
        }
    }
}

/// A flow does not enter flows: a connection that has one attached rings. Nor does it leave messages, where nothing may ring.
fn ring_instead(decision: Decision, caller: &Caller, question: &Question<'_>, means: &Means<'_>) -> Decision {
    match &decision.outcome {
        Routed::Run(attached) => match &attached.connection {
            Some(_) if attached.is_voicemail() => {
                let against = decision.against().unwrap_or(Reason::NothingAttached);
                Decision { outcome: Routed::Refuse(against), ..decision }
            }
            Some(connection) => decide_devices(means.tables, caller, question, &connection.id),
            None => decision,
        },
        Routed::Ring(_)
        | Routed::Refuse(_)
        | Routed::Serve(_)
        | Routed::Divert(_)
        | Routed::Feature(_)
        | Routed::Challenge => decision,
    }
}

/// What a failure is to a flow.
pub(super) fn outcome_of(failed: &Final) -> Outcome {
    match (failed.code, failed.why) {
        (_, Some(Reason::NobodyAnswered)) | (408, _) => Outcome::NO_ANSWER,
        (486 | 600 | 603, _) => Outcome::BUSY,
        (404 | 410 | 480 | 604, _) => Outcome::OFFLINE,
        _ => Outcome::FAILED,
    }
}

/// Of several failures the flow is told the one that says most: of those that rang at once, that somebody might have
/// answered.
fn rank(outcome: &Outcome, at_once: bool) -> usize {
    const IN_TURN: [Outcome; 4] = [Outcome::FAILED, Outcome::OFFLINE, Outcome::NO_ANSWER, Outcome::BUSY];
    const AT_ONCE: [Outcome; 4] = [Outcome::FAILED, Outcome::OFFLINE, Outcome::BUSY, Outcome::NO_ANSWER];
    let order = if at_once { &AT_ONCE } else { &IN_TURN };
    order.iter().position(|known| known == outcome).unwrap_or(0)
}

/// Any order is as likely as any other (Fisher and Yates).
fn shuffle(callees: &mut [Callee], means: &mut Means<'_>) {
    for last in (1..callees.len()).rev() {
        let other = usize::try_from(means.random.below(last as u64 + 1)).unwrap_or(last);
        callees.swap(last, other);
    }
}

/// How long a dial that should be over waits for whoever has answered and not taken the call yet.
const MOMENT: Duration = Duration::from_secs(1);
