//! `mailbox`: the owner of a mailbox hears its messages at a telephone.

use super::voicemail::MAILBOX;
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::template::Template;
use crate::voicemail::{Visiting, Whose};

pub(super) const ROW: Row = Row {
    name: "mailbox",
    about: "Lets the caller hear the messages of a mailbox, after its PIN: keys repeat, save, delete and go on.",
    settings: &[
        MAILBOX,
        Setting::may(
            "ask_number",
            Kind::Flag(false),
            "Whether the caller is asked for the number of the mailbox.",
        ),
    ],
    outcomes: &[
        may_end("done", "the caller has heard enough"),
        leads("refused", "the PIN was wrong, or the mailbox has none"),
        leads("failed", "there is no such mailbox"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Mailbox {
    mailbox: Template,
    ask_number: bool,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Mailbox { mailbox: settings.template("mailbox"), ask_number: settings.flag("ask_number") })
}

impl Verb for Mailbox {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let whose = Whose::of(self.mailbox.fill(scene.variables), scene.variables);
        Move::Through(Box::new(Visiting::new(whose, self.ask_number)))
    }
}
