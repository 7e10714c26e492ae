//! What ends say, kept: one track of one end, or two tracks on one time line.
//!
//! Packets are decoded and laid down where they belong in time; where none came there is silence. Once a second what is old
//! enough is handed out, so that neither jitter nor a short stall cuts anything. It ends when it is as long as it may be,
//! when nothing is heard for long, when somebody says so, or when its last end closes. What we play to an end ourselves is
//! not on it.

mod track;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use codec::{Codec, Rate};
use smallvec::SmallVec;
use timestamp::Timestamp;

use self::track::Track;
use crate::actions::{Actions, Chunk};
use crate::command::EndId;
use crate::event::{Event, RecordingOver};

/// Name of a recording, given by signalling: those that began later are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u64);

impl RecordingId {
    /// One that begins now; `unique` tells it from others of this millisecond.
    pub fn new(now: Timestamp, unique: u64) -> Self {
        Self(now.as_millis() << 22 | unique & 0x3f_ffff)
    }

    /// The one of this text, as it is shown.
    pub fn of_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("rec_").filter(|digits| digits.len() == 16)?;
        let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(digits, 16).ok().filter(|_| lower).map(Self)
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rec_{:016x}", self.0)
    }
}

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its name.
    pub id: RecordingId,
    /// Samples per second of what is kept.
    pub rate: Rate,
    /// Whom one hears on the first channel, then on the second, if there is one.
    pub tracks: SmallVec<[Recorded; 2]>,
    /// When it ends by itself.
    pub longest: Option<Duration>,
    /// How much silence on its first track ends it.
    pub silence: Option<Duration>,
}

/// An end whose packets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The end; none while nobody is there.
    pub end: Option<EndId>,
    /// What its packets hold, by payload type.
    pub codecs: SmallVec<[(u8, Codec); 4]>,
}

/// Where the packets of an end are kept: the recording in this slot, and its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tape {
    pub(crate) slot: u32,
    pub(crate) track: u8,
}

/// All recordings of a plane.
#[derive(Debug, Default)]
pub(crate) struct Recorders {
    list: Vec<Option<Recorder>>,
    free: Vec<u32>,
    names: BTreeMap<RecordingId, u32>,
}

impl Recorders {
    /// The recording of this name, begun now unless it is there; what is to be heard on it changes. Its slot.
    pub(crate) fn begin(&mut self, wanted: &Recording, serial: u64, now: Timestamp) -> u32 {
        if let Some(&slot) = self.names.get(&wanted.id) {
            if let Some(recorder) = self.get(slot) {
                recorder.hear(wanted);
            }
            return slot;
        }
        let recorder = Recorder::new(wanted, serial, now);
        let slot = self.free.pop().unwrap_or(self.list.len() as u32);
        match self.list.get_mut(slot as usize) {
            Some(place) => *place = Some(recorder),
            None => self.list.push(Some(recorder)),
        }
        self.names.insert(wanted.id, slot);
        slot
    }

    /// The slot of the recording of this name.
    pub(crate) fn slot_of(&self, id: RecordingId) -> Option<u32> {
        self.names.get(&id).copied()
    }

    /// The recording in a slot.
    pub(crate) fn get(&mut self, slot: u32) -> Option<&mut Recorder> {
        self.list.get_mut(slot as usize)?.as_mut()
    }

    /// A packet of an end, as it came.
    #[inline(never)]
    pub(crate) fn on_packet(&mut self, tape: Tape, packet: &[u8], now: Timestamp) {
        if let Some(recorder) = self.get(tape.slot) {
            recorder.on_packet(tape.track, packet, now);
        }
    }

    /// Hands out the rest of a recording and forgets it.
    pub(crate) fn finish(&mut self, slot: u32, why: RecordingOver, now: Timestamp, out: &mut Actions) {
        let Some(mut recorder) = self.list.get_mut(slot as usize).and_then(Option::take) else { return };
        self.names.remove(&recorder.id);
        self.free.push(slot);
        recorder.finish(why, now, out);
    }
}

/// One recording.
#[derive(Debug)]
pub(crate) struct Recorder {
    id: RecordingId,
    /// Tells its timers from those of others that had its slot.
    pub(crate) serial: u64,
    /// Any of its ends, also when that is gone: whose it is.
    owner: Option<EndId>,
    /// Slots of the ends that are on it.
    pub(crate) ends: SmallVec<[u32; 2]>,
    rate: Rate,
    began: Timestamp,
    tracks: SmallVec<[Track; 2]>,
    /// Samples of each track that were handed out.
    done: u64,
    longest: Option<Duration>,
    silence: Option<Duration>,
}

