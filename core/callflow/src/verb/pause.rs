//! `pause`: silence for a while.

use core::time::Duration;

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::Ask;

pub(super) const ROW: Row = Row {
    name: "pause",
    about: "Waits in silence.",
    settings: &[Setting::may("milliseconds", Kind::Number(10, 600_000, 1_000), "How long.")],
    outcomes: &[leads("next", "the time is over")],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Pause(Duration);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Pause(Duration::from_millis(settings.number("milliseconds").into())))
}

impl Verb for Pause {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::Ask(Ask::Pause(self.0))
    }
}
