//! The few lexical rules everything else shares (RFC 3261 §25.1): blanks, tokens, decimals, quoted strings.
//!
//! All functions take octets, never text, and never fail on any input.

/// Whether `c` is linear white space, line ends of a folded value included.
pub(crate) const fn is_blank(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// A set of octets.
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    /// Letters, digits and ``-.!%*_+`'~``.
    pub(crate) const TOKEN: Self = Self(1);
    /// What a URI between angle brackets may hold; octets beyond ASCII may.
    pub(crate) const URI: Self = Self(2);
    /// What a host name may hold, underscores included.
    pub(crate) const HOST: Self = Self(4);

    /// Whether all of `s` belongs to this class.
    pub(crate) fn holds(self, s: &[u8]) -> bool {
        s.iter().all(|c| CLASSES[usize::from(*c)] & self.0 != 0)
    }
}

/// The classes of every octet.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut c = 0u8;
    loop {
        let word = c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
        let token = word || matches!(c, b'!' | b'%' | b'*' | b'+' | b'`' | b'\'' | b'~');
        let uri = !matches!(c, 0..=b' ' | b'"' | b'<' | b'>' | 0x7f);
        classes[c as usize] =
            (token as u8 * Class::TOKEN.0) | (uri as u8 * Class::URI.0) | (word as u8 * Class::HOST.0);
        if c == u8::MAX {
            break classes;
        }
        c += 1;
    }
};

/// Whether `s` is a token: not empty and nothing but token characters.
pub(crate) fn is_token(s: &[u8]) -> bool {
    !s.is_empty() && Class::TOKEN.holds(s)
}

/// `s` without blanks at its start.
pub(crate) fn trim_start(mut s: &[u8]) -> &[u8] {
    while let [c, rest @ ..] = s
        && is_blank(*c)
    {
        s = rest;
    }
    s
}

/// `s` without blanks at its end.
pub(crate) fn trim_end(mut s: &[u8]) -> &[u8] {
    while let [rest @ .., c] = s
        && is_blank(*c)
    {
        s = rest;
    }
    s
}

/// `s` without blanks at either end.
pub(crate) fn trim(s: &[u8]) -> &[u8] {
    trim_end(trim_start(s))
}

/// `s` cut at `at`; everything and nothing when `at` lies outside.
pub(crate) fn cut(s: &[u8], at: usize) -> (&[u8], &[u8]) {
    s.split_at_checked(at).unwrap_or((s, &[]))
}

/// `s` cut around the first `sep`: what precedes it, and what follows if there is one.
pub(crate) fn split_once(s: &[u8], sep: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(sep, s) {
        Some(at) => (cut(s, at).0, s.get(at + 1..)),
        None => (s, None),
    }
}

/// `s` as a decimal number: digits only, at least one; `None` on anything else or beyond 64 bits.
pub(crate) fn decimal(s: &[u8]) -> Option<u64> {
    if s.is_empty() {
        return None;
    }
    s.iter().try_fold(0u64, |n, c| match c {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(u64::from(c - b'0')),
        _ => None,
    })
}

/// Whether `s` consists of digits, however many.
pub(crate) fn is_digits(s: &[u8]) -> bool {
    !s.is_empty() && s.iter().all(u8::is_ascii_digit)
}

/// The length of the quoted string `s` opens with, both quotes included; `None` if it is never closed.
pub(crate) fn quoted_len(s: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', s.get(at..)?)?;
        match s.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// `s` without the quotes around it, if it has any.
pub(crate) fn unquote(s: &[u8]) -> &[u8] {
    match s {
        [b'"', inner @ .., b'"'] => inner,
        _ => s,
    }
}

/// Where the first comma stands outside quotes and angle brackets; none behind one that is not closed.
pub(crate) fn find_comma(s: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = s.get(at..)?;
        at += memchr::memchr3(b',', b'"', b'<', rest)?;
        let rest = s.get(at..)?;
        at += match rest.first()? {
            b'"' => quoted_len(rest)?,
            b'<' => memchr::memchr(b'>', rest)? + 1,
            _ => return Some(at),
        };
    }
}

/// Where the `<` of a `name-addr` stands: the first one outside quotes.
pub(crate) fn find_angle(s: &[u8]) -> Option<usize> {
    let display = match s.first() {
        Some(b'"') => quoted_len(s)?,
        _ => 0,
    };
    Some(display + memchr::memchr(b'<', s.get(display..)?)?)
}
