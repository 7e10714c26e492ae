//! Writing messages (RFC 3261 §7, §8.2.6, §18.2.1; RFC 3581 §4).
//!
//! A [`Writer`] appends to the caller's buffer and allocates nothing of its own. Line ends inside a value become
//! blanks, so no value can add a header field. It does not check that a message has all the fields it needs.

use std::io::Write as _;
use std::net::IpAddr;

use crate::{Message, Name, lex};

mod answer;
mod phrase;

pub use answer::{ViaStamp, answer};
pub use phrase::reason_phrase;

/// A message being written; finish it with [`Writer::body`] or [`Writer::end`].
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// Starts a request.
    pub fn request(out: &'o mut Vec<u8>, method: &[u8], uri: &[u8]) -> Self {
        guarded(out, method);
        out.push(b' ');
        guarded(out, uri);
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// Starts a response; an empty `reason` stands for the usual phrase.
    pub fn response(out: &'o mut Vec<u8>, code: u16, reason: &[u8]) -> Self {
        out.extend_from_slice(b"SIP/2.0 ");
        decimal(out, u64::from(code));
        out.push(b' ');
        guarded(out, if reason.is_empty() { reason_phrase(code).as_bytes() } else { reason });
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    /// Adds a header field.
    pub fn field(&mut self, name: Name, value: &[u8]) -> &mut Self {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        guarded(self.out, value);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header field under any name.
    pub fn named(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        guarded(self.out, name);
        self.out.extend_from_slice(b": ");
        guarded(self.out, value);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header field whose value is the concatenation of `parts`.
    pub fn parts(&mut self, name: Name, parts: &[&[u8]]) -> &mut Self {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        let start = self.out.len();
        for part in parts {
            self.out.extend_from_slice(part);
        }
        if has_line_end(self.out.get(start..).unwrap_or_default()) {
            self.out.truncate(start);
            for part in parts {
                flattened(self.out, part);
            }
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header field whose value is a number.
    pub fn number(&mut self, name: Name, value: u64) -> &mut Self {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        decimal(self.out, value);
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds all lines `message` has under `name`, in order.
    pub fn copy(&mut self, message: &Message<'_>, name: Name) -> &mut Self {
        if name == Name::Other {
            for (_, written, value) in message.all().filter(|(n, ..)| *n == name) {
                self.named(written, value);
            }
            return self;
        }
        for value in message.fields(name) {
            if message.has_lone_cr() {
                self.field(name, value);
            } else {
                self.line(name, value);
            }
        }
        self
    }

    /// Adds a header field whose value is known to have no line ends.
    fn line(&mut self, name: Name, value: &[u8]) {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Ends the message with a body.
    pub fn body(mut self, content_type: &[u8], body: &[u8]) {
        self.field(Name::ContentType, content_type).number(Name::ContentLength, body.len() as u64);
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
    }

    /// Ends the message without a body.
    pub fn end(self) {
        self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }
}

/// Appends `value` without line ends.
fn guarded(out: &mut Vec<u8>, value: &[u8]) {
    if has_line_end(value) {
        flattened(out, value);
    } else {
        out.extend_from_slice(value);
    }
}

fn has_line_end(s: &[u8]) -> bool {
    match s.len() {
        0..=32 => lex::find_any([b'\r', b'\n'], s).is_some(),
        _ => memchr::memchr2(b'\r', b'\n', s).is_some(),
    }
}

/// Appends `value`; a run of line ends and the blanks of folding around it become one blank.
#[cold]
fn flattened(out: &mut Vec<u8>, mut value: &[u8]) {
    while let Some(at) = memchr::memchr2(b'\r', b'\n', value) {
        let (line, rest) = lex::cut(value, at);
        out.extend_from_slice(lex::trim_end(line));
        out.push(b' ');
        value = lex::trim_start(rest);
    }
    out.extend_from_slice(value);
}

/// Appends `n` in decimal digits.
fn decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends an address as it stands in a parameter: IPv6 without brackets.
fn address(out: &mut Vec<u8>, ip: IpAddr) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{ip}");
}

#[cfg(test)]
mod tests;
