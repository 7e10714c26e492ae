//! The Via header field (RFC 3261 §20.42, RFC 3581 for `rport`).
//!
//! Protocol name and version are read over: a request in another version still needs its answer routed.

use crate::header::Params;
use crate::header::params::Survey;
use crate::lex;

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written, such as `UDP`.
    pub transport: &'a [u8],
    /// Host of the sent-by; an IPv6 reference keeps its brackets.
    pub host: &'a [u8],
    /// Port of the sent-by.
    pub port: Option<u16>,
    /// Everything from the first `;` on.
    pub params: Params<'a>,
    branch: Option<&'a [u8]>,
    rport: Option<&'a [u8]>,
    sound: bool,
}

impl<'a> Via<'a> {
    /// One Via value; of a comma-separated list, the first.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = crate::header::list(value).next()?;
        let rest = lex::trim_start(after_protocol(value)?);
        let (transport, rest) = lex::cut(rest, rest.iter().position(|c| lex::is_blank(*c))?);
        if !lex::is_token(transport) {
            return None;
        }
        let rest = lex::trim_start(rest);
        let (sent_by, params) = lex::cut(rest, lex::find(b';', rest).unwrap_or(rest.len()));
        let (host, port) = crate::uri::host_port(lex::trim(sent_by))?;
        let params = Params(params);
        let Survey { found: [branch, rport], sound } = params.survey([b"branch", b"rport"]);
        Some(Self { transport, host, port, params, branch, rport, sound })
    }

    /// The branch; `None` before RFC 3261.
    pub const fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// Whether the parameters are parameters.
    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// The address the request came from, as some server noted it.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.value(b"received")
    }

    /// Whether the sender can be reached at its sent-by over the stream that this came over (RFC 5923 §5).
    pub fn alias(&self) -> bool {
        self.params.get(b"alias").is_some()
    }

    /// `Some(None)`: the sender asks for its port; `Some(Some(_))`: some server noted it.
    pub fn rport(&self) -> Option<Option<u16>> {
        Some(lex::decimal(self.rport?).and_then(|port| u16::try_from(port).ok()))
    }
}

/// What follows the name and the version of the protocol, whichever they are.
fn after_protocol(value: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = value.strip_prefix(b"SIP/2.0/") {
        return Some(rest);
    }
    let (name, rest) = lex::split_once(value, b'/');
    let (version, rest) = lex::split_once(rest?, b'/');
    if !lex::is_token(lex::trim(name)) || !lex::is_token(lex::trim(version)) {
        return None;
    }
    rest
}
