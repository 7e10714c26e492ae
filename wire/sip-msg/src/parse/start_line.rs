//! Request-Line and Status-Line (RFC 3261 §7.1, §7.2).
//!
//! A Request-Line that can be recognised as one is taken apart however odd it is; what is odd becomes a defect.

use super::{Malformed, StartLine};
use crate::defect::Defect;
use crate::{Method, lex};

pub(super) fn parse(line: &[u8]) -> Result<(StartLine<'_>, Option<Defect>), Malformed> {
    if line.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIP/")) {
        return status(line).map(|start| (start, None)).ok_or(Malformed::StatusLine);
    }
    request(line).ok_or(Malformed::StartLine)
}

fn status(line: &[u8]) -> Option<StartLine<'_>> {
    let (version, rest) = lex::split_once(line, b' ');
    let (code, reason) = lex::split_once(rest?, b' ');
    if !version.eq_ignore_ascii_case(b"SIP/2.0") || code.len() != 3 {
        return None;
    }
    let code = u16::try_from(lex::decimal(code)?).ok().filter(|code| (100..700).contains(code))?;
    Some(StartLine::Response { code, reason: reason.unwrap_or_default() })
}

fn request(line: &[u8]) -> Option<(StartLine<'_>, Option<Defect>)> {
    let (token, rest) = lex::split_once(line, b' ');
    let rest = rest?;
    let trimmed = lex::trim_end(rest);
    let (uri, version) = lex::cut(trimmed, memchr::memrchr(b' ', trimmed)?);
    let version = lex::trim(version);
    if !lex::is_token(token) || !version.get(..4)?.eq_ignore_ascii_case(b"SIP/") {
        return None;
    }
    let flaw = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Defect::VERSION)
    } else if trimmed.len() != rest.len() {
        Some(Defect::bad("Blanks after the Request-Line"))
    } else if lex::trim(uri).len() != uri.len() {
        Some(Defect::bad("More than one blank in the Request-Line"))
    } else {
        None
    };
    let method = Method::from_bytes(token);
    Some((StartLine::Request { method, token, uri: lex::trim(uri) }, flaw))
}
