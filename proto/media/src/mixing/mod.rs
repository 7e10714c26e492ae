//! Rooms: ends that all hear each other and not themselves (RFC 7667 §3.6, a mixer that is no source of its own).
//!
//! A [`Room`] ticks every twenty milliseconds. What its ends say is decoded as it comes and waits in their seats; at the
//! tick the loudest are added up once for each rate, and whoever is among them hears the sum less itself. Those who only
//! listen hear the same and share one encoder for each codec. Nothing is resampled for each end: the sum of those who speak
//! narrowband is lifted once for all who hear wideband, and the other way round.
//!
//! There is no 48 kHz here: wideband is 16 kHz, as everywhere in `codec`.

mod level;
mod playout;
mod room;
mod seat;
mod sum;

pub(crate) use room::{Room, chime};
pub(crate) use seat::Seat;

use std::time::Duration;

/// Milliseconds of a tick.
const TICK_MS: usize = 20;
/// The same as time.
pub(crate) const TICK: Duration = Duration::from_millis(TICK_MS as u64);

#[cfg(test)]
mod tests;
