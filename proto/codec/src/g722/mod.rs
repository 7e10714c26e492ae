//! G.722 at 64 kbit/s: 16 kHz in two sub-bands of ADPCM (ITU-T G.722; block names are those of its clause 6).
//!
//! Modes 2 and 3 with their auxiliary data channel are not spoken by telephones and not here.

mod band;
mod decoder;
mod encoder;
mod mirror;
mod tables;

pub(crate) use decoder::G722Decoder;
pub(crate) use encoder::G722Encoder;

/// The range of sixteen bits, in which the standard calculates.
fn saturate(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}
