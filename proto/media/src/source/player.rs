//! Audio that is played to an end in the codec that it hears, twenty milliseconds a packet: sounds once or several times,
//! signals of the network and the milliwatt for ever.
//!
//! What is played after each other is one stream to the peer: the numbers go on (RFC 3550 §5.1), and so does the encoder.
//! Sounds have 8000 samples a second, and Opus is made of those; only G.722, which has no such form, has them lifted.

use core::ops::Range;
use core::time::Duration;
use std::f64::consts::TAU;
use std::sync::Arc;

use codec::dtmf::Tones;
use codec::{Codec, Encoder, Rate, Resampler};
use rtp::TelephoneEvent;
use timestamp::Timestamp;

use super::dialler::Dialler;
use crate::beat::on_beat;
use crate::command::{Signal, Stroke};
use crate::splice::Splice;
use crate::transcode::{Dtmf, Format, Stream};

/// How an end hears what is played to it, whatever that is.
#[derive(Debug)]
pub(crate) struct Voice {
    format: Format,
    stream: Stream,
    /// When what the stream says next is due.
    at: Timestamp,
    encoder: Encoder,
    /// For a codec that speaks wideband alone.
    lift: Option<Resampler>,
    narrow: Vec<i16>,
    wide: Vec<i16>,
    payload: Vec<u8>,
}

impl Voice {
    /// A stream that begins now; `seed` gives the SSRC and where the numbers begin. `None` if its codec cannot be had.
    pub(crate) fn new(format: &Format, seed: u64, now: Timestamp) -> Option<Self> {
        let mut stream = Stream::new(seed);
        stream.speak(format.codec.clock());
        let (encoder, lift) = encoder(format)?;
        Some(Self {
            format: *format,
            stream,
            at: now,
            encoder,
            lift,
            narrow: Vec::with_capacity(FRAME),
            wide: Vec::with_capacity(2 * FRAME),
            payload: Vec::with_capacity(FRAME),
        })
    }

    /// Goes on in this format.
    pub(crate) fn speak(&mut self, format: &Format) {
        if self.format.codec != format.codec || self.format.fec != format.fec {
            let Some((encoder, lift)) = encoder(format) else { return };
            (self.encoder, self.lift) = (encoder, lift);
            self.stream.speak(format.codec.clock());
        }
        self.format = *format;
    }

    /// Goes on with what its listener has heard of others since, if it has.
    pub(crate) fn go_on(&mut self, heard: &mut Option<Box<Splice>>, now: Timestamp) {
        let Some(heard) = heard.take() else { return };
        self.stream = heard.go_on(now);
        self.stream.speak(self.format.codec.clock());
        self.at = now;
    }

    /// What its listener has heard of it, if anything.
    pub(crate) fn heard(&self) -> Option<Splice> {
        Splice::made(&self.stream, self.at)
    }

    /// What is sent, as it stands now.
    pub(crate) fn stream(&mut self, now: Timestamp) -> &Stream {
        self.catch_up(now);
        &self.stream
    }

    /// The receiver of the stream loses so many of 256 packets.
    pub(crate) fn on_loss(&mut self, fraction: u8) {
        self.encoder.on_loss(fraction);
    }

    /// The events of its format: payload type and clock.
    pub(crate) fn events(&self) -> Option<(u8, u32)> {
        match self.format.dtmf {
            Dtmf::Events { payload_type, clock, .. } => Some((payload_type, clock)),
            Dtmf::Info | Dtmf::Inband | Dtmf::None => None,
        }
    }

    /// The stream, for packets that are none of audio.
    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The time of a packet goes by without one of audio.
    pub(crate) fn pass(&mut self) {
        self.stream.pass_ms(FRAME_MS);
        self.at = self.at + PERIOD;
    }

    /// Lets the time pass in which nothing was sent.
    fn catch_up(&mut self, now: Timestamp) {
        let frames = u32::try_from(now.since(self.at).as_millis() / PERIOD.as_millis()).unwrap_or(0);
        if frames > 0 {
            self.stream.pass_ms(FRAME_MS.saturating_mul(frames as usize));
            self.at = self.at + PERIOD * frames;
        }
    }

