//! A caller in a room: how it gets in, what it hears there, its keys, how it leaves.
//!
//! Who else is there knows the home of the room, which tells the call. The media plane mixes; a caller who is alone hears
//! what its flow says.

use std::sync::Arc;

use callflow::{Clip, Conference, DigitRule, Gather, Outcome, Told};
use core::time::Duration;
use media::{Announcement, Command, RoomId};
use smallvec::SmallVec;
use timestamp::Timestamp;

use super::{Brought, Doing, Errand, Wanted};
use crate::anchor;
use crate::call::Call;
use crate::means::{Effect, Means};
use crate::room::{Company, Participant, RoomAsk, RoomName, RoomTold};

/// A caller that is in a room, or about to be.
#[derive(Debug)]
pub(super) struct Conferring {
    conference: Box<Conference>,
    name: RoomName,
    moderator: bool,
    muted: bool,
    talks: bool,
    /// The last key was a star.
    star: bool,
    /// Once the home has let it in.
    seat: Option<Seat>,
    /// What was asked for to be heard, by number.
    awaited: SmallVec<[(u32, Use); 1]>,
    /// What it hears while it is alone, once that was brought.
    music: Option<Arc<[i16]>>,
}

/// Its place in a room.
#[derive(Clone, Debug)]
struct Seat {
    id: Arc<str>,
    room: RoomId,
    company: Company,
    since: Timestamp,
}

/// Who is to hear a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// The caller, while it is alone.
    Alone,
    /// The room.
    Everybody,
}

impl Call {
    /// Takes the caller into a room, after it has shown its PIN.
    pub(super) fn confer(&mut self, conference: Box<Conference>, means: &mut Means<'_>) -> Option<Told> {
        if !self.answered_by_flow(means) {
            return None;
        }
        if conference.room.is_empty() {
            return Some(Told::of(Outcome::FAILED));
        }
        let pins = [&conference.pin, &conference.moderator_pin];
        let options: Vec<Box<str>> =
            pins.into_iter().filter(|pin| !pin.is_empty()).map(|pin| pin.as_str().into()).collect();
        if conference.moderator || options.is_empty() {
            let moderator = conference.moderator;
            self.enter_room(conference, moderator, means);
            return None;
        }
        let rule = DigitRule {
            least: 1,
            most: 16,
            terminator: Some(b'#'),
            first: PATIENCE,
            between: PATIENCE,
            barge_in: true,
            options,
            tries: TRIES,
        };
        let prompt = conference.pin_prompt.clone();
        self.gather_for(Gather { prompt, rule, variable: Box::default() }, Some(conference), means)
    }

    /// The keys for a room were pressed, or not.
    pub(super) fn pin_given(
        &mut self,
        conference: Box<Conference>,
        outcome: &Outcome,
        means: &mut Means<'_>,
    ) {
        let given = outcome.as_str();
        let lets_in = |pin: &str| !pin.is_empty() && given == pin;
        let moderator = lets_in(&conference.moderator_pin);
        if moderator || lets_in(&conference.pin) {
            self.enter_room(conference, moderator, means);
        } else {
            self.tell_flow(Told::of(Outcome::WRONG_PIN), means);
        }
    }

    fn enter_room(&mut self, conference: Box<Conference>, moderator: bool, means: &mut Means<'_>) {
        self.hush(means);
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let name =
            RoomName { account: attendant.flow.account.clone(), name: conference.room.as_str().into() };
        let ask = RoomAsk::Enter {
            moderator,
            waits: conference.waits && !moderator,
            ends: conference.ends,
            most: conference.most,
        };
        means.effects.push(Effect::Room(name.clone(), ask));
        let muted = conference.muted;
        attendant.doing = Doing::Conferring;
        attendant.room = Some(Box::new(Conferring {
            conference,
            name,
            moderator,
            muted,
            talks: false,
            star: false,
            seat: None,
            awaited: SmallVec::new(),
            music: None,
        }));
    }

    /// The room has news.
    pub fn on_room(&mut self, told: RoomTold, means: &mut Means<'_>) {
        let Some(conferring) = self.conferring() else { return };
        match told {
            RoomTold::Entered { id, room, company } => {
                conferring.seat = Some(Seat { id, room, company, since: means.now });
                let (tones, announce) = (conferring.conference.tones, conferring.conference.announce.clone());
                self.keep_company(means);
                if company == Company::Together {
                    if tones {
                        self.announce(Announcement::Entered, means);
                    }
                    self.fetch(announce, Use::Everybody, means);
                }
            }
            RoomTold::Company(company) => {
                if let Some(seat) = &mut conferring.seat {
                    seat.company = company;
                }
                self.keep_company(means);
            }
            RoomTold::Full => self.out_of_room(Outcome::FULL, means),
            RoomTold::Ended => self.out_of_room(Outcome::ENDED, means),
            RoomTold::Removed => self.out_of_room(Outcome::REMOVED, means),
            RoomTold::Muted(muted) => self.mute_in_room(muted, means),
            RoomTold::Announce(sound) => self.fetch(vec![Clip::of(&sound)], Use::Everybody, means),
        }
    }

