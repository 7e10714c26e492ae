//! What a connection has from its account: values of media, number formats and timers that it leaves out. Limits are
//! inherited where calls are decided.
//!
//! A connection remembers which of them it sets itself, by path (`media.codecs`); the others follow the account,
//! also when that changes. Values in force are in the row as ever: nobody who reads a row needs to know of this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use routing::config::{Account, Change, Connection, MediaProfile, NumberFormats, Timers};
use serde_json::{Map, Value, json};

use super::typed;
use crate::rows::Rows;

/// The objects whose members are inherited.
pub(crate) const GROUPS: [&str; 3] = ["media", "number_format", "timers"];

/// Puts the account's values where the document leaves something out, and what came from where.
pub(super) fn settle(
    document: &mut Map<String, Value>,
    account: &Account,
    existing: Option<&Connection>,
    said: BTreeSet<String>,
) {
    let own = match existing {
        None => said,
        Some(row) => still_own(row, document),
    };
    let before = existing.map_or(&[][..], |row| &row.inherited);
    for path in
        before.iter().filter(|path| !own.contains(*path) && !account.defaults.others.contains_key(*path))
    {
        put(document, path, None);
    }
    let mut inherited = Vec::new();
    for (path, text) in account.defaults.others.iter().filter(|(path, _)| !own.contains(*path)) {
        if let Ok(value) = serde_json::from_str(text) {
            put(document, path, Some(value));
            inherited.push(path.clone());
        }
    }
    document.insert("own".to_owned(), json!(own));
    document.insert("inherited".to_owned(), json!(inherited));
}

/// Paths of everything that a document says of the groups.
pub(super) fn said(document: &Map<String, Value>) -> BTreeSet<String> {
    flat(document).into_keys().collect()
}

/// Connections whose values are others since these accounts changed theirs.
pub(crate) fn followed(rows: &Rows, accounts: &[Arc<Account>]) -> Vec<Change> {
    let follow = |row: &Arc<Connection>| {
        let account = accounts.iter().find(|account| account.id == row.account)?;
        let Ok(Value::Object(mut document)) = serde_json::to_value(&**row) else { return None };
        settle(&mut document, account, Some(row), BTreeSet::new());
        let mut next: Connection = typed(document).ok()?;
        next.credentials.clone_from(&row.credentials);
        next.outward.clone_from(&row.outward);
        (next != **row).then(|| Change::Connection(Arc::new(next)))
    };
    rows.connections.all().filter_map(|kept| follow(&kept.row)).collect()
}

/// Members of the groups by path, each as JSON.
pub(crate) fn texts(document: &Map<String, Value>) -> BTreeMap<String, String> {
    flat(document).into_iter().map(|(path, value)| (path, value.to_string())).collect()
}

/// The opposite of [`texts`].
pub(crate) fn nested(texts: &BTreeMap<String, String>) -> Map<String, Value> {
    let mut document = Map::new();
    for (path, text) in texts {
        put(&mut document, path, serde_json::from_str(text).ok());
    }
    document
}

/// What a connection sets itself, after a change: what it did and still does, and what the change has made different.
fn still_own(row: &Connection, document: &Map<String, Value>) -> BTreeSet<String> {
    let Ok(Value::Object(before)) = serde_json::to_value(row) else { return BTreeSet::new() };
    let (before, after) = (flat(&before), flat(document));
    let own = row.own.clone().unwrap_or_else(|| {
        // From before there was anything to inherit: what differs from what everybody has was said.
        let builtin = builtin();
        let differs = |(path, value): &(&String, &&Value)| builtin.get(*path) != Some(*value);
        before.iter().filter(|(path, value)| differs(&(path, value))).map(|(path, _)| path.clone()).collect()
    });
    let is_own = |path: &String, value: &Value| own.contains(path) || before.get(path) != Some(&value);
    after.iter().filter(|(path, value)| is_own(path, value)).map(|(path, _)| path.clone()).collect()
}

/// What a connection has when nobody says anything.
fn builtin() -> BTreeMap<String, Value> {
    let mut document = Map::new();
    let groups = [
        ("media", serde_json::to_value(MediaProfile::default())),
        ("number_format", serde_json::to_value(NumberFormats::default())),
        ("timers", serde_json::to_value(Timers::default())),
    ];
    for (name, value) in groups {
        document.insert(name.to_owned(), value.unwrap_or_default());
    }
    flat(&document).into_iter().map(|(path, value)| (path, value.clone())).collect()
}

fn flat(document: &Map<String, Value>) -> BTreeMap<String, &Value> {
    let groups = GROUPS.iter().filter_map(|name| Some((name, document.get(*name)?.as_object()?)));
    let members = groups.flat_map(|(group, members)| {
        members.iter().map(move |(name, value)| (format!("{group}.{name}"), value))
    });
    members.filter(|(_, value)| !value.is_null()).collect()
}

fn put(document: &mut Map<String, Value>, path: &str, value: Option<Value>) {
    let Some((group, name)) = path.split_once('.') else { return };
    let members = document.entry(group).or_insert_with(|| Value::Object(Map::new()));
    let Some(members) = members.as_object_mut() else { return };
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
}
