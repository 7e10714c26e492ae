//! Payload types of a relayed stream that the two ends count differently: a codec in common, numbers of their own
//! (RFC 3264 §5.1 lets an answer have other ones than the offer), and telephone events whose clocks are unlike.

use rtp::{RtpHeader, TelephoneEvent};

/// How numbers of one end are called at the other. At most four differ: a voice, its events, its noise and a rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadMap {
    pairs: [(u8, u8); 4],
    len: u8,
    scale: Option<Scale>,
}

/// Durations of events from a clock to another one, in kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scale {
    payload_type: u8,
    from: u8,
    to: u8,
}

impl PayloadMap {
    /// Calls `from` by the name of `to`; a fifth is left as it is.
    pub fn insert(&mut self, from: u8, to: u8) {
        if from != to
            && let Some(pair) = self.pairs.get_mut(usize::from(self.len))
        {
            *pair = (from & 0x7f, to & 0x7f);
            self.len += 1;
        }
    }

    /// Events that are called `payload_type` here last as long at the other end, whose clock is another one.
    pub fn scale(&mut self, payload_type: u8, from: u32, to: u32) {
        let in_khz = |clock: u32| u8::try_from(clock / 1_000).ok().filter(|khz| *khz > 0);
        if let (Some(from), Some(to)) = (in_khz(from), in_khz(to))
            && from != to
        {
            self.scale = Some(Scale { payload_type: payload_type & 0x7f, from, to });
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.scale.is_none()
    }

    /// Whether a packet of RTP with this second octet is another one at the other end.
    #[inline]
    pub(crate) fn changes(&self, second: u8) -> bool {
        self.second(second).is_some() || self.scale.is_some_and(|scale| scale.payload_type == second & 0x7f)
    }

    /// Makes a packet of RTP what the other end wants.
    pub(crate) fn apply(&self, packet: &mut [u8]) {
        let Some(&second) = packet.get(1) else { return };
        if let Some(scale) = self.scale.filter(|scale| scale.payload_type == second & 0x7f) {
            scale.apply(packet);
        }
        if let (Some(to), Some(octet)) = (self.second(second), packet.get_mut(1)) {
            *octet = to;
        }
    }

    /// The second octet of an RTP packet as the other end wants it; `None` if it stays.
    #[inline]
    fn second(&self, second: u8) -> Option<u8> {
        let pairs = self.pairs.get(..usize::from(self.len)).unwrap_or_default();
        let (_, to) = pairs.iter().find(|(from, _)| *from == second & 0x7f)?;
        Some(second & 0x80 | to)
    }
}

impl Scale {
    /// RFC 4733 §2.3.5: what is longer than a duration can say is as long as it can.
    fn apply(self, packet: &mut [u8]) {
        let Some(header) = RtpHeader::parse(packet) else { return };
        let Some(payload) = packet.get_mut(header.payload) else { return };
        let Some(event) = TelephoneEvent::parse(payload) else { return };
        let duration = u32::from(event.duration) * u32::from(self.to) / u32::from(self.from.max(1));
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        if let Some(place) = payload.get_mut(2..TelephoneEvent::LEN) {
            place.copy_from_slice(&duration.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_stays_and_others_pass() {
        let mut map = PayloadMap::default();
        assert!(map.is_empty());
        map.insert(0, 0);
        assert!(map.is_empty());
        map.insert(111, 96);
        map.insert(126, 101);
        for (second, wanted) in [(111, Some(96)), (0x80 | 126, Some(0x80 | 101)), (8, None), (96, None)] {
            assert_eq!(map.second(second), wanted);
            assert_eq!(map.changes(second), wanted.is_some());
        }
    }

    #[test]
    fn an_event_lasts_as_long_by_the_other_clock() {
        for (from, to, duration, wanted) in [
            (8_000, 48_000, 160, 960),
            (48_000, 8_000, 4_800, 800),
            (8_000, 48_000, 16_000, u16::MAX),
            (8_000, 8_000, 160, 160),
        ] {
            let mut map = PayloadMap::default();
            map.insert(101, 110);
            map.scale(101, from, to);
            let mut packet = Vec::new();
            rtp::write_header(true, 101, 7, 1_000, 9, &mut packet);
            TelephoneEvent { event: 5, end: true, volume: 10, duration }.write(&mut packet);
            assert!(map.changes(0x80 | 101) && !map.changes(111));
            map.apply(&mut packet);
            let header = RtpHeader::parse(&packet).expect("RTP");
            assert_eq!((header.marker, header.payload_type, header.timestamp), (true, 110, 1_000));
            let event = TelephoneEvent::parse(&packet[header.payload]).expect("an event");
            assert_eq!(event, TelephoneEvent { event: 5, end: true, volume: 10, duration: wanted });
            // What is too short stays what it is.
            map.apply(&mut [0x80]);
            map.apply(&mut [0x80, 101]);
        }
    }
}
