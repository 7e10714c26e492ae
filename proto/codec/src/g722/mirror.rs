//! The quadrature mirror filters that part 16 kHz into two bands and put them together again (clauses 3.1, 4.4).

/// The last 24 samples, as the two polyphase branches of twelve.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    even: [i32; 12],
    odd: [i32; 12],
}

impl Mirror {
    /// Takes in a pair of samples; the sums over both branches.
    #[inline]
    pub(super) fn run(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.even.copy_within(1.., 0);
        self.odd.copy_within(1.., 0);
        self.even[11] = first;
        self.odd[11] = second;
        let sum = |branch: &[i32; 12], taps: &[i32; 12]| branch.iter().zip(taps).map(|(x, h)| x * h).sum();
        (sum(&self.even, &TAPS), sum(&self.odd, &BACKWARDS))
    }
}

/// Table 11 of the standard, every second of its 24 symmetric coefficients.
const TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const BACKWARDS: [i32; 12] = [-11, 53, -156, 362, -805, 3876, 951, -210, 32, 12, -11, 3];
