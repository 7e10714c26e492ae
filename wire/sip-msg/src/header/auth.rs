//! Digest challenges and credentials (RFC 3261 §22.4, RFC 7616, RFC 8760).
//!
//! Only the Digest scheme is read; any other yields nothing. Checking a response is in [`crate::digest`].

use crate::header::list;
use crate::lex;

/// An Authorization or Proxy-Authorization value of scheme Digest. Values come without quotes, escapes left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Who.
    pub username: Option<&'a [u8]>,
    /// The protection domain the challenge named.
    pub realm: Option<&'a [u8]>,
    /// The challenge's nonce.
    pub nonce: Option<&'a [u8]>,
    /// The digest URI.
    pub uri: Option<&'a [u8]>,
    /// The digest, in hexadecimal.
    pub response: Option<&'a [u8]>,
    /// The algorithm; MD5 if absent.
    pub algorithm: Option<&'a [u8]>,
    /// The client's nonce.
    pub cnonce: Option<&'a [u8]>,
    /// The nonce count, eight hexadecimal digits.
    pub nc: Option<&'a [u8]>,
    /// The quality of protection chosen.
    pub qop: Option<&'a [u8]>,
    /// The challenge's opaque octets.
    pub opaque: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// The credentials in `value`; `None` if the scheme is not Digest.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut c = Self::default();
        for (name, value) in digest_params(value)? {
            let known: &mut [(&[u8], &mut Option<&[u8]>)] = match name.len() {
                8 => &mut [(b"username", &mut c.username), (b"response", &mut c.response)],
                5 => &mut [(b"realm", &mut c.realm), (b"nonce", &mut c.nonce)],
                3 => &mut [(b"uri", &mut c.uri), (b"qop", &mut c.qop)],
                6 => &mut [(b"cnonce", &mut c.cnonce), (b"opaque", &mut c.opaque)],
                9 => &mut [(b"algorithm", &mut c.algorithm)],
                2 => &mut [(b"nc", &mut c.nc)],
                _ => continue,
            };
            if let Some((_, place)) = known.iter_mut().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
                **place = Some(value);
            }
        }
        Some(c)
    }
}

/// A WWW-Authenticate or Proxy-Authenticate value of scheme Digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The protection domain.
    pub realm: Option<&'a [u8]>,
    /// The server's nonce.
    pub nonce: Option<&'a [u8]>,
    /// To be returned as it is.
    pub opaque: Option<&'a [u8]>,
    /// The algorithm; MD5 if absent.
    pub algorithm: Option<&'a [u8]>,
    /// The qualities of protection offered, comma-separated.
    pub qop: Option<&'a [u8]>,
    /// Whether only the nonce was too old.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// The challenge in `value`; `None` if the scheme is not Digest.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut c = Self::default();
        for (name, value) in digest_params(value)? {
            match name {
                n if n.eq_ignore_ascii_case(b"realm") => c.realm = Some(value),
                n if n.eq_ignore_ascii_case(b"nonce") => c.nonce = Some(value),
                n if n.eq_ignore_ascii_case(b"opaque") => c.opaque = Some(value),
                n if n.eq_ignore_ascii_case(b"algorithm") => c.algorithm = Some(value),
                n if n.eq_ignore_ascii_case(b"qop") => c.qop = Some(value),
                n if n.eq_ignore_ascii_case(b"stale") => c.stale = value.eq_ignore_ascii_case(b"true"),
                _ => {}
            }
        }
        Some(c)
    }

    /// Whether the quality of protection `auth` is offered.
    pub fn offers_auth(&self) -> bool {
        self.qop.is_some_and(|qop| list(qop).any(|q| q.eq_ignore_ascii_case(b"auth")))
    }
}

/// `value` without the backslashes of quoted pairs, appended to `out`.
pub fn unescape(value: &[u8], out: &mut Vec<u8>) {
    let mut octets = value.iter();
    while let Some(c) = octets.next() {
        match c {
            b'\\' => out.extend(octets.next()),
            c => out.push(*c),
        }
    }
}

/// Names and values after the scheme; `None` if that is not Digest.
fn digest_params(value: &[u8]) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
    let value = lex::trim(value);
    let (scheme, rest) = lex::cut(value, value.iter().position(|c| lex::is_blank(*c))?);
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    let mut rest = Some(rest);
    Some(core::iter::from_fn(move || {
        loop {
            let (param, behind) = next_param(rest?);
            rest = behind;
            if param.is_some() {
                return param;
            }
        }
    }))
}

type Param<'a> = (&'a [u8], &'a [u8]);

/// The parameter that `s` begins with, unless it is none, and what stands behind the comma after it.
fn next_param(s: &[u8]) -> (Option<Param<'_>>, Option<&[u8]>) {
    let s = lex::trim_start(s);
    // Quotes are looked for where they may stand, so that nothing is searched twice.
    let quoted = lex::find(b'=', s).and_then(|at| {
        let (name, value) = (s.get(..at)?, lex::trim_start(s.get(at + 1..)?));
        let len = value.first().filter(|c| **c == b'"').and_then(|_| lex::quoted_len(value))?;
        let (value, rest) = lex::cut(value, len);
        let rest = lex::trim_start(rest);
        let whole = lex::is_token(lex::trim_end(name)) && matches!(rest, [] | [b',', ..]);
        whole.then(|| ((lex::trim_end(name), lex::unquote(value)), rest.get(1..)))
    });
    if let Some((param, behind)) = quoted {
        return (Some(param), behind);
    }
    let (param, behind) = match lex::find_comma(s) {
        Some(at) => (lex::cut(s, at).0, s.get(at + 1..)),
        None => (s, None),
    };
    let (name, value) = lex::split_once(lex::trim(param), b'=');
    (value.map(|value| (lex::trim_end(name), lex::unquote(lex::trim_start(value)))), behind)
}
