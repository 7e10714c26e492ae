//! What is wrong with a request, as the answer it deserves (RFC 3261 §8.2, §16.3 step 1, §20; RFC 4475, RFC 5118).
//!
//! Only what a server needs to trust is looked at; unknown header fields, dates and bodies are not. Responses have
//! no defects: one that could not be matched or is garbled is refused by parsing already.

use crate::header::{NameAddr, Via, is_star};
use crate::parse::bit;
use crate::{Message, Name, Scheme, Uri, lex};

/// A reason to refuse a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The status code of the answer.
    pub code: u16,
    /// Its reason phrase.
    pub text: &'static str,
}

impl Defect {
    pub(crate) const VERSION: Self = Self { code: 505, text: "Version Not Supported" };

    pub(crate) const fn bad(text: &'static str) -> Self {
        Self { code: 400, text }
    }
}

pub(crate) fn find(message: &Message<'_>) -> Option<Defect> {
    if !message.is_request() {
        return None;
    }
    message
        .flaw()
        .or_else(|| fields(message).or_else(|| request_uri(message)).map(Defect::bad))
        .or_else(|| numbers(message).or_else(|| addresses(message)).map(Defect::bad))
}

/// Whether a response can be matched to a request and its numbers are numbers (RFC 4475 §3.1.2.5).
pub(crate) fn is_usable_response(message: &Message<'_>) -> bool {
    message.flaw().is_none()
        && fields(message).is_none()
        && message.cseq().is_some()
        && message.via().is_some()
}

