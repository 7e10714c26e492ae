//! Shapes of resources: one table per resource from which bodies are checked and the OpenAPI schema is made.
//!
//! A check collects everything that is wrong, each with its pointer. It knows types, ranges and words; whether a
//! value makes sense beside others is decided in [`crate::validate`].

use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};

use crate::problem::{Code, FieldError};

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) about: &'static str,
    pub(crate) access: Access,
    /// Kinds of connection it belongs to, as bits; all of them for other resources.
    pub(crate) kinds: u8,
}

/// Who may read and write a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody who sees the resource.
    Open,
    /// Chosen at creation, then kept.
    Fixed,
    /// Never accepted.
    ReadOnly,
    /// Never shown.
    WriteOnly,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Boolean,
    /// Between so many and so many octets of text without control characters.
    Text(usize, usize),
    /// Several lines of text.
    Prose(usize),
    /// From, to.
    Integer(i64, i64),
    Choice(&'static [&'static str]),
    /// `auto`, `e164_plus`, `e164`, `national:CC`, `raw`.
    NumberFormat,
    /// An address or a network in CIDR notation.
    Network,
    Address,
    /// {`connection`} or {`flow`}.
    Target,
    Object(&'static [Field]),
    /// Elements, and how many at most.
    List(&'static Self, usize),
    /// Made by the server; shown only.
    Free,
}

impl Field {
    /// A field that anybody may set at any time.
    pub(crate) const fn open(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, access: Access::Open, kinds: u8::MAX }
    }

    /// A field that only the server sets.
    pub(crate) const fn read_only(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { access: Access::ReadOnly, ..Self::open(name, shape, about) }
    }

    /// A field that is set at creation.
    pub(crate) const fn fixed(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { access: Access::Fixed, ..Self::open(name, shape, about) }
    }

    /// A field that is never shown.
    pub(crate) const fn secret(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { access: Access::WriteOnly, ..Self::open(name, shape, about) }
    }

    /// The same for some kinds of connection only.
    pub(crate) const fn of(self, kinds: u8) -> Self {
        Self { kinds, ..self }
    }
}

/// Checks an object against its fields; `kind` is the bit of the connection's kind.
pub(crate) fn check(
    map: &Map<String, Value>,
    fields: &[Field],
    kind: u8,
    at: &str,
    errors: &mut Vec<FieldError>,
) {
    for (name, value) in map {
        let pointer = pointer(at, name);
        match fields.iter().find(|f| f.name == name) {
            None => errors.push(unknown(fields, name, pointer)),
            Some(field) if field.kinds & kind == 0 => errors.push(FieldError::new(
                Code::FieldNotOfKind,
                pointer,
                format!("{name} does not belong to this kind of connection"),
            )),
            Some(field) => check_value(value, field.shape, &pointer, errors),
        }
    }
}

/// The pointer to member `name` of what `at` points to.
pub(crate) fn pointer(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn unknown(fields: &[Field], name: &str, pointer: String) -> FieldError {
    let error = FieldError::new(Code::UnknownField, pointer, format!("there is no field {name}"));
    match fields.iter().map(|f| (distance(f.name, name), f.name)).min() {
        Some((far, near)) if far <= 2 => error.hint(format!("Did you mean {near}?")),
        _ => error,
    }
}

fn check_value(value: &Value, shape: Shape, at: &str, errors: &mut Vec<FieldError>) {
    let fault = match (shape, value) {
        (Shape::Boolean, Value::Bool(_)) | (Shape::Free, _) => None,
        (Shape::Text(min, max), Value::String(text)) => wrong_text(text, min, max, false),
        (Shape::Prose(max), Value::String(text)) => wrong_text(text, 0, max, true),
        (Shape::Integer(min, max), Value::Number(number)) => wrong_integer(number, min, max),
        (Shape::Choice(words), Value::String(text)) => (!words.contains(&text.as_str()))
            .then(|| (Code::InvalidValue, format!("one of {}", words.join(", ")))),
        (Shape::NumberFormat, Value::String(text)) => (!is_number_format(text))
            .then(|| (Code::InvalidValue, "one of auto, e164_plus, e164, national:CC, raw".to_owned())),
        (Shape::Network, Value::String(text)) => crate::validate::sources::parse(text)
            .is_none()
            .then(|| (Code::InvalidValue, format!("{text} is no address and no network like 192.0.2.0/24"))),
        (Shape::Address, Value::String(text)) => text
            .parse::<std::net::IpAddr>()
            .is_err()
            .then(|| (Code::InvalidValue, format!("{text} is no IP address"))),
        (Shape::Target, Value::Object(map)) => wrong_target(map),
        (Shape::Object(fields), Value::Object(map)) => {
            check(map, fields, u8::MAX, at, errors);
            None
        }
        (Shape::List(of, max), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item, *of, &format!("{at}/{index}"), errors);
            }
            (items.len() > max).then(|| (Code::InvalidValue, format!("at most {max} entries")))
        }
        (shape, value) => Some((Code::InvalidType, format!("must be {}, not {}", shape.noun(), noun(value)))),
    };
    if let Some((code, message)) = fault {
        errors.push(FieldError::new(code, at, message));
    }
}

