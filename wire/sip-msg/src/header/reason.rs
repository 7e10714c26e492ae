//! The Reason header field (RFC 3326, Q.850 causes through RFC 6432).
//!
//! One value of the list; causes are not interpreted here.

use crate::header::Params;
use crate::lex;

/// One Reason value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850` and so on.
    pub protocol: &'a [u8],
    /// The cause in the protocol's own numbers.
    pub cause: Option<u16>,
    /// A text for people, quotes taken off; empty if absent.
    pub text: &'a [u8],
}

impl<'a> ReasonValue<'a> {
    /// One element of the header field's list.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (protocol, params) = lex::cut(value, memchr::memchr(b';', value).unwrap_or(value.len()));
        let (protocol, params) = (lex::trim(protocol), Params(params));
        lex::is_token(protocol).then(|| Self {
            protocol,
            cause: params.value(b"cause").and_then(lex::decimal).and_then(|n| u16::try_from(n).ok()),
            text: params.value(b"text").unwrap_or_default(),
        })
    }
}
