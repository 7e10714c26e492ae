//! A received message as an index of its header fields (RFC 3261 §7, §18.3).
//!
//! [`Message::parse`] splits; it does not judge. Views are made when asked for, and [`Message::defect`] says what
//! is wrong with a request. Octets beyond Content-Length are ignored, folded values stay folded, and lines may end
//! in LF alone.

use smallvec::SmallVec;

use crate::defect::{self, Defect};
use crate::header::{self, NameAddr, Via, list};
use crate::{Method, Name, Uri, lex};

mod start_line;

/// A message over the octets it was received in.
#[derive(Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    method: Method,
    fields: SmallVec<[Field; 36]>,
    by_name: ByName,
    /// What is asked for again and again, taken apart once.
    top: Top<'a>,
    body: &'a [u8],
    flaw: Option<Defect>,
    /// Whether a line holds a carriage return besides its end.
    lone_cr: bool,
}

/// Views of the first field of a name.
#[derive(Clone, Copy, Debug, Default)]
struct Top<'a> {
    via: Option<Via<'a>>,
    from: Option<NameAddr<'a>>,
    to: Option<NameAddr<'a>>,
    cseq: Option<(u32, &'a [u8])>,
    uri: Option<Uri<'a>>,
    /// Of requests only.
    from_uri: Option<Uri<'a>>,
    to_uri: Option<Uri<'a>>,
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A Request-Line.
    Request {
        /// The method.
        method: Method,
        /// The method as written.
        token: &'a [u8],
        /// The Request-URI as written.
        uri: &'a [u8],
    },
    /// A Status-Line.
    Response {
        /// The Status-Code, 100 to 699.
        code: u16,
        /// The Reason-Phrase, possibly empty.
        reason: &'a [u8],
    },
}

/// Why octets are no message that could be answered or used; the caller counts and drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Nothing but line ends.
    Empty,
    /// More octets than an offset can tell.
    TooLong,
    /// The first line is neither a Request-Line nor a Status-Line.
    StartLine,
    /// A response in another version, or with a status code that is none.
    StatusLine,
    /// A response lacking, repeating or garbling what it is matched by.
    Response,
}

/// Where the fields of a name begin.
#[derive(Debug)]
struct ByName {
    /// By name the number of the first one, counted from one; 0 where there is none, the largest also for later ones.
    first: [u8; NAMES],
    /// Which names occur again, by bit.
    again: u128,
}

/// Where one header field stands.
#[derive(Clone, Copy, Debug)]
struct Field {
    name_at: u32,
    value_at: u32,
    value_len: u32,
    name_len: u16,
    name: Name,
}

impl Field {
    /// The header field between two offsets; `None` if what precedes the colon is no name.
    fn read(bytes: &[u8], at: usize, end: usize) -> Option<Self> {
        let line = bytes.get(at..end)?;
        let colon = lex::find(b':', line)?;
        let (before, value) = lex::cut(line, colon);
        let written = lex::trim_end(before);
        let name = Name::from_bytes(written);
        // What is in the list of names is a token.
        if name == Name::Other && !lex::is_token(written) {
            return None;
        }
        let value = lex::trim_end(value.get(1..)?);
        let start = value.len() - lex::trim_start(value).len();
        Some(Self {
            name_at: u32::try_from(at).ok()?,
            value_at: u32::try_from(at + colon + 1 + start).ok()?,
            value_len: u32::try_from(value.len() - start).ok()?,
            name_len: u16::try_from(written.len()).ok()?,
            name,
        })
    }
}

