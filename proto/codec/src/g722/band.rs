//! One sub-band: the adaptive scale and the adaptive predictor, the same in encoder and decoder (blocks 3 and 4).

use super::saturate;
use super::tables::ILB;

/// What a sub-band remembers.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// Prediction of the next sample, and the part of it that the zeros make.
    pub(super) predicted: i32,
    zeros: i32,
    /// Quantizer scale, and its logarithm.
    pub(super) scale: i32,
    log: i32,
    /// Coefficients of the two poles, and of the six zeros.
    pole: [i32; 2],
    zero: [i32; 6],
    /// The last two reconstructed samples and partial reconstructions, the last six differences.
    rebuilt: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
}

impl Band {
    /// A band that begins with this scale (clause 3.7: 32 in the lower, 8 in the higher one).
    pub(super) fn new(scale: i32) -> Self {
        Self {
            predicted: 0,
            zeros: 0,
            scale,
            log: 0,
            pole: [0; 2],
            zero: [0; 6],
            rebuilt: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
        }
    }

    /// Blocks LOGSC and SCALE: the quantizer follows the signal. `most` and `shift` are those of the band.
    #[inline]
    pub(super) fn rescale(&mut self, multiplier: i32, most: i32, shift: i32) {
        self.log = (((self.log * 127) >> 7) + multiplier).clamp(0, most);
        let mantissa = ILB.get((self.log >> 6 & 31) as usize).copied().unwrap_or(0);
        let down = shift - (self.log >> 11);
        self.scale = (if down < 0 { mantissa << -down } else { mantissa >> down }) << 2;
    }

    /// Block 4: takes in the quantized difference and predicts the next sample.
    #[inline]
    pub(super) fn adapt(&mut self, difference: i32) {
        let rebuilt = saturate(self.predicted + difference);
        let partial = saturate(self.zeros + difference);
        self.move_poles(partial);
        self.move_zeros(difference);
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.partial = [partial, self.partial[0]];
        let [a, b, c, d, e, _] = self.differences;
        self.differences = [difference, a, b, c, d, e];
        // FILTEP, FILTEZ, PREDIC.
        let term = |coefficient: i32, value: i32| (coefficient * saturate(2 * value)) >> 15;
        let poles = saturate(term(self.pole[0], self.rebuilt[0]) + term(self.pole[1], self.rebuilt[1]));
        let zeros = self.zero.iter().zip(&self.differences).map(|(&z, &d)| term(z, d)).sum();
        self.zeros = saturate(zeros);
        self.predicted = saturate(poles + self.zeros);
    }

    /// UPPOL2 and UPPOL1.
    #[inline]
    fn move_poles(&mut self, partial: i32) {
        let same = |before: i32| (partial < 0) == (before < 0);
        let [last, before] = self.partial;
        let [first, second] = self.pole;
        let step = saturate(first << 2);
        let step = if same(last) { (-step).min(32767) } else { step };
        let second = (step >> 7) + (if same(before) { 128 } else { -128 }) + ((second * 32512) >> 15);
        let second = second.clamp(-12288, 12288);
        let first = saturate((if same(last) { 192 } else { -192 }) + ((first * 32640) >> 15));
        let bound = saturate(15360 - second);
        self.pole = [first.clamp(-bound, bound), second];
    }

    /// UPZERO.
    #[inline]
    fn move_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, &before) in self.zero.iter_mut().zip(&self.differences) {
            let same = (before < 0) == (difference < 0);
            *zero = saturate((if same { step } else { -step }) + ((*zero * 32640) >> 15));
        }
    }
}