    /// Hears the others, or what it hears without them.
    pub(super) fn keep_company(&mut self, means: &mut Means<'_>) {
        if self.mix(means) {
            return;
        }
        let Some(conferring) = self.conferring().filter(|conferring| conferring.seat.is_some()) else {
            return;
        };
        let (music, awaits) = (conferring.music.clone(), !conferring.awaited.is_empty());
        let alone = conferring.conference.alone.clone();
        self.hush(means);
        match music {
            Some(music) => self.hear(music, None, means),
            None if !awaits => self.fetch(alone, Use::Alone, means),
            None => {}
        }
    }

    /// Is among the others as it speaks now, if it hears them.
    pub(super) fn mix(&mut self, means: &mut Means<'_>) -> bool {
        let Some(conferring) = self.conferring() else { return false };
        let muted = conferring.muted;
        let Some(seat) = conferring.seat.as_ref().filter(|seat| seat.company == Company::Together) else {
            return false;
        };
        let room = seat.room;
        if !self.caller.offered
            && let Some((end, format)) = anchor::spoken(&self.caller)
        {
            means.media(Command::Mix { end, room, format, muted });
        }
        true
    }

    fn announce(&mut self, announcement: Announcement, means: &mut Means<'_>) {
        if let Some((end, _)) = anchor::spoken(&self.caller) {
            means.media(Command::Announce { end, announcement });
        }
    }

    /// Has sounds brought.
    fn fetch(&mut self, clips: Vec<Clip>, purpose: Use, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let Some(conferring) = attendant.room.as_deref_mut() else { return };
        if clips.is_empty() || conferring.awaited.len() >= MOST_AWAITED {
            return;
        }
        attendant.serial = attendant.serial.wrapping_add(1);
        let number = attendant.serial;
        conferring.awaited.push((number, purpose));
        let account = attendant.flow.account.clone();
        means.effects.push(Effect::Errand(Box::new(Errand {
            number,
            account,
            wanted: Wanted::Audio(clips),
        })));
    }

    /// A sound was brought; whether it was for the room.
    pub(super) fn brought_for_room(&mut self, number: u32, brought: &Brought, means: &mut Means<'_>) -> bool {
        let Some(conferring) = self.conferring() else { return false };
        let Some(at) = conferring.awaited.iter().position(|(awaited, _)| *awaited == number) else {
            return false;
        };
        let (_, purpose) = conferring.awaited.swap_remove(at);
        let Brought::Audio(Ok(audio)) = brought else { return true };
        match purpose {
            Use::Everybody => self.announce(Announcement::Audio(Arc::clone(audio)), means),
            Use::Alone => {
                conferring.music = Some(Arc::clone(audio)).filter(|audio| !audio.is_empty());
                self.keep_company(means);
            }
        }
        true
    }

    /// A key of somebody in a room.
    pub(super) fn room_key(&mut self, key: u8, means: &mut Means<'_>) {
        let Some(conferring) = self.conferring().filter(|conferring| conferring.conference.keys) else {
            return;
        };
        let after_star = core::mem::replace(&mut conferring.star, key == b'*');
        let (muted, moderator, name) = (conferring.muted, conferring.moderator, conferring.name.clone());
        match key {
            b'6' if after_star => self.mute_in_room(!muted, means),
            b'0' if after_star => self.out_of_room(Outcome::LEFT, means),
            b'5' if after_star && moderator => means.effects.push(Effect::Room(name, RoomAsk::MuteOthers)),
            _ => {}
        }
    }

    fn mute_in_room(&mut self, muted: bool, means: &mut Means<'_>) {
        let Some(conferring) = self.conferring() else { return };
        conferring.muted = muted;
        conferring.talks &= !muted;
        if let Some((end, _)) = anchor::spoken(&self.caller) {
            means.media(Command::Mute { end, muted });
        }
    }

    /// Somebody talks at the caller's end, or does not any more.
    pub(crate) fn on_talking(&mut self, talks: bool) {
        if let Some(conferring) = self.conferring() {
            conferring.talks = talks && !conferring.muted;
        }
    }

    /// The flow goes on without the room.
    fn out_of_room(&mut self, outcome: Outcome, means: &mut Means<'_>) {
        self.leave_room(means);
        self.hush(means);
        self.tell_flow(Told::of(outcome), means);
    }

    /// Whatever happens to the call now, it is in no room any more.
    pub(crate) fn leave_room(&mut self, means: &mut Means<'_>) {
        let room = self.attendant.as_deref_mut().and_then(|attendant| attendant.room.take());
        let Some(conferring) = room else { return };
        let together = conferring.seat.is_some_and(|seat| seat.company == Company::Together);
        if together && conferring.conference.tones {
            self.announce(Announcement::Left, means);
        }
        means.effects.push(Effect::Room(conferring.name, RoomAsk::Leave));
    }

    /// What is known of the caller as one in a room.
    pub fn participant(&self) -> Option<Participant> {
        let conferring = self.attendant.as_deref()?.room.as_deref()?;
        let seat = conferring.seat.clone()?;
        Some(Participant {
            conference: seat.id,
            moderator: conferring.moderator,
            muted: conferring.muted,
            talking: conferring.talks && seat.company == Company::Together,
            company: seat.company,
            since: seat.since,
        })
    }

    fn conferring(&mut self) -> Option<&mut Conferring> {
        self.attendant.as_deref_mut()?.room.as_deref_mut()
    }
}

/// How long the next key of a PIN may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it is asked for.
const TRIES: u8 = 3;
/// Sounds that are brought at a time.
const MOST_AWAITED: usize = 4;
