//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).
//!
//! Parsing is strict about structure (scheme, host, port) and lenient about the octets in user parts. Other schemes
//! are recognised, not taken apart. Nothing is unescaped unless asked for.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use crate::header::Params;
use crate::lex::{self, Class};

mod equality;

/// The scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`.
    Sip,
    /// `sips:`.
    Sips,
    /// `tel:`.
    Tel,
    /// Any other.
    Other,
}

/// A URI in parts; all parts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user, escapes left alone; of a tel URI, the number.
    pub user: Option<&'a [u8]>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// The host, an IPv6 reference with its brackets; empty for tel and other schemes.
    pub host: &'a [u8],
    /// The port, if written.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'a>,
    /// What follows the `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// The URI in `bytes`, which must hold nothing else.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !Class::URI.holds(bytes) {
            return None;
        }
        if let [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] = bytes {
            return Self::parse_sip(Scheme::Sip, rest);
        }
        let (scheme, rest) = lex::split_once(bytes, b':');
        let rest = rest?;
        let scheme = match scheme {
            s if s.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            s if s.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            [first, others @ ..] if first.is_ascii_alphabetic() => {
                let known = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
                others.iter().all(known).then_some(Scheme::Other)?
            }
            _ => return None,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(scheme, rest),
            Scheme::Tel => {
                let (number, params) = lex::cut(rest, lex::find(b';', rest).unwrap_or(rest.len()));
                (!number.is_empty()).then_some(Self {
                    user: Some(number),
                    params: Params(params),
                    ..Self::empty(scheme)
                })
            }
            Scheme::Other => Some(Self::empty(scheme)),
        }
    }

    const fn empty(scheme: Scheme) -> Self {
        Self { scheme, user: None, password: None, host: &[], port: None, params: Params(&[]), headers: &[] }
    }

    fn parse_sip(scheme: Scheme, rest: &'a [u8]) -> Option<Self> {
        // An `@` ends the user part wherever it stands: no later part may hold one unescaped.
        let (userinfo, rest) = match lex::find(b'@', rest) {
            Some(at) => (rest.get(..at), rest.get(at + 1..)?),
            None => (None, rest),
        };
        let (user, password) = match userinfo.map(|info| lex::split_once(info, b':')) {
            Some(([], _)) => return None,
            Some((user, password)) => (Some(user), password),
            None => (None, None),
        };
        let (host_port_part, rest) = lex::cut(rest, lex::find_any([b';', b'?'], rest).unwrap_or(rest.len()));
        let (host, port) = host_port(host_port_part)?;
        let (params, headers) = lex::split_once(rest, b'?');
        Some(Self {
            scheme,
            user,
            password,
            host,
            port,
            params: Params(params),
            headers: headers.unwrap_or_default(),
        })
    }

    /// The host as an address, if it is one; a mapped IPv4 address stays mapped.
    pub fn host_ip(&self) -> Option<IpAddr> {
        parse_ip(self.host)
    }

    /// The user, escapes resolved.
    pub fn plain_user(&self) -> Cow<'a, [u8]> {
        let user = self.user.unwrap_or_default();
        if lex::find(b'%', user).is_none() {
            return Cow::Borrowed(user);
        }
        Cow::Owned(unescaped(user).collect())
    }

    /// Appends the user to `out`, escapes resolved.
    pub fn unescape_user(&self, out: &mut Vec<u8>) {
        out.extend(unescaped(self.user.unwrap_or_default()));
    }

    /// The header fields that a request to this URI is to have (RFC 3261 §19.1.5), name and value, escapes resolved.
    /// Those that would break a header line are left out.
    pub fn header_fields(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + use<'a> {
        let plain = |part: &[u8]| unescaped(part).collect::<Vec<u8>>();
        let pairs = self.headers.split(|&b| b == b'&').filter(|pair| !pair.is_empty());
        pairs
            .map(move |pair| {
                let (name, value) = lex::split_once(pair, b'=');
                (plain(name), plain(value.unwrap_or_default()))
            })
            .filter(|(name, value)| {
                lex::is_token(name) && !value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
            })
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4; tel: RFC 3966 §4).
    pub fn same_as(&self, other: &Uri<'_>) -> bool {
        equality::same(self, other)
    }
}

/// The octets of a part of a URI, escapes resolved; a `%` that begins none stands for itself.
pub fn unescaped(part: &[u8]) -> impl Iterator<Item = u8> {
    equality::Unescaped::new(part).map(|(octet, _)| octet)
}

/// `host` without the brackets of an IPv6 reference.
pub fn strip_brackets(host: &[u8]) -> &[u8] {
    match host {
        [b'[', inner @ .., b']'] => inner,
        _ => host,
    }
}

/// `host`, with or without brackets, as an address. Three colons in a row count as two (RFC 5118 §4.10).
pub fn parse_ip(host: &[u8]) -> Option<IpAddr> {
    let host = strip_brackets(host);
    if host.len() > 46 {
        return None;
    }
    let text = str::from_utf8(host).ok()?;
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let (before, after) = text.split_once(":::")?;
    let mut repaired = [0; 48];
    let mut len = 0;
    for part in [before.as_bytes(), b"::", after.as_bytes()] {
        repaired.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    str::from_utf8(repaired.get(..len)?).ok()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Host and port of a `hostport`; blanks around the colon are allowed, as in Via.
pub(crate) fn host_port(s: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let end = match s {
        [b'[', ..] => lex::find(b']', s)? + 1,
        _ => lex::find(b':', s).unwrap_or(s.len()),
    };
    let (host, rest) = lex::cut(s, end);
    let host = lex::trim_end(host);
    let valid = match host {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty() && inner.iter().all(|c| c.is_ascii_hexdigit() || matches!(c, b':' | b'.'))
        }
        _ => !host.is_empty() && Class::HOST.holds(host),
    };
    if !valid {
        return None;
    }
    match lex::trim_start(rest) {
        [] => Some((host, None)),
        [b':', port @ ..] => {
            let port = u16::try_from(lex::decimal(lex::trim_start(port))?).ok()?;
            Some((host, Some(port)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