    /// Appends the packet of a frame.
    fn write(&mut self, out: &mut Vec<u8>) {
        let frame = match &mut self.lift {
            Some(lift) => {
                self.wide.clear();
                lift.run(&self.narrow, &mut self.wide);
                &self.wide
            }
            None => &self.narrow,
        };
        self.payload.clear();
        self.encoder.encode(frame, &mut self.payload);
        self.stream.write(self.format.payload_type, FRAME_MS, &self.payload, out);
        self.at = self.at + PERIOD;
    }
}

/// What makes packets of a format, and samples for it.
fn encoder(format: &Format) -> Option<(Encoder, Option<Resampler>)> {
    let (rate, lift) = match format.codec {
        Codec::G722 => (Rate::Wide, Some(Resampler::new(Rate::Narrow, Rate::Wide))),
        Codec::Opus | Codec::Pcma | Codec::Pcmu => (Rate::Narrow, None),
    };
    Some((Encoder::new(format.codec, rate, format.tuning())?, lift))
}

/// One thing being played.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    audio: Arc<[i16]>,
    at: usize,
    /// Times that are left with this one; none for ever.
    times: Option<u32>,
    /// What its end is reported with; none if nobody wants to know.
    pub(crate) serial: Option<u32>,
    started: bool,
    next: Timestamp,
    /// Keys, if the end has events for them; its audio is the same as tones.
    dialler: Option<Dialler>,
}

impl Player {
    /// Audio whose first packet is due at once.
    pub(crate) fn new(audio: Arc<[i16]>, times: Option<u32>, serial: Option<u32>, now: Timestamp) -> Self {
        let times = if audio.is_empty() { Some(0) } else { times };
        Self { audio, at: 0, times, serial, started: false, next: now, dialler: None }
    }

    /// Keys that are pressed.
    pub(crate) fn keys(strokes: Arc<[Stroke]>, now: Timestamp) -> Self {
        let tones = Self::new(tones(&strokes), Some(1), None, now);
        Self { dialler: Some(Dialler::new(strokes)), ..tones }
    }

    /// When the next packet is due.
    pub(crate) fn next_timeout(&self) -> Timestamp {
        self.next
    }

    /// Whether all of it was played.
    pub(crate) fn is_over(&self) -> bool {
        self.times == Some(0) || self.dialler.as_ref().is_some_and(Dialler::is_over)
    }

    /// Appends the packet that is due.
    pub(crate) fn write(&mut self, voice: &mut Voice, now: Timestamp, out: &mut Vec<u8>) {
        if !self.started {
            voice.catch_up(now);
        }
        self.started = true;
        if let (Some(dialler), Some(events)) = (&mut self.dialler, voice.events()) {
            dialler.write(voice, events, out);
            return self.advance(now);
        }
        self.dialler = None;
        voice.narrow.clear();
        while voice.narrow.len() < FRAME && !self.is_over() {
            let piece = self.take(FRAME - voice.narrow.len());
            voice.narrow.extend_from_slice(self.audio.get(piece).unwrap_or_default());
        }
        voice.narrow.resize(FRAME, 0);
        voice.write(out);
        self.advance(now);
    }

    /// Lets the packet that is due pass unsent, as when nobody listens; time goes on.
    pub(crate) fn skip(&mut self, now: Timestamp) {
        let mut left = FRAME;
        while left > 0 && !self.is_over() {
            left -= self.take(left).len();
        }
        if let Some(dialler) = &mut self.dialler {
            dialler.pass();
        }
        self.started = false;
        self.advance(now);
    }

    /// Where the next samples lie: as many as are wanted, or those up to the end, with which it begins anew.
    fn take(&mut self, wanted: usize) -> Range<usize> {
        let (start, end) = (self.at, self.audio.len().min(self.at + wanted));
        self.at = end;
        if end == self.audio.len() {
            self.at = 0;
            self.times = self.times.map(|times| times.saturating_sub(1));
        }
        start..end
    }

    fn advance(&mut self, now: Timestamp) {
        // After a stall the packets missed are not sent in a burst.
        let stalled = now.since(self.next + PERIOD) > CATCH_UP;
        self.next = on_beat(if stalled { now } else { self.next } + PERIOD);
    }
}

