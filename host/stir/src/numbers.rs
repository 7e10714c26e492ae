//! For which numbers a certificate is good: its TNAuthList (RFC 8226 §9).
//!
//! A service provider's code stands for every number of that provider; which these are, no certificate says.

use x509_parser::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::prelude::X509Certificate;

/// The numbers of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    /// All of a service provider.
    Provider,
    /// So many, from this one on.
    Range(String, u128),
    /// This one.
    One(String),
}

impl Numbers {
    /// Those of a certificate; `None` if it names none.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let extension = certificate.get_extension_unique(&TN_AUTH_LIST).ok()??;
        Self::read(extension.value)
    }

    /// Whether this one, canonical, is among them.
    pub(crate) fn cover(&self, number: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Provider => true,
            Entry::One(one) => one == number,
            Entry::Range(first, count) => {
                let offset = || number.parse::<u128>().ok()?.checked_sub(first.parse().ok()?);
                first.len() == number.len() && offset().is_some_and(|offset| offset < *count)
            }
        })
    }

    fn read(value: &[u8]) -> Option<Self> {
        let entries: Vec<_> =
            elements(value)?.first()?.inside()?.iter().map(Entry::read).collect::<Option<_>>()?;
        (!entries.is_empty()).then_some(Self(entries))
    }
}

impl Entry {
    fn read(element: &Element<'_>) -> Option<Self> {
        let value = elements(element.value)?;
        let value = value.first()?;
        Some(match element.tag {
            0 => Self::Provider,
            1 => match value.inside()?.as_slice() {
                [first, count] => Self::Range(first.text()?, count.number()?),
                _ => return None,
            },
            2 => Self::One(value.text()?),
            _ => return None,
        })
    }
}

/// One element of DER.
struct Element<'a> {
    tag: u32,
    value: &'a [u8],
}

impl<'a> Element<'a> {
    fn inside(&self) -> Option<Vec<Self>> {
        elements(self.value)
    }

    fn text(&self) -> Option<String> {
        String::from_utf8(self.value.to_vec()).ok()
    }

    fn number(&self) -> Option<u128> {
        let fits = !self.value.is_empty() && self.value.len() <= 16;
        fits.then(|| self.value.iter().fold(0, |number, octet| number << 8 | u128::from(*octet)))
    }
}

/// The elements that stand one after the other.
fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (rest, any) = Any::from_der(bytes).ok()?;
        found.push(Element { tag: any.header.tag().0, value: any.data });
        bytes = rest;
    }
    Some(found)
}

/// id-pe-TNAuthList.
const TN_AUTH_LIST: Oid<'static> = oid!(1.3.6.1.5.5.7.1.26);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_ranges_and_single_numbers() {
        let provider = b"\x30\x08\xa0\x06\x16\x04\x37\x30\x39\x4a".as_slice();
        let one = b"\x30\x09\xa2\x07\x16\x05\x34\x39\x33\x30\x31";
        let range = b"\x30\x0e\xa1\x0c\x30\x0a\x16\x05\x34\x39\x33\x30\x30\x02\x01\x0a";
        let table: [(&[u8], &str, Option<bool>); 12] = [
            (provider, "12155551212", Some(true)),
            (one, "49301", Some(true)),
            (one, "49302", Some(false)),
            (range, "49299", Some(false)),
            (range, "49300", Some(true)),
            (range, "49309", Some(true)),
            (range, "49310", Some(false)),
            (range, "049300", Some(false)),
            (range, "*9300", Some(false)),
            (b"", "1", None),
            (b"\x30\x00", "1", None),
            (b"\x30\x03\xa7\x01\x16", "1", None),
        ];
        for (list, number, expected) in table {
            assert_eq!(Numbers::read(list).map(|numbers| numbers.cover(number)), expected, "{number}");
        }
    }
}
