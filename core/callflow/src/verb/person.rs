//! `person`: changes what a person wants of calls.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Errand};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "person",
    about: "Changes where calls of a person go, or whether anything rings.",
    settings: &[
        Setting::may(
            "connection",
            Kind::Text(64),
            "A connection of the person; absent for the one that calls.",
        ),
        Setting::may(
            "set",
            Kind::Choice(&["always", "busy", "no_answer", "offline", "dnd"]),
            "What: calls under this condition, or do not disturb.",
        ),
        Setting::may("to", Kind::Text(128), "Where calls go: a user or number as the person dials it."),
        Setting::may("on", Kind::Flag(true), "False takes it away."),
    ],
    outcomes: &[
        leads("done", "it is changed"),
        leads("unknown", "the connection is nobody's"),
        leads("failed", "it could not be changed"),
    ],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct ChangePerson {
    connection: Template,
    set: &'static str,
    to: Template,
    on: bool,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let (set, on) = (settings.choice("set"), settings.flag("on"));
    if on && set != "dnd" && settings.text("to").is_empty() {
        settings.missing("to", "where calls go");
    }
    Box::new(ChangePerson {
        connection: settings.template("connection"),
        set,
        to: settings.template("to"),
        on,
    })
}

impl Verb for ChangePerson {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let named = self.connection.fill(scene.variables);
        let connection = match named.is_empty() {
            true => scene.variables.value("connection").to_owned(),
            false => named,
        };
        let to = Some(self.to.fill(scene.variables)).filter(|to| self.on && !to.is_empty());
        Move::Ask(Ask::Errand(Errand::Person { connection, set: self.set, to, on: self.on }))
    }
}
