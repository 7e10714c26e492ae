//! The encoder of G.722: blocks 1 to 3 of both bands.

use super::band::Band;
use super::mirror::Mirror;
use super::saturate;
use super::tables::{ILN, ILP, Q6, QM2, QM4, WH, WL};

/// Makes an octet of two samples.
#[derive(Clone, Debug)]
pub(crate) struct G722Encoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::new(32), high: Band::new(8) }
    }
}

impl G722Encoder {
    /// Appends the octets of a frame.
    pub(crate) fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        let (pairs, _) = frame.as_chunks::<2>();
        out.extend(pairs.iter().map(|&[first, second]| self.octet(i32::from(first), i32::from(second))));
    }

    #[inline]
    fn octet(&mut self, first: i32, second: i32) -> u8 {
        let (even, odd) = self.mirror.run(first, second);
        let low = self.lower((even + odd) >> 14);
        // The higher band is the difference of the branches, the later sample first.
        let high = self.higher((odd - even) >> 14);
        high << 6 | low
    }

    /// SUBTRA, QUANTL, INVQAL, LOGSCL, SCALEL.
    #[inline]
    fn lower(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.low.predicted);
        let magnitude = if difference < 0 { !difference } else { difference };
        let scale = self.low.scale;
        let interval = Q6.partition_point(|&level| (level * scale) >> 12 <= magnitude);
        let codes = if difference < 0 { &ILN } else { &ILP };
        let code = codes.get(interval).copied().unwrap_or(0);
        let coarse = usize::from(code >> 2);
        let quantized = (scale * QM4.get(coarse).copied().unwrap_or(0)) >> 15;
        self.low.rescale(WL.get(coarse).copied().unwrap_or(0), 18432, 8);
        self.low.adapt(quantized);
        code
    }

    /// SUBTRA, QUANTH, INVQAH, LOGSCH, SCALEH.
    #[inline]
    fn higher(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.high.predicted);
        let magnitude = if difference < 0 { !difference } else { difference };
        let large = magnitude >= (564 * self.high.scale) >> 12;
        let code = match (difference < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let at = usize::from(code);
        let quantized = (self.high.scale * QM2.get(at).copied().unwrap_or(0)) >> 15;
        self.high.rescale(WH.get(at).copied().unwrap_or(0), 22528, 10);
        self.high.adapt(quantized);
        code
    }
}
