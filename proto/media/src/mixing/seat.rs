//! One end in a room: what it says, decoded and put in time, and what it is told, encoded.

use codec::{Codec, Decoder, Encoder, Rate, Resampler};
use rtp::RtpHeader;
use timestamp::Timestamp;

use super::level::Level;
use super::playout::Playout;
use super::{TICK_MS, room::Shared};
use crate::transcode::{Format, JitterBuffer, Stream, Turn};

/// An end among others.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Number of its room.
    pub(crate) room: u32,
    pub(crate) format: Format,
    /// Nobody hears it.
    pub(crate) muted: bool,
    rate: Rate,
    order: JitterBuffer,
    decoder: Decoder,
    /// What the decoder decodes, and what becomes of that if it has another rate.
    heard: (Codec, Option<Resampler>),
    linear: Vec<i16>,
    playout: Playout,
    /// The timestamp that follows on what was decoded last.
    expected: Option<u32>,
    /// Ticks in a row without a sample.
    missed: u32,
    pub(super) frame: Vec<i16>,
    level: Level,
    /// Whether the others hear it in this tick.
    pub(super) spoke: bool,
    encoder: Encoder,
    /// Ticks that it still hears its own encoder, and whether it heard the shared one before this.
    apart: u32,
    shared_before: bool,
    mix: Vec<i16>,
    payload: Vec<u8>,
    /// What we send.
    pub(crate) stream: Stream,
}

/// What the others hear of an end in a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// How loud; none if it is silent.
    pub(super) loudness: Option<u32>,
    /// Somebody began to talk or stopped.
    pub(super) talks: Option<bool>,
}

impl Seat {
    /// A seat whose stream follows from `seed`, or goes on; `None` if a codec cannot be had.
    pub(crate) fn new(room: u32, format: Format, stream: Option<Stream>, seed: u64) -> Option<Self> {
        let rate = format.codec.rate();
        let mut stream = stream.unwrap_or_else(|| Stream::new(seed));
        stream.speak(format.codec.clock());
        Some(Self {
            room,
            format,
            muted: false,
            rate,
            order: JitterBuffer::new(format.codec.clock()),
            decoder: Decoder::new(format.codec, rate)?,
            heard: (format.codec, None),
            linear: Vec::with_capacity(ROOM),
            playout: Playout::new(rate.per_ms()),
            expected: None,
            missed: 0,
            frame: Vec::with_capacity(TICK_MS * rate.per_ms()),
            level: Level::default(),
            spoke: false,
            encoder: Encoder::new(format.codec, rate, format.tuning())?,
            apart: 0,
            shared_before: false,
            mix: Vec::with_capacity(TICK_MS * rate.per_ms()),
            payload: Vec::with_capacity(LARGEST),
            stream,
        })
    }

    /// The rate at which it hears and is heard.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// A packet came that has passed as RTP.
    pub(crate) fn on_packet(&mut self, packet: &[u8], now: Timestamp) {
        if self.muted {
            return;
        }
        let Some(header) = RtpHeader::parse(packet) else { return };
        let payload = packet.get(header.payload.clone()).unwrap_or_default();
        match self.order.on_packet(&header, payload, now) {
            Turn::Late | Turn::Waits => return,
            Turn::Anew => self.expected = None,
            Turn::Now => {}
        }
        self.decode(header.payload_type, header.timestamp, payload);
        self.decode_held();
    }

    fn decode_held(&mut self) {
        while let Some(held) = self.order.take_next() {
            self.decode(held.payload_type, held.timestamp, &held.payload);
            self.order.give_back(held);
        }
    }

    fn decode(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        if !self.understands(payload_type) {
            return;
        }
        self.linear.clear();
        if !self.decoder.decode(payload, &mut self.linear) {
            return;
        }
        if self.playout.is_empty() && self.expected == Some(timestamp) {
            self.playout.on_late();
        }
        let units = self.linear.len() as u64 * u64::from(self.heard.0.clock());
        self.expected = Some(timestamp.wrapping_add((units / u64::from(self.decoder.rate().hz())) as u32));
        self.queue();
    }

    /// Puts what was decoded behind the rest.
    fn queue(&mut self) {
        match &mut self.heard.1 {
            Some(resampler) => resampler.run(&self.linear, self.playout.room()),
            None => self.playout.room().extend_from_slice(&self.linear),
        }
        self.playout.trim();
    }

