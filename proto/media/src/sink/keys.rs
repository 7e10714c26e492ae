//! Keys that a peer presses, as telephone events (RFC 4733): each once, when it is first heard of.
//!
//! An event is known by its RTP timestamp, which its repetitions share (§2.5.1.2). Tones in the audio are not heard.

use rtp::{RtpHeader, TelephoneEvent};

/// What listens for keys at one end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    payload_type: u8,
    last: Option<(u32, u32)>,
}

impl Keys {
    /// Listens to packets of this payload type.
    pub(crate) fn new(payload_type: u8) -> Self {
        Self { payload_type, last: None }
    }

    /// A packet that has passed as RTP; the key that it brings, if it is news.
    pub(crate) fn hear(&mut self, packet: &[u8]) -> Option<u8> {
        let header = RtpHeader::parse(packet).filter(|header| header.payload_type == self.payload_type)?;
        let event = TelephoneEvent::parse(packet.get(header.payload.clone())?)?;
        let key = event.digit().and_then(|digit| u8::try_from(digit).ok())?;
        let named = (header.ssrc, header.timestamp);
        (self.last.replace(named) != Some(named)).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload_type: u8, sequence: u16, timestamp: u32, event: u8, end: bool) -> Vec<u8> {
        let mut packet = Vec::new();
        rtp::write_header(false, payload_type, sequence, timestamp, 9, &mut packet);
        TelephoneEvent { event, end, volume: 10, duration: 160 }.write(&mut packet);
        packet
    }

    #[test]
    fn each_key_is_heard_once() {
        let mut keys = Keys::new(101);
        for (name, packet, heard) in [
            ("audio", packet(8, 1, 100, 5, false), None),
            ("a key", packet(101, 2, 100, 5, false), Some(b'5')),
            ("it goes on", packet(101, 3, 100, 5, false), None),
            ("its end", packet(101, 4, 100, 5, true), None),
            ("its end again", packet(101, 5, 100, 5, true), None),
            ("the same key again, of which the beginning is lost", packet(101, 8, 900, 5, true), Some(b'5')),
            ("another key", packet(101, 9, 1_700, 11, false), Some(b'#')),
            ("no key of a telephone", packet(101, 10, 2_000, 40, false), None),
            ("too short", packet(101, 11, 3_000, 1, false)[..14].to_vec(), None),
        ] {
            assert_eq!(keys.hear(&packet), heard, "{name}");
        }
    }
}
