//! `answer`: the caller is answered now. Verbs that play or listen do so by themselves.

use super::{Move, Reader, Row, Scene, Verb, leads};
use crate::ask::Ask;

pub(super) const ROW: Row = Row {
    name: "answer",
    about: "Answers the caller. Verbs that play or listen do that by themselves.",
    settings: &[],
    outcomes: &[leads("next", "the caller is answered")],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct Answer;

fn read(_: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(Answer)
}

impl Verb for Answer {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::Ask(Ask::Answer)
    }
}
