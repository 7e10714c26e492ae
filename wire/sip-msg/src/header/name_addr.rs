//! Addresses with an optional display name (RFC 3261 §20.10, §20.20, §20.30, §20.34, §20.39).
//!
//! Without angle brackets every parameter belongs to the header field, not to the URI.

use crate::header::Params;
use crate::header::params::Survey;
use crate::{Uri, lex};

/// A `name-addr` or `addr-spec` with the parameters behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name without its quotes, escapes left alone; empty if there is none.
    pub display: &'a [u8],
    /// The URI, unparsed.
    pub uri: &'a [u8],
    /// The header field's parameters, from the first `;` on.
    pub params: Params<'a>,
    tag: Option<&'a [u8]>,
    sound: bool,
}

impl<'a> NameAddr<'a> {
    /// One address; of a comma-separated list pass one element.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = lex::trim(value);
        let (display, rest) = match value {
            [b'"', ..] => {
                let (quoted, rest) = lex::cut(value, lex::quoted_len(value)?);
                let rest = lex::trim_start(rest);
                if rest.first() != Some(&b'<') {
                    return None;
                }
                (lex::unquote(quoted), rest)
            }
            _ => match lex::find_any([b'<', b'"'], value) {
                Some(at) if value.get(at) == Some(&b'<') => {
                    let (display, rest) = lex::cut(value, at);
                    (lex::trim(display), rest)
                }
                _ => return Self::addr_spec(value),
            },
        };
        let (uri, params) = lex::split_once(rest.get(1..)?, b'>');
        let (uri, params) = (lex::trim(uri), lex::trim(params?));
        (!uri.is_empty() && matches!(params, [] | [b';', ..])).then(|| Self::of(display, uri, params))
    }

    fn addr_spec(value: &'a [u8]) -> Option<Self> {
        let (uri, params) = lex::cut(value, lex::find(b';', value).unwrap_or(value.len()));
        let uri = lex::trim(uri);
        (!uri.is_empty()).then(|| Self::of(&[], uri, params))
    }

    fn of(display: &'a [u8], uri: &'a [u8], params: &'a [u8]) -> Self {
        let params = Params(params);
        let Survey { found: [tag], sound } = params.survey([b"tag"]);
        Self { display, uri, params, tag: tag.filter(|tag| !tag.is_empty()), sound }
    }

    /// The URI as parts.
    pub fn parsed_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }

    /// The tag; `None` if absent or empty.
    pub const fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }

    /// Whether the parameters are parameters.
    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// The value of the header field parameter `name`.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params.value(name)
    }

    /// The preference in thousandths, 1000 at most; `None` if absent or not a number.
    pub fn q(&self) -> Option<u16> {
        let (whole, fraction) = lex::split_once(self.param(b"q")?, b'.');
        let whole = if whole.is_empty() { 0 } else { lex::decimal(whole)? };
        let mut thousandths = 0;
        let mut weight = 100;
        for c in fraction.unwrap_or_default() {
            if !c.is_ascii_digit() {
                return None;
            }
            thousandths += u16::from(c - b'0') * weight;
            weight /= 10;
        }
        Some(if whole == 0 { thousandths } else { 1000 })
    }

    /// The contact's lifetime in seconds, as large as 2^32-1; `None` if absent or not a number.
    pub fn expires(&self) -> Option<u32> {
        seconds(self.param(b"expires")?)
    }
}

/// Whether a Contact value is the `*` of "remove all bindings" (RFC 3261 §10.2.2).
pub fn is_star(value: &[u8]) -> bool {
    lex::trim(value) == b"*"
}

/// Delta seconds; a number too large counts as the largest.
pub(crate) fn seconds(value: &[u8]) -> Option<u32> {
    if !lex::is_digits(value) {
        return None;
    }
    Some(lex::decimal(value).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX))
}
