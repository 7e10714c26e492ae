//! Contacts of a user as a document (RFC 3680): full state each time, so that a contact that is not in it is gone.

use core::fmt::Write as _;

use crate::xml::escape;

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact<'a> {
    /// Its URI.
    pub uri: &'a str,
    /// Seconds until it lapses.
    pub expires_s: u64,
    /// Seconds since it was first registered.
    pub registered_s: u64,
    /// Preference in thousandths.
    pub q: u16,
}

/// The registration element; `known` says whether the user has ever registered.
pub fn body(user: &str, contacts: &[Contact<'_>], known: bool) -> String {
    let mut text = String::from("<registration aor=\"");
    escape(user, &mut text);
    let state = match (contacts.is_empty(), known) {
        (false, _) => "active",
        (true, true) => "terminated",
        (true, false) => "init",
    };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "\" id=\"r\" state=\"{state}\">");
    for contact in contacts {
        let mut uri = String::new();
        escape(contact.uri, &mut uri);
        let (left, since) = (contact.expires_s, contact.registered_s);
        let event = if since == 0 { "registered" } else { "refreshed" };
        let q = if contact.q >= 1000 { "1.0".to_owned() } else { format!("0.{:03}", contact.q) };
        let _ = writeln!(
            text,
            "<contact id=\"{:016x}\" state=\"active\" event=\"{event}\" expires=\"{left}\" \
             duration-registered=\"{since}\" q=\"{q}\"><uri>{uri}</uri></contact>",
            fingerprint(contact.uri)
        );
    }
    text.push_str("</registration>\n");
    text
}

/// The document around the element.
pub fn document(version: u32, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n\
         <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"full\">\n\
         {body}</reginfo>\n"
    )
}

/// FNV-1a: the same contact keeps its id from one document to the next.
fn fingerprint(uri: &str) -> u64 {
    uri.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_and_none() {
        let contacts = [
            Contact { uri: "sip:bob@10.0.0.2;a=b&c", expires_s: 300, registered_s: 0, q: 1000 },
            Contact { uri: "sip:bob@10.0.0.3", expires_s: 20, registered_s: 280, q: 500 },
        ];
        assert_eq!(
            document(3, &body("sip:bob@example.test", &contacts, true)),
            "<?xml version=\"1.0\"?>\n\
             <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"3\" state=\"full\">\n\
             <registration aor=\"sip:bob@example.test\" id=\"r\" state=\"active\">\n\
             <contact id=\"3cb42219344be3db\" state=\"active\" event=\"registered\" expires=\"300\" \
             duration-registered=\"0\" q=\"1.0\"><uri>sip:bob@10.0.0.2;a=b&amp;c</uri></contact>\n\
             <contact id=\"f89c15ddba5d2108\" state=\"active\" event=\"refreshed\" expires=\"20\" \
             duration-registered=\"280\" q=\"0.500\"><uri>sip:bob@10.0.0.3</uri></contact>\n\
             </registration>\n</reginfo>\n"
        );
        for (known, state) in [(true, "terminated"), (false, "init")] {
            assert_eq!(
                body("sip:bob@example.test", &[], known),
                format!(
                    "<registration aor=\"sip:bob@example.test\" id=\"r\" state=\"{state}\">\n</registration>\n"
                )
            );
        }
    }
}