impl<'a> Message<'a> {
    /// One datagram, or one framed message of a stream.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::TooLong);
        }
        let bytes = skip_line_ends(bytes);
        let (line, mut at) = next_line(bytes, 0).ok_or(Malformed::Empty)?;
        let (start, mut flaw) = start_line::parse(line)?;
        let mut fields = SmallVec::new();
        let mut by_name = ByName { first: [0; NAMES], again: 0 };
        // Lines that end in a carriage return and a line feed, to be compared with all carriage returns.
        let (header_at, mut folded, mut returns) = (at, false, 0);
        let body = loop {
            let line_at = at;
            match next_line(bytes, at) {
                Some(([], next)) => {
                    returns += next - line_at - 1;
                    at = next;
                    break bytes.get(next..).unwrap_or_default();
                }
                Some((line, next)) => {
                    at = fold(bytes, next);
                    folded |= at != next;
                    returns += next - line_at - line.len() - 1;
                    let end = if at == next { line_at + line.len() } else { at };
                    match Field::read(bytes, line_at, end) {
                        Some(field) => {
                            by_name.note(field.name, fields.len());
                            fields.push(field);
                        }
                        None => flaw = flaw.or(Some(Defect::bad("A header line without a name"))),
                    }
                }
                None => {
                    flaw = flaw.or(Some(Defect::bad("No empty line after the header fields")));
                    break &[];
                }
            }
        };
        let header = bytes.get(header_at..at).unwrap_or_default();
        let lone_cr = folded || memchr::memchr_iter(b'\r', header).count() != returns;
        let (method, top) = (Method::Unknown, Top::default());
        let mut message = Self { bytes, start, method, fields, by_name, top, body, flaw, lone_cr };
        let (from, to) = (message.address(Name::From), message.address(Name::To));
        let uri_of = |address: Option<NameAddr<'a>>| {
            address.filter(|_| message.is_request()).and_then(|address| address.parsed_uri())
        };
        message.top = Top {
            via: message.field(Name::Via).and_then(Via::parse),
            from,
            to,
            cseq: message.field(Name::CSeq).and_then(cseq),
            uri: Uri::parse(message.uri()),
            from_uri: uri_of(from),
            to_uri: uri_of(to),
        };
        message.method = match start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => {
                message.cseq().map_or(Method::Unknown, |(_, m)| Method::from_bytes(m))
            }
        };
        message.cut_body();
        if !message.is_request() && !defect::is_usable_response(&message) {
            return Err(Malformed::Response);
        }
        Ok(message)
    }

    /// Ends the body where Content-Length says; notes a length that cannot be right.
    fn cut_body(&mut self) {
        let Some(value) = self.field(Name::ContentLength) else { return };
        let length = lex::decimal(value).and_then(|n| usize::try_from(n).ok());
        let agree =
            self.fields(Name::ContentLength).skip(1).all(|other| lex::decimal(other) == lex::decimal(value));
        let text = match length {
            _ if !agree => "Content-Length fields contradict each other",
            None => "Content-Length is not a length",
            Some(n) => match self.body.get(..n) {
                Some(body) => {
                    self.body = body;
                    return;
                }
                None => "Content-Length is larger than the body",
            },
        };
        self.flaw = self.flaw.or_else(|| Some(Defect::bad(text)));
    }

    /// Whether a line may hold a carriage return besides its end; folding looks alike.
    pub(crate) const fn has_lone_cr(&self) -> bool {
        self.lone_cr
    }

    /// What splitting the message already found wrong.
    pub(crate) const fn flaw(&self) -> Option<Defect> {
        self.flaw
    }

    /// The first thing wrong with a request, as the answer it deserves; `None` for responses.
    pub fn defect(&self) -> Option<Defect> {
        defect::find(self)
    }

    /// The first line.
    pub const fn start(&self) -> &StartLine<'a> {
        &self.start
    }

    /// Whether this is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The request's method, or the method of the request a response answers.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The Request-URI; empty for a response.
    pub const fn uri(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => &[],
        }
    }

    /// The Request-URI in parts.
    pub const fn parsed_uri(&self) -> Option<Uri<'a>> {
        self.top.uri
    }

    /// The status code; 0 for a request.
    pub const fn code(&self) -> u16 {
        match self.start {
            StartLine::Request { .. } => 0,
            StartLine::Response { code, .. } => code,
        }
    }

    /// The message as it was received.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The value of the first header field called `name`, trimmed; it may contain folding.
    pub fn field(&self, name: Name) -> Option<&'a [u8]> {
        self.held(name).iter().find(|f| f.name == name).map(|f| self.value(f))
    }

    /// The values of all header fields called `name`, one per line.
    pub fn fields(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.held(name).iter().filter(move |f| f.name == name).map(|f| self.value(f))
    }

    /// The elements of the list that all header fields called `name` make up.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields(name).flat_map(list)
    }

    /// All header fields: name, name as written, value.
    pub fn all(&self) -> impl Iterator<Item = (Name, &'a [u8], &'a [u8])> + '_ {
        self.fields.iter().map(|f| (f.name, self.written_name(f), self.value(f)))
    }

    /// The value of the first header field spelled `name` in any case.
    pub fn named(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.all().find(|(_, written, _)| written.eq_ignore_ascii_case(name)).map(|(_, _, value)| value)
    }

    /// The fields among which those called `name` are, the first one before all others.
    fn held(&self, name: Name) -> &[Field] {
        let number = usize::from(self.by_name.first[name as usize]);
        let Some(from) = number.checked_sub(1) else { return &[] };
        let alone = self.by_name.again & bit(name) == 0 && number < usize::from(u8::MAX);
        let until = if alone { number } else { self.fields.len() };
        self.fields.get(from..until).unwrap_or_default()
    }

    /// Which names occur more than once, by bit.
    pub(crate) const fn repeated(&self) -> u128 {
        self.by_name.again
    }

    fn value(&self, field: &Field) -> &'a [u8] {
        let at = field.value_at as usize;
        self.bytes.get(at..at + field.value_len as usize).unwrap_or_default()
    }

    fn written_name(&self, field: &Field) -> &'a [u8] {
        let at = field.name_at as usize;
        self.bytes.get(at..at + usize::from(field.name_len)).unwrap_or_default()
    }

    /// The topmost Via value.
    pub const fn via(&self) -> Option<Via<'a>> {
        self.top.via
    }

    /// The From address.
    pub const fn from(&self) -> Option<NameAddr<'a>> {
        self.top.from
    }

    /// The To address.
    pub const fn to(&self) -> Option<NameAddr<'a>> {
        self.top.to
    }

    /// The URI of From in parts, of a request.
    pub const fn from_uri(&self) -> Option<Uri<'a>> {
        self.top.from_uri
    }

    /// The URI of To in parts, of a request.
    pub const fn to_uri(&self) -> Option<Uri<'a>> {
        self.top.to_uri
    }

    fn address(&self, name: Name) -> Option<NameAddr<'a>> {
        self.field(name).and_then(NameAddr::parse)
    }

    /// The first Contact address; `None` for `*`.
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        let value = self.values(Name::Contact).next()?;
        if header::is_star(value) { None } else { NameAddr::parse(value) }
    }

    /// The Call-ID; empty if missing.
    pub fn call_id(&self) -> &'a [u8] {
        self.field(Name::CallId).unwrap_or_default()
    }

    /// The sequence number, at most 2^31-1, and the method token of CSeq.
    pub const fn cseq(&self) -> Option<(u32, &'a [u8])> {
        self.top.cseq
    }

    /// Max-Forwards; `None` if missing or not in 0..=255.
    pub fn max_forwards(&self) -> Option<u8> {
        u8::try_from(lex::decimal(self.field(Name::MaxForwards)?)?).ok()
    }

    /// Expires in seconds, at most 2^31-1; `None` if missing or not a number.
    pub fn expires(&self) -> Option<u32> {
        header::seconds(self.field(Name::Expires)?).map(|n| n.min(i32::MAX as u32))
    }

    /// The media type of the body, without parameters.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.field(Name::ContentType).map(|value| lex::trim(lex::split_once(value, b';').0))
    }

    /// The body, as long as Content-Length says; without one, everything that follows the empty line.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// All octets, from the first line on.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the list `name` contains `token`, in any case.
    pub fn has_token(&self, name: Name, token: &[u8]) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token))
    }
}

