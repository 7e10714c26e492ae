//! The lines of a body and the words of a line (RFC 8866 §5).
//!
//! Lines may end in LF alone, the last one in nothing. Lines that are no `type=value` are skipped.

use std::net::IpAddr;

/// Iterator over `(type, value)`.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
}

/// The lines of `body`.
pub(crate) const fn lines(body: &[u8]) -> Lines<'_> {
    Lines { rest: body }
}

impl<'a> Lines<'a> {
    /// The next line without its end, whatever it holds; `None` behind the last.
    pub(crate) fn next_raw(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(match line {
            [line @ .., b'\r'] => line,
            line => line,
        })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = split(self.next_raw()?) {
                return Some(line);
            }
        }
    }
}

/// A line as type and value.
pub(crate) const fn split(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [kind, b'=', value @ ..] => Some((*kind, value)),
        _ => None,
    }
}

/// The words of a value, however many blanks stand between them.
pub(crate) fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|c| matches!(c, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// The first word of a value, and what follows it.
pub(crate) fn first_word(value: &[u8]) -> (&[u8], &[u8]) {
    let value = value.trim_ascii_start();
    let end = value.iter().position(|c| matches!(c, b' ' | b'\t')).unwrap_or(value.len());
    value.split_at_checked(end).unwrap_or((value, &[]))
}

/// An attribute as name and value; the value of a flag is empty.
pub(crate) fn attribute(value: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', value) {
        Some(at) => (value.get(..at).unwrap_or_default(), value.get(at + 1..).unwrap_or_default()),
        None => (value.trim_ascii_end(), &[]),
    }
}

/// A decimal number; `None` on anything but digits, or beyond 64 bits.
pub(crate) fn decimal(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0u64, |n, c| match c {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(u64::from(c - b'0')),
        _ => None,
    })
}

/// A decimal number up to 65535.
pub(crate) fn small(word: &[u8]) -> Option<u16> {
    u16::try_from(decimal(word)?).ok()
}

/// An RTP payload type.
pub(crate) fn payload_type(word: &[u8]) -> Option<u8> {
    u8::try_from(small(word)?).ok().filter(|number| *number < 128)
}

/// The address part of `IN IP4 host/ttl`; `None` if it is no such value.
pub(crate) fn connection_host(value: &[u8]) -> Option<&[u8]> {
    let mut words = words(value);
    let (Some(b"IN"), Some(b"IP4" | b"IP6"), Some(address), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    address.split(|c| *c == b'/').next().filter(|host| !host.is_empty())
}

/// A host as an address, if it is one.
pub(crate) fn ip(host: &[u8]) -> Option<IpAddr> {
    str::from_utf8(host).ok()?.parse().ok()
}
