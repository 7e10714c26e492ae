//! A domain from its document: a host that is free, a realm that never changes.

use routing::config::{Domain, DomainId, DomainRole};
use serde_json::{Map, Value, json};
use store::new_id;

use super::{Desk, Drafted, name, needed, typed, verdict};
use crate::problem::{Code, FieldError, Problem};
use crate::shape::{self, Field, Shape};

/// Every field of a domain.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", HOST, "identifier, dom_…"),
    Field::open("host", HOST, "host name, unique in the installation [{application}.{account}.BASE]"),
    Field::fixed("account", HOST, "owner: an id or a name"),
    Field::open("role", Shape::Choice(&["registrar", "trunk", "shared"]), "what it is for [registrar]"),
    Field::open("application", Shape::Text(1, 63), "names the generated host when host is left out"),
    Field::fixed(
        "realm",
        Shape::Text(1, 253),
        "digest realm; fixed, so that a new host keeps passwords [host]",
    ),
    Field::open(
        "digest",
        Shape::Choice(&["md5", "sha256", "md5,sha256", "sha256,md5"]),
        "algorithms in the order they are offered [md5,sha256]",
    ),
    Field::open("aliases", Shape::List(&HOST, 100), "further hosts that mean the same domain"),
    Field::open("default_flow", HOST, "published call flow for calls to it that match nothing else"),
    Field::open("voice_url", Shape::Text(1, 2_000), "address asked what to do with a call"),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

const HOST: Shape = Shape::Text(1, 253);

/// A domain as the document says, checked against everything in force.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&Domain>,
) -> Result<Drafted<Domain>, Problem> {
    if let Some(Value::Array(words)) = document.get("digest")
        && let Some(words) = words.iter().map(Value::as_str).collect::<Option<Vec<_>>>()
    {
        let joined = words.join(",");
        document.insert("digest".to_owned(), json!(joined));
    }
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    if document.contains_key("voice_url") {
        errors.push(super::nobody_is_asked("/voice_url"));
    }
    if document.get("application").is_none() {
        needed(&document, &["host"], &mut errors);
    }
    verdict(errors)?;
    let account = desk.owner(&document)?;
    if existing.is_some_and(|d| d.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a domain stays with its account"));
    }
    if let Some(application) = document.get("application").and_then(Value::as_str)
        && !document.contains_key("host")
    {
        let host = format!("{application}.{}.{}", account.name, desk.base_domain);
        document.insert("host".to_owned(), json!(host));
    }
    if let Some(digest) = document.get("digest").and_then(Value::as_str) {
        let words: Vec<_> = digest.split(',').collect();
        document.insert("digest".to_owned(), json!(words));
    }
    let id = existing.map_or_else(|| DomainId::from(new_id("dom").as_str()), |d| d.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("account".to_owned(), json!(account.id));
    if !document.contains_key("realm") {
        let realm = document.get("host").and_then(Value::as_str).map(str::to_ascii_lowercase);
        document.insert("realm".to_owned(), json!(existing.map(|d| d.realm.clone()).or(realm)));
    }
    let mut row: Domain = typed(document)?;
    if existing.is_some_and(|d| d.realm != row.realm) {
        return Err(Problem::at(
            Code::ReadOnly,
            "/realm",
            "the realm is fixed at creation, because passwords depend on it",
        ));
    }
    let mut errors = Vec::new();
    if let Some(flow) = &row.default_flow {
        desk.flow(flow, &row.account, "/default_flow", &mut errors);
    }
    keep_former_host(&mut row, existing);
    hosts(desk, &mut row, &mut errors);
    if row.role == DomainRole::Trunk && desk.rows.has_users(&row.id) {
        let message = "users live in this domain, so it stays a place to register";
        errors.push(FieldError::new(Code::InvalidValue, "/role", message));
    }
    verdict(errors)?;
    desk.pending.hosts.insert(row.host.clone());
    desk.pending.hosts.extend(row.aliases.iter().cloned());
    Ok(Drafted::new(row, Vec::new()))
}

/// A host that was renamed leads here still, until somebody takes it out of the aliases.
fn keep_former_host(row: &mut Domain, existing: Option<&Domain>) {
    let Some(former) = existing.map(|d| d.host.as_str()) else { return };
    let now = row.host.to_ascii_lowercase();
    row.aliases.retain(|alias| !alias.eq_ignore_ascii_case(&now));
    if former != now && !row.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(former)) {
        row.aliases.push(former.to_owned());
    }
}

fn hosts(desk: &Desk<'_>, row: &mut Domain, errors: &mut Vec<FieldError>) {
    let id = row.id.clone();
    let names = core::iter::once(("/host".to_owned(), &mut row.host))
        .chain(row.aliases.iter_mut().enumerate().map(|(i, alias)| (format!("/aliases/{i}"), alias)));
    for (pointer, text) in names {
        let Some(host) = name::host(text) else {
            errors.push(FieldError::new(Code::InvalidValue, pointer, format!("{text} is no host name")));
            continue;
        };
        let held = desk.rows.domain(&host).is_some_and(|d| d.id != id) || desk.pending.hosts.contains(&host);
        if held {
            errors.push(FieldError::new(
                Code::HostTaken,
                pointer,
                format!("{host} belongs to another domain"),
            ));
        } else if host.strip_suffix(desk.base_domain).is_some_and(|h| h.ends_with(".trunk.")) {
            let message = format!("hosts under trunk.{} belong to trunks", desk.base_domain);
            errors.push(FieldError::new(Code::InvalidValue, pointer, message));
        }
        *text = host;
    }
}

/// The domain as it is shown and patched.
pub(crate) fn document(row: &Domain) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(row) else { return Map::new() };
    if let Some(Value::Array(words)) = map.get("digest") {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        let joined = words.join(",");
        map.insert("digest".to_owned(), json!(joined));
    }
    map
}
