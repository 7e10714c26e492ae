//! How much of a packet stays in the clear: the RTP header (RFC 3550 §5.1) and eight octets of RTCP (RFC 3711 §3.4).
//!
//! Padding is not looked at: it is part of what is encrypted.

/// What protection has to know of a packet of RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    /// Octets of the header, with contributing sources and extension.
    pub(crate) len: usize,
}

impl Header {
    /// The header of a packet of RTP.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        let [flags, _, s0, s1, _, _, _, _, r0, r1, r2, r3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let mut len = fixed.len() + 4 * usize::from(flags & 0x0f);
        if flags & 0x10 != 0 {
            let [_, _, words @ ..]: [u8; 4] = *packet.get(len..)?.first_chunk()?;
            len += 4 + 4 * usize::from(u16::from_be_bytes(words));
        }
        let (ssrc, sequence) = (u32::from_be_bytes([r0, r1, r2, r3]), u16::from_be_bytes([s0, s1]));
        (len <= packet.len()).then_some(Self { ssrc, sequence, len })
    }
}

/// The source of a packet of RTCP.
pub(crate) fn rtcp_source(packet: &[u8]) -> Option<u32> {
    let [flags, _, _, _, ssrc @ ..]: [u8; RTCP_CLEAR] = *packet.first_chunk()?;
    (flags >> 6 == 2).then_some(u32::from_be_bytes(ssrc))
}

/// Octets of RTCP that are never encrypted.
pub(crate) const RTCP_CLEAR: usize = 8;
