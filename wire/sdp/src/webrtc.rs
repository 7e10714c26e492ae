//! Descriptions of a WebRTC transport (RFC 8829 §5, RFC 8839, RFC 8842, RFC 8843): what a medium says of it, and
//! putting it on and taking it off a description that passes.
//!
//! [`plain`] leaves what a telephone understands; between two WebRTC legs it keeps what they say to each other about
//! streams, feedback and header extensions. [`write()`] puts our transport on: ICE-lite, one bundle of all media in use,
//! RTCP on the port of RTP. Numbers, names and secrets come from the caller; nothing is remembered.

use std::net::IpAddr;

use crate::description::Description;
use crate::lines::{self, first_word, lines, words};
use crate::media::Media;
use crate::rewrite::write as put;

/// Who begins the DTLS handshake (RFC 4145 §4, RFC 5763 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The describer does.
    Active,
    /// Whoever answers says.
    ActPass,
    /// The describer waits for it.
    Passive,
}

impl Setup {
    /// The attribute's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ActPass => "actpass",
            Self::Passive => "passive",
        }
    }

    fn from_bytes(value: &[u8]) -> Option<Self> {
        let all = [Self::Active, Self::ActPass, Self::Passive];
        all.into_iter().find(|setup| setup.as_str().as_bytes().eq_ignore_ascii_case(value.trim_ascii()))
    }
}

/// What a medium says of its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport<'a> {
    /// Its name of the ICE agent; another one is a restart.
    pub ufrag: &'a [u8],
    /// The fingerprint of its certificate: the hash's name and the digits.
    pub fingerprint: &'a [u8],
    /// Who begins; an offer that does not say leaves it to us.
    pub setup: Setup,
}

/// The transport of a medium, if it is one of WebRTC: there must be an agent to check and a certificate to expect.
pub fn transport<'a>(medium: &Media<'a>) -> Option<Transport<'a>> {
    let setup = medium.inherited_attribute(b"setup").and_then(Setup::from_bytes);
    Some(Transport {
        ufrag: medium.inherited_attribute(b"ice-ufrag")?.trim_ascii(),
        fingerprint: fingerprint(medium)?,
        setup: setup.unwrap_or(Setup::ActPass),
    })
}

/// RFC 8122 §5: who shows several fingerprints shows them of one certificate; one by a sound hash is taken before others.
fn fingerprint<'a>(medium: &Media<'a>) -> Option<&'a [u8]> {
    let is_sound = |value: &&[u8]| SOUND.iter().any(|hash| first_word(value).0.eq_ignore_ascii_case(hash));
    let sound = medium.attributes(b"fingerprint").find(is_sound);
    sound.or_else(|| medium.inherited_attribute(b"fingerprint")).map(<[u8]>::trim_ascii)
}

/// Whether a description is of WebRTC: its first medium in use has such a transport.
pub fn is_webrtc(description: &Description<'_>) -> bool {
    description
        .media()
        .iter()
        .find(|medium| is_used(medium))
        .is_some_and(|medium| transport(medium).is_some())
}

/// Whether a medium is to be used: it has a port, or shares that of another (RFC 8843 §7.2.1).
pub fn is_used(medium: &Media<'_>) -> bool {
    medium.port != 0 || medium.attribute(b"bundle-only").is_some()
}

/// Takes the transport off.
///
/// With `streams`, what two WebRTC legs tell each other stays. A medium that only shares a port gets one of its own,
/// to be rewritten.
pub fn plain(body: &[u8], description: &Description<'_>, streams: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let dropped = |value: &[u8]| {
        let (name, value) = lines::attribute(value);
        is_transport(name) || if streams { names_a_medium(name, value) } else { is_stream(name) }
    };
    write_lines(&mut out, description.session(), &mut |kind, value| kind != b'a' || !dropped(value));
    for medium in description.media() {
        let port = if medium.port == 0 && is_used(medium) { DISCARD } else { medium.port };
        let proto: &[u8] = if medium.is_rtp() { b"RTP/AVP" } else { medium.proto };
        put_media_line(&mut out, medium, port, proto);
        write_lines(&mut out, medium.section(), &mut |kind, value| match kind {
            b'm' => false,
            b'a' => !dropped(value),
            _ => true,
        });
    }
    out
}

