//! Opus by libopus: RFC 6716, as one channel of speech at 8 or 16 kHz.
//!
//! libopus resamples inside, so neither end of a conversion has a filter of ours in it. A fault of the library is a frame
//! that is concealed or not sent; it neither panics nor allocates after it was made.

use opus::{Application, Bitrate, Channels, Signal};

use crate::codec::Rate;
use crate::encoder::Tuning;

/// Makes packets.
#[derive(Debug)]
pub(crate) struct OpusEncoder {
    encoder: opus::Encoder,
    loss: u8,
}

impl OpusEncoder {
    /// `None` if the library has no memory.
    pub(crate) fn new(rate: Rate, tuning: Tuning) -> Option<Self> {
        let mut encoder = opus::Encoder::new(rate.hz(), Channels::Mono, Application::Voip).ok()?;
        let bits = match rate {
            Rate::Narrow => NARROW_BITS,
            Rate::Wide => WIDE_BITS,
        };
        encoder.set_bitrate(Bitrate::Bits(bits)).ok()?;
        encoder.set_complexity(i32::from(tuning.complexity.min(10))).ok()?;
        encoder.set_signal(Signal::Voice).ok()?;
        encoder.set_inband_fec(tuning.fec).ok()?;
        Some(Self { encoder, loss: 0 })
    }

    /// Appends the packet of a frame; nothing if the library refuses it.
    pub(crate) fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + LARGEST, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let len = self.encoder.encode(frame, room).unwrap_or(0);
        out.truncate(start + len);
    }

    /// Samples that it holds back.
    pub(crate) fn lookahead(&mut self) -> usize {
        self.encoder.get_lookahead().ok().and_then(|samples| usize::try_from(samples).ok()).unwrap_or(0)
    }

    /// Forgets what it has encoded.
    pub(crate) fn restart(&mut self) {
        // Only an encoder that is none could refuse.
        drop(self.encoder.reset_state());
    }

    /// The peer loses this many packets in a hundred: redundancy is worth that much.
    pub(crate) fn expect_loss(&mut self, percent: u8) {
        let percent = percent.min(30);
        if percent != self.loss && self.encoder.set_packet_loss_perc(i32::from(percent)).is_ok() {
            self.loss = percent;
        }
    }
}

/// Reads packets.
#[derive(Debug)]
pub(crate) struct OpusDecoder {
    decoder: opus::Decoder,
    rate: Rate,
}

impl OpusDecoder {
    /// `None` if the library has no memory.
    pub(crate) fn new(rate: Rate) -> Option<Self> {
        Some(Self { decoder: opus::Decoder::new(rate.hz(), Channels::Mono).ok()?, rate })
    }

    /// Appends the samples of a packet; `false` if it is none of Opus.
    pub(crate) fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> bool {
        !packet.is_empty() && self.run(packet, LONGEST_MS * self.rate.per_ms(), false, out)
    }

    /// Appends `samples` of what went before `next`, from the redundancy in it; concealment if there is none.
    pub(crate) fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) {
        if next.is_empty() || !self.run(next, samples, true, out) {
            self.conceal(samples, out);
        }
    }

    /// Appends `samples` that sound like what went before.
    pub(crate) fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        if !self.run(&[], samples, false, out) {
            out.resize(out.len() + samples, 0);
        }
    }

    /// How long a packet lasts, in samples.
    pub(crate) fn samples_in(&self, packet: &[u8]) -> Option<usize> {
        self.decoder.get_nb_samples(packet).ok()
    }

    fn run(&mut self, packet: &[u8], samples: usize, fec: bool, out: &mut Vec<i16>) -> bool {
        let start = out.len();
        out.resize(start + samples, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let decoded = self.decoder.decode(packet, room, fec);
        out.truncate(start + decoded.as_ref().copied().unwrap_or(0));
        decoded.is_ok()
    }
}

/// RFC 7587 §3.1.1 names 8 to 12 kbit/s for narrowband speech: with twice that, what is heard is G.711 and not us.
const NARROW_BITS: i32 = 24_000;

/// The same for wideband, of which 16 to 20 are named: from here on PESQ grows no more.
const WIDE_BITS: i32 = 48_000;

/// RFC 6716 §3.2.1: no frame is longer; with the byte that names it.
const LARGEST: usize = 1276;

/// RFC 6716 §2.1.4: no packet lasts longer.
const LONGEST_MS: usize = 120;
