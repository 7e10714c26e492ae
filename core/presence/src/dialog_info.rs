//! Calls of a user as a document (RFC 4235): full state each time.
//!
//! Call-IDs and tags stay out of it: they belong to the network of one side. A dialog that was in the last
//! document and is gone stands in the next one as terminated, once: some lamps go out by that alone.

use core::fmt::Write as _;

use crate::xml::escape;

/// How far a call is (RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It has begun.
    Trying,
    /// It rings.
    Early,
    /// It is answered.
    Confirmed,
}

/// One call of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// Tells it from other calls of the user.
    pub id: String,
    /// The user calls, rather than is called.
    pub initiator: bool,
    /// How far it is.
    pub progress: Progress,
    /// The other side, once it is known.
    pub remote: Option<Party>,
}

/// The other side of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// SIP URI at our domain.
    pub uri: Box<str>,
    /// Its name, or nothing.
    pub display: Box<str>,
}

/// The dialog elements; `gone` are those of the last document that are over.
pub fn body(user: &str, dialogs: &[Dialog], gone: &[&str]) -> String {
    let mut text = String::new();
    for dialog in dialogs {
        text.push_str("<dialog id=\"");
        escape(&dialog.id, &mut text);
        let direction = if dialog.initiator { "initiator" } else { "recipient" };
        let state = match dialog.progress {
            Progress::Trying => "trying",
            Progress::Early => "early",
            Progress::Confirmed => "confirmed",
        };
        // Writing into a String cannot fail.
        let _ = write!(text, "\" direction=\"{direction}\">\n<state>{state}</state>\n");
        party("local", user, "", &mut text);
        if let Some(remote) = &dialog.remote {
            party("remote", &remote.uri, &remote.display, &mut text);
        }
        text.push_str("</dialog>\n");
    }
    for id in gone {
        text.push_str("<dialog id=\"");
        escape(id, &mut text);
        text.push_str("\">\n<state>terminated</state>\n</dialog>\n");
    }
    text
}

/// The document around the elements.
pub fn document(user: &str, version: u32, body: &str) -> String {
    let mut text = String::from("<?xml version=\"1.0\"?>\n");
    let _ = write!(
        text,
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" entity=\""
    );
    escape(user, &mut text);
    text.push_str("\">\n");
    text.push_str(body);
    text.push_str("</dialog-info>\n");
    text
}

fn party(side: &str, uri: &str, display: &str, text: &mut String) {
    let _ = write!(text, "<{side}><identity");
    if !display.is_empty() {
        text.push_str(" display=\"");
        escape(display, text);
        text.push('"');
    }
    text.push('>');
    escape(uri, text);
    text.push_str("</identity><target uri=\"");
    escape(uri, text);
    let _ = writeln!(text, "\"/></{side}>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_going_on() {
        assert_eq!(
            document("sip:bob@example.test", 0, &body("sip:bob@example.test", &[], &[])),
            "<?xml version=\"1.0\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
             entity=\"sip:bob@example.test\">\n</dialog-info>\n"
        );
    }

    #[test]
    fn one_rings_and_one_is_over() {
        let alice = Party { uri: "sip:alice@example.test".into(), display: "Alice & \"Co\"".into() };
        let ringing =
            Dialog { id: "d1".into(), initiator: false, progress: Progress::Early, remote: Some(alice) };
        assert_eq!(
            document("sip:bob@example.test", 7, &body("sip:bob@example.test", &[ringing], &["d0"])),
            "<?xml version=\"1.0\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" state=\"full\" \
             entity=\"sip:bob@example.test\">\n\
             <dialog id=\"d1\" direction=\"recipient\">\n\
             <state>early</state>\n\
             <local><identity>sip:bob@example.test</identity><target uri=\"sip:bob@example.test\"/></local>\n\
             <remote><identity display=\"Alice &amp; &quot;Co&quot;\">sip:alice@example.test</identity>\
             <target uri=\"sip:alice@example.test\"/></remote>\n\
             </dialog>\n\
             <dialog id=\"d0\">\n<state>terminated</state>\n</dialog>\n\
             </dialog-info>\n"
        );
    }

    #[test]
    fn every_progress_has_its_word() {
        for (progress, word) in
            [(Progress::Trying, "trying"), (Progress::Early, "early"), (Progress::Confirmed, "confirmed")]
        {
            let dialog = Dialog { id: "d".into(), initiator: true, progress, remote: None };
            assert!(
                body("sip:a@b", &[dialog], &[])
                    .contains(&format!("direction=\"initiator\">\n<state>{word}</state>"))
            );
        }
    }
}
