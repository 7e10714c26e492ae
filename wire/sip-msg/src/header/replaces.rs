//! The Replaces header field (RFC 3891 §6.1): the dialog whose place a new INVITE takes.
//!
//! Whether there is such a dialog, and who may replace it, is decided elsewhere.

use crate::header::Params;
use crate::lex;

/// A dialog as whoever is to be replaced in it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of whoever receives the INVITE.
    pub to_tag: &'a [u8],
    /// The tag of the other side.
    pub from_tag: &'a [u8],
    /// Only while the dialog is early.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// The value of the header field; both tags must be there, once each.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (call_id, params) = lex::cut(value, memchr::memchr(b';', value)?);
        let (call_id, params) = (lex::trim(call_id), Params(params));
        let once = |wanted: &[u8]| {
            let mut all = params.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            let (_, value) = all.next()?;
            all.next().is_none().then_some(value).flatten()
        };
        let (to_tag, from_tag) = (once(b"to-tag")?, once(b"from-tag")?);
        let early_only = params.get(b"early-only").is_some();
        (!call_id.is_empty()).then_some(Self { call_id, to_tag, from_tag, early_only })
    }
}

#[cfg(test)]
mod tests {
    use super::Replaces;

    #[test]
    fn values_that_name_a_dialog_and_values_that_do_not() {
        let table: &[(&str, Option<(&str, &str, &str, bool)>)] = &[
            ("1@a;to-tag=x;from-tag=y", Some(("1@a", "x", "y", false))),
            ("1@a ; from-tag=y ;to-tag=x;early-only", Some(("1@a", "x", "y", true))),
            ("1@a;To-Tag=x;From-Tag=y;other=z", Some(("1@a", "x", "y", false))),
            ("1@a;to-tag=x", None),
            ("1@a;from-tag=y", None),
            ("1@a;to-tag=x;to-tag=z;from-tag=y", None),
            (";to-tag=x;from-tag=y", None),
            ("1@a", None),
            ("", None),
        ];
        for (text, wanted) in table {
            let got = Replaces::parse(text.as_bytes());
            let wanted = wanted.map(|(call_id, to, from, early_only)| Replaces {
                call_id: call_id.as_bytes(),
                to_tag: to.as_bytes(),
                from_tag: from.as_bytes(),
                early_only,
            });
            assert_eq!(got, wanted, "{text}");
        }
    }
}
