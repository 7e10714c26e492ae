//! `set`: variables get values.

use super::setting::NAME;
use super::{Kind, Move, Outcome, Reader, Row, Scene, Setting, Verb, leads};
use crate::template::Template;
use crate::variables::is_name;

pub(super) const ROW: Row = Row {
    name: "set",
    about: "Sets variables.",
    settings: &[Setting::must("variables", Kind::Map(32), "Values by name; ${name} in them is filled in.")],
    outcomes: &[leads("next", "they are set")],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct Set(Vec<(Box<str>, Template)>);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let variables = settings.map("variables");
    if let Some((name, _)) = variables.iter().find(|(name, _)| !is_name(name)) {
        settings.wrong("variables", format!("{name:?} is not {NAME}"));
    }
    Box::new(Set(variables.into_iter().map(|(name, value)| (name, Template::new(&value))).collect()))
}

impl Verb for Set {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        for (name, value) in &self.0 {
            let value = value.fill(scene.variables);
            scene.variables.set(name, value);
        }
        Move::go(Outcome::NEXT)
    }
}
