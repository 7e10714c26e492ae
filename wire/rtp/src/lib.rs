//! RTP and its companions as they stand on the wire: RFC 3550, RFC 4733, G.711, and telling them apart on one
//! port (RFC 7983, RFC 5761).
//!
//! Formats only. Whatever must be remembered between two packets (sequence numbers, sources, keys, replay)
//! belongs to the media plane. Nothing is allocated; readers are views over the received octets and writers
//! append to a buffer of the caller's.

mod classify;
pub mod g711;
mod header;
pub mod rtcp;
mod telephone_event;

pub use classify::{Kind, classify};
pub use header::{Numbers, RtpHeader, write_header};
pub use telephone_event::TelephoneEvent;

#[cfg(test)]
mod tests;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
