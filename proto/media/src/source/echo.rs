//! An echo: what the peer sends comes back to it, telephone events and all.
//!
//! Only the SSRC is ours. A peer that hears its own takes it for a loop (RFC 3550 §8.2) and may drop the stream.

/// Appends `packet`, which has passed as RTP, with `ssrc` as its source.
pub(crate) fn write(packet: &[u8], ssrc: u32, out: &mut Vec<u8>) {
    if let Some((fixed, rest)) = packet.split_first_chunk::<12>() {
        let [a, b, c, d, e, f, g, h, ..] = *fixed;
        out.extend([a, b, c, d, e, f, g, h]);
        out.extend(ssrc.to_be_bytes());
        out.extend(rest);
    }
}
