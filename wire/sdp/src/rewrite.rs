//! Putting our addresses and ports into a description that passes through.
//!
//! Replaces the origin, the connections and the ports, takes out ICE, keys and the old place of RTCP, and leaves every
//! other line as it was, ended by CRLF. Formats are not touched.

use std::io::Write as _;
use std::net::IpAddr;

use crate::description::Description;
use crate::lines::{self, lines, words};
use crate::media::Media;

/// The `o=` line to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginRewrite<'a> {
    /// The user; `-` if none.
    pub user: Option<&'a str>,
    /// The session's number.
    pub id: u64,
    /// The version of this description.
    pub version: u64,
    /// Our address; also that of a session-level connection.
    pub addr: IpAddr,
}

/// Where and how one medium is to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaRewrite<'a> {
    /// The address.
    pub addr: IpAddr,
    /// The RTP port; 0 for a medium that is not.
    pub port: u16,
    /// The RTCP port; written only if it is not the one after `port`.
    pub rtcp_port: Option<u16>,
    /// The protocol, where it is another than the describer's.
    pub proto: Option<&'a str>,
    /// Further lines of the medium, each with its end.
    pub lines: &'a [u8],
}

/// Appends `body`, which `description` was parsed from, to `out` with our places in it.
///
/// `media` is asked for every medium; one it gives no place for is written with port 0, and so is one whose port is zero
/// already. An address of 0.0.0.0 that means hold stays.
pub fn rewrite<'m>(
    body: &[u8],
    description: &Description<'_>,
    origin: &OriginRewrite<'_>,
    media: &mut dyn FnMut(usize) -> Option<MediaRewrite<'m>>,
    out: &mut Vec<u8>,
) {
    let media_len: usize = description.media().iter().map(|m| m.section().len()).sum();
    let session = body.get(..body.len().saturating_sub(media_len)).unwrap_or_default();
    let mut session_addr = None;
    let mut rest = lines(session);
    while let Some(line) = rest.next_raw() {
        match lines::split(line) {
            Some((b'o', _)) => write_origin(out, origin),
            Some((b'c', value)) => {
                let stays = lines::connection_host(value).and_then(lines::ip).filter(IpAddr::is_unspecified);
                let addr = stays.unwrap_or(origin.addr);
                session_addr = session_addr.or(Some(addr));
                write_address(out, addr);
            }
            Some((b'a', value)) if is_dropped(value) => {}
            _ => write_line(out, line),
        }
    }
    for (n, medium) in description.media().iter().enumerate() {
        let wanted = media(n);
        let proto = wanted.and_then(|wanted| wanted.proto);
        let place = wanted.filter(|wanted| medium.port != 0 && wanted.port != 0);
        write_medium(out, medium, place, proto, (origin.addr, session_addr));
    }
}

fn write_medium(
    out: &mut Vec<u8>,
    medium: &Media<'_>,
    place: Option<MediaRewrite<'_>>,
    proto: Option<&str>,
    (ours, session_addr): (IpAddr, Option<IpAddr>),
) {
    let addr = place.map_or(ours, |place| place.addr);
    let has_own = lines(medium.section()).any(|(kind, _)| kind == b'c');
    let mut owes_connection =
        place.is_some() && !has_own && session_addr != Some(addr) && !medium.is_nowhere();
    let mut rest = lines(medium.section());
    while let Some(line) = rest.next_raw() {
        let split = lines::split(line);
        // RFC 8866 §5: c= stands behind m= and i=.
        if owes_connection && !matches!(split, Some((b'm' | b'i', _))) {
            write_address(out, addr);
            owes_connection = false;
        }
        match split {
            Some((b'm', value)) => {
                write_media_line(out, value, place.map_or(0, |place| place.port), proto);
            }
            Some((b'c', _)) if medium.is_nowhere() => write_line(out, line),
            Some((b'c', _)) => write_address(out, addr),
            Some((b'a', value)) if is_dropped(value) => {}
            _ => write_line(out, line),
        }
    }
    if owes_connection {
        write_address(out, addr);
    }
    out.extend_from_slice(place.map_or(&[], |place| place.lines));
    if let Some(MediaRewrite { port, rtcp_port: Some(rtcp), .. }) = place
        && port.checked_add(1) != Some(rtcp)
    {
        write(out, format_args!("a=rtcp:{rtcp}\r\n"));
    }
}

/// Attributes that name places of the describer's, or its keys.
fn is_dropped(value: &[u8]) -> bool {
    let (name, _) = lines::attribute(value);
    matches!(name, b"candidate" | b"crypto" | b"end-of-candidates" | b"remote-candidates" | b"rtcp")
        || name.starts_with(b"ice-")
}

fn write_origin(out: &mut Vec<u8>, origin: &OriginRewrite<'_>) {
    let user = origin.user.filter(|user| !user.is_empty() && user.bytes().all(|c| c > b' ')).unwrap_or("-");
    write(out, format_args!("o={user} {} {} ", origin.id, origin.version));
    write_place(out, origin.addr);
}

fn write_address(out: &mut Vec<u8>, addr: IpAddr) {
    out.extend_from_slice(b"c=");
    write_place(out, addr);
}

fn write_media_line(out: &mut Vec<u8>, value: &[u8], port: u16, proto: Option<&str>) {
    let mut parts = words(value);
    out.extend_from_slice(b"m=");
    out.extend_from_slice(parts.next().unwrap_or_default());
    write(out, format_args!(" {port}"));
    let mut parts = parts.skip(1);
    let theirs = parts.next().unwrap_or_default();
    for part in core::iter::once(proto.map_or(theirs, str::as_bytes)).chain(parts) {
        out.push(b' ');
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_line(out: &mut Vec<u8>, line: &[u8]) {
    if !line.is_empty() {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// `IN IP4 address` and the line's end.
pub(crate) fn write_place(out: &mut Vec<u8>, addr: IpAddr) {
    let family = if addr.is_ipv4() { "IP4" } else { "IP6" };
    write(out, format_args!("IN {family} {addr}\r\n"));
}

/// Writing to a `Vec` cannot fail.
pub(crate) fn write(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
