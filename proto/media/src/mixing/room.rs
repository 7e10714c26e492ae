//! A room: who is in it, what they hear in a tick, and what is played to all of them.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::sync::Arc;

use codec::{Codec, ComfortNoise, Encoder, Rate, Resampler};
use timestamp::Timestamp;

use super::seat::Seat;
use super::sum::Sum;
use super::{TICK, TICK_MS};
use crate::beat::on_beat;
use crate::command::RoomId;
use crate::transcode::Format;

/// Ends that hear each other.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    /// Tells it from the others that had or will have its number.
    pub(crate) serial: u64,
    /// Slots of its ends.
    pub(crate) slots: Vec<u32>,
    /// When it ticks.
    pub(crate) next: Timestamp,
    narrow: Sum,
    wide: Sum,
    /// From narrow to wide, and back.
    lift: Resampler,
    lower: Resampler,
    crossing: Vec<i16>,
    lines: Vec<i16>,
    /// Whether anybody is there who hears narrowband, and wideband.
    listeners: [bool; 2],
    /// Whom they could hear: how loud, and in which slot.
    candidates: Vec<(u32, u32)>,
    shared: Vec<Shared>,
    /// What is played to all, and how far it is.
    announcements: VecDeque<(Arc<[i16]>, usize)>,
    noise: ComfortNoise,
    hush: [Vec<i16>; 2],
    /// Sources in the sums of this tick.
    sources: usize,
}

/// The encoder of those who do not speak, and what it made of this tick.
#[derive(Debug)]
pub(super) struct Shared {
    codec: Codec,
    fec: bool,
    pub(super) encoder: Encoder,
    payload: Vec<u8>,
    made: bool,
}

impl Room {
    /// A room with nobody in it, which ticks first at once.
    pub(crate) fn new(id: RoomId, serial: u64, now: Timestamp) -> Self {
        let mut noise = ComfortNoise::default();
        noise.describe(&[NOISE]);
        let samples = |rate: Rate| Vec::with_capacity(TICK_MS * rate.per_ms());
        Self {
            id,
            serial,
            slots: Vec::new(),
            next: now,
            narrow: Sum::new(Rate::Narrow),
            wide: Sum::new(Rate::Wide),
            lift: Resampler::new(Rate::Narrow, Rate::Wide),
            lower: Resampler::new(Rate::Wide, Rate::Narrow),
            crossing: samples(Rate::Wide),
            lines: samples(Rate::Wide),
            listeners: [false; 2],
            candidates: Vec::new(),
            shared: Vec::new(),
            announcements: VecDeque::with_capacity(MOST_ANNOUNCED),
            noise,
            hush: [samples(Rate::Narrow), samples(Rate::Wide)],
            sources: 0,
        }
    }

    /// An end comes in that speaks this.
    pub(crate) fn enter(&mut self, slot: u32, format: &Format) {
        if !self.slots.contains(&slot) {
            self.slots.push(slot);
        }
        self.candidates.reserve(self.slots.len());
        if self.shared.iter().any(|shared| shared.is_for(format)) {
            return;
        }
        if let Some(encoder) = Encoder::new(format.codec, format.codec.rate(), format.tuning()) {
            let payload = Vec::with_capacity(LARGEST);
            self.shared.push(Shared { codec: format.codec, fec: format.fec, encoder, payload, made: false });
        }
    }

    /// An end goes out.
    pub(crate) fn leave(&mut self, slot: u32) {
        self.slots.retain(|other| *other != slot);
    }

    /// All of them hear this once, after what they already hear; too much at a time is left out.
    pub(crate) fn announce(&mut self, audio: Arc<[i16]>) {
        if self.announcements.len() < MOST_ANNOUNCED && !audio.is_empty() {
            self.announcements.push_back((audio, 0));
        }
    }

    /// A tick begins.
    pub(crate) fn begin(&mut self) {
        self.candidates.clear();
        self.listeners = [false; 2];
        self.sources = 0;
        self.narrow.clear();
        self.wide.clear();
        self.shared.iter_mut().for_each(|shared| shared.made = false);
    }

    /// What an end says in this tick; whether somebody began to talk there, or stopped.
    pub(crate) fn hear(&mut self, slot: u32, seat: &mut Seat, now: Timestamp) -> Option<bool> {
        let heard = seat.hear(now);
        self.listeners[seat.rate() as usize] = true;
        self.candidates.extend(heard.loudness.map(|loudness| (loudness, slot)));
        heard.talks
    }

    /// Whom they hear: the loudest. More than that nobody could follow.
    pub(crate) fn choose(&mut self) -> usize {
        if self.candidates.len() > MOST_HEARD {
            self.candidates.select_nth_unstable_by(MOST_HEARD, |a, b| b.cmp(a));
            self.candidates.truncate(MOST_HEARD);
        }
        self.candidates.len()
    }

    /// The slot of one of them.
    pub(crate) fn chosen(&self, index: usize) -> Option<u32> {
        self.candidates.get(index).map(|(_, slot)| *slot)
    }

