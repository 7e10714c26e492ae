//! Conversion between two ends that have no codec in common, or no way of dialling.
//!
//! Each direction is a [`Translator`] (RFC 7667 §3.2.1.3, a media translator): packets come out of order and with
//! losses, and leave as a stream of our own. It is driven by arrivals: a packet whose turn it is is decoded, encoded and
//! sent before the next is looked at. A tick of our own would add half of its length on the average, and whoever
//! listens has to buffer against jitter anyway. Timers are only for what has no arrival: the second half of a long
//! packet, noise, digits, and gaps that are waited for.

mod digit_player;
mod event_follower;
mod event_sender;
pub(crate) mod jitter_buffer;
mod packets;
mod payload_map;
mod plan;
mod stream;
mod timeline;
mod translator;
mod twice;

pub(crate) use jitter_buffer::{JitterBuffer, Turn};
pub use payload_map::PayloadMap;
pub use plan::{Dtmf, Format};
pub(crate) use stream::Stream;
pub(crate) use translator::Translator;
pub use twice::{Twice, Way};
