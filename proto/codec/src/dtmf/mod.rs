//! DTMF as tones in the audio (ITU-T Q.23, Q.24): made and found.

mod detector;
mod tones;

pub use detector::{Detector, Heard};
pub use tones::Tones;

/// The frequencies of rows and columns, in Hz.
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// Event codes (RFC 4733 §3.2) by row and column.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
