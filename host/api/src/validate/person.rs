//! A person from its document: connections of the account that are nobody else's, and where calls go instead.

use routing::config::{Condition, Person, PersonId};
use serde_json::{Map, Value, json};
use store::new_id;

use super::{Desk, Drafted, needed, typed, verdict};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Every field of a person.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", Shape::Text(1, 64), "identifier, per_…"),
    Field::open("name", Shape::Text(1, 100), "unique in its account"),
    Field::fixed("account", Shape::Text(1, 253), "owner: an id or a name"),
    Field::open("email", Shape::Text(3, 254), "where they read mail"),
    Field::open("role", Shape::Text(1, 100), "what they do"),
    Field::open(
        "connections",
        Shape::List(&Shape::Text(1, 64), 20),
        "their connections, in the order in which they ring",
    ),
    Field::open(
        "ring",
        Shape::Choice(&["dialled", "in_order", "all"]),
        "which of them ring [dialled]: the one that was dialled, that one and then the others, or all at once",
    ),
    Field::open("mailbox", Shape::Text(1, 64), "their voicemail"),
    Field::open(
        "forward",
        Shape::Object(FORWARD),
        "where calls go instead: users or numbers as the person would dial them",
    ),
    Field::open(
        "dnd_until",
        Shape::Text(1, 64),
        "until when nothing rings [null]; a time far away is for good",
    ),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const FORWARD: &[Field] = &[
    Field::open("always", WHERE, "every call"),
    Field::open("busy", WHERE, "when they talk, decline or do not want to be disturbed"),
    Field::open("no_answer", WHERE, "when nobody answers in dialled.ring_s"),
    Field::open("offline", WHERE, "when no device can be reached"),
];

const WHERE: Shape = Shape::Text(1, 128);

/// A person as the document says.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&Person>,
) -> Result<Drafted<Person>, Problem> {
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    needed(&document, &["name"], &mut errors);
    verdict(errors)?;
    let account = desk.owner(&document)?;
    if existing.is_some_and(|person| person.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a person stays with its account"));
    }
    let id = existing.map_or_else(|| PersonId::from(new_id("per").as_str()), |person| person.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("account".to_owned(), json!(account.id));
    let until = document.remove("dnd_until");
    let mut row: Person = typed(document)?;
    if let Some(until) = until.as_ref().and_then(Value::as_str) {
        let parsed = store::from_rfc3339(until).ok_or_else(|| {
            Problem::at(
                Code::InvalidValue,
                "/dnd_until",
                format!("{until} is no time like 2026-03-01T12:00:00Z"),
            )
        })?;
        row.dnd_until = Some(parsed);
    }
    let mut errors = Vec::new();
    connections(desk, &row, &mut errors);
    forwards(desk, &row, &mut errors);
    let taken =
        desk.rows.people.all().any(|kept| {
            kept.row.account == row.account && kept.row.name == row.name && kept.row.id != row.id
        });
    if taken || !desk.pending.person_names.insert((row.account.clone(), row.name.clone())) {
        let message = "another person of the account has this name";
        errors.push(FieldError::new(Code::AccountNameTaken, "/name", message));
    }
    verdict(errors)?;
    Ok(Drafted::new(row, Vec::new()))
}

/// A connection rings for one person.
fn connections(desk: &mut Desk<'_>, row: &Person, errors: &mut Vec<FieldError>) {
    for (index, id) in row.connections.iter().enumerate() {
        let pointer = format!("/connections/{index}");
        if desk.connection(id.as_str(), &row.account, &pointer, errors).is_none() {
            continue;
        }
        let other = desk.rows.person_of(id).filter(|person| person.id != row.id);
        if let Some(other) = other {
            let message = format!("it belongs to {} ({})", other.name, other.id);
            errors.push(FieldError::new(Code::InvalidValue, pointer, message));
        } else if !desk.pending.claimed.insert(id.clone()) {
            errors.push(FieldError::new(Code::InvalidValue, pointer, "it is named twice"));
        }
    }
}

/// Calls that go to the person itself would go nowhere.
fn forwards(desk: &Desk<'_>, row: &Person, errors: &mut Vec<FieldError>) {
    let conditions = [
        (Condition::Always, "always"),
        (Condition::Busy, "busy"),
        (Condition::NoAnswer, "no_answer"),
        (Condition::Offline, "offline"),
    ];
    for (condition, name) in conditions {
        let Some(to) = row.forward.to(condition) else { continue };
        let own = row.connections.iter().filter_map(|id| desk.rows.connections.get(id.as_str()));
        if condition == Condition::Always && own.into_iter().any(|own| own.user.as_deref() == Some(to)) {
            let message = format!("{to} is one of their own connections");
            errors.push(FieldError::new(Code::InvalidValue, format!("/forward/{name}"), message));
        }
    }
}

/// The person as it is shown and patched.
pub(crate) fn document(row: &Person) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(row) else { return Map::new() };
    map.insert("dnd_until".to_owned(), json!(row.dnd_until.map(store::rfc3339)));
    map
}
