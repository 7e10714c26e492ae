//! `sub_flow`: another flow is gone through, and this one goes on where that one ends.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};

pub(super) const ROW: Row = Row {
    name: "sub_flow",
    about: "Goes through another flow, with the same variables, and goes on where that one ends.",
    settings: &[Setting::must("flow", Kind::Text(64), "Id of the flow.")],
    outcomes: &[
        leads("done", "that flow has ended without hanging up"),
        leads("failed", "it is not published, or flows lie too deep within each other"),
    ],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct SubFlow(Box<str>);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    Box::new(SubFlow(settings.text("flow")))
}

impl Verb for SubFlow {
    fn begin(&self, _: &mut Scene<'_>) -> Move {
        Move::Into(self.0.clone())
    }

    fn flow(&self) -> Option<&str> {
        Some(&self.0)
    }
}
