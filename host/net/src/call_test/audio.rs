//! The sound of a test call: a 1004 Hz tone that is keyed by a pattern, and an ear that finds both.
//!
//! The pattern is a maximal-length sequence (Golomb), so it matches itself at one shift only: that shift and the
//! times of the packets give the round trip. Pure: packets in, packets out, time as milliseconds.

use std::f64::consts::TAU;

use media::sink::tone_detector::tone_share;
use rtp::RtpHeader;
use rtp::g711::Law;

use super::{AudioReport, Heard};

/// The sound we send, one frame of 20 ms at a time.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    frame: usize,
    sample: usize,
}

impl Mouth {
    /// Appends the samples of the next frame.
    pub(super) fn speak(&mut self, law: Law, out: &mut Vec<u8>) {
        let amplitude = if keyed(self.frame) { AMPLITUDE } else { 0.0 };
        for _ in 0..FRAME {
            let wave = amplitude * (TAU * HZ * self.sample as f64 / RATE).sin();
            out.push(law.encode(wave.round() as i16));
            self.sample = (self.sample + 1) % REPEAT;
        }
        self.frame += 1;
    }
}

/// Whether the tone sounds in this frame: chips of five frames.
fn keyed(frame: usize) -> bool {
    PATTERN.get(frame / CHIP % PATTERN.len()).copied().unwrap_or_default() == 1
}

/// What was sent and heard so far.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// When each of our frames was sent.
    sent_ms: Vec<f64>,
    /// Samples heard, by their place in the stream.
    samples: Vec<i16>,
    /// When each frame of `samples` came; NaN where nothing did.
    heard_ms: Vec<f64>,
    first_timestamp: Option<u32>,
    sequence: Option<Sequence>,
    received: u64,
    jitter: f64,
    transit: Option<f64>,
}

/// Sequence numbers seen (RFC 3550 §A.1, without probation).
#[derive(Clone, Copy, Debug)]
struct Sequence {
    first: i64,
    highest: i64,
}

impl Ear {
    /// A frame was sent.
    pub(super) fn sent(&mut self, at_ms: f64) {
        self.sent_ms.push(at_ms);
    }

    /// A packet came. Others than G.711 are not for the ear.
    pub(super) fn hear(&mut self, packet: &[u8], at_ms: f64) {
        let Some((header, law)) = RtpHeader::parse(packet).and_then(|header| {
            let law = Law::of_payload_type(header.payload_type)?;
            Some((header, law))
        }) else {
            return;
        };
        self.received += 1;
        self.number(header.sequence);
        self.measure_jitter(header.timestamp, at_ms);
        let first = *self.first_timestamp.get_or_insert(header.timestamp);
        let offset = header.timestamp.wrapping_sub(first) as usize;
        let payload = packet.get(header.payload).unwrap_or_default();
        // A stream that jumps (another source took over) starts a new count of time instead of filling memory.
        if offset + payload.len() > self.samples.len() + LONGEST_GAP {
            self.first_timestamp = Some(header.timestamp.wrapping_sub(self.samples.len() as u32));
            self.place(self.samples.len(), payload, law, at_ms);
        } else {
            self.place(offset, payload, law, at_ms);
        }
    }

    fn place(&mut self, offset: usize, payload: &[u8], law: Law, at_ms: f64) {
        let end = offset + payload.len();
        if self.samples.len() < end {
            self.samples.resize(end, 0);
            self.heard_ms.resize(end.div_ceil(FRAME), f64::NAN);
        }
        for (sample, octet) in self.samples.iter_mut().skip(offset).zip(payload) {
            *sample = law.decode(*octet);
        }
        for frame in offset.div_ceil(FRAME)..end.div_ceil(FRAME) {
            if let Some(heard) = self.heard_ms.get_mut(frame).filter(|heard| heard.is_nan()) {
                *heard = at_ms;
            }
        }
    }

    fn number(&mut self, sequence: u16) {
        let wrapped = i64::from(sequence);
        let Some(seen) = &mut self.sequence else {
            self.sequence = Some(Sequence { first: wrapped, highest: wrapped });
            return;
        };
        let step = i64::from((sequence.wrapping_sub(seen.highest as u16)).cast_signed());
        let place = seen.highest + step;
        seen.highest = seen.highest.max(place);
        seen.first = seen.first.min(place);
    }

    /// RFC 3550 §A.8.
    fn measure_jitter(&mut self, timestamp: u32, at_ms: f64) {
        let transit = at_ms - f64::from(timestamp) / (RATE / 1000.0);
        if let Some(before) = self.transit.replace(transit) {
            let change = (transit - before).abs();
            if change < 10_000.0 {
                self.jitter += (change - self.jitter) / 16.0;
            }
        }
    }

