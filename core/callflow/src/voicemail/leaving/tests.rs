use super::*;
use crate::voicemail::testing::{check, posted, told};

fn leaving() -> Leaving {
    let whose = Whose { connection: "con_bob".into(), ..Whose::default() };
    Leaving::new(whose, Letter::default(), true, true)
}

#[test]
fn messages_are_left_in_many_ways() {
    for script in [
        // Silence ends it.
        "-> find con_bob
         ok mailbox=box_1 max_s=60 -> record box_1
         silence recording=rec_1 recording_ms=4000 -> keep rec_1 in box_1
         ok -> play Your_message_is
         done -> =saved",
        // The pound key, listening, and what is pressed by mistake.
        "-> find con_bob
         ok mailbox=box_1 max_s=60 -> record box_1
         key recording=rec_1 recording_ms=4000 -> keys To_listen_to
         1 -> play rec_1
         done -> keys To_listen_to
         invalid -> keep rec_1 in box_1
         ok -> play Your_message_is
         failed -> =saved",
        // Once more, without the greeting.
        "-> find con_bob
         ok mailbox=box_1 -> record box_1
         key recording=rec_1 recording_ms=4000 -> keys To_listen_to
         2 -> discard rec_1
         ok -> record
         key recording=rec_2 recording_ms=2000 -> keys To_listen_to
         # -> keep rec_2 in box_1
         full -> play This_mailbox_is
         done -> =full",
        // The caller thinks better of it, or says nothing.
        "-> find con_bob
         ok mailbox=box_1 -> record box_1
         key recording=rec_1 recording_ms=4000 -> keys To_listen_to
         * -> discard rec_1
         ok -> =empty",
        "-> find con_bob
         ok mailbox=box_1 -> record box_1
         silence recording=rec_1 recording_ms=300 -> keep rec_1 in box_1
         empty -> =empty",
        "-> find con_bob
         full -> play This_mailbox_is
         failed -> =full",
        "-> find con_bob
         failed -> =failed",
        "-> find con_bob
         ok mailbox=box_1 -> record box_1
         failed -> =failed",
    ] {
        check(leaving(), script);
    }
}

#[test]
fn hanging_up_keeps_what_was_said() {
    let after = |texts: &[&str], recording| {
        let mut leaving = leaving();
        leaving.begin();
        for text in texts {
            leaving.on_told(told(text));
        }
        leaving.on_gone(recording)
    };
    for (errand, wanted) in [
        (after(&["ok mailbox=box_1"], "rec_1"), Some("keep rec_1 in box_1")),
        // During the greeting.
        (after(&["ok mailbox=box_1"], ""), None),
        (
            after(&["ok mailbox=box_1", "key recording=rec_1 recording_ms=4000"], ""),
            Some("keep rec_1 in box_1"),
        ),
        (after(&["ok mailbox=box_1", "key recording=rec_1 recording_ms=4000", "3"], ""), None),
        (after(&[], ""), None),
    ] {
        let named = errand.map(|errand| match errand {
            Errand::Mailbox(post) => posted(&post),
            Errand::Fetch { .. } | Errand::Person { .. } | Errand::Webhook { .. } => "elsewhere".to_owned(),
        });
        assert_eq!(named.as_deref(), wanted);
    }
}
