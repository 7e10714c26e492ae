//! Limits: their fields, and what makes sense in them.

use routing::config::Limits;
use routing::policy::Country;
use serde_json::{Map, Value};

use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Fields of limits, the same for connections, accounts and the installation.
pub(crate) const LIMITS: &[Field] = &[
    Field::open("concurrent", COUNT, "calls at once in both directions"),
    Field::open("concurrent_from", COUNT, "calls at once from it"),
    Field::open("concurrent_to", COUNT, "calls at once to it"),
    Field::open("per_second", COUNT, "new calls per second in both directions"),
    Field::open("per_hour", COUNT, "new calls per hour from it"),
    Field::open("per_day", COUNT, "new calls per day from it"),
    Field::open("per_week", COUNT, "new calls per week from it"),
    Field::open(
        "window",
        Shape::Choice(&["rolling", "calendar"]),
        "the last hour, day and week, or those of the calendar in the account's time zone [rolling]",
    ),
    Field::open("max_duration_s", Shape::Integer(1, 31_536_000), "longest call, in seconds"),
    Field::open("warn_at", Shape::Integer(1, 100), "per cent of a limit at which an event warns [80]"),
    Field::open("countries", Shape::Object(COUNTRIES), "countries of called numbers, by ISO code; * is all"),
    Field::open("prefixes", Shape::Object(PREFIXES), "prefixes of called numbers in E.164, with +"),
];

const COUNT: Shape = Shape::Integer(0, 1_000_000_000);
const COUNTRIES: &[Field] = &[
    Field::open("allow", CODES, "allowed; a connection where it is absent may call its account's country"),
    Field::open("deny", CODES, "denied"),
    Field::open(
        "on_first",
        Shape::Choice(&["allow", "hold"]),
        "whether the first call to a country is refused until somebody approves it [allow]",
    ),
    Field::open("approved", CODES, "countries whose first call was approved"),
];
const PREFIXES: &[Field] = &[
    Field::open("allow", Shape::List(&Shape::Text(2, 20), 1_000), "allowed; absent means no rule"),
    Field::open("deny", Shape::List(&Shape::Text(2, 20), 1_000), "denied; the longest match decides"),
];
const CODES: Shape = Shape::List(&Shape::Text(1, 2), 1_000);

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

/// Checks words in limits and writes country codes in capitals; `at` points to the limits.
pub(crate) fn check(limits: &mut Limits, at: &str, errors: &mut Vec<FieldError>) {
    let countries = &mut limits.countries;
    let lists = [
        ("allow", true, countries.allow.as_mut()),
        ("deny", true, Some(&mut countries.deny)),
        ("approved", false, Some(&mut countries.approved)),
    ];
    for (list, all, codes) in lists {
        for (index, code) in codes.into_iter().flatten().enumerate() {
            if Country::by_code(code).is_some() {
                code.make_ascii_uppercase();
            } else if !(all && code == "*") {
                let pointer = format!("{at}/countries/{list}/{index}");
                errors.push(FieldError::new(Code::InvalidValue, pointer, "no code of a country"));
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