    /// What it all amounts to.
    pub(super) fn report(&self, law: Law, remote: String) -> AudioReport {
        let levels: Vec<Level> = self.samples.chunks_exact(FRAME).map(level).collect();
        let echo = self.find_echo(&levels);
        let heard = self.judge(&levels, echo.is_some());
        let expected = self.sequence.map_or(0, |seen| (seen.highest - seen.first + 1).unsigned_abs());
        let lost = expected.saturating_sub(self.received);
        let loudest = levels.iter().map(|level| level.power).fold(0.0, f64::max);
        AudioReport {
            codec: if law == Law::A { "PCMA" } else { "PCMU" },
            remote,
            heard,
            both_ways: match heard {
                Heard::OwnTone => Some(true),
                Heard::Nothing | Heard::Silence => Some(false),
                Heard::Tone | Heard::Audio => None,
            },
            packets_sent: self.sent_ms.len() as u64,
            packets_received: self.received,
            packets_lost: lost,
            loss_percent: if expected == 0 { 0.0 } else { tenths(lost as f64 * 100.0 / expected as f64) },
            jitter_ms: tenths(self.jitter),
            round_trip_ms: echo.map(hundredths),
            level_dbm0: (loudest > QUIET).then(|| tenths(10.0 * (loudest / FULL).log10())),
        }
    }

    fn judge(&self, levels: &[Level], echo: bool) -> Heard {
        let loud = levels.iter().filter(|level| level.power > QUIET).count();
        let tone = levels.iter().filter(|level| level.is_tone()).count();
        match () {
            () if self.received == 0 => Heard::Nothing,
            () if echo => Heard::OwnTone,
            () if loud * 20 < levels.len().max(1) => Heard::Silence,
            () if tone * 10 >= loud * 9 => Heard::Tone,
            () => Heard::Audio,
        }
    }

    /// The shift at which what we heard matches what we sent, as the median time between the two.
    fn find_echo(&self, levels: &[Level]) -> Option<f64> {
        let heard: Vec<(usize, bool)> = levels
            .iter()
            .enumerate()
            .filter(|(n, _)| self.came(*n))
            .map(|(n, level)| (n, level.is_tone()))
            .collect();
        let most = LONGEST_ECHO_MS / FRAME_MS;
        let score = |shift: i64| {
            let pairs = heard.iter().filter_map(|&(n, tone)| {
                let sent =
                    usize::try_from(n as i64 - shift).ok().filter(|&sent| sent < self.sent_ms.len())?;
                Some((tone == keyed(sent), sent, n))
            });
            let (mut same, mut all) = (0usize, 0usize);
            for (equal, ..) in pairs {
                all += 1;
                same += usize::from(equal);
            }
            (all >= FEWEST_FRAMES).then(|| same as f64 / all as f64)
        };
        let scores = (-most..=most).filter_map(|shift| Some((score(shift)?, shift)));
        let (best, shift) = scores.max_by(|a, b| a.0.total_cmp(&b.0))?;
        if best < MATCH {
            return None;
        }
        let mut trips: Vec<f64> = heard
            .iter()
            .filter_map(|&(n, _)| {
                let sent = usize::try_from(n as i64 - shift).ok()?;
                Some(self.heard_ms.get(n)? - self.sent_ms.get(sent)?)
            })
            .collect();
        trips.sort_by(f64::total_cmp);
        trips.get(trips.len() / 2).copied().map(|trip| trip.max(0.0))
    }

    fn came(&self, frame: usize) -> bool {
        self.heard_ms.get(frame).is_some_and(|at| !at.is_nan())
    }
}

/// Mean power of a frame, and the part of it that is our tone.
#[derive(Clone, Copy, Debug)]
struct Level {
    power: f64,
    tone: f64,
}

impl Level {
    fn is_tone(self) -> bool {
        self.power > QUIET && self.tone > 0.7
    }
}

fn level(frame: &[i16]) -> Level {
    let power: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    Level { power: power / frame.len() as f64, tone: tone_share(frame, HZ) }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

const HZ: f64 = 1004.0;
const RATE: f64 = 8000.0;
/// Samples after which tone and clock meet again: 8000 / gcd(8000, 1004).
const REPEAT: usize = 2000;
/// Samples of a packet.
pub(super) const FRAME: usize = 160;
const FRAME_MS: i64 = 20;
/// Frames of a chip of the pattern.
const CHIP: usize = 5;
/// x⁵ + x² + 1: every shift but the right one agrees in half of the chips.
const PATTERN: [u8; 31] =
    [1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 0, 0];
/// −10 dBm0: loud enough to find, soft enough for an ear.
const AMPLITUDE: f64 = 7_080.0;
/// Power of a sine at 0 dBm0 (22 385² / 2).
const FULL: f64 = 250_500_000.0;
/// Power below which a frame is silence: −50 dBm0.
const QUIET: f64 = FULL * 1e-5;
/// Share of frames that must agree.
const MATCH: f64 = 0.85;
/// Frames that a match must rest on: one second.
const FEWEST_FRAMES: usize = 50;
/// The longest way there and back that is looked for.
const LONGEST_ECHO_MS: i64 = 3000;
/// Samples of silence that a jump of the timestamp may make: ten seconds.
const LONGEST_GAP: usize = 80_000;
