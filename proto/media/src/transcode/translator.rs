//! One direction of a conversion: packets of one end in, packets for the other out.

use std::time::Duration;

use codec::dtmf::{Detector, Heard, Tones};
use codec::{ComfortNoise, Decoder, Encoder, Rate, Resampler, Tuning};
use rtp::{RtpHeader, TelephoneEvent};
use timestamp::Timestamp;

use super::digit_player::{DigitPlayer, Stroke};
use super::event_follower::{EventFollower, Report};
use super::event_sender::EventSender;
use super::jitter_buffer::{JitterBuffer, Turn};
use super::packets::Packets;
use super::plan::{Dtmf, Format};
use super::stream::Stream;
use super::timeline::Timeline;
use super::twice::{Twice, Way};

/// From one end to the other.
#[derive(Debug)]
pub(crate) struct Translator {
    from: Format,
    to: Format,
    buffer: JitterBuffer,
    timeline: Timeline,
    decoder: Decoder,
    resampler: Resampler,
    encoder: Encoder,
    /// What we send.
    pub(crate) stream: Stream,
    /// Packets missing before the next one.
    missing: u32,
    quiet: Option<Quiet>,
    noise: ComfortNoise,
    /// Samples of a packet, and those that wait to fill one.
    linear: Vec<i16>,
    waiting: Vec<i16>,
    /// When the next of those is sent, if they are more than one packet.
    pace: Option<Timestamp>,
    follower: EventFollower,
    sender: Option<EventSender>,
    detector: Option<(Detector, Timestamp)>,
    twice: Twice,
    /// The event that goes on was told by signalling already.
    is_known: bool,
    player: DigitPlayer,
    tones: Option<Tones>,
    /// Packets to send, in order.
    packets: Packets,
    dialled: Option<(u8, u32)>,
    /// When the plane looks next.
    pub(crate) armed: Option<Timestamp>,
}

/// Nothing is sent to us, on purpose.
#[derive(Debug)]
struct Quiet {
    next: Timestamp,
    until: Timestamp,
    /// As described (RFC 3389); else the decoder knows.
    described: bool,
}

/// A packet whose turn it is.
#[derive(Clone, Copy, Debug)]
struct Unit<'a> {
    timestamp: u32,
    payload_type: u8,
    payload: &'a [u8],
}

impl Translator {
    /// A direction that goes on with `stream`, or begins one whose numbers follow from `seed`; `None` if a codec cannot be
    /// had.
    pub(crate) fn new(
        from: Format,
        to: Format,
        complexity: u8,
        stream: Option<Stream>,
        seed: u64,
    ) -> Option<Self> {
        let rate = from.codec.rate_towards(to.codec);
        let other = to.codec.rate_towards(from.codec);
        // Wideband costs twice of narrowband: it is thought about less.
        let complexity = if other == Rate::Wide { complexity.saturating_sub(2) } else { complexity };
        let step = to.packet_ms();
        let mut stream = stream.unwrap_or_else(|| Stream::new(seed));
        stream.speak(to.codec.clock());
        let detector = (from.dtmf == Dtmf::Inband && to.dtmf != Dtmf::Inband)
            .then(|| (Detector::new(rate), Timestamp::default()));
        Some(Self {
            from,
            to,
            buffer: JitterBuffer::new(from.codec.clock()),
            timeline: Timeline::new(from.codec.clock()),
            decoder: Decoder::new(from.codec, rate)?,
            resampler: Resampler::new(rate, other),
            encoder: Encoder::new(to.codec, other, Tuning { complexity, fec: to.fec })?,
            stream,
            missing: 0,
            quiet: None,
            noise: ComfortNoise::default(),
            linear: Vec::with_capacity(ROOM),
            waiting: Vec::with_capacity(ROOM),
            pace: None,
            follower: EventFollower::default(),
            sender: None,
            detector,
            twice: Twice::default(),
            is_known: false,
            player: DigitPlayer::new(if to.dtmf == Dtmf::Inband { step } else { 20 }),
            tones: None,
            packets: Packets::new(),
            dialled: None,
            armed: None,
        })
    }

    /// Whether this is what it does.
    pub(crate) fn is_between(&self, from: &Format, to: &Format) -> bool {
        self.from == *from && self.to == *to
    }

    /// A packet came that has passed as RTP.
    pub(crate) fn on_packet(&mut self, packet: &[u8], now: Timestamp) {
        let Some(header) = RtpHeader::parse(packet) else { return };
        let payload = packet.get(header.payload.clone()).unwrap_or_default();
        match self.buffer.on_packet(&header, payload, now) {
            Turn::Late | Turn::Waits => return,
            Turn::Anew => self.begin(now),
            Turn::Now => {}
        }
        let (timestamp, payload_type) = (header.timestamp, header.payload_type);
        self.play(Unit { timestamp, payload_type, payload }, now);
        self.play_held(now);
    }

