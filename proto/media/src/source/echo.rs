//! An echo: what the peer sends comes back to it, telephone events and all.
//!
//! Only the SSRC is ours. A peer that hears its own takes it for a loop (RFC 3550 §8.2) and may drop the stream.

/// Makes `packet`, which has passed as RTP, one of the source `ssrc`.
pub(crate) fn turn(packet: &mut [u8], ssrc: u32) {
    if let Some(source) = packet.get_mut(8..12) {
        source.copy_from_slice(&ssrc.to_be_bytes());
    }
}
