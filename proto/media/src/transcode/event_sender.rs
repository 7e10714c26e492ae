//! Writes telephone events into a stream of ours: RFC 4733 §2.5.1.
//!
//! The reports of an event share the timestamp at which it began, the first has the marker, and the last is sent three
//! times. A duration that outgrows its sixteen bits begins another segment (§2.5.1.3).

use rtp::TelephoneEvent;

use super::packets::Packets;
use super::stream::Stream;

/// An event being reported.
#[derive(Debug)]
pub(super) struct EventSender {
    payload_type: u8,
    code: u8,
    volume: u8,
    /// Where its segment began, and what of its duration lies before.
    timestamp: u32,
    before: u32,
    marker: bool,
}

impl EventSender {
    /// An event that begins where the stream stands.
    pub(super) fn new(payload_type: u8, code: u8, volume: u8, stream: &Stream) -> Self {
        Self { payload_type, code, volume, timestamp: stream.timestamp, before: 0, marker: true }
    }

    /// Writes a report of the event, which has lasted `duration` units of our clock; three if it is the last.
    pub(super) fn report(&mut self, duration: u32, last: bool, stream: &mut Stream, out: &mut Packets) {
        while duration - self.before.min(duration) > u32::from(u16::MAX) {
            self.write(u16::MAX, false, stream, out);
            self.before += u32::from(u16::MAX);
            self.timestamp = self.timestamp.wrapping_add(u32::from(u16::MAX));
        }
        let within = (duration - self.before.min(duration)) as u16;
        for _ in 0..if last { 3 } else { 1 } {
            self.write(within, last, stream, out);
        }
    }

    fn write(&mut self, duration: u16, end: bool, stream: &mut Stream, out: &mut Packets) {
        let event = TelephoneEvent { event: self.code, end, volume: self.volume, duration };
        let marker = std::mem::take(&mut self.marker);
        stream.packet(self.payload_type, marker, self.timestamp, out, |buffer| event.write(buffer));
    }
}
