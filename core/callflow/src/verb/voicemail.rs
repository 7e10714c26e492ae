//! `voicemail`: the caller leaves a message in a mailbox.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::template::Template;
use crate::voicemail::{Leaving, Letter, Whose};

pub(super) const ROW: Row = Row {
    name: "voicemail",
    about: "Lets the caller leave a message: greeting, beep, recording; # listens, records again or saves, and so does hanging up.",
    settings: &[
        MAILBOX,
        Setting::may("greeting", Kind::Flag(true), "Whether the greeting is heard before the beep."),
        Setting::may("menu", Kind::Flag(true), "Whether # leads to the menu; where not, it saves."),
    ],
    outcomes: &[
        may_end("saved", "the message is kept"),
        may_end("empty", "nothing was said, or the caller threw it away"),
        leads("full", "the mailbox holds as many messages as it may"),
        leads("failed", "there is no such mailbox, or nothing could be recorded"),
    ],
    named_by: None,
    waits: true,
    read,
};

pub(super) const MAILBOX: Setting = Setting::may(
    "mailbox",
    Kind::Text(200),
    "The mailbox by id, name or number; absent for that of the connection that the flow is attached to.",
);

#[derive(Debug)]
struct Voicemail {
    mailbox: Template,
    greeting: bool,
    menu: bool,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Voicemail {
        mailbox: settings.template("mailbox"),
        greeting: settings.flag("greeting"),
        menu: settings.flag("menu"),
    })
}

impl Verb for Voicemail {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let whose = Whose::of(self.mailbox.fill(scene.variables), scene.variables);
        let letter = Letter::of(scene.variables);
        Move::Through(Box::new(Leaving::new(whose, letter, self.greeting, self.menu)))
    }
}