    /// A digit that came by signalling.
    pub(crate) fn dial(&mut self, code: u8, ms: u32, now: Timestamp) {
        if self.twice.is_new(Way::Signalling, code, now) {
            self.deliver(code, ms, now);
        }
    }

    /// The receiver of our stream loses so many of 256 packets.
    pub(crate) fn on_loss(&mut self, fraction: u8) {
        self.encoder.on_loss(fraction);
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        let quiet = self.quiet.as_ref().map(|quiet| quiet.next);
        let all = [
            self.buffer.next_timeout(),
            self.follower.next_timeout(),
            self.player.next_timeout(),
            self.pace,
            quiet,
        ];
        all.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        if self.pace.is_some_and(|at| at <= now) {
            self.send(1, now);
        }
        while let Some(missing) = self.buffer.give_up(now) {
            self.missing += u32::from(missing);
            self.play_held(now);
        }
        if self.follower.next_timeout().is_some_and(|at| at <= now)
            && let Some(report) = self.follower.give_up()
        {
            self.report(report, now);
        }
        self.strike(now);
        self.fill_silence(now);
    }

    /// What is to be sent.
    pub(crate) fn packets(&mut self) -> &mut Packets {
        &mut self.packets
    }

    /// A digit that signalling has to pass on: its code and its milliseconds.
    pub(crate) fn take_dialled(&mut self) -> Option<(u8, u32)> {
        self.dialled.take()
    }

    /// Another stream begins: nothing is made up for what lies between.
    fn begin(&mut self, now: Timestamp) {
        if let Some(report) = self.follower.give_up() {
            self.report(report, now);
        }
        self.send(usize::MAX, now);
        self.waiting.clear();
        (self.missing, self.quiet) = (0, None);
        let passed = self.timeline.restart(now);
        self.pass(passed);
    }

    fn play_held(&mut self, now: Timestamp) {
        while let Some(held) = self.buffer.take_next() {
            let (timestamp, payload_type) = (held.timestamp, held.payload_type);
            self.play(Unit { timestamp, payload_type, payload: &held.payload }, now);
            self.buffer.give_back(held);
        }
    }

    fn play(&mut self, unit: Unit<'_>, now: Timestamp) {
        let number = unit.payload_type;
        let voice = number == self.from.heard_as || number == self.from.payload_type;
        match self.from.dtmf {
            Dtmf::Events { payload_type, heard_as, clock }
                if !voice && (number == heard_as || number == payload_type) =>
            {
                self.on_event(unit, clock, now);
            }
            _ if voice => self.on_voice(unit, now),
            _ if number == COMFORT_NOISE && self.from.codec.clock() == 8000 => self.on_noise(unit, now),
            Dtmf::Events { .. } | Dtmf::Info | Dtmf::Inband | Dtmf::None => {}
        }
    }

    fn on_voice(&mut self, unit: Unit<'_>, now: Timestamp) {
        let Some(samples) = self.decoder.samples_in(unit.payload).filter(|&samples| samples > 0) else {
            return;
        };
        let units = self.units(samples);
        let gap = self.timeline.on_packet(unit.timestamp, units, now);
        self.send(usize::MAX, now);
        self.quiet = None;
        self.fill_gap(gap, Some((unit.payload, samples)), now);
        self.linear.clear();
        if !self.decoder.decode(unit.payload, &mut self.linear) {
            return self.pass(units);
        }
        self.detect(now);
        if self.is_muted() {
            return self.pass(units);
        }
        self.timeline.join();
        self.resampler.run(&self.linear, &mut self.waiting);
        self.send(1, now);
        // RFC 6716 §2.1.9: a packet of Opus that holds nothing says that silence begins.
        if unit.payload.len() <= 2 && self.from.codec == codec::Codec::Opus {
            let lasts =
                Duration::from_micros(samples as u64 * 1_000_000 / u64::from(self.decoder.rate().hz()));
            self.quiet =
                Some(Quiet { next: now + lasts + SLACK, until: now + OPUS_SILENCE, described: false });
        }
    }

    fn on_noise(&mut self, unit: Unit<'_>, now: Timestamp) {
        let gap = self.timeline.on_packet(unit.timestamp, 0, now);
        self.missing = 0;
        self.pass(gap);
        self.noise.describe(unit.payload);
        self.quiet = Some(Quiet { next: now, until: now + NOISE, described: true });
        self.fill_silence(now);
    }

