//! `caller_match`: who calls, by number.

use super::{Kind, Move, Outcome, Reader, Row, Scene, Setting, Verb, leads};

pub(super) const ROW: Row = Row {
    name: "caller_match",
    about: "Looks whether the caller's number is one of a list.",
    settings: &[Setting::must(
        "numbers",
        Kind::List(&Kind::Text(64), 1_000),
        "Numbers or users; one that ends in * stands for all that begin so.",
    )],
    outcomes: &[
        leads("match", "it is one of them"),
        leads("no_match", "it is none of them"),
        leads("withheld", "the caller shows no number"),
    ],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct CallerMatch(Vec<Box<str>>);

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let numbers = settings.texts("numbers");
    settings.needs_one("numbers");
    let odd = |number: &str| number.is_empty() || number.trim_end_matches('*').contains('*');
    if numbers.iter().any(|number| odd(number)) {
        settings.wrong("numbers", "a * stands at the end only");
    }
    Box::new(CallerMatch(numbers))
}

impl Verb for CallerMatch {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let caller = scene.variables.value("caller");
        if caller.is_empty() || caller == "anonymous" {
            return Move::go(Outcome::WITHHELD);
        }
        let fits = |number: &str| match number.strip_suffix('*') {
            Some(begin) => caller.starts_with(begin),
            None => caller == number,
        };
        Move::go(if self.0.iter().any(|number| fits(number)) { Outcome::MATCH } else { Outcome::NO_MATCH })
    }
}
