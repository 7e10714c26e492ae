//! When two URIs are the same (RFC 3261 §19.1.4, RFC 3966 §4).
//!
//! Names are not resolved: a host name never equals an address.

use super::{Scheme, Uri, parse_ip};
use crate::header::Params;
use crate::lex;

pub(super) fn same(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    if a.scheme != b.scheme {
        return false;
    }
    let too_long = |uri: &Uri<'_>| uri.params.0.len() + uri.headers.len() > LONGEST;
    if too_long(a) || too_long(b) {
        return a == b;
    }
    match a.scheme {
        Scheme::Sip | Scheme::Sips => {
            same_part(a.user, b.user)
                && same_part(a.password, b.password)
                && same_host(a.host, b.host)
                && a.port == b.port
                && same_params(a.params, b.params)
                && same_headers(a.headers, b.headers)
        }
        Scheme::Tel => same_number(a, b),
        Scheme::Other => false,
    }
}

/// Parameters are compared each with each: beyond this many octets URIs have to be equal as written.
const LONGEST: usize = 1024;

/// Octets of a URI part with `%HH` resolved, and whether each was escaped and had to be.
pub(super) struct Unescaped<'a> {
    rest: &'a [u8],
}

impl<'a> Unescaped<'a> {
    pub(super) const fn new(part: &'a [u8]) -> Self {
        Self { rest: part }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = (u8, bool);

    fn next(&mut self) -> Option<(u8, bool)> {
        match self.rest {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                self.rest = rest;
                let octet = hex(*high) << 4 | hex(*low);
                Some((octet, is_reserved(octet)))
            }
            [octet, rest @ ..] => {
                self.rest = rest;
                Some((*octet, false))
            }
            [] => None,
        }
    }
}

/// RFC 3261 §19.1.4: escaped and plain forms are equal except for the reserved octets.
const fn is_reserved(c: u8) -> bool {
    matches!(c, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'%')
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn same_part(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || Unescaped::new(a).eq(Unescaped::new(b)),
        (None, None) => true,
        _ => false,
    }
}

fn same_text(a: &[u8], b: &[u8]) -> bool {
    let lower = |(c, escaped): (u8, bool)| (c.to_ascii_lowercase(), escaped);
    Unescaped::new(a).map(lower).eq(Unescaped::new(b).map(lower))
}

fn same_host(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b) || parse_ip(a).is_some_and(|ip| Some(ip) == parse_ip(b))
}

fn same_params(a: Params<'_>, b: Params<'_>) -> bool {
    one_sided(a, b) && one_sided(b, a)
}

/// Every parameter of `a` agrees with `b`; these five may not be missing there.
fn one_sided(a: Params<'_>, b: Params<'_>) -> bool {
    let significant = [&b"user"[..], b"ttl", b"method", b"maddr", b"transport"];
    a.iter().all(|(name, value)| match b.get(name) {
        Some(other) => same_text(value.unwrap_or_default(), other.unwrap_or_default()),
        None => !significant.iter().any(|s| name.eq_ignore_ascii_case(s)),
    })
}

fn same_headers(a: &[u8], b: &[u8]) -> bool {
    let held_by = |all: &[u8], wanted: &[u8]| {
        let (name, value) = lex::split_once(wanted, b'=');
        all.split(|c| *c == b'&').any(|header| {
            let (n, v) = lex::split_once(header, b'=');
            same_text(name, n) && same_part(value, v)
        })
    };
    a == b
        || (a.split(|c| *c == b'&').all(|h| held_by(b, h)) && b.split(|c| *c == b'&').all(|h| held_by(a, h)))
}

fn same_number(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    fn digits<'a>(uri: &Uri<'a>) -> impl Iterator<Item = u8> + use<'a> {
        let number = uri.user.unwrap_or_default();
        let separator = |c: &u8| matches!(c, b'-' | b'.' | b'(' | b')');
        number.iter().filter(move |c| !separator(c)).map(u8::to_ascii_lowercase)
    }
    let agrees = |a: Params<'_>, b: Params<'_>| {
        a.iter().all(|(name, value)| {
            b.get(name).is_some_and(|v| same_text(value.unwrap_or_default(), v.unwrap_or_default()))
        })
    };
    digits(a).eq(digits(b)) && agrees(a.params, b.params) && agrees(b.params, a.params)
}