    fn on_event(&mut self, unit: Unit<'_>, clock: u32, now: Timestamp) {
        let Some(event) = TelephoneEvent::parse(unit.payload) else { return };
        if self.follower.is_another(unit.timestamp, &event)
            && let Some(report) = self.follower.give_up()
        {
            self.report(report, now);
        }
        let Some(report) = self.follower.on_report(unit.timestamp, &event, now) else { return };
        if report.first {
            self.send(usize::MAX, now);
            (self.missing, self.quiet) = (0, None);
            if clock == self.from.codec.clock() {
                let gap = self.timeline.on_packet(unit.timestamp, 0, now);
                self.pass(gap);
            }
        }
        self.report(report, now);
    }

    /// Passes on what is known of an event of theirs.
    fn report(&mut self, report: Report, now: Timestamp) {
        let Dtmf::Events { clock: theirs, .. } = self.from.dtmf else { return };
        if report.first {
            self.is_known = !self.twice.is_new(Way::Media, report.code, now);
        }
        if self.is_known {
            return;
        }
        self.twice.goes_on(now);
        let scale = |units: u32, clock: u32| {
            u32::try_from(u64::from(units) * u64::from(clock) / u64::from(theirs.max(1))).unwrap_or(u32::MAX)
        };
        match self.to.dtmf {
            Dtmf::Events { payload_type, clock, .. } => {
                let stream = &mut self.stream;
                let sender = self.sender.get_or_insert_with(|| {
                    EventSender::new(payload_type, report.code, report.volume, stream)
                });
                sender.report(scale(report.duration, clock), report.last, stream, &mut self.packets);
                if report.last {
                    self.sender = None;
                }
            }
            Dtmf::Inband | Dtmf::Info if report.last => {
                self.deliver(report.code, scale(report.duration, 1000), now);
            }
            Dtmf::Inband | Dtmf::Info | Dtmf::None => {}
        }
    }

    /// A digit of theirs that is over goes the way that digits go there.
    fn deliver(&mut self, code: u8, ms: u32, now: Timestamp) {
        match self.to.dtmf {
            Dtmf::Events { .. } | Dtmf::Inband => {
                self.player.dial(code, ms, now);
                self.strike(now);
            }
            Dtmf::Info if code < 16 => self.dialled = Some((code, ms)),
            Dtmf::Info | Dtmf::None => {}
        }
    }

    /// Listens to what was decoded.
    fn detect(&mut self, now: Timestamp) {
        let Some((detector, began)) = &mut self.detector else { return };
        match detector.listen(&self.linear) {
            Some(Heard::Began(_)) => *began = now,
            Some(Heard::Ended(code)) => {
                let ms = now.since(*began).as_millis() as u32;
                if self.twice.is_new(Way::Media, code, now) {
                    self.deliver(code, ms, now);
                }
            }
            None => {}
        }
    }

    /// Whether a digit is on that would be heard twice.
    fn is_muted(&self) -> bool {
        let heard = self.detector.as_ref().is_some_and(|(detector, _)| detector.current().is_some());
        let reported = self.follower.is_on() && self.to.dtmf != Dtmf::None;
        heard || reported || self.player.is_on()
    }

    /// Plays the digits that are due.
    fn strike(&mut self, now: Timestamp) {
        while let Some(stroke) = self.player.poll(now) {
            match self.to.dtmf {
                Dtmf::Events { payload_type, clock, .. } => self.strike_event(payload_type, clock, stroke),
                Dtmf::Inband => self.strike_tones(stroke),
                Dtmf::Info | Dtmf::None => {}
            }
        }
    }

    fn strike_event(&mut self, payload_type: u8, clock: u32, stroke: Stroke) {
        let stream = &mut self.stream;
        let sender =
            self.sender.get_or_insert_with(|| EventSender::new(payload_type, stroke.code, VOLUME, stream));
        sender.report(clock / 1000 * stroke.ms, stroke.last, stream, &mut self.packets);
        if stroke.last {
            self.sender = None;
        }
    }

    fn strike_tones(&mut self, stroke: Stroke) {
        let (step, rate) = (self.to.packet_ms(), self.to.codec.rate_towards(self.from.codec));
        if stroke.first {
            self.waiting.clear();
            self.pace = None;
            self.tones = Tones::new(stroke.code, rate);
        }
        let Some(tones) = &mut self.tones else { return };
        self.linear.clear();
        self.linear.resize(step * rate.per_ms(), 0);
        tones.write(&mut self.linear);
        let (encoder, frame) = (&mut self.encoder, &self.linear);
        self.stream
            .audio(self.to.payload_type, step, &mut self.packets, |buffer| encoder.encode(frame, buffer));
        self.timeline.lead(step);
    }

