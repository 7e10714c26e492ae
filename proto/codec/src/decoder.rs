//! One decoder, whatever the codec, that also fills what was lost.

use rtp::g711::Law;

use crate::codec::{Codec, Rate};
use crate::conceal::Concealment;
use crate::g722::G722Decoder;
use crate::opus::OpusDecoder;

/// Makes samples of payloads.
#[derive(Debug)]
pub struct Decoder {
    kind: Kind,
    rate: Rate,
}

#[derive(Debug)]
enum Kind {
    G711(Law, Box<Concealment>),
    G722(Box<G722Decoder>, Box<Concealment>),
    Opus(OpusDecoder),
}

impl Decoder {
    /// A decoder that speaks `rate`, which is [`Rate::Narrow`] for G.711 and [`Rate::Wide`] for G.722. `None` if there is
    /// no such decoder.
    pub fn new(codec: Codec, rate: Rate) -> Option<Self> {
        let concealment = || Box::new(Concealment::new(rate));
        let kind = match (codec, rate) {
            (Codec::Pcma, Rate::Narrow) => Kind::G711(Law::A, concealment()),
            (Codec::Pcmu, Rate::Narrow) => Kind::G711(Law::Mu, concealment()),
            (Codec::G722, Rate::Wide) => Kind::G722(Box::default(), concealment()),
            (Codec::Opus, rate) => Kind::Opus(OpusDecoder::new(rate)?),
            (Codec::Pcma | Codec::Pcmu, Rate::Wide) | (Codec::G722, Rate::Narrow) => return None,
        };
        Some(Self { kind, rate })
    }

    /// Its rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Appends the samples of a payload; `false` and nothing if it cannot be one.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> bool {
        if self.samples_in(payload).is_none_or(|samples| samples == 0 || samples > self.longest()) {
            return false;
        }
        let start = out.len();
        match &mut self.kind {
            Kind::G711(law, concealment) => {
                out.extend(payload.iter().map(|&octet| law.decode(octet)));
                concealment.on_heard(out.get_mut(start..).unwrap_or_default());
            }
            Kind::G722(decoder, concealment) => {
                decoder.decode(payload, out);
                concealment.on_heard(out.get_mut(start..).unwrap_or_default());
            }
            Kind::Opus(decoder) => return decoder.decode(payload, out),
        }
        true
    }

    /// Appends `samples` for packets that were lost. The packet after them may know what was in the last one: Opus with
    /// FEC puts that there, as much as `last` samples long.
    pub fn conceal(&mut self, samples: usize, next: Option<(&[u8], usize)>, out: &mut Vec<i16>) {
        let samples = samples.min(self.longest());
        match &mut self.kind {
            Kind::G711(_, concealment) | Kind::G722(_, concealment) => concealment.fill(samples, out),
            Kind::Opus(decoder) => {
                // RFC 6716 §4.4 and libopus: in pieces of 2.5 ms, and no longer than a packet.
                let samples = samples - samples % (self.rate.per_ms() * 5 / 2);
                let known = next.filter(|&(_, last)| last <= samples && last > 0);
                let unknown = samples - known.map_or(0, |(_, last)| last);
                if unknown > 0 {
                    decoder.conceal(unknown, out);
                }
                if let Some((next, last)) = known {
                    decoder.recover(next, last, out);
                }
            }
        }
    }

    /// How many samples a payload holds.
    pub fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        match &self.kind {
            Kind::G711(..) => Some(payload.len()),
            Kind::G722(..) => Some(2 * payload.len()),
            Kind::Opus(decoder) => decoder.samples_in(payload),
        }
    }

    /// Samples beyond which a packet is nonsense.
    fn longest(&self) -> usize {
        LONGEST_MS * self.rate.per_ms()
    }
}

/// Nobody sends longer packets: RFC 6716 §2.1.4 allows no more, and 1500 octets of G.711 are 187 ms.
const LONGEST_MS: usize = 200;
