//! The RTP header: RFC 3550 §5.1 and §5.3.1.
//!
//! Contributing sources and the contents of extensions are checked for length and skipped, not read.

use std::ops::Range;

use crate::{u16_at, u32_at};

/// The header of an RTP packet whose bounds have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, in units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload lies in the packet, padding excluded.
    pub payload: Range<usize>,
}

impl RtpHeader {
    /// Length of a header without contributing sources and extension.
    pub const LEN: usize = 12;

    /// Reads a header; `None` unless the version is 2 and every length fits the packet.
    #[inline]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; Self::LEN] = packet.first_chunk()?;
        let [flags, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let payload = if flags & 0x3f == 0 { Self::LEN..packet.len() } else { payload_of(packet, flags)? };
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            payload,
        })
    }
}

/// Where a packet stands in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, in units of the payload's clock.
    pub timestamp: u32,
}

impl Numbers {
    /// Gives these to a packet, and the marker; one that is shorter than a header stays as it is.
    pub fn write(&self, marker: bool, packet: &mut [u8]) {
        let Some(header) = packet.first_chunk_mut::<{ RtpHeader::LEN }>() else { return };
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let second = header[1] & 0x7f | u8::from(marker) << 7;
        *header = [header[0], second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3];
    }
}

/// Appends a header without contributing sources, extension or padding.
pub fn write_header(
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    out: &mut Vec<u8>,
) {
    out.extend([0x80, (u8::from(marker) << 7) | (payload_type & 0x7f)]);
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
}

/// The payload of a packet with contributing sources, an extension or padding.
fn payload_of(packet: &[u8], flags: u8) -> Option<Range<usize>> {
    let mut start = RtpHeader::LEN + 4 * usize::from(flags & 0x0f);
    if flags & 0x10 != 0 {
        u32_at(packet, start)?;
        start += 4 + 4 * usize::from(u16_at(packet, start + 2)?);
    }
    let padding = if flags & 0x20 == 0 { 0 } else { usize::from(*packet.last()?).max(1) };
    let end = packet.len().checked_sub(padding)?;
    (start <= end).then_some(start..end)
}