    /// Fills what was lost, as far as anybody believes it, and lets the rest be silence.
    fn fill_gap(&mut self, gap: u32, next: Option<(&[u8], usize)>, now: Timestamp) {
        let lost = std::mem::take(&mut self.missing) > 0;
        let hole = self.timeline.owed(gap);
        if hole == 0 {
            return;
        }
        let mut silent = hole;
        if lost && !self.is_muted() {
            let filled = hole.min(self.from.codec.clock() / 1000 * CONCEALED_MS);
            let samples = self.samples(filled);
            self.linear.clear();
            self.decoder.conceal(samples, next, &mut self.linear);
            silent = hole - self.units(self.linear.len()).min(hole);
            self.resampler.run(&self.linear, &mut self.waiting);
            self.send(usize::MAX, now);
        }
        if silent > 0 {
            self.round_off(now);
            let silent = self.timeline.owed(silent);
            self.pass_on(silent);
        }
    }

    /// Sends what does not fill a packet with silence behind it.
    fn round_off(&mut self, now: Timestamp) {
        if self.waiting.is_empty() {
            return;
        }
        let rate = self.to.codec.rate_towards(self.from.codec);
        let frame = self.to.packet_ms() * rate.per_ms();
        let short = frame - self.waiting.len() % frame;
        self.waiting.resize(self.waiting.len() + short, 0);
        self.timeline.lead(short / rate.per_ms());
        self.send(usize::MAX, now);
    }

    /// Noise for those who hear nothing.
    fn fill_silence(&mut self, now: Timestamp) {
        let step = self.to.packet_ms();
        while let Some(quiet) = self.quiet.as_mut().filter(|quiet| quiet.next <= now) {
            if quiet.next >= quiet.until {
                self.quiet = None;
                break;
            }
            let due = if now.since(quiet.next) > CATCH_UP { now } else { quiet.next };
            quiet.next = due + Duration::from_millis(step as u64);
            let described = quiet.described;
            if self.is_muted() {
                continue;
            }
            self.linear.clear();
            let samples = step * self.decoder.rate().per_ms();
            if described {
                self.noise.write(samples, &mut self.linear);
            } else {
                self.decoder.conceal(samples, None, &mut self.linear);
            }
            self.resampler.run(&self.linear, &mut self.waiting);
            self.timeline.lead(step);
            self.send(usize::MAX, now);
        }
    }

    /// Sends at most so many packets of what waits; the next of them later, as if it came by itself.
    fn send(&mut self, most: usize, now: Timestamp) {
        let step = self.to.packet_ms();
        let frame = step * self.to.codec.rate_towards(self.from.codec).per_ms();
        let mut done = 0;
        for samples in self.waiting.chunks_exact(frame).take(most) {
            let encoder = &mut self.encoder;
            self.stream.audio(self.to.payload_type, step, &mut self.packets, |buffer| {
                encoder.encode(samples, buffer)
            });
            done += frame;
        }
        self.waiting.drain(..done);
        self.pace = (self.waiting.len() >= frame).then(|| now + Duration::from_millis(step as u64));
    }

    /// So much of their time goes by in which we send nothing.
    fn pass(&mut self, units: u32) {
        let owed = self.timeline.owed(units);
        self.pass_on(owed);
    }

    fn pass_on(&mut self, units: u32) {
        let (theirs, ours) = (self.from.codec.clock(), self.to.codec.clock());
        if units > 0 {
            self.stream.pass((u64::from(units) * u64::from(ours) / u64::from(theirs)) as u32);
        }
    }

    /// Samples of theirs as units of their clock, and back.
    fn units(&self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.from.codec.clock()) / u64::from(self.decoder.rate().hz())) as u32
    }

    fn samples(&self, units: u32) -> usize {
        (u64::from(units) * u64::from(self.decoder.rate().hz()) / u64::from(self.from.codec.clock())) as usize
    }
}

/// Static payload type of comfort noise (RFC 3389 §4).
const COMFORT_NOISE: u8 = 13;
/// Room for the longest packet, and a loss before it.
const ROOM: usize = 8192;
/// What is made up for lost packets; the rest is silence.
const CONCEALED_MS: u32 = 60;
/// Noise that is not described again ends.
const NOISE: Duration = Duration::from_secs(10);
/// libopus sends something every 400 ms of silence.
const OPUS_SILENCE: Duration = Duration::from_millis(500);
/// A packet that comes in time is not pre-empted by noise.
const SLACK: Duration = Duration::from_millis(8);
const CATCH_UP: Duration = Duration::from_millis(200);
/// −10 dBm0, for digits whose loudness nobody told.
const VOLUME: u8 = 10;

#[cfg(test)]
mod tests;
