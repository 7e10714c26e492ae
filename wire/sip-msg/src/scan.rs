//! Just enough of a message to route it to its owner, without indexing it (RFC 3261 §17.1.3, §17.2.3, §12.2.2).
//!
//! Judges nothing: what it returns for a broken message is whatever stood there. A full parse decides.

use crate::parse::{fold, next_line, skip_line_ends};
use crate::{Method, Name, NameAddr, Replaces, Via, lex};

/// What routing needs; empty where the message has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan<'a> {
    /// The method, for a request.
    pub request: Option<Method>,
    /// The branch of the topmost Via.
    pub branch: &'a [u8],
    /// The tag of From.
    pub from_tag: &'a [u8],
    /// The tag of To.
    pub to_tag: &'a [u8],
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The URI of To.
    pub to_uri: &'a [u8],
    /// The tag of ours that Replaces names, for an INVITE that begins a dialog (RFC 3891).
    pub replaced_tag: &'a [u8],
}

/// Reads a datagram or framed message; `None` if its first line is that of no SIP message.
pub fn scan(bytes: &[u8]) -> Option<Scan<'_>> {
    let bytes = skip_line_ends(bytes);
    let (line, mut at) = next_line(bytes, 0)?;
    let response = line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    let request =
        if response { None } else { Some(Method::from_bytes(line.get(..memchr::memchr(b' ', line)?)?)) };
    let mut scan = Scan {
        request,
        branch: &[],
        from_tag: &[],
        to_tag: &[],
        call_id: &[],
        to_uri: &[],
        replaced_tag: &[],
    };
    let mut found = 0;
    while !scan.is_done(found)
        && let Some((line, next)) = next_line(bytes, at)
        && !line.is_empty()
    {
        let folded = fold(bytes, next);
        if let Some((name, bit)) = wanted(line)
            && found & bit == 0
        {
            found |= bit;
            let line = if folded == next { line } else { bytes.get(at..folded)? };
            scan.take(name, lex::trim(lex::split_once(line, b':').1?));
        }
        at = folded;
    }
    Some(scan)
}

impl<'a> Scan<'a> {
    /// Only an INVITE that begins a dialog is read to its end.
    fn is_done(&self, found: u8) -> bool {
        found & ALL == ALL && (self.request != Some(Method::Invite) || !self.to_tag.is_empty())
    }

    fn take(&mut self, name: Name, value: &'a [u8]) {
        match name {
            Name::Via => self.branch = Via::parse(value).and_then(|via| via.branch()).unwrap_or_default(),
            Name::CallId => self.call_id = value,
            Name::From => {
                self.from_tag = NameAddr::parse(value).and_then(|from| from.tag()).unwrap_or_default();
            }
            Name::Replaces => {
                self.replaced_tag = Replaces::parse(value).map(|r| r.to_tag).unwrap_or_default();
            }
            _ => {
                if let Some(to) = NameAddr::parse(value) {
                    self.to_uri = to.uri;
                    self.to_tag = to.tag().unwrap_or_default();
                }
            }
        }
    }
}

/// The bits [`wanted`] gives for what every message has, together.
const ALL: u8 = 0b1111;

/// The name of a header line if it is one of the five of interest, with a bit of its own.
fn wanted(line: &[u8]) -> Option<(Name, u8)> {
    if !matches!(line.first()? | 0x20, b'v' | b'f' | b't' | b'c' | b'i' | b'r') {
        return None;
    }
    let (name, value) = lex::split_once(line, b':');
    value?;
    match Name::from_bytes(lex::trim_end(name)) {
        name @ Name::Via => Some((name, 1)),
        name @ Name::To => Some((name, 2)),
        name @ Name::CallId => Some((name, 4)),
        name @ Name::From => Some((name, 8)),
        name @ Name::Replaces => Some((name, 16)),
        _ => None,
    }
}
