//! The sum of those who are heard, at one rate, and what keeps it from being cut off.

use codec::Rate;

use super::TICK_MS;

/// What is added up for those who hear one rate.
#[derive(Debug)]
pub(super) struct Sum {
    sum: Vec<i32>,
    /// The same as samples, for those who are not in it.
    pub(super) all: Vec<i16>,
    /// What is heard of it is divided by 256 of these.
    gain: i32,
}

impl Sum {
    pub(super) fn new(rate: Rate) -> Self {
        let samples = TICK_MS * rate.per_ms();
        Self { sum: vec![0; samples], all: vec![0; samples], gain: FULL }
    }

    pub(super) fn clear(&mut self) {
        self.sum.fill(0);
    }

    pub(super) fn add(&mut self, frame: &[i16]) {
        for (sum, &sample) in self.sum.iter_mut().zip(frame) {
            *sum += i32::from(sample);
        }
    }

    /// Appends what was added so far, as far as it fits.
    pub(super) fn write(&self, out: &mut Vec<i16>) {
        out.extend(self.sum.iter().map(|&sample| clip(sample)));
    }

    /// All of it is there: how much quieter it has to be. It gets quiet at once and loud again slowly.
    pub(super) fn close(&mut self) {
        let peak = self.sum.iter().map(|sample| sample.abs()).max().unwrap_or(0);
        let needed = if peak <= LOUDEST { FULL } else { FULL * LOUDEST / peak };
        self.gain = needed.min(self.gain + RECOVERY);
        self.all.clear();
        let gain = self.gain;
        match gain {
            FULL => self.all.extend(self.sum.iter().map(|&sample| clip(sample))),
            gain => self.all.extend(self.sum.iter().map(|&sample| clip(sample * gain / FULL))),
        }
    }

    /// The same without one who is in it.
    pub(super) fn without(&self, own: &[i16], out: &mut Vec<i16>) {
        let rest = self.sum.iter().zip(own).map(|(&sum, &own)| sum - i32::from(own));
        match self.gain {
            FULL => out.extend(rest.map(clip)),
            gain => out.extend(rest.map(|sample| clip(sample * gain / FULL))),
        }
    }
}

fn clip(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// No change.
const FULL: i32 = 256;
/// A little below the largest sample.
const LOUDEST: i32 = 32_000;
/// From nothing to everything in about a second.
const RECOVERY: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_off_and_nothing_is_cut_off() {
        let mut sum = Sum::new(Rate::Narrow);
        let (a, b) = ([1_000; 160], [-300; 160]);
        sum.add(&a);
        sum.add(&b);
        sum.close();
        assert_eq!(sum.all, [700; 160]);
        let mut out = Vec::new();
        sum.without(&a, &mut out);
        assert_eq!(out, b);

        sum.clear();
        (0..5).for_each(|_| sum.add(&[30_000; 160]));
        sum.close();
        assert!(sum.all.iter().all(|&sample| (31_000..32_700).contains(&sample)), "{}", sum.all[0]);
        sum.clear();
        sum.add(&a);
        sum.close();
        let soon = sum.all[0];
        for _ in 0..60 {
            sum.close();
        }
        assert!(soon < 400 && sum.all[0] == 1_000, "{soon} {}", sum.all[0]);
    }
}
