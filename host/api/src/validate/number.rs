//! A number from its document: E.164, once per way in, pointing at something that exists.

use routing::config::{Account, Kind, NumberId, NumberRow};
use serde_json::{Map, Value, json};
use store::new_id;

use super::{Desk, Drafted, name, needed, typed, verdict};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Every field of a number.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", ID, "identifier, num_…"),
    Field::open("e164", Shape::Text(1, 40), "the number: + and 4 to 15 digits"),
    Field::open(
        "forms",
        Shape::List(&Shape::Text(2, 40), 20),
        "other ways it is dialled, exactly as they are heard: for peers that keep to no number format",
    ),
    Field::fixed("account", ID, "owner: an id or a name"),
    Field::open("via", ID, "connection it comes in by [any]"),
    Field::open("target", Shape::Target, "who rings"),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const ID: Shape = Shape::Text(1, 253);

/// A number as the document says, checked against everything in force.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&NumberRow>,
) -> Result<Drafted<NumberRow>, Problem> {
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    needed(&document, &["e164", "target"], &mut errors);
    verdict(errors)?;
    let account = desk.owner(&document)?;
    if existing.is_some_and(|n| n.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a number stays with its account"));
    }
    if existing.is_none() {
        quota(desk, account)?;
    }
    let id = existing.map_or_else(|| NumberId::from(new_id("num").as_str()), |n| n.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("account".to_owned(), json!(account.id));
    let row: NumberRow = typed(document)?;
    let mut errors = Vec::new();
    if !name::is_e164(&row.e164) {
        let error = FieldError::new(
            Code::InvalidNumber,
            "/e164",
            format!("{} is not + and 4 to 15 digits", row.e164),
        );
        errors.push(match name::e164_suggestion(&row.e164) {
            Some(meant) => error.hint(format!("Did you mean {meant}?")),
            None => error.hint("Write it with + and the country code."),
        });
    }
    if let Some(via) = &row.via {
        let found = desk.connection(via.as_str(), &account.id, "/via", &mut errors);
        if found.is_some_and(|c| matches!(c.kind, Kind::Device | Kind::Virtual)) {
            errors.push(FieldError::new(
                Code::InvalidValue,
                "/via",
                "numbers come in by a trunk, not by a device",
            ));
        }
    }
    desk.target(&row.target, &account.id, "/target", &mut errors);
    forms(desk, &row, &mut errors);
    let held = desk.rows.e164(&row.e164).any(|(id, via)| *id != row.id && via == row.via.as_ref());
    let key = (row.e164.clone(), row.via.clone());
    if held || desk.pending.numbers.contains(&key) {
        errors.push(FieldError::new(Code::NumberTaken, "/e164", format!("{} exists already", row.e164)));
    }
    verdict(errors)?;
    desk.pending.numbers.insert(key);
    desk.pending.forms.extend(row.forms.iter().map(|form| (row.account.clone(), form.clone())));
    if existing.is_none() {
        desk.pending.owned.entry(row.account.clone()).or_default().1 += 1;
    }
    Ok(Drafted::new(row, Vec::new()))
}

/// Each form belongs to one number, and none is a number of its own.
fn forms(desk: &Desk<'_>, row: &NumberRow, errors: &mut Vec<FieldError>) {
    let wrong = |index, code, message| FieldError::new(code, format!("/forms/{index}"), message);
    for (index, form) in row.forms.iter().enumerate() {
        let held = desk.rows.form(&row.account, form).is_some_and(|id| *id != row.id)
            || desk.pending.forms.contains(&(row.account.clone(), form.clone()));
        if name::is_e164(form) {
            let message = format!("{form} is a number: create it, or point it at the same target");
            errors.push(wrong(index, Code::InvalidValue, message));
        } else if !form.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'*' | b'#' | b'-' | b'.')) {
            errors.push(wrong(index, Code::InvalidValue, format!("{form} is not what a phone dials")));
        } else if held || row.forms.iter().take(index).any(|earlier| earlier == form) {
            errors.push(wrong(index, Code::NumberTaken, format!("{form} means a number already")));
        }
    }
}

fn quota(desk: &Desk<'_>, account: &Account) -> Result<(), Problem> {
    let Some(most) = account.quota.numbers else { return Ok(()) };
    let pending = desk.pending.owned.get(&account.id).map_or(0, |(_, numbers)| *numbers);
    if desk.rows.owned(&account.id).numbers + pending < most {
        return Ok(());
    }
    Err(Problem::new(Code::QuotaReached, format!("the account may have {most} numbers")))
}

/// The number as it is shown and patched.
pub(crate) fn document(row: &NumberRow) -> Map<String, Value> {
    match serde_json::to_value(row) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
