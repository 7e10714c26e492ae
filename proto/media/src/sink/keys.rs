//! Keys that a peer presses: each once, when it is first heard of.
//!
//! A telephone event (RFC 4733) is known by its RTP timestamp, which its repetitions share (§2.5.1.2). Tones in the audio are
//! heard of who has no events; packets are listened to as they come.

use codec::dtmf::{Detector, Heard};
use codec::{Codec, Decoder};
use rtp::{RtpHeader, TelephoneEvent};

use crate::shared::PayloadTypes;
use crate::transcode::Format;

/// What listens for keys at one end.
#[derive(Debug)]
pub(crate) struct Keys {
    events: PayloadTypes,
    last: Option<(u32, u32)>,
    tones: Option<Box<Tones>>,
}

/// What listens for tones.
#[derive(Debug)]
struct Tones {
    format: Format,
    codec: Codec,
    decoder: Decoder,
    detector: Detector,
    samples: Vec<i16>,
}

impl Keys {
    /// Listens to events of these payload types, and to tones in what has this format.
    pub(crate) fn new(events: PayloadTypes, tones: Option<Format>) -> Self {
        Self { events, last: None, tones: tones.and_then(Tones::new).map(Box::new) }
    }

    /// A packet that has passed as RTP; the key that it brings, if it is news.
    pub(crate) fn hear(&mut self, packet: &[u8]) -> Option<u8> {
        let header = RtpHeader::parse(packet)?;
        let payload = packet.get(header.payload.clone())?;
        if !self.events.contains(header.payload_type) {
            let code = self.tones.as_mut()?.hear(header.payload_type, payload)?;
            return key_of(code);
        }
        let event = TelephoneEvent::parse(payload)?;
        let key = key_of(event.event)?;
        let named = (header.ssrc, header.timestamp);
        (self.last.replace(named) != Some(named)).then_some(key)
    }
}

impl Tones {
    fn new(format: Format) -> Option<Self> {
        let (decoder, detector) = ear(format.codec)?;
        Some(Self { format, codec: format.codec, decoder, detector, samples: Vec::new() })
    }

    /// The event code of the tones that begin in this packet.
    fn hear(&mut self, payload_type: u8, payload: &[u8]) -> Option<u8> {
        let named = [self.format.heard_as, self.format.payload_type].contains(&payload_type);
        let codec = if named { self.format.codec } else { Codec::of_payload_type(payload_type)? };
        if codec != self.codec {
            (self.decoder, self.detector) = ear(codec)?;
            self.codec = codec;
        }
        self.samples.clear();
        if !self.decoder.decode(payload, &mut self.samples) {
            return None;
        }
        match self.detector.listen(&self.samples)? {
            Heard::Began(code) => Some(code),
            Heard::Ended(_) => None,
        }
    }
}

fn ear(codec: Codec) -> Option<(Decoder, Detector)> {
    let rate = codec.rate();
    Some((Decoder::new(codec, rate)?, Detector::new(rate)))
}

fn key_of(code: u8) -> Option<u8> {
    TelephoneEvent::digit_of(code).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use codec::{Encoder, Tuning};

    use super::*;
    use crate::transcode::Dtmf;

    fn packet(payload_type: u8, sequence: u16, timestamp: u32, event: u8, end: bool) -> Vec<u8> {
        let mut packet = Vec::new();
        rtp::write_header(false, payload_type, sequence, timestamp, 9, &mut packet);
        TelephoneEvent { event, end, volume: 10, duration: 160 }.write(&mut packet);
        packet
    }

    #[test]
    fn each_key_is_heard_once() {
        let mut keys = Keys::new([101].into_iter().collect(), None);
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

    #[test]
    fn events_of_both_clocks_count() {
        let mut keys = Keys::new([101, 110].into_iter().collect(), None);
        let pressed = [packet(110, 1, 100, 5, false), packet(101, 2, 7_000, 6, false)];
        assert_eq!(pressed.map(|packet| keys.hear(&packet)), [Some(b'5'), Some(b'6')]);
    }

    #[test]
    fn tones_of_each_codec_are_keys_and_each_counts_once() {
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
            let number = codec.static_payload_type().expect("static");
            let dtmf = Dtmf::Inband;
            let spoken = Codec::Pcmu;
            let format = Format { codec: spoken, payload_type: 0, heard_as: 0, ptime: 20, fec: false, dtmf };
            let mut keys = Keys::new(PayloadTypes::default(), Some(format));
            let rate = codec.rate();
            let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a codec");
            let mut heard = Vec::new();
            for code in [5, 5, 11] {
                let mut tones = codec::dtmf::Tones::new(code, rate).expect("a digit");
                for step in 0..10u16 {
                    let mut frame = vec![0; 20 * rate.per_ms()];
                    if step < 5 {
                        tones.write(&mut frame);
                    }
                    let mut packet = Vec::new();
                    rtp::write_header(false, number, step, 0, 9, &mut packet);
                    encoder.encode(&frame, &mut packet);
                    heard.extend(keys.hear(&packet));
                }
            }
            assert_eq!(heard, b"55#", "{codec:?}");
        }
    }
}
