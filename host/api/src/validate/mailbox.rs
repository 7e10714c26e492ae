//! A mailbox from its document. Its PIN comes in and never goes out.

use routing::config::{Mailbox, MailboxId};
use serde_json::{Map, Value, json};
use speech::Fault;
use store::{hash_pin, new_id};

use super::{Desk, Drafted, needed, typed, verdict};
use crate::problem::{Code, FieldError, Problem};
use crate::rows::Kept;
use crate::shape::{self, Field, Shape};

/// Every field of a mailbox.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", ID, "identifier, box_…"),
    Field::open("name", Shape::Text(1, 100), "unique in its account"),
    Field::fixed("account", ID, "owner: an id or a name"),
    Field::open(
        "number",
        Shape::Text(1, 20),
        "digits that people know it by at a telephone, unique in its account",
    ),
    Field::open(
        "connection",
        ID,
        "the connection whose calls leave messages here, and whose phones are told",
    ),
    Field::secret(
        "pin",
        Shape::Text(0, 12),
        "3 to 12 digits that open it from other telephones, or empty for none; never shown",
    ),
    Field::read_only("has_pin", Shape::Boolean, "whether it has a PIN"),
    Field::open("greeting", Shape::Object(GREETING), "what callers hear first [{kind: default}]"),
    Field::open("email", Shape::Text(3, 254), "where messages are sent by e-mail"),
    Field::open("attach", Shape::Object(ATTACH), "what such an e-mail carries"),
    Field::open("max_s", Shape::Integer(5, 3_600), "seconds of one message at most [180]"),
    Field::open("max_messages", Shape::Integer(1, 10_000), "messages at most [100]"),
    Field::open(
        "retention_days",
        Shape::Integer(0, 3_650),
        "days that messages are kept, saved ones aside; 0 for ever [30]",
    ),
    Field::open("language", Shape::Text(2, 35), "of what is said in it (BCP 47) [the account's]"),
    Field::open("transcribe", Shape::Boolean, "whether messages are written down as text [true]"),
    Field::open(
        "unsolicited",
        Shape::Boolean,
        "whether registered phones are told of messages without a subscription, by NOTIFY (RFC 3842) [false]",
    ),
    Field::read_only("messages", Shape::Object(COUNTS), "how many it holds"),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const ID: Shape = Shape::Text(1, 253);

const GREETING: &[Field] = &[
    Field::open(
        "kind",
        Shape::Choice(&["default", "text", "sound", "recorded"]),
        "the usual words, these, a sound of the account, or what was recorded at a telephone",
    ),
    Field::open("text", Shape::Prose(4_000), "the words"),
    Field::open("sound", Shape::Text(1, 200), "the sound, by id or name"),
];

const ATTACH: &[Field] = &[
    Field::open("audio", Shape::Boolean, "the message as a WAV file [true]"),
    Field::open("transcript", Shape::Boolean, "what is said in it [true]"),
];

const COUNTS: &[Field] = &[
    Field::read_only("new", Shape::Integer(0, i64::MAX), "that nobody heard"),
    Field::read_only("old", Shape::Integer(0, i64::MAX), "that somebody did"),
];

