//! `hangup`: the call is over.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb};
use crate::ask::Ask;

pub(super) const ROW: Row = Row {
    name: "hangup",
    about: "Hangs up. A caller that was not answered is refused.",
    settings: &[Setting::may(
        "cause",
        Kind::Number(1, 127, 16),
        "Why, as a cause of ITU-T Q.850: 16 normal, 17 busy, 19 no answer.",
    )],
    outcomes: &[],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct HangUp(u8);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(HangUp(u8::try_from(settings.number("cause")).unwrap_or(16)))
}

impl Verb for HangUp {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::Ask(Ask::HangUp { cause: self.0 })
    }
}