    /// Whether this is a voice that can be decoded. A peer may speak whatever it described, so static payload types count
    /// wherever they come (RFC 3264 §5.1).
    fn understands(&mut self, payload_type: u8) -> bool {
        let named = payload_type == self.format.heard_as || payload_type == self.format.payload_type;
        let codec = if named { Some(self.format.codec) } else { Codec::of_payload_type(payload_type) };
        let Some(codec) = codec else { return false };
        if codec == self.heard.0 {
            return true;
        }
        let rate = codec.rate();
        let Some(decoder) = Decoder::new(codec, rate) else { return false };
        self.decoder = decoder;
        self.heard = (codec, (rate != self.rate).then(|| Resampler::new(rate, self.rate)));
        self.expected = None;
        true
    }

    /// A tick: what the others could hear of it.
    pub(super) fn hear(&mut self, now: Timestamp) -> Heard {
        while let Some(lost) = self.order.give_up(now) {
            self.conceal(usize::from(lost).min(MOST_CONCEALED));
            self.decode_held();
        }
        self.frame.clear();
        if self.playout.take(&mut self.frame) {
            self.missed = 0;
        } else {
            self.missed = self.missed.saturating_add(1);
            if self.missed <= MOST_CONCEALED as u32 && self.level.loudness().is_some() {
                self.fill();
            }
        }
        self.frame.resize(TICK_MS * self.rate.per_ms(), 0);
        let talks = self.level.hear(&self.frame);
        // Whoever is heard is not talked over by one who is a little louder.
        let bonus = if core::mem::take(&mut self.spoke) { 4 } else { 1 };
        let loudness = self.level.loudness().map(|loudness| loudness.saturating_mul(bonus));
        if loudness.is_none() {
            self.playout.shorten();
        }
        Heard { loudness, talks }
    }

    /// Fills in for packets of a tick each that are lost.
    fn conceal(&mut self, ticks: usize) {
        self.linear.clear();
        self.decoder.conceal(ticks * TICK_MS * self.decoder.rate().per_ms(), None, &mut self.linear);
        self.queue();
    }

    /// Fills in for samples that have not come.
    fn fill(&mut self) {
        self.linear.clear();
        self.decoder.conceal(TICK_MS * self.decoder.rate().per_ms(), None, &mut self.linear);
        match &mut self.heard.1 {
            Some(resampler) => resampler.run(&self.linear, &mut self.frame),
            None => self.frame.extend_from_slice(&self.linear),
        }
    }

    /// Nobody hears it any more, or again.
    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if muted {
            self.playout.clear();
            self.expected = None;
        }
    }

    /// Whether it hears what all hear who do not speak, by the encoder that they share.
    pub(super) fn shares(&mut self) -> bool {
        if self.spoke {
            self.apart = APART_TICKS;
        }
        // Octets of G.711 know of no others: only who speaks needs some of its own.
        let apart = if is_stateless(self.format.codec) { self.spoke } else { self.apart > 0 };
        self.apart = self.apart.saturating_sub(1);
        !apart
    }

    /// Encodes for it alone what `fill` appends; `shared` is what it heard before, if it did.
    pub(super) fn encode(&mut self, shared: Option<&Shared>, fill: impl FnOnce(&[i16], &mut Vec<i16>)) {
        if let Some(shared) = shared.filter(|_| self.shared_before) {
            self.encoder.follow(&shared.encoder);
        }
        self.mix.clear();
        self.payload.clear();
        let own = if self.spoke { self.frame.as_slice() } else { &[] };
        fill(own, &mut self.mix);
        self.encoder.encode(&self.mix, &mut self.payload);
    }

    /// Appends the packet of a tick, with this payload or what was encoded for it alone.
    pub(super) fn write(&mut self, shared: Option<&[u8]>, out: &mut Vec<u8>) {
        self.shared_before = shared.is_some();
        let payload = shared.unwrap_or(&self.payload);
        self.stream.write(self.format.payload_type, TICK_MS, payload, out);
    }

    /// A tick passes in which nothing is sent.
    pub(crate) fn skip(&mut self) {
        self.stream.pass_ms(TICK_MS);
    }

    /// The receiver of our stream loses so many of 256 packets.
    pub(crate) fn on_loss(&mut self, fraction: u8) {
        self.encoder.on_loss(fraction);
    }
}

fn is_stateless(codec: Codec) -> bool {
    matches!(codec, Codec::Pcma | Codec::Pcmu)
}

/// Room for the longest packet.
const ROOM: usize = 4_096;
/// An octet string of G.711 or G.722, or a large packet of Opus.
const LARGEST: usize = 1_400;
/// Ticks that are made up for what is lost.
const MOST_CONCEALED: usize = 3;
/// Whoever speaks goes on with an encoder of its own for a second, so that it does not change with every word.
const APART_TICKS: u32 = 50;
