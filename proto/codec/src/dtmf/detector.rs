//! Finding digits in audio, by Goertzel's algorithm over blocks of 12.75 ms.
//!
//! A digit is two tones of about the same power that make nearly all of the sound, in two blocks running; it is over
//! after two blocks without. Speech has harmonics and no such balance.

use std::f32::consts::TAU;

use super::{COLUMNS, KEYS, ROWS};
use crate::codec::Rate;

/// Listens for digits.
#[derive(Clone, Debug)]
pub struct Detector {
    filters: [Filter; 8],
    energy: f32,
    taken: usize,
    block: usize,
    /// What the last block sounded like, and the digit that is on.
    last: Option<u8>,
    current: Option<u8>,
}

/// What a stretch of audio brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A digit, by its event code, began.
    Began(u8),
    /// It is over.
    Ended(u8),
}

impl Detector {
    /// Listens at this rate.
    pub fn new(rate: Rate) -> Self {
        let mut tones = ROWS.iter().chain(&COLUMNS);
        let filters = [(); 8].map(|()| Filter::new(tones.next().copied().unwrap_or(0.0), rate));
        Self { filters, energy: 0.0, taken: 0, block: 102 * rate.per_ms() / 8, last: None, current: None }
    }

    /// The digit that is being heard.
    pub fn current(&self) -> Option<u8> {
        self.current
    }

    /// Listens to a frame; of two changes within one frame the later is told.
    pub fn listen(&mut self, frame: &[i16]) -> Option<Heard> {
        let mut heard = None;
        let mut rest = frame;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.block - self.taken));
            for &sample in now {
                let sample = f32::from(sample);
                self.energy += sample * sample;
                self.filters.iter_mut().for_each(|filter| filter.take(sample));
            }
            self.taken += now.len();
            rest = later;
            if self.taken == self.block {
                heard = self.judge().or(heard);
            }
        }
        heard
    }

    fn judge(&mut self) -> Option<Heard> {
        let sounds = self.digit();
        self.filters.iter_mut().for_each(Filter::clear);
        (self.energy, self.taken) = (0.0, 0);
        let last = core::mem::replace(&mut self.last, sounds);
        if sounds != last || sounds == self.current {
            return None;
        }
        let before = core::mem::replace(&mut self.current, sounds);
        match (sounds, before) {
            (Some(digit), _) => Some(Heard::Began(digit)),
            (None, Some(digit)) => Some(Heard::Ended(digit)),
            (None, None) => None,
        }
    }

    /// The digit of the block that is full.
    fn digit(&self) -> Option<u8> {
        let powers = self.filters.each_ref().map(Filter::power);
        let (rows, columns) = powers.split_at(4);
        let (row, low) = strongest(rows)?;
        let (column, high) = strongest(columns)?;
        let samples = self.block as f32;
        // Power at a frequency is (a·n/2)², the energy of a sine a²·n/2.
        let faint = (FAINTEST * samples / 2.0).powi(2);
        let balanced = low < high * TWIST && high < low * REVERSE_TWIST;
        let alone = (low + high) * 2.0 / samples > self.energy * SHARE;
        let clear = |powers: &[f32], peak: f32, at: usize| {
            powers.iter().enumerate().all(|(n, &power)| n == at || power * PEAK < peak)
        };
        let found = low > faint && high > faint && balanced && alone;
        let found = found && clear(rows, low, row) && clear(columns, high, column);
        if found { KEYS.get(row)?.get(column).copied() } else { None }
    }
}

fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// One frequency.
#[derive(Clone, Debug)]
struct Filter {
    coefficient: f32,
    last: f32,
    before: f32,
}

impl Filter {
    fn new(hz: f32, rate: Rate) -> Self {
        Self { coefficient: 2.0 * (TAU * hz / rate.hz() as f32).cos(), last: 0.0, before: 0.0 }
    }

    #[inline]
    fn take(&mut self, sample: f32) {
        let next = sample + self.coefficient * self.last - self.before;
        (self.before, self.last) = (self.last, next);
    }

    fn power(&self) -> f32 {
        self.last * self.last + self.before * self.before - self.coefficient * self.last * self.before
    }

    fn clear(&mut self) {
        (self.last, self.before) = (0.0, 0.0);
    }
}

/// Amplitude of each tone below which nothing is a digit, about −34 dBm0 (Q.24 asks for −25 at least).
const FAINTEST: f32 = 440.0;
/// The row may be 8 dB louder than the column, the column 8 dB louder than the row; as powers.
const TWIST: f32 = 6.3;
const REVERSE_TWIST: f32 = 6.3;
/// How much stronger the tones are than the others of their group, as power.
const PEAK: f32 = 6.3;
/// The part of all energy that lies in the two tones.
const SHARE: f32 = 0.7;
