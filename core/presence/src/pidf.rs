//! Presence as a document (RFC 3863, RFC 4479, RFC 4480), and what we take from the documents of others.
//!
//! Composition (RFC 3856 §6, a matter of local policy): a user is open while registered, unless the newest
//! publication says closed; activities are those published, and on-the-phone while a call is answered; the note is
//! the newest. Everything else in a published document (contacts, places, moods) is left out: it would tell watchers
//! of a network that is not theirs.

use core::fmt::Write as _;

use crate::xml::{elements, escape, unescape};

/// What a published document says, as far as we read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Open or closed; open if any tuple is.
    pub open: Option<bool>,
    /// Activities by their names.
    pub activities: Vec<&'static str>,
    /// Words for people.
    pub note: Box<str>,
}

/// Reads a document; `None` if it is none.
pub fn read(document: &[u8]) -> Option<Said> {
    let text = core::str::from_utf8(document).ok()?;
    let mut said = Said::default();
    let mut within = false;
    let mut first = true;
    for element in elements(text) {
        if core::mem::take(&mut first) && element.local != "presence" {
            return None;
        }
        match (element.local, element.closes) {
            ("activities", closes) => within = !closes && !element.empty,
            ("basic", false) => match element.text {
                "open" => said.open = Some(true),
                "closed" => said.open = said.open.or(Some(false)),
                _ => {}
            },
            ("note", false) if said.note.is_empty() => {
                said.note = unescape(element.text).chars().take(LONGEST_NOTE).collect::<String>().into();
            }
            (name, false) if within => {
                let known = ACTIVITIES.iter().find(|known| **known == name);
                if let Some(known) = known.filter(|known| !said.activities.contains(*known)) {
                    said.activities.push(known);
                }
            }
            _ => {}
        }
    }
    (!first).then_some(said)
}

/// What is known of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// Reachable: registered, or a peer.
    pub reachable: bool,
    /// Takes part in an answered call.
    pub on_the_phone: bool,
    /// What was published, newest first.
    pub published: &'a [&'a Said],
}

/// The document.
pub fn document(user: &str, known: &Known<'_>) -> String {
    let newest = known.published.iter().find_map(|said| said.open);
    let open = known.reachable && newest != Some(false);
    let mut activities: Vec<&str> = Vec::new();
    let busy = known.on_the_phone.then_some("on-the-phone");
    for activity in
        busy.into_iter().chain(known.published.iter().flat_map(|said| said.activities.iter().copied()))
    {
        if !activities.contains(&activity) {
            activities.push(activity);
        }
    }
    let note = known.published.iter().map(|said| &*said.note).find(|note| !note.is_empty());
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"",
    );
    escape(user, &mut text);
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "\">\n<tuple id=\"t\"><status><basic>{}</basic></status>",
        if open { "open" } else { "closed" }
    );
    if let Some(note) = note {
        text.push_str("<note>");
        escape(note, &mut text);
        text.push_str("</note>");
    }
    text.push_str("</tuple>\n");
    if !activities.is_empty() {
        text.push_str("<dm:person id=\"p\"><rpid:activities>");
        for activity in activities {
            let _ = write!(text, "<rpid:{activity}/>");
        }
        text.push_str("</rpid:activities></dm:person>\n");
    }
    text.push_str("</presence>\n");
    text
}

/// RFC 4480 §3.2, without `other`, which needs words.
const ACTIVITIES: [&str; 25] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "unknown",
    "vacation",
    "working",
];
const LONGEST_NOTE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
        xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:bob@example.test\">\n";

    fn known(reachable: bool, on_the_phone: bool, published: &[&Said]) -> String {
        let text = document("sip:bob@example.test", &Known { reachable, on_the_phone, published });
        text.strip_prefix(HEAD).expect("the head").to_owned()
    }

    #[test]
    fn by_registration_and_calls() {
        let tuple = |state| format!("<tuple id=\"t\"><status><basic>{state}</basic></status></tuple>\n");
        assert_eq!(known(true, false, &[]), format!("{}</presence>\n", tuple("open")));
        assert_eq!(known(false, false, &[]), format!("{}</presence>\n", tuple("closed")));
        let busy =
            "<dm:person id=\"p\"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>\n";
        assert_eq!(known(true, true, &[]), format!("{}{busy}</presence>\n", tuple("open")));
    }

    #[test]
    fn composed_with_what_was_published() {
        let newest = Said { open: Some(false), activities: vec!["lunch"], note: "back & at 1".into() };
        let older = Said { open: Some(true), activities: vec!["busy", "lunch"], note: "old".into() };
        assert_eq!(
            known(true, true, &[&newest, &older]),
            "<tuple id=\"t\"><status><basic>closed</basic></status><note>back &amp; at 1</note></tuple>\n\
             <dm:person id=\"p\"><rpid:activities><rpid:on-the-phone/><rpid:lunch/><rpid:busy/></rpid:activities>\
             </dm:person>\n</presence>\n"
        );
        assert!(known(false, false, &[&older]).contains("closed"), "who is not there cannot be reached");
    }

    #[test]
    fn documents_of_phones() {
        let said = |open, activities: &[&'static str], note: &str| {
            Some(Said { open, activities: activities.to_vec(), note: note.into() })
        };
        let table: &[(&str, Option<Said>)] = &[
            (
                "<presence><tuple id='1'><status><basic>open</basic></status></tuple></presence>",
                said(Some(true), &[], ""),
            ),
            (
                "<?xml version='1.0'?>\n<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf'><p:tuple id='1'><p:status>\
                 <p:basic> closed </p:basic></p:status><p:note xml:lang='en'>a &lt;b&gt;</p:note></p:tuple>\
                 <dm:person><rpid:activities><rpid:away/><rpid:away/><rpid:nonsense/></rpid:activities>\
                 <rpid:busy/></dm:person></p:presence>",
                said(Some(false), &["away"], "a <b>"),
            ),
            ("<presence/>", said(None, &[], "")),
            ("<dialog-info/>", None),
            ("", None),
            ("open", None),
        ];
        for (text, wanted) in table {
            assert_eq!(read(text.as_bytes()), *wanted, "{text}");
        }
        assert_eq!(read(b"<presence>\xff</presence>"), None);
    }
}
