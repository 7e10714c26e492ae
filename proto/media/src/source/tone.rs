//! The milliwatt: 1004 Hz at 0 dBm0 as G.711, twenty milliseconds a packet.
//!
//! 1004 Hz rather than 1000 so that the samples do not repeat every eight (ITU-T O.6 asks for a frequency that
//! is no submultiple of the sampling rate). The samples repeat every 2000, and one table of them serves all ends.

use std::f64::consts::TAU;
use std::time::Duration;

use rtp::g711::Law;
use timestamp::Timestamp;

/// One end's milliwatt: a position in the table and in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Tone {
    law: Law,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    at: usize,
    started: bool,
    next: Timestamp,
}

impl Tone {
    /// A tone whose first packet is due at once. `seed` gives the SSRC and where the numbers begin.
    pub(crate) fn new(payload_type: u8, seed: u64, now: Timestamp) -> Self {
        Self {
            law: Law::of_payload_type(payload_type).unwrap_or(Law::A),
            sequence: (seed >> 48) as u16,
            timestamp: (seed >> 16) as u32,
            ssrc: seed as u32,
            at: 0,
            started: false,
            next: now,
        }
    }

    /// When the next packet is due.
    pub(crate) fn next_timeout(&self) -> Timestamp {
        self.next
    }

    /// Appends the packet that is due, makes the next one due 20 ms later, and returns the length.
    pub(crate) fn write(&mut self, samples: &ToneTable, now: Timestamp, out: &mut Vec<u8>) -> usize {
        rtp::write_header(
            !self.started,
            self.law.payload_type(),
            self.sequence,
            self.timestamp,
            self.ssrc,
            out,
        );
        self.at = samples.write(self.law, self.at, out);
        self.started = true;
        self.advance(now);
        rtp::RtpHeader::LEN + FRAME
    }

    /// Lets the packet that is due pass unsent, as when nobody listens; time goes on.
    pub(crate) fn skip(&mut self, now: Timestamp) {
        self.started = false;
        self.advance(now);
    }

    fn advance(&mut self, now: Timestamp) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        self.next = self.next + PERIOD;
        // After a stall the packets missed are not sent in a burst.
        if now.since(self.next) > CATCH_UP {
            self.next = now + PERIOD;
        }
    }
}

/// A whole number of periods of the milliwatt in both laws.
#[derive(Clone, Debug)]
pub(crate) struct ToneTable {
    a: Vec<u8>,
    mu: Vec<u8>,
}

impl ToneTable {
    /// Computes the samples.
    pub(crate) fn new() -> Self {
        let of = |law: Law| {
            let sample = |n: usize| AMPLITUDE * (TAU * HZ * n as f64 / RATE).sin();
            (0..REPEAT + FRAME).map(|n| law.encode(sample(n).round() as i16)).collect()
        };
        Self { a: of(Law::A), mu: of(Law::Mu) }
    }

    /// Appends one packet's samples from `at` on and returns where the next packet begins.
    fn write(&self, law: Law, at: usize, out: &mut Vec<u8>) -> usize {
        let table = match law {
            Law::A => &self.a,
            Law::Mu => &self.mu,
        };
        out.extend(table.get(at..at + FRAME).unwrap_or(&[]));
        (at + FRAME) % REPEAT
    }
}

const HZ: f64 = 1004.0;
const RATE: f64 = 8000.0;
/// Samples after which phase and sample clock meet again: 8000 / gcd(8000, 1004).
const REPEAT: usize = 2000;
/// Samples a packet.
const FRAME: usize = 160;
/// Time a packet.
const PERIOD: Duration = Duration::from_millis(20);
/// How far behind a tone may be and still catch up packet by packet.
const CATCH_UP: Duration = Duration::from_millis(200);
/// 0 dBm0: 3.14 dB (A-law) or 3.17 dB (µ-law) below the loudest sine; the mean of 22 470 and 22 301.
const AMPLITUDE: f64 = 22_385.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_follow_each_other_and_the_phase_does_not_jump() {
        let table = ToneTable::new();
        let start = Timestamp::from_secs(1);
        let mut tone = Tone::new(8, 0xffff_0000_0000_0007, start);
        let mut samples = Vec::new();
        let mut now = start;
        for n in 0..30u32 {
            assert_eq!(tone.next_timeout(), now);
            let mut packet = Vec::new();
            tone.write(&table, now, &mut packet);
            let header = rtp::RtpHeader::parse(&packet).expect("well-formed");
            assert_eq!((header.marker, header.payload_type, header.ssrc), (n == 0, 8, 7));
            assert_eq!(header.sequence, 0xffffu16.wrapping_add(n as u16));
            samples.extend(packet[header.payload].iter().map(|&octet| i32::from(Law::A.decode(octet))));
            now = now + PERIOD;
        }
        assert_eq!(samples.len(), 30 * FRAME);
        let step = (AMPLITUDE * TAU * HZ / RATE) as i32 + 1100;
        assert!(samples.windows(2).all(|pair| (pair[1] - pair[0]).abs() < step));
        let rms = (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt();
        assert!((rms - AMPLITUDE / 2f64.sqrt()).abs() < 200.0, "{rms}");
    }

    #[test]
    fn a_stall_is_not_made_up_for_in_a_burst() {
        let table = ToneTable::new();
        let start = Timestamp::from_secs(1);
        let mut tone = Tone::new(0, 1, start);
        let late = start + Duration::from_secs(3);
        tone.write(&table, late, &mut Vec::new());
        assert_eq!(tone.next_timeout(), late + PERIOD);
    }
}