/// Our side of a transport.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// The name of our agent.
    pub ufrag: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The SHA-256 of our certificate.
    pub fingerprint: &'a [u8],
    /// Who begins.
    pub setup: Setup,
    /// Where we are; the first is the default one.
    pub candidates: &'a [(IpAddr, u16)],
    /// Whether streams are taken there, too (RFC 6544).
    pub streams: bool,
    /// Names of the media by m-line (RFC 5888); one that is missing is called by its number.
    pub mids: &'a [Vec<u8>],
    /// The protocol that the other side wrote, for an answer.
    pub proto: &'a [u8],
}

/// Puts a transport on a description that has none; connections and ports become the first candidate.
pub fn write(body: &[u8], description: &Description<'_>, ours: &Ours<'_>) -> Vec<u8> {
    let Some(&(addr, port)) = ours.candidates.first() else { return body.to_vec() };
    let mut out = Vec::with_capacity(body.len() + 512 * description.media().len());
    write_lines(&mut out, description.session(), &mut |kind, value| {
        kind != b'c' && (kind != b'a' || lines::attribute(value).0 != b"group")
    });
    let number: Vec<Vec<u8>> = (0..description.media().len()).map(|n| n.to_string().into_bytes()).collect();
    let mid = |n: usize| ours.mids.get(n).or_else(|| number.get(n)).map(Vec::as_slice).unwrap_or_default();
    out.extend_from_slice(b"a=group:BUNDLE");
    for (n, _) in description.media().iter().enumerate().filter(|(_, medium)| medium.port != 0) {
        out.push(b' ');
        out.extend_from_slice(mid(n));
    }
    out.extend_from_slice(b"\r\na=ice-lite\r\n");
    for (n, medium) in description.media().iter().enumerate() {
        let used = medium.port != 0;
        let proto = if medium.is_rtp() { ours.proto } else { medium.proto };
        put_media_line(&mut out, medium, if used { port } else { 0 }, proto);
        let family = if addr.is_ipv4() { "IP4" } else { "IP6" };
        put(&mut out, format_args!("c=IN {family} {addr}\r\n"));
        write_lines(&mut out, medium.section(), &mut |kind, value| match kind {
            b'm' | b'c' => false,
            b'a' => !is_transport(lines::attribute(value).0) && !is_voice_source(medium, value),
            _ => true,
        });
        out.extend_from_slice(b"a=mid:");
        out.extend_from_slice(mid(n));
        out.extend_from_slice(b"\r\n");
        if used {
            put_transport(&mut out, ours);
            if medium.attribute(b"msid").is_none() {
                put(&mut out, format_args!("a=msid:{STREAM} {STREAM}-{n}\r\n"));
            }
        }
    }
    out
}

