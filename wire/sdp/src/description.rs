//! A session description as a view over the body it came in (RFC 8866 §5).
//!
//! Checks the lines negotiation rests on: version, origin, connections, times and media. `s=` and `t=` may be
//! missing, unknown lines are ignored, attributes are read only when asked for.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::lines::{self, lines, words};
use crate::media::Media;

/// A parsed description.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    session: &'a [u8],
    origin: Origin<'a>,
    media: SmallVec<[Media<'a>; 4]>,
}

/// Who made a description, and which version of it this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user; `-` if the maker has no users.
    pub user: &'a [u8],
    /// The session's number, decimal, within 64 bits.
    pub id: &'a [u8],
    /// The version of this description, decimal, within 64 bits.
    pub version: &'a [u8],
    /// Address or name of the maker.
    pub addr: &'a [u8],
}

/// Why a body is no usable description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It does not begin with `v=0`.
    Version,
    /// No `o=`, or not six words with two numbers of 64 bits at most.
    Origin,
    /// A `c=` that names no address.
    Connection,
    /// A `t=` that is not two numbers of 64 bits at most.
    Time,
    /// An `m=` without port, protocol or formats, or more media than anybody uses.
    Media,
    /// A medium in use whose connection is given nowhere.
    NoConnection,
}

impl Flaw {
    /// The flaw in words, fit for a Warning header field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "Session description does not begin with v=0",
            Self::Origin => "Session description has a bad o= line",
            Self::Connection => "Session description has a bad c= line",
            Self::Time => "Session description has a bad t= line",
            Self::Media => "Session description has a bad m= line",
            Self::NoConnection => "Session description lacks a c= line",
        }
    }
}

impl<'a> Description<'a> {
    /// The description in `body`.
    pub fn parse(body: &'a [u8]) -> Result<Self, Flaw> {
        let mut rest = lines(body);
        match rest.next() {
            Some((b'v', version)) if version.trim_ascii() == b"0" => {}
            _ => return Err(Flaw::Version),
        }
        let session = body.get(..section_end(body, 0)).unwrap_or_default();
        let mut origin = None;
        for (kind, value) in lines(session) {
            match kind {
                b'o' if origin.is_none() => origin = Some(Origin::parse(value).ok_or(Flaw::Origin)?),
                b'o' => return Err(Flaw::Origin),
                b'c' => check_connection(value)?,
                b't' => check_time(value).ok_or(Flaw::Time)?,
                _ => {}
            }
        }
        let mut media: SmallVec<[Media<'a>; 4]> = SmallVec::new();
        let mut at = session.len();
        while at < body.len() {
            let end = section_end(body, at + 1);
            let section = body.get(at..end).unwrap_or_default();
            media.push(
                Media::parse(session, section).filter(|_| media.len() < MOST_MEDIA).ok_or(Flaw::Media)?,
            );
            at = end;
        }
        for medium in &media {
            lines(medium.section())
                .filter(|(kind, _)| *kind == b'c')
                .try_for_each(|(_, c)| check_connection(c))?;
            if medium.port != 0 && medium.connection_host().is_none() {
                return Err(Flaw::NoConnection);
            }
        }
        Ok(Self { session, origin: origin.ok_or(Flaw::Origin)?, media })
    }

    /// The `o=` line.
    pub const fn origin(&self) -> Origin<'a> {
        self.origin
    }

    /// The lines before the first medium.
    pub(crate) const fn session(&self) -> &'a [u8] {
        self.session
    }

    /// The media in order.
    pub fn media(&self) -> &[Media<'a>] {
        &self.media
    }

    /// The connection address of the session level, if it is an address and not a name.
    pub fn connection(&self) -> Option<IpAddr> {
        lines::ip(
            lines(self.session)
                .find(|(kind, _)| *kind == b'c')
                .and_then(|(_, c)| lines::connection_host(c))?,
        )
    }

    /// The value of the first session-level attribute called `name`; empty for a flag.
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes(name).next()
    }

    /// The values of all session-level attributes called `name`.
    pub fn attributes(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        attributes(self.session, name)
    }
}

impl<'a> Origin<'a> {
    /// Read from the end: some devices put blanks into the user.
    fn parse(value: &'a [u8]) -> Option<Self> {
        let mut words = words(value).rev();
        let (addr, kind, net) = (words.next()?, words.next()?, words.next()?);
        let (version, id, user) = (words.next()?, words.next()?, words.next_back()?);
        lines::decimal(version)?;
        lines::decimal(id)?;
        (net == b"IN" && matches!(kind, b"IP4" | b"IP6")).then_some(Self { user, id, version, addr })
    }

    /// The version as a number.
    pub fn version_number(&self) -> u64 {
        lines::decimal(self.version).unwrap_or_default()
    }

    /// The session's number as a number.
    pub fn id_number(&self) -> u64 {
        lines::decimal(self.id).unwrap_or_default()
    }
}

/// Each medium looks things up at the session level; this bounds the work a body can ask for.
const MOST_MEDIA: usize = 64;

/// The values of the attributes called `name` among the lines of `section`.
pub(crate) fn attributes<'a>(section: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    lines(section)
        .filter(|(kind, _)| *kind == b'a')
        .map(|(_, value)| lines::attribute(value))
        .filter_map(move |(n, value)| (n == name).then_some(value))
}

/// Where the section that reaches past `from` ends: at the next `m=` line or with the body.
fn section_end(body: &[u8], from: usize) -> usize {
    memchr::memmem::find(body.get(from..).unwrap_or_default(), b"\nm=").map_or(body.len(), |at| from + at + 1)
}

fn check_connection(value: &[u8]) -> Result<(), Flaw> {
    lines::connection_host(value).map(|_| ()).ok_or(Flaw::Connection)
}

fn check_time(value: &[u8]) -> Option<()> {
    let mut words = words(value);
    lines::decimal(words.next()?)?;
    lines::decimal(words.next()?)?;
    words.next().is_none().then_some(())
}
