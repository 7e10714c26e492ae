//! Parameters behind a value or inside a URI: `;name=value;flag` (RFC 3261 §7.3.1, §19.1.1).
//!
//! Names compare without regard to case. Quotes around a value are taken off, escapes inside are left alone.

use crate::lex;

/// The parameters of one value, from the first `;` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(pub &'a [u8]);

impl<'a> Params<'a> {
    /// The parameter called `name`: `None` if absent, `Some(None)` if it has no value.
    pub fn get(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the parameter called `name`, if it is there and has one.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.get(name).flatten()
    }

    /// Names and values in order; empty parameters are skipped.
    pub fn iter(&self) -> ParamIter<'a> {
        ParamIter { rest: (!self.0.is_empty()).then_some(self.0) }
    }
}

impl<'a> Params<'a> {
    /// Looks for several parameters at once, and at whether every `;` is followed by one with a token for its name.
    pub(crate) fn survey<const N: usize>(self, names: [&[u8]; N]) -> Survey<'a, N> {
        let mut survey = Survey { found: [None; N], sound: true };
        let mut rest = self.iter();
        survey.sound &= rest.next_segment().is_none_or(|before| lex::trim(before).is_empty());
        while let Some(raw) = rest.next_segment() {
            let (name, value) = split(lex::trim(raw));
            survey.sound &= lex::is_token(name);
            let places = names.iter().zip(&mut survey.found);
            for (_, place) in places.filter(|(wanted, _)| name.eq_ignore_ascii_case(wanted)) {
                *place = place.or(Some(value.unwrap_or_default()));
            }
        }
        survey
    }
}

/// What one look at parameters found.
pub(crate) struct Survey<'a, const N: usize> {
    /// The value of the first one of each name, empty if it has none.
    pub(crate) found: [Option<&'a [u8]>; N],
    pub(crate) sound: bool,
}

impl<'a> IntoIterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    type IntoIter = ParamIter<'a>;

    fn into_iter(self) -> ParamIter<'a> {
        self.iter()
    }
}

/// Iterator over parameters; see [`Params::iter`].
#[derive(Clone, Debug)]
pub struct ParamIter<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> ParamIter<'a> {
    /// What stands up to the next `;` or the end, blank or not.
    pub(crate) fn next_segment(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let len = segment_len(rest);
        self.rest = rest.get(len + 1..);
        rest.get(..len)
    }

    /// The next parameter as written, without its `;` and the blanks around it.
    pub(crate) fn next_raw(&mut self) -> Option<&'a [u8]> {
        core::iter::from_fn(|| self.next_segment()).map(lex::trim).find(|raw| !raw.is_empty())
    }
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_raw().map(split)
    }
}

/// One parameter as name and value.
fn split(raw: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (name, value) = lex::split_once(raw, b'=');
    (lex::trim_end(name), value.map(|v| lex::unquote(lex::trim(v))))
}

/// How far the parameter at the start of `s` reaches: to the next `;` outside quotes. An unclosed quote swallows
/// the rest.
fn segment_len(s: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = s.get(at..).and_then(|rest| lex::find_any([b';', b'"'], rest)) {
        at += found;
        match s.get(at..) {
            Some(rest @ [b'"', ..]) => match lex::quoted_len(rest) {
                Some(len) => at += len,
                None => return s.len(),
            },
            _ => return at,
        }
    }
    s.len()
}
