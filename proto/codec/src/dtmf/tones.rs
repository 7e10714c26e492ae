//! Making the two tones of a digit.

use std::f32::consts::TAU;

use super::{COLUMNS, KEYS, ROWS};
use crate::codec::Rate;

/// A digit being played.
#[derive(Clone, Debug)]
pub struct Tones {
    row: Oscillator,
    column: Oscillator,
}

impl Tones {
    /// The tones of an event code; `None` for those that are no digit.
    pub fn new(event: u8, rate: Rate) -> Option<Self> {
        let place = |keys: &[u8; 4]| keys.iter().position(|&key| key == event);
        let (row, column) = KEYS.iter().enumerate().find_map(|(row, keys)| Some((row, place(keys)?)))?;
        let (low, high) = (*ROWS.get(row)?, *COLUMNS.get(column)?);
        Some(Self {
            row: Oscillator::new(low, ROW_AMPLITUDE, rate),
            column: Oscillator::new(high, COLUMN_AMPLITUDE, rate),
        })
    }

    /// Puts the tones in place of what is in `frame`.
    pub fn write(&mut self, frame: &mut [i16]) {
        for sample in frame {
            *sample = (self.row.next() + self.column.next()) as i16;
        }
    }
}

/// A sine by recursion.
#[derive(Clone, Debug)]
struct Oscillator {
    coefficient: f32,
    last: f32,
    before: f32,
}

impl Oscillator {
    fn new(hz: f32, amplitude: f32, rate: Rate) -> Self {
        let step = TAU * hz / rate.hz() as f32;
        Self { coefficient: 2.0 * step.cos(), last: 0.0, before: -amplitude * step.sin() }
    }

    fn next(&mut self) -> f32 {
        let next = self.coefficient * self.last - self.before;
        (self.before, self.last) = (self.last, next);
        next
    }
}

/// −8 and −6 dBm0: what telephones send, the columns louder since lines weaken them more.
const ROW_AMPLITUDE: f32 = 8_900.0;
const COLUMN_AMPLITUDE: f32 = 11_200.0;
