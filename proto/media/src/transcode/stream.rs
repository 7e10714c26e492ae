//! A stream of our own: its source, its sequence numbers, its timestamps (RFC 3550 §5.1).

use core::time::Duration;

use rtp::{Numbers, TelephoneEvent};

use super::packets::Packets;

/// What we send to an end.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    /// The timestamp of the next audio.
    pub(crate) timestamp: u32,
    /// The next packet begins a stretch of talk.
    marker: bool,
    clock: u32,
    /// Packets and payload octets so far, for sender reports.
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Stream {
    /// What a packet lasts, usually.
    pub(crate) const STEP: Duration = Duration::from_millis(20);

    /// A stream whose first numbers follow from `seed`. The sequence begins in the lower half: a receiver of SRTP that misses
    /// what comes before the numbers roll over could not open what comes after (RFC 3711 §3.3.1).
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            ssrc: seed as u32,
            sequence: (seed >> 49) as u16,
            timestamp: (seed >> 16) as u32,
            marker: true,
            clock: 8000,
            packets: 0,
            octets: 0,
        }
    }

    /// The stream of a peer whose packets pass: its clock, and what passed so far.
    pub(crate) fn passing(clock: u32, packets: u32, octets: u32) -> Self {
        Self { clock, packets, octets, ..Self::new(0) }
    }

    /// A packet with these numbers and so many octets of payload went in its name.
    pub(crate) fn follow(&mut self, numbers: &Numbers, octets: usize) {
        self.place(numbers);
        self.count(octets);
    }

    /// Goes on behind these numbers, and a packet of the usual length.
    pub(crate) fn place(&mut self, last: &Numbers) {
        (self.ssrc, self.sequence, self.timestamp) =
            (last.ssrc, last.sequence.wrapping_add(1), last.timestamp);
        self.pass_ms(Self::STEP.as_millis() as usize);
    }

    /// Goes on, or begins, with this clock; another clock begins another stretch.
    pub(crate) fn speak(&mut self, clock: u32) {
        self.marker |= self.clock != clock;
        self.clock = clock;
    }

    /// Writes a packet of audio that lasts `ms`, with what `fill` appends; none if that is nothing.
    pub(super) fn audio(
        &mut self,
        payload_type: u8,
        ms: usize,
        out: &mut Packets,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        let (marker, timestamp) = (self.marker, self.timestamp);
        self.timestamp = timestamp.wrapping_add(self.clock / 1000 * ms as u32);
        self.marker &= !self.packet(payload_type, marker, timestamp, out, fill);
    }

    /// Writes a packet with a timestamp of its own; whether there is something in it.
    pub(super) fn packet(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        out: &mut Packets,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        let mut octets = 0;
        let made = out.make(|buffer| {
            rtp::write_header(marker, payload_type, sequence, timestamp, ssrc, buffer);
            let start = buffer.len();
            fill(buffer);
            octets = buffer.len() - start;
            octets > 0
        });
        if made {
            self.advance(octets);
        }
        made
    }

    /// The next packet went, with so many octets of payload.
    fn advance(&mut self, octets: usize) {
        self.sequence = self.sequence.wrapping_add(1);
        self.count(octets);
    }

    fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// Time goes by in which nothing is sent.
    pub(super) fn pass(&mut self, units: u32) {
        self.timestamp = self.timestamp.wrapping_add(units);
        self.marker = true;
    }

    /// Appends a packet of audio that lasts `ms`.
    pub(crate) fn write(&mut self, payload_type: u8, ms: usize, payload: &[u8], out: &mut Vec<u8>) {
        rtp::write_header(self.marker, payload_type, self.sequence, self.timestamp, self.ssrc, out);
        out.extend_from_slice(payload);
        self.pass_ms(ms);
        self.marker = false;
        self.advance(payload.len());
    }

    /// Appends the report of an event (RFC 4733) that began at `timestamp`.
    pub(crate) fn report(
        &mut self,
        payload_type: u8,
        first: bool,
        timestamp: u32,
        event: TelephoneEvent,
        out: &mut Vec<u8>,
    ) {
        rtp::write_header(first, payload_type, self.sequence, timestamp, self.ssrc, out);
        event.write(out);
        self.advance(TelephoneEvent::LEN);
    }

    /// So many milliseconds go by in which nothing is sent.
    pub(crate) fn pass_ms(&mut self, ms: usize) {
        self.pass(self.clock / 1000 * ms as u32);
    }

    /// The timestamp of a moment; that of the next audio, which is as near as a packet.
    pub(crate) fn timestamp_now(&self) -> u32 {
        self.timestamp
    }
}
