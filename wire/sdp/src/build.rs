//! Descriptions of our own: one audio medium, for media this product makes itself.
//!
//! Formats and texts come from this product, never from a peer; nothing is checked.

use std::net::IpAddr;

use crate::media::Direction;
use crate::rewrite::{write, write_place};

/// One audio medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioOffer<'a> {
    /// Where we receive.
    pub addr: IpAddr,
    /// On which port.
    pub port: u16,
    /// The protocol, such as `RTP/AVP`.
    pub proto: &'a str,
    /// The session's number.
    pub id: u64,
    /// The version of this description.
    pub version: u64,
    /// Payload types and what they stand for, such as `(8, "PCMA/8000")`, in order of preference.
    pub formats: &'a [(u8, &'a str)],
    /// Which way it flows.
    pub direction: Direction,
    /// Milliseconds of sound in a packet.
    pub ptime: Option<u16>,
    /// Further lines of the medium, each with its end.
    pub lines: &'a [u8],
}

/// Appends the description of `offer` to `out`; it serves as an answer as well.
pub fn build_audio(out: &mut Vec<u8>, offer: &AudioOffer<'_>) {
    write(out, format_args!("v=0\r\no=- {} {} ", offer.id, offer.version));
    write_place(out, offer.addr);
    out.extend_from_slice(b"s=-\r\nc=");
    write_place(out, offer.addr);
    write(out, format_args!("t=0 0\r\nm=audio {} {}", offer.port, offer.proto));
    for (payload_type, _) in offer.formats {
        write(out, format_args!(" {payload_type}"));
    }
    out.extend_from_slice(b"\r\n");
    for (payload_type, encoding) in offer.formats {
        write(out, format_args!("a=rtpmap:{payload_type} {encoding}\r\n"));
        // RFC 4733 §2.4.1: the events we know, 0 to 9, *, #, A to D and flash.
        if encoding.starts_with("telephone-event/") {
            write(out, format_args!("a=fmtp:{payload_type} 0-16\r\n"));
        }
    }
    if let Some(ptime) = offer.ptime {
        write(out, format_args!("a=ptime:{ptime}\r\n"));
    }
    write(out, format_args!("a={}\r\n", offer.direction.as_str()));
    out.extend_from_slice(offer.lines);
}
