//! What a datagram on a media port is, by its first two octets: RFC 7983 §7, and RFC 5761 §4 for RTCP among RTP.
//!
//! ZRTP and TURN channels, which RFC 7983 also tells apart, are of no use here and count as other.

/// The protocol of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// STUN (RFC 8489).
    Stun,
    /// DTLS (RFC 5764).
    Dtls,
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// None of these, or empty.
    Other,
}

/// Tells the protocol of a datagram; says nothing about whether it is well-formed.
pub fn classify(datagram: &[u8]) -> Kind {
    match *datagram {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        // Packet types 192..=223 are payload types 64..=95 with the marker set (RFC 5761 §4).
        [128..=191, second, ..] if (64..=95).contains(&(second & 0x7f)) => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        _ => Kind::Other,
    }
}
