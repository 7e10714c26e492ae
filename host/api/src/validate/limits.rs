//! Limits: their fields, and what makes sense in them.

use routing::config::{Allowance, Limits};
use serde_json::{Map, Value};

use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Fields of limits, the same for connections, accounts and the installation.
pub(crate) const LIMITS: &[Field] = &[
    Field::open("concurrent", COUNT, "calls at once in both directions"),
    Field::open("concurrent_from", COUNT, "calls at once from it"),
    Field::open("concurrent_to", COUNT, "calls at once to it"),
    Field::open("per_second", COUNT, "new calls per second"),
    Field::open("per_hour", COUNT, "new calls per hour"),
    Field::open("per_day", COUNT, "new calls per day"),
    Field::open("per_week", COUNT, "new calls per week"),
    Field::open("window", Shape::Choice(&["rolling", "calendar"]), "how periods are counted [rolling]"),
    Field::open("max_duration_s", Shape::Integer(1, 31_536_000), "longest call, in seconds"),
    Field::open("countries", Shape::Object(ALLOWANCE), "countries by ISO code"),
    Field::open("prefixes", Shape::Object(ALLOWANCE), "prefixes in E.164, with +"),
];

const COUNT: Shape = Shape::Integer(0, 1_000_000_000);
const ALLOWANCE: &[Field] = &[
    Field::open("allow", Shape::List(&Shape::Text(1, 20), 1_000), "allowed; absent means no rule"),
    Field::open("deny", Shape::List(&Shape::Text(1, 20), 1_000), "denied; goes before allow"),
];

/// The installation's limits as they would be after a change.
pub(crate) fn draft(document: &Map<String, Value>) -> Result<Limits, Problem> {
    let mut errors = Vec::new();
    shape::check(document, LIMITS, u8::MAX, "", &mut errors);
    if !errors.is_empty() {
        return Err(Problem::of(errors));
    }
    let mut limits: Limits = super::typed(document.clone())?;
    check(&mut limits, "", &mut errors);
    super::verdict(errors)?;
    Ok(limits)
}

/// Says which limits are kept but not applied yet; only a connection counts its calls.
pub(crate) fn advise(limits: &Limits, counts_calls: bool, warnings: &mut Vec<String>) {
    let rules = |allowance: &Allowance| allowance.allow.is_some() || !allowance.deny.is_empty();
    let calls = [limits.concurrent, limits.concurrent_from, limits.concurrent_to];
    let without_effect: Vec<&str> = [
        ("concurrent calls", !counts_calls && calls.iter().any(Option::is_some)),
        ("per_second", limits.per_second.is_some()),
        ("per_hour", limits.per_hour.is_some()),
        ("per_day", limits.per_day.is_some()),
        ("per_week", limits.per_week.is_some()),
        ("countries", rules(&limits.countries)),
        ("prefixes", rules(&limits.prefixes)),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    if !without_effect.is_empty() {
        warnings.push(format!("limits kept, but not applied in this release: {}", without_effect.join(", ")));
    }
}

/// Checks words in limits and writes country codes in capitals; `at` points to the limits.
pub(crate) fn check(limits: &mut Limits, at: &str, errors: &mut Vec<FieldError>) {
    let countries = &mut limits.countries;
    let lists = [("allow", countries.allow.as_mut()), ("deny", Some(&mut countries.deny))];
    for (list, codes) in lists {
        for (index, code) in codes.into_iter().flatten().enumerate() {
            if is_country(code) {
                code.make_ascii_uppercase();
            } else {
                let pointer = format!("{at}/countries/{list}/{index}");
                errors.push(FieldError::new(Code::InvalidValue, pointer, "a country code of two letters"));
            }
        }
    }
    let prefixes = [("allow", limits.prefixes.allow.as_ref()), ("deny", Some(&limits.prefixes.deny))];
    for (list, prefixes) in prefixes {
        for (index, prefix) in prefixes.into_iter().flatten().enumerate() {
            if !is_prefix(prefix) {
                let pointer = format!("{at}/prefixes/{list}/{index}");
                errors.push(FieldError::new(Code::InvalidValue, pointer, "+ and up to 15 digits"));
            }
        }
    }
}

/// Whether it looks like an ISO 3166 code.
pub(crate) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
}

fn is_prefix(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}
