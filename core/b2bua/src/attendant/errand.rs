//! What a call has others do for it, outside of its shard: find audio, ask web servers. It waits, but not for ever.

use core::time::Duration;
use std::sync::Arc;

use callflow::{Clip, Collected, Outcome, Told};
use media::RecordingId;
use routing::config::AccountId;

use super::{Doing, Purpose};
use crate::call::Call;
use crate::means::{Effect, Means};
use crate::wake::Pushed;

/// Something that a call has done.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Its number in the call.
    pub number: u32,
    /// On whose behalf.
    pub account: AccountId,
    /// What.
    pub wanted: Wanted,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of this as one piece of audio; answered by [`Brought::Audio`].
    Audio(Vec<Clip>),
    /// A recording that is over, once it is on disk; answered by [`Brought::Recording`].
    Recording(RecordingId),
    /// The answer of a web server; answered by [`Brought::Answer`].
    Answer(Box<callflow::Errand>),
    /// A push to a device that sleeps, at this address; answered by [`Brought::Pushed`].
    Push(Box<str>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// Samples, 8000 a second; or why there are none, in words.
    Audio(Result<Arc<[i16]>, Box<str>>),
    /// How long a recording on disk is, in milliseconds; none if it could not be kept.
    Recording(Option<u32>),
    /// What the flow is told.
    Answer(Told),
    /// What became of the push to this address.
    Pushed(Box<str>, Pushed),
}

impl Call {
    /// Sends somebody out.
    pub(super) fn send_out(&mut self, wanted: Wanted, purpose: Purpose, means: &mut Means<'_>) {
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.doing = Doing::Awaiting(purpose);
        }
        self.order(wanted, means);
    }

    /// The same, whatever the call is doing meanwhile.
    pub(super) fn order(&mut self, wanted: Wanted, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        attendant.serial = attendant.serial.wrapping_add(1);
        let (number, account) = (attendant.serial, attendant.flow.account.clone());
        means.effects.push(Effect::Errand(Box::new(Errand { number, account, wanted })));
        self.look_again(means.now + PATIENCE, means);
    }

    /// Somebody came back with what was wanted.
    pub fn on_brought(&mut self, number: u32, brought: Brought, means: &mut Means<'_>) {
        if let Brought::Pushed(address, pushed) = &brought {
            return self.on_pushed(address, *pushed, means);
        }
        if self.brought_for_hold(number, &brought, means) || self.brought_for_room(number, &brought, means) {
            return;
        }
        let Some(attendant) = self.attendant.as_deref_mut().filter(|a| a.serial == number) else { return };
        attendant.until = None;
        if self.queue_brought(&brought, means) {
            return;
        }
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        match (core::mem::replace(&mut attendant.doing, Doing::Nothing), brought) {
            (Doing::Awaiting(Purpose::Answer), Brought::Answer(told)) => self.tell_flow(told, means),
            (Doing::Awaiting(Purpose::Play(times, stop_on_key)), Brought::Audio(Ok(audio))) => {
                attendant.doing = Doing::Playing(stop_on_key);
                self.hear(audio, times, means);
            }
            (Doing::Awaiting(Purpose::Play(..)), Brought::Audio(Err(why))) => {
                self.tell_flow(Told::of(Outcome::FAILED).with(WHY, why), means);
            }
            (Doing::Awaiting(Purpose::Recording(kept)), Brought::Recording(ms)) => {
                self.on_stored(&kept, ms, means)
            }
            (Doing::Awaiting(_), _) => self.tell_flow(Told::of(Outcome::FAILED), means),
            (Doing::Gathering(mut gathering), Brought::Audio(audio)) => {
                // A prompt that cannot be played is no reason to ask for nothing.
                gathering.audio = audio.ok().filter(|audio| !audio.is_empty());
                gathering.prompt.clear();
                attendant.doing = Doing::Gathering(gathering);
                self.collected(Collected::Prompt, means);
            }
            (Doing::Recording(taking), Brought::Audio(audio)) => {
                attendant.doing = Doing::Recording(taking);
                self.on_prompt_of_recording(audio.ok(), means);
            }
            (Doing::Ringing(ringing), Brought::Audio(audio)) => {
                attendant.doing = Doing::Ringing(ringing);
                self.on_whisper_brought(audio.ok().filter(|audio| !audio.is_empty()), means);
            }
            (doing @ Doing::Parked(_), Brought::Audio(audio)) => {
                attendant.doing = doing;
                self.brought_to_parked(audio.ok().filter(|audio| !audio.is_empty()), means);
            }
            (doing, _) => attendant.doing = doing,
        }
    }
}

/// The variable that says why nothing was heard.
const WHY: &str = "play_error";
/// How long anything may take that others do. What they ask of others has its own, shorter patience.
const PATIENCE: Duration = Duration::from_secs(45);
