//! Audio that is played to an end as G.711, twenty milliseconds a packet: sounds once or several times, signals of the
//! network and the milliwatt for ever.
//!
//! What is played after each other is one stream to the peer: the numbers go on (RFC 3550 §5.1).

use core::time::Duration;
use std::f64::consts::TAU;
use std::sync::Arc;

use rtp::g711::Law;
use timestamp::Timestamp;

use crate::command::Signal;

/// Numbers of the stream of an end, whatever is played on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// When the sample of `timestamp` is due.
    at: Timestamp,
}

impl Voice {
    /// A stream that begins now; `seed` gives the SSRC and where the numbers begin.
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self { sequence: (seed >> 48) as u16, timestamp: (seed >> 16) as u32, ssrc: seed as u32, at: now }
    }

    /// Lets the time pass in which nothing was sent.
    fn catch_up(&mut self, now: Timestamp) {
        let frames = u32::try_from(now.since(self.at).as_millis() / PERIOD.as_millis()).unwrap_or(0);
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(FRAME as u32));
        self.at = self.at + PERIOD * frames;
    }

    fn advance(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        self.at = self.at + PERIOD;
    }
}

/// One thing being played.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    audio: Arc<[i16]>,
    law: Law,
    at: usize,
    /// Times that are left with this one; none for ever.
    times: Option<u32>,
    /// What its end is reported with; none if nobody wants to know.
    pub(crate) serial: Option<u32>,
    started: bool,
    next: Timestamp,
}

impl Player {
    /// Audio whose first packet is due at once.
    pub(crate) fn new(
        audio: Arc<[i16]>,
        payload_type: u8,
        times: Option<u32>,
        serial: Option<u32>,
        now: Timestamp,
    ) -> Self {
        let law = Law::of_payload_type(payload_type).unwrap_or(Law::A);
        let times = if audio.is_empty() { Some(0) } else { times };
        Self { audio, law, at: 0, times, serial, started: false, next: now }
    }

    /// When the next packet is due.
    pub(crate) fn next_timeout(&self) -> Timestamp {
        self.next
    }

    /// Whether all of it was played.
    pub(crate) fn is_over(&self) -> bool {
        self.times == Some(0)
    }

    /// Appends the packet that is due and returns its length.
    pub(crate) fn write(&mut self, voice: &mut Voice, now: Timestamp, out: &mut Vec<u8>) -> usize {
        if !self.started {
            voice.catch_up(now);
        }
        let (pt, number) = (self.law.payload_type(), voice.sequence);
        rtp::write_header(!self.started, pt, number, voice.timestamp, voice.ssrc, out);
        for _ in 0..FRAME {
            let sample = self.sample();
            out.push(self.law.encode(sample));
        }
        voice.sequence = voice.sequence.wrapping_add(1);
        self.started = true;
        self.advance(voice, now);
        rtp::RtpHeader::LEN + FRAME
    }

    /// Lets the packet that is due pass unsent, as when nobody listens; time goes on.
    pub(crate) fn skip(&mut self, voice: &mut Voice, now: Timestamp) {
        for _ in 0..FRAME {
            self.sample();
        }
        self.started = false;
        self.advance(voice, now);
    }

    fn sample(&mut self) -> i16 {
        if self.is_over() {
            return 0;
        }
        let sample = self.audio.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        if self.at >= self.audio.len() {
            self.at = 0;
            self.times = self.times.map(|times| times.saturating_sub(1));
        }
        sample
    }

    fn advance(&mut self, voice: &mut Voice, now: Timestamp) {
        voice.advance();
        self.next = self.next + PERIOD;
        // After a stall the packets missed are not sent in a burst.
        if now.since(self.next) > CATCH_UP {
            self.next = now + PERIOD;
        }
    }
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
const PERIOD: Duration = Duration::from_millis(20);
/// How far behind it may be and still catch up packet by packet.
const CATCH_UP: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_played_in_turn_is_one_stream() {
        let start = Timestamp::from_secs(1);
        let mut voice = Voice::new(0xffff_0000_0000_0007, start);
        let mut now = start;
        let mut heard = Vec::new();
        for (length, times) in [(200, Some(2)), (160, Some(1))] {
            let audio: Arc<[i16]> = (0..length).map(|n| n * 100).collect();
            let mut player = Player::new(audio, 0, times, None, now);
            while !player.is_over() {
                let mut packet = Vec::new();
                assert_eq!(player.next_timeout(), now);
                player.write(&mut voice, now, &mut packet);
                let header = rtp::RtpHeader::parse(&packet).expect("well-formed");
                heard.push((header.marker, header.sequence, header.timestamp, packet[header.payload].len()));
                now = now + PERIOD;
            }
            // Nothing is played for a second.
            now = now + Duration::from_secs(1);
        }
        let first = heard[0];
        assert_eq!(heard.len(), 4);
        assert_eq!((first.0, first.1, first.3), (true, 0xffff, 160));
        assert_eq!((heard[1].0, heard[1].1, heard[1].2), (false, 0, first.2.wrapping_add(160)));
        assert_eq!((heard[3].0, heard[3].1, heard[3].2), (true, 2, first.2.wrapping_add(480 + 8_000)));
    }

    #[test]
    fn nothing_to_play_is_over_at_once() {
        assert!(Player::new(Arc::default(), 8, None, Some(1), Timestamp::ZERO).is_over());
    }

    #[test]
    fn packets_follow_each_other_and_the_phase_of_the_milliwatt_does_not_jump() {
        let start = Timestamp::from_secs(1);
        let mut voice = Voice::new(0xffff_0000_0000_0007, start);
        let mut tone = Player::new(milliwatt(), 8, None, None, start);
        let mut samples = Vec::new();
        let mut now = start;
        for n in 0..30u32 {
            assert_eq!(tone.next_timeout(), now);
            let mut packet = Vec::new();
            tone.write(&mut voice, now, &mut packet);
            let header = rtp::RtpHeader::parse(&packet).expect("well-formed");
            assert_eq!((header.marker, header.payload_type, header.ssrc), (n == 0, 8, 7));
            assert_eq!(header.sequence, 0xffffu16.wrapping_add(n as u16));
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
        let mut tone = Player::new(milliwatt(), 0, None, None, start);
        let late = start + Duration::from_secs(3);
        tone.write(&mut Voice::new(1, start), late, &mut Vec::new());
        assert_eq!(tone.next_timeout(), late + PERIOD);
    }

    #[test]
    fn signals_have_their_cadence() {
        let ringback = signal(Signal::Ringback);
        assert_eq!(ringback.len(), 40_000);
        assert!(crate::sink::tone_detector::tone_share(&ringback[..400], 425.0) > 0.95);
        assert!(ringback[8_000..].iter().all(|sample| *sample == 0));
    }
}
