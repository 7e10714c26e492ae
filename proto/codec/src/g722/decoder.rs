//! The decoder of G.722: blocks 2, 3, 5 and 6 of both bands.

use super::band::Band;
use super::mirror::Mirror;
use super::saturate;
use super::tables::{QM2, QM4, QM6, WH, WL};

/// Makes two samples of an octet.
#[derive(Clone, Debug)]
pub(crate) struct G722Decoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::new(32), high: Band::new(8) }
    }
}

impl G722Decoder {
    /// Appends the samples of a payload.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        out.extend(payload.iter().flat_map(|&octet| self.pair(octet)));
    }

    #[inline]
    fn pair(&mut self, octet: u8) -> [i16; 2] {
        let low = self.lower(usize::from(octet & 0x3f));
        let high = self.higher(usize::from(octet >> 6));
        let (even, odd) = self.mirror.run(low + high, low - high);
        [saturate(odd >> 11) as i16, saturate(even >> 11) as i16]
    }

    /// INVQBL, RECONS, LIMIT for what is heard; INVQAL, LOGSCL, SCALEL for what is remembered.
    #[inline]
    fn lower(&mut self, code: usize) -> i32 {
        let fine = (self.low.scale * QM6.get(code).copied().unwrap_or(0)) >> 15;
        let heard = (self.low.predicted + fine).clamp(-16384, 16383);
        let coarse = (self.low.scale * QM4.get(code >> 2).copied().unwrap_or(0)) >> 15;
        self.low.rescale(WL.get(code >> 2).copied().unwrap_or(0), 18432, 8);
        self.low.adapt(coarse);
        heard
    }

    #[inline]
    fn higher(&mut self, code: usize) -> i32 {
        let quantized = (self.high.scale * QM2.get(code).copied().unwrap_or(0)) >> 15;
        let heard = (self.high.predicted + quantized).clamp(-16384, 16383);
        self.high.rescale(WH.get(code).copied().unwrap_or(0), 22528, 10);
        self.high.adapt(quantized);
        heard
    }
}
