//! Numbers in headers that pass through, such as Diversion (RFC 5806) and History-Info (RFC 7044): read as the caller's
//! connection writes them, written as the callee's wants them. What is no number passes as it is.

use routing::config::{Connection, NumberFormat};
use routing::number::{for_peer, to_e164};
use routing::tables::Tables;
use sip_msg::header::list;
use sip_msg::{NameAddr, Uri};

/// How numbers are written on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering<'a> {
    from: &'a NumberFormat,
    country: Option<&'a str>,
    to: &'a NumberFormat,
}

impl<'a> Numbering<'a> {
    /// From one connection to the other.
    pub(crate) fn between(
        tables: &'a Tables,
        caller: Option<&'a Connection>,
        callee: Option<&'a Connection>,
    ) -> Option<Self> {
        let (caller, callee) = (caller?, callee?);
        let country = tables.account(&caller.account).and_then(|account| account.country.as_deref());
        Some(Self { from: &caller.number_format.from, country, to: &callee.number_format.to })
    }

    /// A list of addresses with their numbers rewritten.
    pub(crate) fn rewritten(&self, value: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(value.len() + 8);
        for element in list(value) {
            if !written.is_empty() {
                written.extend_from_slice(b", ");
            }
            match self.replacement(element) {
                Some((before, number, after)) => {
                    written.extend_from_slice(before);
                    written.extend_from_slice(number.as_bytes());
                    written.extend_from_slice(after);
                }
                None => written.extend_from_slice(element),
            }
        }
        written
    }

    /// What stands before the number of an address, the number as it is to be, and what stands behind it.
    fn replacement<'e>(&self, element: &'e [u8]) -> Option<(&'e [u8], String, &'e [u8])> {
        let user = Uri::parse(NameAddr::parse(element)?.uri)?.user?;
        let number = to_e164(core::str::from_utf8(user).ok()?, self.from, self.country)?;
        let at = user.as_ptr().addr().checked_sub(element.as_ptr().addr())?;
        let (before, rest) = element.split_at_checked(at)?;
        Some((before, for_peer(&number, self.to), rest.get(user.len()..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Numbering;
    use routing::config::NumberFormat;

    #[test]
    fn numbers_become_what_the_other_side_wants() {
        let national = NumberFormat::National("DE".to_owned());
        let check = |from: &NumberFormat, to: &NumberFormat, value: &str, expected: &str| {
            let numbering = Numbering { from, country: Some("DE"), to };
            assert_eq!(String::from_utf8(numbering.rewritten(value.as_bytes())).unwrap(), expected);
        };
        check(
            &NumberFormat::Auto,
            &NumberFormat::E164,
            "\"030, office\" <sip:03012345@10.0.0.1;user=phone>;reason=no-answer",
            "\"030, office\" <sip:493012345@10.0.0.1;user=phone>;reason=no-answer",
        );
        check(
            &NumberFormat::E164Plus,
            &national,
            "<tel:+493012345>;index=1, <sip:+442071838750@x>;index=1.1,<sip:601@x>",
            "<tel:03012345>;index=1, <sip:00442071838750@x>;index=1.1, <sip:601@x>",
        );
        check(&NumberFormat::Raw, &NumberFormat::E164, "<sip:03012345@x>", "<sip:03012345@x>");
        check(&NumberFormat::Auto, &NumberFormat::E164, "<sip:,;", "<sip:,;");
    }
}
