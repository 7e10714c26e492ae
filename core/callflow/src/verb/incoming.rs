//! `incoming`: where a flow begins.

use super::{Move, Outcome, Reader, Row, Scene, Verb, leads};

pub(super) const ROW: Row = Row {
    name: "incoming",
    about: "Where the flow begins.",
    settings: &[],
    outcomes: &[leads("next", "the call is here")],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct Incoming;

fn read(_: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Incoming)
}

impl Verb for Incoming {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::go(Outcome::NEXT)
    }
}