/// Keys as tones.
fn tones(strokes: &[Stroke]) -> Arc<[i16]> {
    let samples = |ms: u32| ms as usize * 8;
    let mut audio = Vec::new();
    for stroke in strokes {
        let begin = audio.len();
        audio.resize(begin + samples(stroke.ms), 0);
        let code = stroke.key.and_then(|key| TelephoneEvent::code_of(char::from(key)));
        if let Some(mut tones) = code.and_then(|code| Tones::new(code, Rate::Narrow)) {
            tones.write(audio.get_mut(begin..).unwrap_or_default());
        }
        audio.resize(audio.len() + samples(stroke.pause_ms), 0);
    }
    audio.into()
}

/// One period of a signal, as ITU-T E.180 has it and most of Europe hears it.
pub(crate) fn signal(signal: Signal) -> Arc<[i16]> {
    let (hz, on, off) = match signal {
        Signal::Beep => (1_000.0, 400, 0),
        Signal::Busy => (425.0, 480, 480),
        Signal::Congestion => (425.0, 240, 240),
        Signal::Ringback => (425.0, 1_000, 4_000),
    };
    let samples = |ms: usize| ms * 8;
    let tone = (0..samples(on)).map(|n| (AMPLITUDE * (TAU * hz * n as f64 / RATE).sin()) as i16);
    tone.chain(core::iter::repeat_n(0, samples(off))).collect()
}

/// A whole number of periods of the milliwatt: 1004 Hz at 0 dBm0.
///
/// 1004 Hz rather than 1000 so that the samples do not repeat every eight (ITU-T O.6 asks for a frequency that is no
/// submultiple of the sampling rate). They repeat every 2000.
pub(crate) fn milliwatt() -> Arc<[i16]> {
    (0..REPEAT).map(|n| (MILLIWATT * (TAU * 1_004.0 * n as f64 / RATE).sin()).round() as i16).collect()
}

