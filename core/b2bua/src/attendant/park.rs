//! A caller that waits alone for somebody to take it over: parked in an orbit, or left behind by a phone that rang for it
//! and whose call somebody else picks up.
//!
//! Its call has a leg that is not there yet, with a dialog of its own making that nobody else is ever shown. Whoever takes
//! over calls ourselves with a Replaces (RFC 3891) that names it, so that it does not matter in which shard the caller
//! waits; or takes the place of the phone that rang by a Replaces of its own.

use core::time::Duration;
use std::sync::Arc;

use callflow::{Clip, Outcome, Park, Told};
use routing::config::{AccountId, ConnectionId};
use sip_stack::Slot;
use timestamp::Timestamp;

use super::{Attendant, Doing, Wanted};
use crate::call::Call;
use crate::means::{Effect, Means};

/// What a call asks of, or tells, those who know who waits where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrbitAsk {
    /// Its caller waits in this orbit, or in the first free one of a range, and is reached by this Replaces.
    Park(Box<str>, Box<str>),
    /// Who waits in this orbit?
    Find(Box<str>),
    /// Where does the caller of this call wait?
    FindCall(Box<str>),
    /// Somebody who rings at this connection, or at any of the account, is to be taken over.
    PickUp(Option<ConnectionId>),
    /// Its caller can be taken over by the call that asked to pick it up, by this Replaces.
    Vacated((u8, Slot), Box<str>),
    /// Its caller does not wait any more.
    Leave,
}

/// What a call is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrbitTold {
    /// Its caller waits in this orbit.
    Parked(Box<str>),
    /// Somebody else waits there.
    Taken,
    /// This Replaces reaches whoever waits.
    Found(Box<str>),
    /// Nobody waits.
    Nobody,
}

/// A caller that waits, and the place of the leg that is not there yet.
#[derive(Debug)]
pub(super) struct Parked {
    leg: u8,
    call_id: Box<str>,
    tag: Box<str>,
    taker: Taker,
    /// Whether the taker knows.
    told: bool,
    until: Timestamp,
    announce: Vec<Clip>,
    music: Vec<Clip>,
    /// The music, once it was brought.
    audio: Option<Arc<[i16]>>,
    announces: bool,
    /// What the flow is told after the talk, and if there is none.
    outcomes: [Outcome; 2],
}

/// Who may take the caller over.
#[derive(Clone, Debug)]
pub(super) enum Taker {
    /// Whoever asks for this orbit.
    Orbit(Box<str>),
    /// This call.
    Call((u8, Slot)),
    /// An INVITE that is here already.
    Replacement,
}

impl Call {
    /// The caller begins to wait in an orbit.
    pub(super) fn park(&mut self, park: Park, means: &mut Means<'_>) -> Option<Told> {
        if !self.answered_by_flow(means) {
            return None;
        }
        let Park { orbit, patience, music, announce } = park;
        let outcomes = [Outcome::RETRIEVED, Outcome::TIMEOUT];
        self.make_room(Taker::Orbit(orbit), patience, outcomes, means);
        if let Some(parked) = self.parked() {
            (parked.music, parked.announce) = (music, announce);
        }
        self.offer_vacancy(means);
        None
    }

