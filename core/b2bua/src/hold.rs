//! Music for whoever is put on hold (RFC 3264 §8.4): a phone that holds sends nothing worth hearing, so that we play instead
//! of it until it comes back.
//!
//! Of PBXs and carriers only if they are configured so: they have music of their own. Who is put on hold by `inactive`
//! has said that it hears nothing.

use std::sync::Arc;

use callflow::Clip;
use media::Command;
use routing::config::{AccountId, Kind};
use sdp::{Description, Direction};

use crate::anchor;
use crate::attendant::{Brought, Errand, Wanted};
use crate::call::{Call, Phase};
use crate::means::{Effect, Means};

/// Somebody hears music.
#[derive(Debug)]
pub(crate) struct Hold {
    /// The leg that holds.
    holder: u8,
    number: u32,
    /// The music, once it was brought.
    audio: Option<Arc<[i16]>>,
}

impl Call {
    /// A leg has described itself anew, and the other one has answered: music begins, goes on or is over.
    pub(crate) fn mind_hold(&mut self, asking: u8, means: &mut Means<'_>) {
        let before = self.hold.take();
        let held_before = before.as_ref().map(|hold| hold.holder);
        let Some(holder) = [Some(asking), held_before].into_iter().flatten().find(|leg| self.holds(*leg))
        else {
            return;
        };
        if let Some(hold) = before.filter(|hold| hold.holder == holder && hold.audio.is_some()) {
            self.hold = Some(hold);
            return self.let_hold_hear(means);
        }
        let Some((account, music)) = self.hold_music(holder) else { return };
        self.next_hold = self.next_hold.wrapping_add(1);
        let number = OF_HOLDS | self.next_hold;
        self.hold = Some(Box::new(Hold { holder, number, audio: None }));
        let wanted = Wanted::Audio(vec![music]);
        means.effects.push(Effect::Errand(Box::new(Errand { number, account, wanted })));
    }

    /// Music was brought: whether it was for a hold.
    pub(crate) fn brought_for_hold(&mut self, number: u32, brought: &Brought, means: &mut Means<'_>) -> bool {
        if number & OF_HOLDS == 0 {
            return false;
        }
        if let Some(hold) = self.hold.as_deref_mut().filter(|hold| hold.number == number)
            && let Brought::Audio(Ok(audio)) = brought
        {
            hold.audio = Some(Arc::clone(audio));
            self.let_hold_hear(means);
        }
        true
    }

    fn let_hold_hear(&mut self, means: &mut Means<'_>) {
        let Some((holder, number, Some(audio))) =
            self.hold.as_deref().map(|hold| (hold.holder, hold.number, hold.audio.clone()))
        else {
            return;
        };
        if !self.holds(holder) || audio.is_empty() {
            return;
        }
        let Some((_, held)) = self.pair(holder) else { return };
        if let Some((end, format)) = anchor::played(held) {
            means.media(Command::Speak { end, format });
            means.media(Command::Play { end, audio, times: None, serial: number });
        }
    }

    /// Whether a leg holds the other one, which hears what is played to it.
    fn holds(&mut self, leg: u8) -> bool {
        if !matches!(self.phase, Phase::Talking { callee: Some(_) }) {
            return false;
        }
        let Some((holder, held)) = self.pair(leg) else { return false };
        let hears = |direction| matches!(direction, Direction::SendRecv | Direction::RecvOnly);
        !holder.media.bypass
            && !holder.media.inward
            && audio_of(&holder.media.raw).is_some_and(|(held, _)| held)
            && audio_of(&held.media.raw).is_some_and(|(held, direction)| !held && hears(direction))
    }

    /// What is heard of a leg that holds, and whose that is: what the flow says, or its connection, or its kind.
    fn hold_music(&mut self, leg: u8) -> Option<(AccountId, Clip)> {
        let named = self.attendant.as_deref().and_then(|attendant| attendant.hold_music());
        let (holder, _) = self.pair(leg)?;
        let connection = holder.connection.as_deref()?;
        let named = named.or_else(|| connection.media.hold_music.clone());
        let clip = match named.as_deref() {
            Some("none") => return None,
            Some("melody") => Clip::Melody,
            Some(sound) => Clip::of(sound),
            None => matches!(connection.kind, Kind::Device | Kind::Virtual).then_some(Clip::Melody)?,
        };
        Some((connection.account.clone(), clip))
    }
}

/// Whether the audio of a description is on hold, and its direction.
fn audio_of(raw: &[u8]) -> Option<(bool, Direction)> {
    let description = Description::parse(raw).ok()?;
    let audio = description.media().iter().find(|media| media.kind == b"audio" && media.port != 0)?;
    Some((audio.is_held(), audio.direction()))
}

/// Set in the numbers of what is brought for holds; those of flows count from 1.
const OF_HOLDS: u32 = 1 << 31;
