//! One encoder, whatever the codec.

use rtp::g711::Law;

use crate::codec::{Codec, Rate};
use crate::g722::G722Encoder;
use crate::opus::OpusEncoder;

/// What may be chosen of an encoder; only Opus listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// 0 is quick, 10 is thorough.
    pub complexity: u8,
    /// Redundancy against loss (`useinbandfec`).
    pub fec: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { complexity: 5, fec: false }
    }
}

/// Makes payloads of frames.
#[derive(Debug)]
pub struct Encoder(Kind);

#[derive(Debug)]
enum Kind {
    G711(Law),
    G722(Box<G722Encoder>),
    Opus(OpusEncoder),
}

impl Encoder {
    /// An encoder for frames at `rate`, which is [`Rate::Narrow`] for G.711 and [`Rate::Wide`] for G.722. `None` if there
    /// is no such encoder.
    pub fn new(codec: Codec, rate: Rate, tuning: Tuning) -> Option<Self> {
        Some(Self(match (codec, rate) {
            (Codec::Pcma, Rate::Narrow) => Kind::G711(Law::A),
            (Codec::Pcmu, Rate::Narrow) => Kind::G711(Law::Mu),
            (Codec::G722, Rate::Wide) => Kind::G722(Box::default()),
            (Codec::Opus, rate) => Kind::Opus(OpusEncoder::new(rate, tuning)?),
            (Codec::Pcma | Codec::Pcmu, Rate::Wide) | (Codec::G722, Rate::Narrow) => return None,
        }))
    }

    /// Appends the payload of a frame of 10, 20, 40 or 60 ms; those of G.711 and G.722 may last any even number of
    /// samples.
    pub fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::G711(law) => out.extend(frame.iter().map(|&sample| law.encode(sample))),
            Kind::G722(encoder) => encoder.encode(frame, out),
            Kind::Opus(encoder) => encoder.encode(frame, out),
        }
    }

    /// Goes on where another one of its kind is, for a listener who heard that one so far. Opus cannot be copied: it begins
    /// anew, which its decoder fades into.
    pub fn follow(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Kind::G722(encoder), Kind::G722(other)) => (**encoder).clone_from(other),
            (Kind::Opus(encoder), _) => encoder.restart(),
            (Kind::G711(_) | Kind::G722(_), _) => {}
        }
    }

    /// The peer loses so many of 256 packets, as reports say it (RFC 3550 §6.4.1).
    pub fn on_loss(&mut self, fraction: u8) {
        self.expect_loss((u32::from(fraction) * 100 / 256) as u8);
    }

    /// The peer loses this many packets in a hundred.
    pub fn expect_loss(&mut self, percent: u8) {
        match &mut self.0 {
            Kind::Opus(encoder) => encoder.expect_loss(percent),
            Kind::G711(_) | Kind::G722(_) => {}
        }
    }
}
