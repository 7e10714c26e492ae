//! `if`: two values are compared, as numbers where both are.

use core::cmp::Ordering;

use super::{Kind, Move, Outcome, Reader, Row, Scene, Setting, Verb, leads};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "if",
    about: "Compares two values, as numbers where both are, else as text.",
    settings: &[
        Setting::must("value", Kind::Text(1_024), "What is looked at, such as ${digits}."),
        Setting::may(
            "is",
            Kind::Choice(&["equal", "different", "less", "more", "starts_with", "contains", "empty"]),
            "How it compares.",
        ),
        Setting::may("than", Kind::Text(1_024), "What it is compared with."),
    ],
    outcomes: &[leads("yes", "it is so"), leads("no", "it is not so")],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct Compare {
    value: Template,
    is: &'static str,
    than: Template,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let (value, is) = (settings.template("value"), settings.choice("is"));
    if is == "empty" && settings.has("than") {
        settings.wrong("than", "nothing is compared with");
    }
    Box::new(Compare { value, is, than: settings.template("than") })
}

impl Verb for Compare {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let (value, than) = (self.value.fill(scene.variables), self.than.fill(scene.variables));
        Move::go(if holds(&value, self.is, &than) { Outcome::YES } else { Outcome::NO })
    }
}

fn holds(value: &str, is: &str, than: &str) -> bool {
    match is {
        "equal" => order(value, than) == Ordering::Equal,
        "different" => order(value, than) != Ordering::Equal,
        "less" => order(value, than) == Ordering::Less,
        "more" => order(value, than) == Ordering::Greater,
        "starts_with" => value.starts_with(than),
        "contains" => value.contains(than),
        _ => value.is_empty(),
    }
}

fn order(value: &str, than: &str) -> Ordering {
    match (number(value), number(than)) {
        (Some(value), Some(than)) => value.partial_cmp(&than).unwrap_or(Ordering::Equal),
        (Some(_), None) | (None, _) => value.cmp(than),
    }
}

/// A number as people write one; a telephone number with `+` or a leading zero is text.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0') || digits.starts_with("0."));
    let all = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (plain && all && digits.len() <= 15).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare() {
        for (value, is, than, expected) in [
            ("10", "more", "9", true),
            ("10", "less", "9", false),
            ("1.0", "equal", "1", true),
            ("-2", "less", "1", true),
            ("+4930", "equal", "4930", false),
            ("007", "equal", "7", false),
            ("b", "more", "a", true),
            ("", "empty", "", true),
            ("x", "empty", "", false),
            ("+49301", "starts_with", "+4930", true),
            ("hello", "contains", "ell", true),
            ("a", "different", "b", true),
            ("", "less", "1", true),
        ] {
            assert_eq!(holds(value, is, than), expected, "{value} {is} {than}");
        }
    }
}