fn wrong_text(text: &str, min: usize, max: usize, lines: bool) -> Option<(Code, String)> {
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
        return Some((Code::InvalidValue, "must not contain control characters".to_owned()));
    }
    match text.trim().len() {
        0 if min > 0 => Some((Code::InvalidValue, "must not be empty".to_owned())),
        short if short < min => Some((Code::InvalidValue, format!("at least {min} characters"))),
        _ if text.len() > max => Some((Code::InvalidValue, format!("at most {max} octets"))),
        _ => None,
    }
}

fn wrong_integer(number: &serde_json::Number, min: i64, max: i64) -> Option<(Code, String)> {
    match number.as_i64() {
        Some(n) if (min..=max).contains(&n) => None,
        None if number.is_f64() => Some((Code::InvalidType, "must be a whole number".to_owned())),
        _ => Some((Code::InvalidValue, format!("from {min} to {max}"))),
    }
}

fn wrong_target(map: &Map<String, Value>) -> Option<(Code, String)> {
    let mut members = map.iter();
    match (members.next(), members.next()) {
        (Some((name, Value::String(_))), None) if name == "connection" || name == "flow" => None,
        (Some((name, _)), None) if name == "connection" || name == "flow" => {
            Some((Code::InvalidType, format!("{name} must be an id")))
        }
        _ => Some((Code::InvalidValue, "either {\"connection\": id} or {\"flow\": id}".to_owned())),
    }
}

fn is_number_format(text: &str) -> bool {
    let national = |country: &str| country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic());
    matches!(text, "auto" | "e164_plus" | "e164" | "raw")
        || text.strip_prefix("national:").is_some_and(national)
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Edits between two names, counted until they are clearly different.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Shape {
    fn noun(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer(..) => "a whole number",
            Self::Object(_) | Self::Target => "an object",
            Self::List(..) => "an array",
            Self::Text(..) | Self::Prose(_) | Self::Choice(_) | Self::NumberFormat => "text",
            Self::Network | Self::Address | Self::Free => "text",
        }
    }

    fn schema(self, about: &str, shown: bool) -> Schema {
        let text = || ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        match self {
            Self::Boolean => ObjectBuilder::new().schema_type(Type::Boolean).description(Some(about)).into(),
            Self::Text(min, max) => text().min_length(Some(min)).max_length(Some(max)).into(),
            Self::Prose(max) => text().max_length(Some(max)).into(),
            Self::Integer(min, max) => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(min))
                .maximum(Some(max))
                .description(Some(about))
                .into(),
            Self::Choice(words) => text().enum_values(Some(words.iter().copied())).into(),
            Self::NumberFormat => {
                text().pattern(Some("^(auto|e164_plus|e164|raw|national:[A-Za-z]{2})$")).into()
            }
            Self::Network => text().examples(["192.0.2.0/24"]).into(),
            Self::Address => text().examples(["192.0.2.1"]).into(),
            Self::Free => {
                ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(about)).into()
            }
            Self::Target => ObjectBuilder::new()
                .description(Some(about))
                .property("connection", described("id of a connection"))
                .property("flow", described("id of a call flow"))
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .into(),
            Self::Object(fields) => object(fields, shown).description(Some(about)).into(),
            Self::List(of, max) => ArrayBuilder::new()
                .items(RefOr::T(of.schema("", shown)))
                .max_items(Some(max))
                .description(Some(about))
                .into(),
        }
    }
}

