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
        // To the end: what is asked about is short, and belongs to the class as a rule.
        s.iter().fold(self.0, |common, c| common & CLASSES[usize::from(*c)]) != 0
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

/// Where `c` stands first in `s`.
#[inline]
pub(crate) fn find(c: u8, s: &[u8]) -> Option<usize> {
    find_any([c], s)
}

/// Where one of `wanted` stands first in `s`.
///
/// Eight octets at a time and inlined: what is searched for is near as a rule, and a vector routine costs more to
/// call than these parts of a message are long. Lines and bodies are for `memchr`.
#[inline]
pub(crate) fn find_any<const N: usize>(wanted: [u8; N], s: &[u8]) -> Option<usize> {
    let hits = |octets: &[u8; 8]| {
        let word = u64::from_le_bytes(*octets);
        let zeros = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
        wanted.iter().fold(0, |hits, c| hits | zeros(word ^ (ONES * u64::from(*c))))
    };
    // The lowest mark is exact: a false one only ever stands behind a true one.
    let first = |hits: u64| (hits.trailing_zeros() / 8) as usize;
    let (words, rest) = s.as_chunks::<8>();
    for (n, octets) in words.iter().enumerate() {
        let found = hits(octets);
        if found != 0 {
            return Some(n * 8 + first(found));
        }
    }
    match s.last_chunk::<8>() {
        // What these eight share with the ones before has no mark.
        Some(last) => Some(hits(last)).filter(|found| *found != 0).map(|found| s.len() - 8 + first(found)),
        None => rest.iter().position(|c| wanted.contains(c)),
    }
}

/// One in every octet, and the highest bit of every octet.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

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
    match find(sep, s) {
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
        at += find_any([b'"', b'\\'], s.get(at..)?)?;
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
    // Most have none anywhere, which is quick to see.
    find(b',', s)?;
    let mut at = 0;
    loop {
        let rest = s.get(at..)?;
        at += find_any([b',', b'"', b'<'], rest)?;
        let rest = s.get(at..)?;
        at += match rest.first()? {
            b'"' => quoted_len(rest)?,
            b'<' => find(b'>', rest)? + 1,
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
    Some(display + find(b'<', s.get(display..)?)?)
}

#[cfg(test)]
mod tests {
    use super::find_any;

    #[test]
    fn finds_what_a_plain_search_finds() {
        let text: Vec<u8> = (0..=255).chain(0..=255).collect();
        for from in 0..64 {
            for len in [0, 1, 7, 8, 9, 15, 16, 17, 31, 200] {
                let s = &text[from * 3..from * 3 + len];
                for wanted in [[0, 1], [b',', b'"'], [0x7f, 0x80], [0xff, 0xfe], [b'<', b'<' + 1]] {
                    let plain = s.iter().position(|c| wanted.contains(c));
                    assert_eq!(find_any(wanted, s), plain, "{wanted:?} in {s:?}");
                }
            }
        }
    }
}