    /// One of them is heard.
    pub(crate) fn add(&mut self, seat: &mut Seat) {
        seat.spoke = true;
        self.sources += 1;
        match seat.rate() {
            Rate::Narrow => self.narrow.add(&seat.frame),
            Rate::Wide => self.wide.add(&seat.frame),
        }
    }

    /// All who speak were added.
    pub(crate) fn close(&mut self) {
        self.add_announcement();
        let [narrow, wide] = self.listeners;
        if self.sources == 0 {
            return self.rest();
        }
        self.crossing.clear();
        self.lines.clear();
        // Each is what was said at its own rate, before anything crosses.
        if wide {
            self.narrow.write(&mut self.lines);
            self.lift.run(&self.lines, &mut self.crossing);
        }
        let lifted = self.crossing.len();
        if narrow && wide {
            self.lines.clear();
            self.wide.write(&mut self.lines);
            self.lower.run(&self.lines, &mut self.crossing);
        }
        let (to_wide, to_narrow) = self.crossing.split_at(lifted);
        self.wide.add(to_wide);
        self.narrow.add(to_narrow);
        for (sum, listens) in [(&mut self.narrow, narrow), (&mut self.wide, wide)] {
            if listens {
                sum.close();
            }
        }
        self.make_hush();
    }

    /// Nobody speaks: not a dead line, but a quiet room.
    fn rest(&mut self) {
        self.make_hush();
        let [narrow, wide] = &self.hush;
        self.narrow.all.clone_from(narrow);
        self.wide.all.clone_from(wide);
    }

    fn make_hush(&mut self) {
        for (hush, rate) in self.hush.iter_mut().zip([Rate::Narrow, Rate::Wide]) {
            hush.clear();
            if self.sources < 2 && self.listeners[rate as usize] {
                self.noise.write(TICK_MS * rate.per_ms(), hush);
            }
        }
    }

    fn add_announcement(&mut self) {
        let Some((audio, at)) = self.announcements.front_mut() else { return };
        let end = (*at + TICK_MS * Rate::Narrow.per_ms()).min(audio.len());
        self.narrow.add(audio.get(*at..end).unwrap_or_default());
        self.sources += 1;
        *at = end;
        if end == audio.len() {
            self.announcements.pop_front();
        }
    }

    /// Appends the packet of this tick for an end.
    pub(crate) fn tell(&mut self, seat: &mut Seat, out: &mut Vec<u8>) {
        let at = self.shared.iter().position(|shared| shared.is_for(&seat.format));
        let (sum, hush) = match seat.rate() {
            Rate::Narrow => (&self.narrow, &self.hush[0]),
            Rate::Wide => (&self.wide, &self.hush[1]),
        };
        let shared = at.and_then(|at| self.shared.get_mut(at));
        match shared {
            Some(shared) if seat.shares() => {
                if !shared.made {
                    shared.payload.clear();
                    shared.encoder.encode(&sum.all, &mut shared.payload);
                    shared.made = true;
                }
                seat.write(Some(&shared.payload), out);
            }
            shared => {
                let sources = self.sources;
                seat.encode(shared.as_deref(), |own, mix| match (own.is_empty(), sources) {
                    (true, _) => mix.extend_from_slice(&sum.all),
                    (false, 1) => mix.extend_from_slice(hush),
                    (false, _) => sum.without(own, mix),
                });
                seat.write(None, out);
            }
        }
    }

    /// The tick is over; when the next one is due.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Timestamp {
        // After a stall the ticks that were missed are not made up for in a burst.
        let stalled = now.since(self.next + TICK) > 5 * TICK;
        self.next = on_beat(if stalled { now } else { self.next } + TICK);
        self.next
    }
}

impl Shared {
    fn is_for(&self, format: &Format) -> bool {
        self.codec == format.codec && self.fec == format.fec
    }
}

/// Two short tones: rising for one who comes, falling for one who goes.
pub(crate) fn chime(rises: bool) -> Arc<[i16]> {
    let pitches = if rises { [LOW, HIGH] } else { [HIGH, LOW] };
    let tone = |hz: f64| {
        (0..CHIME).map(move |n| {
            let fade = (n.min(CHIME - n) as f64 / 80.0).min(1.0);
            (AMPLITUDE * fade * (TAU * hz * n as f64 / 8_000.0).sin()) as i16
        })
    };
    pitches.into_iter().flat_map(tone).collect()
}

/// Ends that are heard at a time.
const MOST_HEARD: usize = 8;
/// Announcements that wait.
const MOST_ANNOUNCED: usize = 8;
/// Loudness of an empty line (RFC 3389 §3.1).
const NOISE: u8 = 66;
/// Room for a packet of Opus.
const LARGEST: usize = 1_400;
const LOW: f64 = 620.0;
const HIGH: f64 = 830.0;
/// Samples of each tone.
const CHIME: usize = 960;
const AMPLITUDE: f64 = 3_000.0;
