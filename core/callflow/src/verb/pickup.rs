//! `pickup`: the caller takes a call that rings at somebody else.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, TakeOver};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "pickup",
    about: "Lets the caller take a call that rings elsewhere in the account.",
    settings: &[Setting::may(
        "connection",
        Kind::Text(64),
        "The connection that rings; absent for any of the account, whichever has rung longest.",
    )],
    outcomes: &[
        may_end("found", "a call rang, and its caller hung up first"),
        leads("empty", "nothing rings there, or somebody else was faster"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct PickUp {
    connection: Template,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(PickUp { connection: settings.template("connection") })
}

impl Verb for PickUp {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let connection = self.connection.fill(scene.variables);
        let wanted = (!connection.is_empty()).then(|| connection.into());
        Move::Ask(Ask::TakeOver(TakeOver::Ringing(wanted)))
    }
}