/// A mailbox as the document says.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&Mailbox>,
) -> Result<Drafted<Mailbox>, Problem> {
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    needed(&document, &["name"], &mut errors);
    verdict(errors)?;
    let account = desk.owner(&document)?;
    if existing.is_some_and(|mailbox| mailbox.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a mailbox stays with its account"));
    }
    let mut errors = Vec::new();
    let pin = document.remove("pin").and_then(|pin| pin.as_str().map(str::to_owned));
    let greeting = greeting(document.remove("greeting"), &mut errors);
    let id = existing.map_or_else(|| MailboxId::from(new_id("box").as_str()), |mailbox| mailbox.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("account".to_owned(), json!(account.id));
    document.insert("greeting".to_owned(), greeting);
    let mut row: Mailbox = typed(document)?;
    if let Some(number) = row.number.as_ref().filter(|number| !number.bytes().all(|b| b.is_ascii_digit())) {
        let message = format!("{number} is not made of digits");
        errors.push(FieldError::new(Code::InvalidValue, "/number", message));
    }
    if let Some(connection) = &row.connection {
        desk.connection(connection.as_str(), &account.id, "/connection", &mut errors);
    }
    if let Some(email) = row.email.as_ref().filter(|email| !is_address(email)) {
        errors.push(FieldError::new(Code::InvalidValue, "/email", format!("{email} is no e-mail address")));
    }
    row.pin = match pin.as_deref() {
        None => existing.and_then(|mailbox| mailbox.pin.clone()),
        Some("") => None,
        Some(pin) if pin.len() >= 3 && pin.bytes().all(|b| b.is_ascii_digit()) => Some(hash_pin(pin)?),
        Some(_) => {
            errors.push(FieldError::new(Code::InvalidValue, "/pin", "3 to 12 digits"));
            None
        }
    };
    taken(desk, &row, &mut errors);
    verdict(errors)?;
    desk.pending.mailbox_names.insert((row.account.clone(), row.name.clone()));
    let warnings = unheard(desk, &row);
    Ok(Drafted::new(row, warnings))
}

/// Languages that an engine here does not know. That there is none is told by `/system/check`.
fn unheard(desk: &Desk<'_>, row: &Mailbox) -> Vec<String> {
    let (Some(speech), Some(language)) = (&desk.rows.speech, &row.language) else { return Vec::new() };
    let unknown = |known: Result<(), Fault>, so: &str| match known {
        Err(why @ Fault::Language { .. }) => Some(format!("/language: {why}; {so}")),
        Ok(()) | Err(_) => None,
    };
    let spoken = unknown(speech.speaks(language), "what it says itself is said in English");
    let written = unknown(speech.understands(language), "its messages are not written down");
    spoken.into_iter().chain(written.filter(|_| row.transcribe)).collect()
}

/// What must be its own within the account.
fn taken(desk: &Desk<'_>, row: &Mailbox, errors: &mut Vec<FieldError>) {
    let of_another = |kept: &&Kept<Mailbox>| kept.row.account == row.account && kept.row.id != row.id;
    let others = || desk.rows.mailboxes.all().filter(of_another);
    let pending = desk.pending.mailbox_names.contains(&(row.account.clone(), row.name.clone()));
    if pending || others().any(|kept| kept.row.name == row.name) {
        let message = "another mailbox of the account has this name";
        errors.push(FieldError::new(Code::AccountNameTaken, "/name", message));
    }
    if row.number.is_some() && others().any(|kept| kept.row.number == row.number) {
        let message = "another mailbox of the account has this number";
        errors.push(FieldError::new(Code::NumberTaken, "/number", message));
    }
    if row.connection.is_some() && others().any(|kept| kept.row.connection == row.connection) {
        let message = "another mailbox takes the messages of this connection";
        errors.push(FieldError::new(Code::InUse, "/connection", message));
    }
}

/// From {kind, text, sound} to the row's form.
fn greeting(value: Option<Value>, errors: &mut Vec<FieldError>) -> Value {
    let Some(Value::Object(map)) = value else { return json!("default") };
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let meant = match (map.contains_key("text"), map.contains_key("sound")) {
        (true, _) => "text",
        (false, true) => "sound",
        (false, false) => "default",
    };
    let kind = text("kind").unwrap_or(meant);
    match (kind, text("text"), text("sound")) {
        ("text", Some(words), _) => json!({"text": words}),
        ("sound", _, Some(sound)) => json!({"sound": sound}),
        ("text" | "sound", ..) => {
            let at = format!("/greeting/{kind}");
            errors.push(FieldError::new(Code::FieldMissing, at, format!("{kind} is needed")));
            json!("default")
        }
        (kind, ..) => json!(kind),
    }
}

/// As far as can be seen without asking its host.
fn is_address(text: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, ',' | ';' | '<' | '>' | '"' | '\\' | '(' | ')');
    let parts = text
        .rsplit_once('@')
        .filter(|(user, host)| !user.is_empty() && !user.contains('@') && !host.is_empty());
    parts.is_some() && text.chars().all(plain)
}

/// The mailbox as it is shown and patched.
pub(crate) fn document(row: &Mailbox) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(row) else { return Map::new() };
    let greeting = match map.remove("greeting") {
        Some(Value::Object(mut one)) => match (one.remove("text"), one.remove("sound")) {
            (Some(text), _) => json!({"kind": "text", "text": text}),
            (None, sound) => json!({"kind": "sound", "sound": sound}),
        },
        Some(kind) => json!({"kind": kind}),
        None => json!({"kind": "default"}),
    };
    map.insert("greeting".to_owned(), greeting);
    map.insert("has_pin".to_owned(), json!(row.pin.is_some()));
    map
}
