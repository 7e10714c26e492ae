//! One medium of a description (RFC 8866 §5.14; RFC 3264 §5; RFC 3605; RFC 5761).
//!
//! What a medium does not say itself, the session level says for it.

use std::net::IpAddr;

use crate::description::attributes;
use crate::lines::{self, first_word, lines, small, words};

/// One `m=` line and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, `image` and so on.
    pub kind: &'a [u8],
    /// The port; 0 for a medium refused or ended.
    pub port: u16,
    /// The protocol, such as `RTP/AVP`.
    pub proto: &'a [u8],
    /// The formats as written; for RTP, payload types.
    pub formats: &'a [u8],
    section: &'a [u8],
    session: &'a [u8],
}

/// Which way a medium flows, as its describer sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The describer sends only.
    SendOnly,
    /// The describer receives only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same flow as the other side sees it.
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    fn from_bytes(name: &[u8]) -> Option<Self> {
        let all = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];
        all.into_iter().find(|direction| direction.as_str().as_bytes() == name)
    }
}

/// What an `a=rtpmap` says about a payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// The payload type.
    pub payload_type: u8,
    /// The encoding's name.
    pub name: &'a [u8],
    /// The clock rate.
    pub clock: u32,
    /// Channels; 1 if not given.
    pub channels: u8,
}

impl<'a> Media<'a> {
    /// The medium whose `m=` line `section` begins with.
    pub(crate) fn parse(session: &'a [u8], section: &'a [u8]) -> Option<Self> {
        let (_, value) = lines(section).next()?;
        let (kind, rest) = first_word(value);
        let (port, rest) = first_word(rest);
        let (proto, formats) = first_word(rest);
        let formats = formats.trim_ascii();
        if proto.is_empty() || formats.is_empty() {
            return None;
        }
        let mut port = port.split(|c| *c == b'/');
        let number = small(port.next()?)?;
        if let Some(count) = port.next() {
            small(count)?;
        }
        port.next().is_none().then_some(Self { kind, port: number, proto, formats, section, session })
    }

    /// All lines of this medium.
    pub(crate) const fn section(&self) -> &'a [u8] {
        self.section
    }

    /// The formats one by one.
    pub fn format_list(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.formats)
    }

    /// The payload types among the formats.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.format_list().filter_map(lines::payload_type)
    }

    /// The encoding's name of a payload type; see [`Self::encoding_and_clock`].
    pub fn encoding(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.encoding_and_clock(payload_type).map(|(name, _)| name)
    }

    /// Name and clock of a payload type: what `a=rtpmap` says, else what the number stands for (RFC 3551 §6).
    pub fn encoding_and_clock(&self, payload_type: u8) -> Option<(&'a [u8], u32)> {
        let named = self.rtpmaps().find(|map| map.payload_type == payload_type);
        named.map(|map| (map.name, map.clock)).or_else(|| {
            let name: &[u8] = match payload_type {
                0 => b"PCMU",
                3 => b"GSM",
                4 => b"G723",
                8 => b"PCMA",
                9 => b"G722",
                13 => b"CN",
                15 => b"G728",
                18 => b"G729",
                _ => return None,
            };
            Some((name, 8000))
        })
    }

    /// Whether it is RTP, however protected.
    pub fn is_rtp(&self) -> bool {
        self.proto.windows(4).any(|part| part == b"RTP/")
    }

    /// Where to send to: address or name.
    pub fn connection_host(&self) -> Option<&'a [u8]> {
        let own = |section: &'a [u8]| lines(section).find(|(kind, _)| *kind == b'c');
        let (_, value) = own(self.section).or_else(|| own(self.session))?;
        lines::connection_host(value)
    }

    /// Where to send to, if it is an address and not a name.
    pub fn connection(&self) -> Option<IpAddr> {
        lines::ip(self.connection_host()?)
    }

    /// Which way it flows.
    pub fn direction(&self) -> Direction {
        let own = |section| {
            lines(section)
                .filter(|(kind, _)| *kind == b'a')
                .find_map(|(_, value)| Direction::from_bytes(lines::attribute(value).0))
        };
        own(self.section).or_else(|| own(self.session)).unwrap_or_default()
    }

    /// Whether the describer wants to hear nothing: it only sends or is inactive, or gives no address to send to.
    pub fn is_held(&self) -> bool {
        self.is_nowhere() || matches!(self.direction(), Direction::SendOnly | Direction::Inactive)
    }

    /// Whether the connection is 0.0.0.0 or ::, the hold of old (RFC 2543 §B.5). With the discard port 9 it is none:
    /// that is how a browser says it has yet to find its addresses (RFC 8829 §5.2.1).
    pub(crate) fn is_nowhere(&self) -> bool {
        self.port != 9 && self.connection().is_some_and(|ip| ip.is_unspecified())
    }

    /// Where RTCP goes, if `a=rtcp` says so.
    pub fn rtcp(&self) -> Option<(Option<IpAddr>, u16)> {
        let value = self.attribute(b"rtcp")?;
        let (port, address) = first_word(value);
        let port = small(port)?;
        Some((lines::connection_host(address).and_then(lines::ip), port))
    }

    /// Whether RTCP shares the port of RTP.
    pub fn rtcp_mux(&self) -> bool {
        self.attribute(b"rtcp-mux").is_some()
    }

    /// The value of this medium's first attribute called `name`; empty for a flag.
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes(name).next()
    }

    /// The values of all this medium's attributes called `name`.
    pub fn attributes(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        attributes(self.section, name)
    }

    /// The same, taken from the session level if this medium has none.
    pub fn inherited_attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attribute(name).or_else(|| attributes(self.session, name).next())
    }

    /// What the `a=rtpmap` lines say, in order; lines that make no sense are skipped.
    pub fn rtpmaps(&self) -> impl Iterator<Item = RtpMap<'a>> + use<'a> {
        attributes(self.section, b"rtpmap").filter_map(RtpMap::parse)
    }

    /// The format parameters of a payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a [u8]> {
        self.attributes(b"fmtp").find_map(|value| {
            let (number, parameters) = first_word(value);
            (small(number) == Some(payload_type.into())).then(|| parameters.trim_ascii())
        })
    }

    /// Milliseconds of sound in a packet, as the describer would like it.
    pub fn ptime(&self) -> Option<u16> {
        small(self.attribute(b"ptime")?.trim_ascii())
    }
}

impl<'a> RtpMap<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = words(value);
        let payload_type = u8::try_from(lines::decimal(parts.next()?)?).ok()?;
        let mut encoding = parts.next()?.split(|c| *c == b'/');
        let (name, clock) = (encoding.next()?, encoding.next()?);
        let channels = encoding.next().map_or(Some(1), lines::decimal)?;
        Some(Self {
            payload_type,
            name,
            clock: u32::try_from(lines::decimal(clock)?).ok()?,
            channels: u8::try_from(channels).ok()?,
        })
    }
}

/// Whether an encoding of this name is no voice but goes with one: events, comfort noise, redundancy.
pub fn is_companion(encoding: &[u8]) -> bool {
    [&b"telephone-event"[..], b"CN", b"red"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}
