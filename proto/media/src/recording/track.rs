//! What one end says, each packet at its time.
//!
//! The first packet lies where it came, the others where their RTP timestamps put them. A stream whose timestamps and
//! arrivals go apart, as clocks do, is laid anew where it comes. Losses are silence: a recording makes nothing up.

use codec::{Codec, Decoder, Rate, Resampler};
use rtp::RtpHeader;
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::transcode::jitter_buffer::{JitterBuffer, Turn};

/// One channel of a recording.
#[derive(Debug)]
pub(super) struct Track {
    rate: Rate,
    codecs: SmallVec<[(u8, Codec); 4]>,
    buffer: JitterBuffer,
    voice: Option<Voice>,
    /// Where the stream lies.
    anchor: Option<Anchor>,
    /// From the first sample that was not handed out on; silence where nothing is known.
    window: Vec<i16>,
    /// When something was heard last, or it began.
    sounded: Timestamp,
}

/// What makes samples of the packets of one payload type.
#[derive(Debug)]
struct Voice {
    payload_type: u8,
    clock: u32,
    decoder: Decoder,
    resampler: Resampler,
    decoded: Vec<i16>,
    frame: Vec<i16>,
}

/// A timestamp and the sample that it belongs to.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    timestamp: u32,
    sample: i64,
    /// Behind the last sample that was laid down.
    end: i64,
}

impl Track {
    pub(super) fn new(rate: Rate, now: Timestamp) -> Self {
        Self {
            rate,
            codecs: SmallVec::new(),
            buffer: JitterBuffer::new(8_000),
            voice: None,
            anchor: None,
            window: vec![0; WINDOW_MS * rate.per_ms()],
            sounded: now,
        }
    }

    /// What packets hold from now on.
    pub(super) fn set_codecs(&mut self, codecs: &[(u8, Codec)]) {
        if *self.codecs != *codecs {
            self.codecs = codecs.into();
            self.voice = None;
        }
    }

    /// When something was heard last.
    pub(super) fn sounded(&self) -> Timestamp {
        self.sounded
    }

    /// How many samples it can hold.
    pub(super) fn room(&self) -> usize {
        self.window.len()
    }

    /// A packet came; so many samples are handed out already, and so many have passed since the beginning.
    pub(super) fn on_packet(&mut self, packet: &[u8], place: (u64, u64), now: Timestamp) {
        let Some(header) = RtpHeader::parse(packet) else { return };
        let payload = packet.get(header.payload.clone()).unwrap_or_default();
        match self.buffer.on_packet(&header, payload, now) {
            Turn::Late => return,
            Turn::Anew => self.anchor = None,
            Turn::Now => {}
            Turn::Waits => return self.settle(place, now),
        }
        self.lay(header.timestamp, header.payload_type, payload, place, now);
        self.lay_held(place, now);
    }

    /// Lays down what waited long enough.
    pub(super) fn settle(&mut self, place: (u64, u64), now: Timestamp) {
        while self.buffer.give_up(now).is_some() {
            self.lay_held(place, now);
        }
    }

    /// Gives away so many samples.
    pub(super) fn take<'s>(&mut self, count: usize, to: impl Iterator<Item = &'s mut i16>) {
        let count = count.min(self.window.len());
        for (sample, to) in self.window.iter().take(count).zip(to) {
            *to = *sample;
        }
        self.window.copy_within(count.., 0);
        let left = self.window.len() - count;
        self.window.iter_mut().skip(left).for_each(|sample| *sample = 0);
    }

    fn lay_held(&mut self, place: (u64, u64), now: Timestamp) {
        while let Some(held) = self.buffer.take_next() {
            self.lay(held.timestamp, held.payload_type, &held.payload, place, now);
            self.buffer.give_back(held);
        }
    }

    fn lay(
        &mut self,
        timestamp: u32,
        payload_type: u8,
        payload: &[u8],
        (done, arrived): (u64, u64),
        now: Timestamp,
    ) {
        if self.voice.as_ref().is_none_or(|voice| voice.payload_type != payload_type) {
            let known = self.codecs.iter().find(|(number, _)| *number == payload_type);
            // Events and noise of comfort are no voice.
            let Some(voice) = known.and_then(|(_, codec)| Voice::new(payload_type, *codec, self.rate)) else {
                return;
            };
            if self.voice.as_ref().is_some_and(|before| before.clock != voice.clock) {
                self.anchor = None;
            }
            self.voice = Some(voice);
        }
        let Some(voice) = &mut self.voice else { return };
        if !voice.decode(payload) {
            return;
        }
        let hz = i64::from(self.rate.hz());
        let arrived = i64::try_from(arrived).unwrap_or(i64::MAX);
        let (ahead, behind) = (AHEAD_MS * hz / 1_000, BEHIND_MS * hz / 1_000);
        let expected = self.anchor.map(|anchor| {
            let passed = timestamp.wrapping_sub(anchor.timestamp).cast_signed();
            anchor.sample + i64::from(passed) * hz / i64::from(voice.clock)
        });
        let sample = match (expected, self.anchor) {
            (Some(sample), _) if (arrived - behind..=arrived + ahead).contains(&sample) => sample,
            (_, Some(anchor)) if anchor.end - arrived <= ahead => arrived.max(anchor.end),
            (_, _) => arrived,
        };
        let end = sample + voice.frame.len() as i64;
        self.anchor = Some(Anchor { timestamp, sample, end });
        if is_sound(&voice.frame) {
            self.sounded = now;
        }
        let first = sample - i64::try_from(done).unwrap_or(i64::MAX);
        // What lies before was handed out.
        let cut = usize::try_from(-first).unwrap_or(0);
        let first = usize::try_from(first).unwrap_or(0);
        for (to, from) in self.window.iter_mut().skip(first).zip(voice.frame.iter().skip(cut)) {
            *to = *from;
        }
    }
}

impl Voice {
    fn new(payload_type: u8, codec: Codec, rate: Rate) -> Option<Self> {
        let spoken = match codec {
            Codec::Opus => rate,
            Codec::G722 => Rate::Wide,
            Codec::Pcma | Codec::Pcmu => Rate::Narrow,
        };
        Some(Self {
            payload_type,
            clock: codec.clock(),
            decoder: Decoder::new(codec, spoken)?,
            resampler: Resampler::new(spoken, rate),
            decoded: Vec::with_capacity(ROOM),
            frame: Vec::with_capacity(ROOM),
        })
    }

    /// Makes samples of a payload; false if it cannot be one.
    fn decode(&mut self, payload: &[u8]) -> bool {
        self.decoded.clear();
        self.frame.clear();
        if !self.decoder.decode(payload, &mut self.decoded) {
            return false;
        }
        // The resampler takes whole pairs.
        self.decoded.truncate(self.decoded.len() & !1);
        self.resampler.run(&self.decoded, &mut self.frame);
        true
    }
}

/// Whether something is heard, rather than a quiet room.
fn is_sound(frame: &[i16]) -> bool {
    let sum: u64 = frame.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
    sum > QUIET * frame.len() as u64
}

/// What is handed out at once, what may come late, early, and a timer that is.
const WINDOW_MS: usize = 2_750;
/// A stream whose packets come so much before their time, or after it, is laid anew.
const AHEAD_MS: i64 = 200;
const BEHIND_MS: i64 = 900;
/// Mean amplitude of a quiet room: 42 dB below the loudest.
const QUIET: u64 = 256;
/// Samples of the longest packet, at the higher rate.
const ROOM: usize = 4_096;