const RATE: f64 = 8_000.0;
/// Samples after which phase and sample clock meet again: 8000 / gcd(8000, 1004).
const REPEAT: usize = 2_000;
/// 0 dBm0: 3.14 dB (A-law) or 3.17 dB (µ-law) below the loudest sine; the mean of 22 470 and 22 301.
const MILLIWATT: f64 = 22_385.0;
/// About -13 dBm0.
const AMPLITUDE: f64 = 5_000.0;
/// Samples a packet.
const FRAME: usize = 160;
/// Time a packet.
const FRAME_MS: usize = 20;
const PERIOD: Duration = Duration::from_millis(FRAME_MS as u64);
/// How far behind it may be and still catch up packet by packet.
const CATCH_UP: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use codec::Decoder;
    use rtp::RtpHeader;
    use rtp::g711::Law;

    use super::*;
    use crate::sink::tone_detector::tone_share;
    use crate::transcode::Dtmf;

    fn format(codec: Codec) -> Format {
        let payload_type = codec.static_payload_type().unwrap_or(111);
        Format { codec, payload_type, heard_as: payload_type, ptime: 20, fec: false, dtmf: Dtmf::None }
    }

    fn voice(codec: Codec, start: Timestamp) -> Voice {
        Voice::new(&format(codec), 0xffff_0000_0000_0007, start).expect("a codec")
    }

    #[test]
    fn what_is_played_in_turn_is_one_stream() {
        let start = Timestamp::from_secs(1);
        for codec in Codec::ALL {
            let mut voice = voice(codec, start);
            let mut now = start;
            let mut heard = Vec::new();
            for (length, times) in [(200, Some(2)), (160, Some(1))] {
                let audio: Arc<[i16]> = (0..length).map(|n| n * 100).collect();
                let mut player = Player::new(audio, times, None, now);
                while !player.is_over() {
                    let mut packet = Vec::new();
                    assert_eq!(player.next_timeout(), now);
                    player.write(&mut voice, now, &mut packet);
                    let header = RtpHeader::parse(&packet).expect("well-formed");
                    assert_eq!(header.payload_type, format(codec).payload_type);
                    heard.push((header.marker, header.sequence, header.timestamp));
                    now = now + PERIOD;
                }
                // Nothing is played for a second.
                now = now + Duration::from_secs(1);
            }
            let (first, frame) = (heard[0].2, codec.clock() / 50);
            assert_eq!(heard.len(), 4);
            assert_eq!((heard[0].0, heard[0].1), (true, 0x7fff));
            assert_eq!(heard[1], (false, 0x8000, first.wrapping_add(frame)));
            assert_eq!(heard[3], (true, 0x8002, first.wrapping_add(3 * frame + codec.clock())));
        }
    }

    #[test]
    fn the_second_packet_falls_on_a_beat_as_do_all_after_it() {
        let start = Timestamp::from_micros(1_003_210);
        let mut player = Player::new(milliwatt(), None, None, start);
        let mut voice = voice(Codec::Pcma, start);
        let mut due = Vec::new();
        for _ in 0..4 {
            due.push(player.next_timeout().as_micros());
            player.write(&mut voice, player.next_timeout(), &mut Vec::new());
        }
        assert_eq!(due, [1_003_210, 1_020_000, 1_040_000, 1_060_000]);
    }

    #[test]
    fn nothing_to_play_is_over_at_once() {
        assert!(Player::new(Arc::default(), None, Some(1), Timestamp::ZERO).is_over());
    }

    #[test]
    fn a_tone_is_heard_in_each_codec_and_through_a_change() {
        let start = Timestamp::from_secs(1);
        let mut voice = voice(Codec::Pcma, start);
        let mut tone = Player::new(milliwatt(), None, None, start);
        let mut now = start;
        for codec in [Codec::Pcmu, Codec::G722, Codec::Opus, Codec::Pcma] {
            voice.speak(&format(codec));
            let rate = if codec == Codec::G722 { Rate::Wide } else { Rate::Narrow };
            let mut decoder = Decoder::new(codec, rate).expect("a codec");
            let mut down = Resampler::new(rate, Rate::Narrow);
            let (mut decoded, mut samples) = (Vec::new(), Vec::new());
            for _ in 0..30 {
                let mut packet = Vec::new();
                tone.write(&mut voice, now, &mut packet);
                let header = RtpHeader::parse(&packet).expect("well-formed");
                decoded.clear();
                assert!(decoder.decode(&packet[header.payload], &mut decoded));
                down.run(&decoded, &mut samples);
                now = now + PERIOD;
            }
            assert_eq!(samples.len(), 30 * FRAME);
            let share = tone_share(&samples[10 * FRAME..], 1_004.0);
            assert!(share > 0.97, "{codec:?}: {share}");
        }
    }

    #[test]
    fn packets_follow_each_other_and_the_phase_of_the_milliwatt_does_not_jump() {
        let start = Timestamp::from_secs(1);
        let mut voice = voice(Codec::Pcma, start);
        let mut tone = Player::new(milliwatt(), None, None, start);
        let mut samples = Vec::new();
        let mut now = start;
        for n in 0..30u32 {
            assert_eq!(tone.next_timeout(), now);
            let mut packet = Vec::new();
            tone.write(&mut voice, now, &mut packet);
            let header = RtpHeader::parse(&packet).expect("well-formed");
            assert_eq!((header.marker, header.payload_type, header.ssrc), (n == 0, 8, 7));
            assert_eq!(header.sequence, 0x7fffu16.wrapping_add(n as u16));
            samples.extend(packet[header.payload].iter().map(|&octet| i32::from(Law::A.decode(octet))));
            now = now + PERIOD;
        }
        assert_eq!(samples.len(), 30 * FRAME);
        let step = (MILLIWATT * TAU * 1_004.0 / RATE) as i32 + 1100;
        assert!(samples.windows(2).all(|pair| (pair[1] - pair[0]).abs() < step));
        let rms = (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt();
        assert!((rms - MILLIWATT / 2f64.sqrt()).abs() < 200.0, "{rms}");
    }

    #[test]
    fn a_stall_is_not_made_up_for_in_a_burst() {
        let start = Timestamp::from_secs(1);
        let mut tone = Player::new(milliwatt(), None, None, start);
        let late = start + Duration::from_secs(3);
        tone.write(&mut voice(Codec::Pcmu, start), late, &mut Vec::new());
        assert_eq!(tone.next_timeout(), late + PERIOD);
    }

    #[test]
    fn signals_have_their_cadence() {
        let ringback = signal(Signal::Ringback);
        assert_eq!(ringback.len(), 40_000);
        assert!(tone_share(&ringback[..400], 425.0) > 0.95);
        assert!(ringback[8_000..].iter().all(|sample| *sample == 0));
    }
}
