//! Where one message of a stream ends (RFC 3261 §18.3, §7.5; RFC 5626 §3.5.1 for keep-alives).
//!
//! Stateless: ask again with more octets after [`Framed::Incomplete`]. The cost is one pass over the header, never
//! over the body. A lone CRLF is taken for a pong at once, even where it may be the first half of a ping.

use crate::parse::next_line;
use crate::{Name, lex};

/// What stands at the start of a stream's unread octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// A message of `len` octets.
    Message {
        /// Its octets.
        len: usize,
    },
    /// CRLFCRLF, to be answered by CRLF.
    KeepAlivePing {
        /// Its octets.
        len: usize,
    },
    /// CRLF.
    KeepAlivePong {
        /// Its octets.
        len: usize,
    },
    /// The beginning of something.
    Incomplete,
    /// A message larger than allowed.
    TooLarge,
    /// No Content-Length, or one that is no length: nobody can tell where the next message starts.
    Broken,
}

/// The frame at the start of `buf`; messages longer than `limit` are too large.
pub fn next(buf: &[u8], limit: usize) -> Framed {
    match buf {
        [] | [b'\r'] | [b'\r', b'\n', b'\r'] => return Framed::Incomplete,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Framed::KeepAlivePing { len: 4 },
        [b'\r', b'\n', ..] => return Framed::KeepAlivePong { len: 2 },
        _ => {}
    }
    let mut at = 0;
    let mut length = None;
    loop {
        match next_line(buf, at) {
            Some(([], next)) => {
                at = next;
                break;
            }
            Some((line, next)) => {
                if at > 0
                    && let Some(value) = content_length(line)
                {
                    let Some(value) = lex::decimal(value).and_then(|n| usize::try_from(n).ok()) else {
                        return Framed::Broken;
                    };
                    if length.replace(value).is_some_and(|earlier| earlier != value) {
                        return Framed::Broken;
                    }
                }
                at = next;
            }
            None if buf.len() > limit => return Framed::TooLarge,
            None => return Framed::Incomplete,
        }
    }
    match length.map(|length| at.checked_add(length)) {
        None => Framed::Broken,
        Some(Some(len)) if len <= limit => {
            if len <= buf.len() {
                Framed::Message { len }
            } else {
                Framed::Incomplete
            }
        }
        Some(_) => Framed::TooLarge,
    }
}

/// The value, if this is a Content-Length line.
fn content_length(line: &[u8]) -> Option<&[u8]> {
    if !matches!(line.first()?, b'c' | b'C' | b'l' | b'L') {
        return None;
    }
    let (name, value) = lex::split_once(line, b':');
    let value = value?;
    (Name::from_bytes(lex::trim_end(name)) == Name::ContentLength).then(|| lex::trim(value))
}

#[cfg(test)]
mod tests;