/// The schema of what is sent (`shown` false) or shown.
pub(crate) fn object(fields: &[Field], shown: bool) -> ObjectBuilder {
    let hidden = if shown { Access::WriteOnly } else { Access::ReadOnly };
    let mut object = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(shown)));
    for field in fields.iter().filter(|f| f.access != hidden) {
        let mut schema = field.shape.schema(field.about, shown);
        if let Schema::Object(Object { read_only, write_only, .. }) = &mut schema {
            *read_only = (field.access == Access::ReadOnly).then_some(true);
            *write_only = (field.access == Access::WriteOnly).then_some(true);
        }
        if shown || field.access != Access::WriteOnly {
            nullable(&mut schema);
        }
        object = object.property(field.name, RefOr::T(schema));
    }
    object
}

/// Absent and null mean the same in this API, in both directions.
fn nullable(schema: &mut Schema) {
    let kind = match schema {
        Schema::Object(object) => &mut object.schema_type,
        Schema::Array(array) => &mut array.schema_type,
        _ => return,
    };
    if let SchemaType::Type(only) = kind {
        *kind = SchemaType::Array(vec![only.clone(), Type::Null]);
    }
}

fn described(about: &str) -> RefOr<Schema> {
    RefOr::T(ObjectBuilder::new().schema_type(Type::String).description(Some(about)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Field, Shape, check};

    const INNER: &[Field] = &[Field::open("seconds", Shape::Integer(1, 9), "")];
    const FIELDS: &[Field] = &[
        Field::open("name", Shape::Text(1, 10), ""),
        Field::open("only", Shape::Boolean, "").of(2),
        Field::open("list", Shape::List(&Shape::Choice(&["a", "b"]), 3), ""),
        Field::open("inner", Shape::Object(INNER), ""),
        Field::open("target", Shape::Target, ""),
        Field::open("nets", Shape::List(&Shape::Network, 9), ""),
    ];

    #[test]
    fn everything_wrong_is_found_where_it_stands() {
        for (body, expected) in [
            (json!({"name": "x", "list": ["a", "b"], "inner": {"seconds": 9}}), vec![]),
            (json!({"nmae": "x"}), vec![("unknown_field", "/nmae")]),
            (json!({"name": 1}), vec![("invalid_type", "/name")]),
            (json!({"name": " "}), vec![("invalid_value", "/name")]),
            (json!({"name": "x\r\nVia: y"}), vec![("invalid_value", "/name")]),
            (json!({"only": true}), vec![("field_not_of_kind", "/only")]),
            (json!({"list": ["a", 1, "c"]}), vec![("invalid_type", "/list/1"), ("invalid_value", "/list/2")]),
            (json!({"inner": {"seconds": 1.5}}), vec![("invalid_type", "/inner/seconds")]),
            (json!({"inner": {"seconds": 0}}), vec![("invalid_value", "/inner/seconds")]),
            (json!({"inner": []}), vec![("invalid_type", "/inner")]),
            (json!({"target": {"connection": "a", "flow": "b"}}), vec![("invalid_value", "/target")]),
            (json!({"nets": ["10.0.0.1", "::/0", "10.0.0.0/33"]}), vec![("invalid_value", "/nets/2")]),
        ] {
            let Value::Object(map) = body else { panic!("an object") };
            let mut errors = Vec::new();
            check(&map, FIELDS, 1, "", &mut errors);
            let found: Vec<_> = errors.iter().map(|e| (e.code.as_str(), e.pointer.as_str())).collect();
            assert_eq!(found, expected, "{map:?}");
        }
    }

    #[test]
    fn a_slip_gets_a_suggestion() {
        let mut errors = Vec::new();
        check(&Map::from_iter([("nmae".to_owned(), Value::Null)]), FIELDS, 1, "", &mut errors);
        assert_eq!(errors[0].hint, "Did you mean name?");
    }
}