/// Header fields every message needs, those none may have twice, and what none may contain.
fn fields(message: &Message<'_>) -> Option<&'static str> {
    if message.has_lone_cr() || message.repeated() & ONCE != 0 {
        let found = by_line(message);
        if found.is_some() {
            return found;
        }
    }
    let required = [
        (Name::Via, "No Via header field"),
        (Name::From, "No From header field"),
        (Name::To, "No To header field"),
        (Name::CallId, "No Call-ID header field"),
        (Name::CSeq, "No CSeq header field"),
    ];
    let missing = required.iter().find(|(name, _)| message.field(*name).is_none());
    if let Some((_, text)) = missing {
        return Some(text);
    }
    let call_id = message.call_id();
    (call_id.is_empty() || lex::find_any(BLANKS, call_id).is_some()).then_some("Call-ID is not one word")
}

/// What only a message that looks odd can have wrong with one of its lines.
#[cold]
fn by_line(message: &Message<'_>) -> Option<&'static str> {
    let mut seen = 0u128;
    for (name, _, value) in message.all() {
        if message.has_lone_cr() && has_lone_cr(value) {
            return Some("A carriage return inside a line");
        }
        if seen & bit(name) != 0
            && let Some((_, text)) = AT_MOST_ONCE.iter().find(|(once, _)| *once == name)
        {
            return Some(text);
        }
        seen |= bit(name);
    }
    None
}

/// Whether a carriage return stands anywhere but in the line ends of folding.
fn has_lone_cr(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', value).any(|at| value.get(at + 1) != Some(&b'\n'))
}

/// Fields that may stand in a message once, and what is said where there are two.
const AT_MOST_ONCE: [(Name, &str); 12] = [
    (Name::CSeq, "Two CSeq header fields"),
    (Name::CallId, "Two Call-ID header fields"),
    (Name::ContentType, "Two Content-Type header fields"),
    (Name::Event, "Two Event header fields"),
    (Name::Expires, "Two Expires header fields"),
    (Name::From, "Two From header fields"),
    (Name::MaxForwards, "Two Max-Forwards header fields"),
    (Name::RAck, "Two RAck header fields"),
    (Name::ReferTo, "Two Refer-To header fields"),
    (Name::Replaces, "Two Replaces header fields"),
    (Name::SessionExpires, "Two Session-Expires header fields"),
    (Name::To, "Two To header fields"),
];

/// The same as a set.
const ONCE: u128 = {
    let (mut set, mut at) = (0, 0);
    while at < AT_MOST_ONCE.len() {
        set |= bit(AT_MOST_ONCE[at].0);
        at += 1;
    }
    set
};

const BLANKS: [u8; 4] = *b" \t\r\n";

fn request_uri(message: &Message<'_>) -> Option<&'static str> {
    let uri = message.uri();
    if uri.first() == Some(&b'<') {
        return Some("Request-URI in angle brackets");
    }
    if lex::find_any(BLANKS, uri).is_some() {
        return Some("Blanks in the Request-URI");
    }
    match message.parsed_uri() {
        None => Some("Request-URI cannot be parsed"),
        Some(uri) if !uri.headers.is_empty() => Some("Header fields in the Request-URI"),
        Some(_) => None,
    }
}

fn numbers(message: &Message<'_>) -> Option<&'static str> {
    match (message.cseq(), message.start()) {
        (None, _) => return Some("CSeq is not a number below 2^31 and a method"),
        (Some((_, method)), crate::StartLine::Request { token, .. }) if method != *token => {
            return Some("CSeq method does not match the request");
        }
        _ => {}
    }
    if message.field(Name::MaxForwards).is_some() && message.max_forwards().is_none() {
        return Some("Max-Forwards is not in 0..255");
    }
    if message.field(Name::Expires).is_some_and(is_overlarge) {
        return Some("Expires is larger than 2^32-1");
    }
    None
}

/// A number, but larger than the 32 bits delta-seconds have (RFC 3261 §20.19).
fn is_overlarge(value: &[u8]) -> bool {
    lex::is_digits(value) && lex::decimal(value).is_none_or(|n| n > u64::from(u32::MAX))
}

fn addresses(message: &Message<'_>) -> Option<&'static str> {
    let addresses =
        [(Name::From, message.from(), message.from_uri()), (Name::To, message.to(), message.to_uri())];
    for (name, view, uri) in addresses {
        let value = message.field(name)?;
        if lex::find_comma(value).is_some() {
            return Some("A comma outside quotes in From or To");
        }
        if let Some(text) = address(value, view.as_ref(), uri) {
            return Some(text);
        }
        let tag = view.and_then(|address| address.tag());
        if tag.is_some_and(|tag| tag.iter().any(|c| lex::is_blank(*c))) {
            return Some("Blanks in a tag");
        }
    }
    for line in message.fields(Name::Contact).filter(|line| !is_star(line)) {
        for element in elements(line) {
            let view = NameAddr::parse(element);
            let uri = view.as_ref().and_then(NameAddr::parsed_uri);
            if let Some(text) = address(element, view.as_ref(), uri) {
                return Some(text);
            }
            if view.and_then(|contact| contact.param(b"expires")).is_some_and(is_overlarge) {
                return Some("A contact expires later than 2^32-1 seconds");
            }
        }
    }
    let mut top = message.via();
    for element in message.fields(Name::Via).flat_map(elements) {
        // The view of the first one is there already, unless what stands first is empty.
        let known = if lex::trim(element).is_empty() { None } else { top.take() };
        match known.or_else(|| Via::parse(element)) {
            Some(via) if via.is_sound() => {}
            _ => return Some("Via cannot be parsed"),
        }
    }
    None
}

/// The elements of a list, empty ones included.
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let line = rest?;
        match lex::find_comma(line) {
            Some(at) => {
                rest = line.get(at + 1..);
                line.get(..at)
            }
            None => rest.take(),
        }
    })
}

/// What is wrong with a `name-addr` or `addr-spec` and its parameters.
fn address(value: &[u8], view: Option<&NameAddr<'_>>, uri: Option<Uri<'_>>) -> Option<&'static str> {
    if value.first() == Some(&b'"') && lex::quoted_len(value).is_none() {
        return Some("A quoted string is not closed");
    }
    let Some(address) = view else { return Some("An address cannot be parsed") };
    let quoted = value.first() == Some(&b'"');
    if !quoted && address.display.iter().any(|c| matches!(c, b',' | b';' | b':' | b'@' | b'"')) {
        return Some("A display name needs quotes");
    }
    let open = lex::find_angle(value);
    // A view is trimmed: in a bracketed URI without blanks around it, the closing bracket follows at once.
    if open.is_some_and(|open| value.get(open + 1 + address.uri.len()) != Some(&b'>')) {
        return Some("Blanks around a URI");
    }
    let Some(uri) = uri else { return Some("A URI cannot be parsed") };
    let sip = matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
    if open.is_none() && sip && lex::find(b'?', address.uri).is_some() {
        return Some("A URI with header fields needs angle brackets");
    }
    (!address.is_sound()).then_some("Parameters cannot be parsed")
}