    /// There is a place for somebody to talk with the caller, for so long.
    pub(super) fn make_room(
        &mut self,
        taker: Taker,
        patience: Duration,
        outcomes: [Outcome; 2],
        means: &mut Means<'_>,
    ) {
        self.hush(means);
        let leg = self.fresh_leg();
        let [call_id, tag] =
            [means.random.hex(), means.random.hex()].map(|text| String::from_utf8_lossy(&text).into());
        let until = means.now + patience;
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.doing = Doing::Parked(Box::new(Parked {
                leg,
                call_id,
                tag,
                taker,
                told: false,
                until,
                announce: Vec::new(),
                music: Vec::new(),
                audio: None,
                announces: false,
                outcomes,
            }));
        }
        self.look_again(until, means);
    }

    /// Whoever may take the caller over is told how, once the caller has taken note of our answer.
    pub(crate) fn offer_vacancy(&mut self, means: &mut Means<'_>) {
        let (slot, free) = (self.slot, self.caller.is_free() && self.handover.renewal.is_none());
        let Some(parked) = self.parked().filter(|parked| free && !parked.told) else { return };
        parked.told = true;
        let ours = means.own_tag(slot, parked.leg);
        let ours = String::from_utf8_lossy(ours.as_ref());
        let replaces: Box<str> = format!("{};to-tag={ours};from-tag={}", parked.call_id, parked.tag).into();
        let ask = match &parked.taker {
            Taker::Orbit(orbit) => OrbitAsk::Park(orbit.clone(), replaces),
            Taker::Call(call) => OrbitAsk::Vacated(*call, replaces),
            Taker::Replacement => return self.offer_replacement(means),
        };
        self.tell_orbits(ask, means);
    }

    /// In which orbit the caller waits.
    pub(super) fn parked_at(&mut self, orbit: Box<str>, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.run.set(ORBIT, orbit.to_string());
        let Some(parked) = self.parked() else { return };
        let announce = core::mem::take(&mut parked.announce);
        parked.taker = Taker::Orbit(orbit);
        parked.announces = !announce.is_empty();
        match parked.announces {
            true => {
                let clips = announced(&announce, &parked.taker);
                self.order(Wanted::Audio(clips), means);
            }
            false => self.hear_parked(means),
        }
    }

    /// The caller hears what one hears who waits.
    pub(super) fn hear_parked(&mut self, means: &mut Means<'_>) {
        let Some(parked) = self.parked() else { return };
        parked.announces = false;
        match (&parked.audio, parked.music.is_empty()) {
            (Some(audio), _) => {
                let audio = Arc::clone(audio);
                self.hear(audio, None, means);
            }
            (None, false) => {
                let clips = parked.music.clone();
                self.hush(means);
                self.order(Wanted::Audio(clips), means);
            }
            (None, true) => self.hush(means),
        }
        self.watch_parked(means);
    }

    fn watch_parked(&mut self, means: &mut Means<'_>) {
        if let Some(until) = self.parked().map(|parked| parked.until) {
            self.look_again(until, means);
        }
    }

    /// Something to hear was brought for a caller that waits.
    pub(super) fn brought_to_parked(&mut self, audio: Option<Arc<[i16]>>, means: &mut Means<'_>) {
        let Some(parked) = self.parked() else { return };
        match audio {
            Some(audio) if parked.announces => self.hear(audio, Some(1), means),
            Some(audio) => {
                parked.audio = Some(Arc::clone(&audio));
                self.hear(audio, None, means);
            }
            None => {
                // What cannot be said is left out; without music one waits in silence.
                if !parked.announces {
                    parked.music.clear();
                }
                self.hear_parked(means);
            }
        }
        self.watch_parked(means);
    }

    /// Nobody has taken the caller over in time.
    pub(super) fn on_parked_timer(&mut self, means: &mut Means<'_>) {
        let now = means.now;
        let asked = self.handover.replacing.is_some();
        let Some(parked) = self.parked() else { return };
        if parked.until > now {
            return self.watch_parked(means);
        }
        if asked {
            parked.until = now + SOON;
            return self.watch_parked(means);
        }
        let [_, late] = parked.outcomes.clone();
        self.leave_orbit(late, means);
    }

    /// The flow goes on with the caller.
    pub(super) fn leave_orbit(&mut self, outcome: Outcome, means: &mut Means<'_>) {
        means.effects.extend(self.forget_orbit());
        self.hush(means);
        self.tell_flow(Told::of(outcome), means);
    }

    /// The caller does not wait any more, whatever becomes of it.
    pub(super) fn forget_orbit(&mut self) -> Option<Effect> {
        let attendant = self.attendant.as_deref_mut()?;
        let Doing::Parked(parked) = &attendant.doing else { return None };
        let in_orbit = matches!(parked.taker, Taker::Orbit(_));
        (attendant.doing, attendant.until) = (Doing::Nothing, None);
        in_orbit.then(|| Effect::Orbit(attendant.flow.account.clone(), Box::new(OrbitAsk::Leave)))
    }

    /// Somebody has taken the caller over: they talk.
    pub(crate) fn vacancy_taken(&mut self, means: &mut Means<'_>) {
        let Some([talked, _]) = self.parked().map(|parked| parked.outcomes.clone()) else { return };
        means.effects.extend(self.forget_orbit());
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.serial = attendant.serial.wrapping_add(1);
            attendant.doing = Doing::Talking(talked);
        }
    }

    /// Whoever wanted to take over has not: the caller goes on waiting.
    pub(crate) fn vacancy_spurned(&mut self, means: &mut Means<'_>) {
        let Some(parked) = self.parked() else { return };
        match parked.taker {
            Taker::Orbit(_) => self.hear_parked(means),
            // Nobody else knows of it.
            Taker::Call(_) | Taker::Replacement => {
                let [_, late] = parked.outcomes.clone();
                self.leave_orbit(late, means);
            }
        }
    }

    /// Whether this is a leg that is not there yet.
    pub(crate) fn is_vacant(&self, leg: u8) -> bool {
        self.vacancy().is_some_and(|parked| parked.leg == leg)
    }

    /// Whether a dialog is that of a leg which is not there yet.
    pub(crate) fn owns_vacancy(&self, leg: u8, call_id: &[u8], tag: &[u8]) -> bool {
        self.vacancy().is_some_and(|parked| {
            parked.leg == leg && parked.call_id.as_bytes() == call_id && parked.tag.as_bytes() == tag
        })
    }

    /// The leg that is not there yet.
    pub(crate) fn vacant_leg(&self) -> Option<u8> {
        self.vacancy().map(|parked| parked.leg)
    }

    fn vacancy(&self) -> Option<&Parked> {
        match &self.attendant.as_deref()?.doing {
            Doing::Parked(parked) => Some(parked),
            _ => None,
        }
    }

    fn parked(&mut self) -> Option<&mut Parked> {
        match &mut self.attendant.as_deref_mut()?.doing {
            Doing::Parked(parked) => Some(parked),
            _ => None,
        }
    }

    /// Whose orbits these are, for whoever wants the place of this leg.
    pub fn account_of(&self, leg: u8) -> Option<&AccountId> {
        match self.is_vacant(leg) {
            true => self.attendant.as_deref().map(Attendant::account),
            false => self.account(),
        }
    }

    pub(super) fn tell_orbits(&self, ask: OrbitAsk, means: &mut Means<'_>) {
        let Some(account) = self.attendant.as_deref().map(|a| a.account().clone()) else { return };
        means.effects.push(Effect::Orbit(account, Box::new(ask)));
    }
}

/// What is said of an orbit.
fn announced(clips: &[Clip], taker: &Taker) -> Vec<Clip> {
    let Taker::Orbit(orbit) = taker else { return Vec::new() };
    let spelled: Vec<String> = orbit.chars().map(String::from).collect();
    let spelled = spelled.join(" ");
    let fill = |text: &str| text.replace("{orbit}", orbit).replace("{digits}", &spelled);
    clips.iter().map(|clip| clip.filled(fill)).collect()
}

/// The variable that names the orbit.
const ORBIT: &str = "park_orbit";
/// How long a caller goes on waiting who is being taken over just now.
const SOON: Duration = Duration::from_secs(5);
