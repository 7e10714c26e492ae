//! Keys that are pressed towards an end: reports of events (RFC 4733 §2.5.1), one every twenty milliseconds. The last one of
//! a key comes three times, at that pace (§2.5.1.4).

use std::sync::Arc;

use rtp::TelephoneEvent;

use super::player::Voice;
use crate::command::Stroke;

/// Keys being pressed.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    strokes: Arc<[Stroke]>,
    at: usize,
    /// Packets' worth of time within the stroke.
    ticks: u32,
    /// Where the event began.
    began: u32,
}

impl Dialler {
    /// Keys whose first report is due at once.
    pub(crate) fn new(strokes: Arc<[Stroke]>) -> Self {
        Self { strokes, at: 0, ticks: 0, began: 0 }
    }

    /// Whether all of them were pressed.
    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.strokes.len()
    }

    /// Appends the packet that is due, if one is; time goes on. `events`: payload type and clock of events there.
    pub(crate) fn write(&mut self, voice: &mut Voice, events: (u8, u32), out: &mut Vec<u8>) {
        if let Some((key, on)) = self.due() {
            if self.ticks == 0 {
                self.began = voice.stream_mut().timestamp_now();
            }
            let lasted = (self.ticks + 1).min(on);
            let (payload_type, clock) = events;
            let duration = u16::try_from(clock / 1_000 * PERIOD_MS * lasted).unwrap_or(u16::MAX);
            let event = TelephoneEvent { event: key, end: lasted == on, volume: VOLUME, duration };
            voice.stream_mut().report(payload_type, self.ticks == 0, self.began, event, out);
        }
        voice.pass();
        self.pass();
    }

    /// The time of a packet goes by.
    pub(crate) fn pass(&mut self) {
        let Some(stroke) = self.strokes.get(self.at) else { return };
        self.ticks += 1;
        if self.ticks >= ticks_of(stroke.ms) + ticks_of(stroke.pause_ms).max(REPEATS) {
            (self.at, self.ticks) = (self.at + 1, 0);
        }
    }

    /// The event to be reported, and how many packets it lasts.
    fn due(&self) -> Option<(u8, u32)> {
        let stroke = self.strokes.get(self.at)?;
        let on = ticks_of(stroke.ms);
        let code = TelephoneEvent::code_of(char::from(stroke.key?))?;
        (self.ticks < on + REPEATS).then_some((code, on))
    }
}

fn ticks_of(ms: u32) -> u32 {
    (ms / PERIOD_MS).max(1)
}

/// Milliseconds between reports.
const PERIOD_MS: u32 = 20;
/// How often the end of an event is said again.
const REPEATS: u32 = 2;
/// −10 dBm0.
const VOLUME: u8 = 10;

#[cfg(test)]
mod tests {
    use codec::Codec;
    use timestamp::Timestamp;

    use super::*;
    use crate::transcode::{Dtmf, Format};

    #[test]
    fn every_key_is_one_event_whose_end_comes_three_times() {
        let stroke = |key| Stroke { key, ms: 60, pause_ms: 60 };
        let format = Format {
            codec: Codec::Pcma,
            payload_type: 8,
            heard_as: 8,
            ptime: 20,
            fec: false,
            dtmf: Dtmf::Events { payload_type: 101, heard_as: 101, clock: 8_000 },
        };
        let mut voice = Voice::new(&format, 0x0001_0000_0000_0007, Timestamp::from_secs(1)).expect("a codec");
        let mut dialler = Dialler::new([stroke(Some(b'5')), stroke(None), stroke(Some(b'#'))].into());
        let mut heard = Vec::new();
        let first = voice.stream_mut().timestamp_now();
        while !dialler.is_over() {
            let mut packet = Vec::new();
            dialler.write(&mut voice, (101, 8_000), &mut packet);
            let Some(header) = rtp::RtpHeader::parse(&packet) else { continue };
            let event = TelephoneEvent::parse(&packet[header.payload]).expect("well-formed");
            let at = header.timestamp.wrapping_sub(first);
            heard.push((header.marker, at, event.event, event.end, event.duration));
        }
        let key = |at, code| {
            let report = |marker, end, duration| (marker, at, code, end, duration);
            [report(true, false, 160), report(false, false, 320), report(false, true, 480)]
                .into_iter()
                .chain([report(false, true, 480); 2])
        };
        assert_eq!(heard, key(0, 5).chain(key(160 * 12, 11)).collect::<Vec<_>>());
    }
}
