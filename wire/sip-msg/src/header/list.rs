//! Comma-separated header field values (RFC 3261 §7.3.1).
//!
//! Commas inside quoted strings and angle brackets do not separate. Empty elements are skipped.

use crate::lex;

/// The elements of the comma-separated `value`, trimmed.
pub fn list(value: &[u8]) -> List<'_> {
    List { rest: Some(value) }
}

/// Iterator over the elements of one value; see [`list`].
#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// What stands behind the comma that ended the last element.
    pub(crate) const fn rest(&self) -> Option<&'a [u8]> {
        self.rest
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest?;
            let element = match lex::find_comma(rest) {
                Some(at) => {
                    self.rest = rest.get(at + 1..);
                    lex::cut(rest, at).0
                }
                None => {
                    self.rest = None;
                    rest
                }
            };
            let element = lex::trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}
