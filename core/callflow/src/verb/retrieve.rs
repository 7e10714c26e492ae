//! `retrieve`: the caller talks with somebody who waits in an orbit, wherever that call came from.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, TakeOver};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "retrieve",
    about: "Lets the caller talk with somebody who was parked.",
    settings: &[
        Setting::may("orbit", Kind::Text(32), "The orbit: a number or a name."),
        Setting::may("call", Kind::Text(64), "Instead of an orbit, the id of the call that waits in one."),
    ],
    outcomes: &[
        may_end("found", "whoever waited was there, and hung up before the caller did"),
        leads("empty", "nobody waits there, or somebody else was faster"),
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Retrieve {
    orbit: Template,
    call: Template,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    if settings.has("orbit") == settings.has("call") {
        settings.missing("orbit", "an orbit, or a call, and not both");
    }
    Box::new(Retrieve { orbit: settings.template("orbit"), call: settings.template("call") })
}

impl Verb for Retrieve {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let orbit = self.orbit.fill(scene.variables);
        Move::Ask(Ask::TakeOver(match orbit.is_empty() {
            true => TakeOver::Call(self.call.fill(scene.variables).into()),
            false => TakeOver::Orbit(orbit.into()),
        }))
    }
}
