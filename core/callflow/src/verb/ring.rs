//! `ring`: the caller hears that it rings, and nothing else happens yet.

use core::time::Duration;

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::Ask;

pub(super) const ROW: Row = Row {
    name: "ring",
    about: "Lets the caller hear that it rings, for a while.",
    settings: &[Setting::may("seconds", Kind::Number(1, 180, 5), "How long.")],
    outcomes: &[leads("next", "it has rung that long")],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Ring(Duration);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Ring(Duration::from_secs(settings.number("seconds").into())))
}

impl Verb for Ring {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::Ask(Ask::Ring(self.0))
    }
}