fn put_transport(out: &mut Vec<u8>, ours: &Ours<'_>) {
    put(out, format_args!("a=rtcp-mux\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ours.ufrag, ours.password));
    out.extend_from_slice(b"a=fingerprint:sha-256");
    for (n, octet) in ours.fingerprint.iter().enumerate() {
        put(out, format_args!("{}{octet:02X}", if n == 0 { ' ' } else { ':' }));
    }
    put(out, format_args!("\r\na=setup:{}\r\n", ours.setup.as_str()));
    for (n, (addr, port)) in (0u32..).zip(ours.candidates) {
        // RFC 8445 §5.1.2.1: type preference 126 for hosts, component 1.
        let priority = 126 << 24 | (65_535 - n) << 8 | 255;
        put(out, format_args!("a=candidate:{} 1 udp {priority} {addr} {port} typ host\r\n", n + 1));
    }
    let streams = if ours.streams { ours.candidates } else { &[] };
    for (n, (addr, port)) in (0u32..).zip(streams) {
        // RFC 6544 §4.2: behind all of UDP; direction preference 4 for a host that waits for others.
        let preference = (4 << 13) | (8191 - n);
        let priority = 90 << 24 | preference << 8 | 255;
        let foundation = ours.candidates.len() as u32 + n + 1;
        put(
            out,
            format_args!(
                "a=candidate:{foundation} 1 tcp {priority} {addr} {port} typ host tcptype passive\r\n"
            ),
        );
    }
    out.extend_from_slice(b"a=end-of-candidates\r\n");
}

/// The names of the media, by m-line; those without one are called by their number.
pub fn mids(description: &Description<'_>) -> Vec<Vec<u8>> {
    let named = |(n, medium): (usize, &Media<'_>)| {
        let mid = medium.attribute(b"mid").map(<[u8]>::trim_ascii).filter(|mid| mid.len() <= LONGEST_MID);
        mid.filter(|mid| !mid.is_empty()).map_or_else(|| n.to_string().into_bytes(), <[u8]>::to_vec)
    };
    description.media().iter().enumerate().map(named).collect()
}

/// Copies the lines that `keep` wants.
fn write_lines(out: &mut Vec<u8>, section: &[u8], keep: &mut dyn FnMut(u8, &[u8]) -> bool) {
    for (kind, value) in lines(section) {
        if keep(kind, value) {
            out.extend_from_slice(&[kind, b'=']);
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn put_media_line(out: &mut Vec<u8>, medium: &Media<'_>, port: u16, proto: &[u8]) {
    out.extend_from_slice(b"m=");
    out.extend_from_slice(medium.kind);
    put(out, format_args!(" {port} "));
    out.extend_from_slice(proto);
    for format in words(medium.formats) {
        out.push(b' ');
        out.extend_from_slice(format);
    }
    out.extend_from_slice(b"\r\n");
}

/// Attributes of a transport and of how media share it.
fn is_transport(name: &[u8]) -> bool {
    matches!(
        name,
        b"bundle-only"
            | b"candidate"
            | b"connection"
            | b"crypto"
            | b"end-of-candidates"
            | b"fingerprint"
            | b"group"
            | b"identity"
            | b"mid"
            | b"remote-candidates"
            | b"rtcp"
            | b"rtcp-mux"
            | b"rtcp-mux-only"
            | b"setup"
            | b"tls-id"
    ) || name.starts_with(b"ice-")
}

/// Attributes that only browsers make use of.
fn is_stream(name: &[u8]) -> bool {
    matches!(
        name,
        b"extmap"
            | b"extmap-allow-mixed"
            | b"msid"
            | b"msid-semantic"
            | b"rtcp-fb"
            | b"rtcp-rsize"
            | b"rid"
            | b"simulcast"
            | b"ssrc"
            | b"ssrc-group"
    )
}

/// What names the source of a voice (RFC 5576). A browser that is told of one plays no other, and what it hears may become
/// a stream of ours at any time: converted, of a flow, of whoever a call is handed to.
fn is_voice_source(medium: &Media<'_>, value: &[u8]) -> bool {
    medium.kind == b"audio" && matches!(lines::attribute(value).0, b"ssrc" | b"ssrc-group")
}

/// What names a medium or a stream of one side's in its packets, which the other side calls otherwise.
fn names_a_medium(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"rid" | b"simulcast" => true,
        b"extmap" => matches!(
            first_word(first_word(value).1).0,
            b"urn:ietf:params:rtp-hdrext:sdes:mid"
                | b"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
                | b"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
        ),
        _ => false,
    }
}

/// Hashes that nobody has found two certificates for.
const SOUND: [&[u8]; 3] = [b"sha-256", b"sha-384", b"sha-512"];

/// The port of who has yet to find its own (RFC 8829 §5.2.1).
const DISCARD: u16 = 9;

/// The stream that media of somebody without streams belong to: pages want one.
const STREAM: &str = "trunkline";

/// RFC 8843 §14.3: a name should fit into a header extension of one byte length.
const LONGEST_MID: usize = 32;
