//! How the two ends of a conversion are spoken with: plain values that signalling made of an offer and its answer.

use codec::{Codec, Tuning};

/// What one end sends and hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its codec.
    pub codec: Codec,
    /// The payload type in packets to it.
    pub payload_type: u8,
    /// The payload type in packets from it, which may be that of our description.
    pub heard_as: u8,
    /// Milliseconds of sound in a packet to it: 10 to 60; what its codec cannot do becomes 20.
    pub ptime: u8,
    /// It makes use of redundancy (Opus, `useinbandfec`).
    pub fec: bool,
    /// How it dials within the call, and how digits reach it.
    pub dtmf: Dtmf,
}

/// How digits are dialled within a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtmf {
    /// By `telephone-event` (RFC 4733).
    Events {
        /// The payload type in packets to it.
        payload_type: u8,
        /// The payload type in packets from it.
        heard_as: u8,
        /// The clock of its durations.
        clock: u32,
    },
    /// By INFO: signalling is told, and tells.
    Info,
    /// As tones in the audio.
    Inband,
    /// Not at all.
    None,
}

impl Format {
    /// How thorough Opus is in what is played and mixed, of which there may be much at once.
    pub(crate) fn tuning(&self) -> Tuning {
        Tuning { complexity: 3, fec: self.fec }
    }

    /// Milliseconds of sound in a packet to it that its codec can do.
    pub(super) fn packet_ms(&self) -> usize {
        match (self.codec, self.ptime) {
            (Codec::Opus, 10 | 20 | 40 | 60) => usize::from(self.ptime),
            (Codec::G722 | Codec::Pcma | Codec::Pcmu, 10..=60) => usize::from(self.ptime - self.ptime % 10),
            (Codec::Opus | Codec::G722 | Codec::Pcma | Codec::Pcmu, _) => 20,
        }
    }
}