impl ByName {
    /// A field of this name has so many fields before it.
    fn note(&mut self, name: Name, before: usize) {
        let first = &mut self.first[name as usize];
        if *first == 0 {
            *first = u8::try_from(before + 1).unwrap_or(u8::MAX);
        } else {
            self.again |= bit(name);
        }
    }
}

/// The bit of a name in a set of names.
pub(crate) const fn bit(name: Name) -> u128 {
    1 << name as u32
}

/// As many as there are names; their numbers are in range.
const NAMES: usize = Name::Other as usize + 1;

fn cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let (number, method) = lex::cut(value, value.iter().position(|c| lex::is_blank(*c))?);
    let number = u32::try_from(lex::decimal(number)?).ok().filter(|n| i32::try_from(*n).is_ok())?;
    let method = lex::trim(method);
    lex::is_token(method).then_some((number, method))
}

/// RFC 3261 §7.5: line ends before the first line are ignored.
pub(crate) fn skip_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The line at `at` without its end, and where the next one starts; `None` if no line ends from there on.
pub(crate) fn next_line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(b'\n', rest)?;
    let line = match rest.get(..end)? {
        [line @ .., b'\r'] => line,
        line => line,
    };
    Some((line, at + end + 1))
}

/// Where a header field ends whose first line ends at `at`: folding continues it (RFC 3261 §7.3.1).
pub(crate) fn fold(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t') = bytes.get(at) {
        match next_line(bytes, at) {
            Some((_, next)) => at = next,
            None => return bytes.len(),
        }
    }
    at
}
