//! Speech codecs: frames of linear samples to payloads and back.
//!
//! G.711 and G.722 are our own, Opus (RFC 6716, RFC 7587) is libopus. Everything works at one of two [`Rate`]s: Opus is
//! asked for the rate of the codec at the other end, so that nothing is resampled that libopus would not resample
//! anyway. Lost packets are concealed, comfort noise (RFC 3389) is made, DTMF tones are made and found, WAV files read.
//!
//! Output is appended to a buffer of the caller's and nothing is allocated per frame. What a packet says of its time,
//! which packets are lost and when to send is the matter of the media plane.

mod codec;
mod comfort_noise;
mod conceal;
mod decoder;
pub mod dtmf;
mod encoder;
mod g722;
mod melody;
mod ogg_opus;
mod opus;
mod resample;
pub mod wav;

pub use codec::{Codec, Rate};
pub use comfort_noise::ComfortNoise;
pub use decoder::Decoder;
pub use encoder::{Encoder, Tuning};
pub use melody::melody;
pub use ogg_opus::OggOpus;
pub use resample::Resampler;

#[cfg(test)]
mod tests;
