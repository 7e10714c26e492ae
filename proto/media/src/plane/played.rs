//! Ends that are served by ourselves: what they hear, and in which format.

use std::cmp::Reverse;
use std::sync::Arc;

use timestamp::Timestamp;

use super::{Due, Plane, Timer, mix, slot_mut};
use crate::actions::Actions;
use crate::command::{EndId, Source};
use crate::end::End;
use crate::event::Event;
use crate::path::Path;
use crate::reports;
use crate::source::player::{Player, Voice};
use crate::transcode::Format;

impl Plane {
    /// Lets an end be served by us instead of a peer.
    pub(super) fn serve(&mut self, id: EndId, source: Source, now: Timestamp) {
        let audio = match source {
            Source::Milliwatt => &self.milliwatt,
            Source::Signal(signal) => &self.signals[signal as usize],
            Source::Echo => return self.leave_peer(id, Path::Echo),
            Source::Silence => return self.leave_peer(id, Path::None),
        };
        self.play(id, Player::new(Arc::clone(audio), None, None, now), now);
    }

    /// Takes an end off its path, to another one without a peer.
    fn leave_peer(&mut self, id: EndId, path: Path) {
        let Some(&slot) = self.names.get(&id) else { return };
        self.detach(slot);
        if let Some(end) = slot_mut(&mut self.ends, slot) {
            end.path = path;
        }
    }

    /// Lets an end hear this from now on.
    pub(super) fn play(&mut self, id: EndId, player: Player, now: Timestamp) {
        let Some(&slot) = self.names.get(&id) else { return };
        self.detach(slot);
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        end.path = Path::Player(Box::new(player));
        let serial = end.serial;
        self.timers.push(Reverse(Timer { at: now, slot, serial, due: Due::Player }));
    }

    /// Lets an end hear what is played to it in this format.
    pub(super) fn speak(&mut self, id: EndId, format: &Format, now: Timestamp) {
        let seed = self.seed;
        let Some((slot, end)) = self.find(id) else { return };
        match &mut end.voice {
            Some(voice) => voice.speak(format),
            None => end.voice = Voice::new(format, mix(seed, end.serial), now).map(Box::new),
        }
        if end.voice.is_some() && end.reports.due.is_none_or(|due| due < now) {
            let (at, serial) = (now + reports::FIRST, end.serial);
            end.reports.due = Some(at);
            self.timers.push(Reverse(Timer { at, slot, serial, due: Due::Report }));
        }
    }

    /// A report is due at an end that is served, whether something plays or not.
    pub(super) fn report_played(&mut self, slot: u32, now: Timestamp, out: &mut Actions) {
        let Some(end) = slot_mut(&mut self.ends, slot) else { return };
        let Some(voice) = end.voice.as_deref_mut() else { return };
        voice.go_on(&mut end.splice, now);
        let stream = voice.stream(now).clone();
        if let Some(target) = end.rtcp_target(slot) {
            let start = out.arena().len();
            end.write_report(&stream, now, out.arena());
            end.send_report(target, start, out);
        }
    }
}

/// A packet of what is played is due; when the next one is.
pub(super) fn on_player(end: &mut End, timer: Timer, now: Timestamp, out: &mut Actions) -> Option<Timestamp> {
    let Path::Player(player) = &mut end.path else { return None };
    if player.next_timeout() != timer.at {
        return None;
    }
    if player.is_over() {
        if let Some(serial) = player.serial {
            out.emit(Event::Played { end: end.id, serial });
        }
        end.path = Path::None;
        return None;
    }
    let (Some(to), Some(voice)) = (end.target, end.voice.as_deref_mut()) else {
        player.skip(now);
        return Some(player.next_timeout());
    };
    voice.go_on(&mut end.splice, now);
    let start = out.arena().len();
    player.write(voice, now, out.arena());
    let next = player.next_timeout();
    if out.arena().len() > start {
        end.send_made(timer.slot, to, start, out);
    }
    Some(next)
}