impl Recorder {
    fn new(wanted: &Recording, serial: u64, now: Timestamp) -> Self {
        let tracks = wanted.tracks.iter().map(|_| Track::new(wanted.rate, now)).collect();
        let mut recorder = Self {
            id: wanted.id,
            serial,
            owner: None,
            ends: SmallVec::new(),
            rate: wanted.rate,
            began: now,
            tracks,
            done: 0,
            longest: wanted.longest,
            silence: wanted.silence,
        };
        recorder.hear(wanted);
        recorder
    }

    /// Others may be heard from now on.
    fn hear(&mut self, wanted: &Recording) {
        self.owner = self.owner.or_else(|| wanted.tracks.iter().find_map(|track| track.end));
        for (track, recorded) in self.tracks.iter_mut().zip(&wanted.tracks) {
            track.set_codecs(&recorded.codecs);
        }
    }

    fn on_packet(&mut self, track: u8, packet: &[u8], now: Timestamp) {
        let at = self.samples_at(now);
        let done = self.done;
        if let Some(track) = self.tracks.get_mut(usize::from(track)) {
            track.on_packet(packet, (done, at), now);
        }
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Timestamp {
        let handed_out = Duration::from_micros((self.done * 1_000_000).div_ceil(self.rate.hz().into()));
        let chunk = self.began + handed_out + CHUNK + TRAIL;
        let longest = self.longest.map(|longest| self.began + longest);
        let silence = self.silence.and_then(|silence| Some(self.tracks.first()?.sounded() + silence));
        [longest, silence].into_iter().flatten().fold(chunk, std::cmp::min)
    }

    /// Does what is due; why it is over, if it is.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, out: &mut Actions) -> Option<RecordingOver> {
        let chunk = CHUNK.as_millis() as u64 * self.rate.per_ms() as u64;
        let old = self.samples_at(now).saturating_sub(TRAIL.as_millis() as u64 * self.rate.per_ms() as u64);
        if old >= self.done + chunk {
            self.hand_out(old, false, now, out);
        }
        if self.longest.is_some_and(|longest| now.since(self.began) >= longest) {
            return Some(RecordingOver::Longest);
        }
        let sounded = self.tracks.first().map(Track::sounded);
        let quiet = self.silence.zip(sounded).is_some_and(|(silence, last)| now.since(last) >= silence);
        quiet.then_some(RecordingOver::Silence)
    }

    fn finish(&mut self, why: RecordingOver, now: Timestamp, out: &mut Actions) {
        let all = self.samples_at(now).max(self.done);
        self.hand_out(all, true, now, out);
        if let Some(end) = self.owner {
            let ms = u32::try_from(all / self.rate.per_ms() as u64).unwrap_or(u32::MAX);
            out.emit(Event::Recorded { end, recording: self.id, ms, why });
        }
    }

    /// Hands out what lies before this sample, the tracks woven into each other.
    fn hand_out(&mut self, until: u64, last: bool, now: Timestamp, out: &mut Actions) {
        for track in &mut self.tracks {
            track.settle((self.done, until), now);
        }
        let all = usize::try_from(until - self.done).unwrap_or(usize::MAX);
        // After a stall there is nothing but silence behind what the tracks hold, and that need not be written.
        let count = all.min(self.tracks.first().map_or(0, Track::room));
        let (start, channels) = (out.audio().len(), self.tracks.len());
        out.audio().resize(start + count * channels, 0);
        for (channel, track) in self.tracks.iter_mut().enumerate() {
            let woven = out.audio().iter_mut().skip(start + channel).step_by(channels);
            track.take(count, woven);
        }
        let chunk = Chunk {
            recording: self.id,
            channels: channels as u8,
            rate: self.rate,
            at: self.done,
            total: until,
            start: start as u32,
            len: (count * channels) as u32,
            last,
        };
        self.done = until;
        out.keep(chunk);
    }

    fn samples_at(&self, now: Timestamp) -> u64 {
        now.since(self.began).as_micros() as u64 * u64::from(self.rate.hz()) / 1_000_000
    }
}

/// How much is handed out at once.
const CHUNK: Duration = Duration::from_secs(1);
/// How late a packet may come and still find its place.
const TRAIL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
