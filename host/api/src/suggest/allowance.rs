//! What a connection may do and did not: present a caller id, call out, use a transport or a way out.

use routing::config::Verify;
use serde_json::{Value, json};

use super::{Mend, Of, member};
use crate::Rows;

/// Adds a caller id to those that a connection may present; its numbers stay allowed.
pub(super) fn caller_id(rows: &Rows, id: &str, presented: &str) -> Mend {
    let Some(row) = rows.connections.get(id) else { return Mend::Gone };
    let own = || -> Vec<String> {
        let target = routing::config::Target::Connection(row.id.clone());
        rows.numbers
            .all()
            .filter(|kept| kept.row.target == target)
            .map(|kept| kept.row.e164.clone())
            .collect()
    };
    let mut wanted = if row.caller_ids.is_empty() { own() } else { row.caller_ids.clone() };
    if wanted.iter().any(|listed| listed == presented) {
        return Mend::Done;
    }
    wanted.push(presented.to_owned());
    let label = format!("Let {} present {presented}", row.name);
    changed(id, "caller_ids", json!(wanted), json!(row.caller_ids), label)
}

/// Lets a connection call out.
pub(super) fn calling_out(rows: &Rows, id: &str) -> Mend {
    match rows.connections.get(id) {
        Some(row) if row.may_call_out => Mend::Done,
        Some(row) => {
            changed(id, "may_call_out", json!(true), json!(false), format!("Let {} call out", row.name))
        }
        None => Mend::Gone,
    }
}

/// Lets a device use one transport more.
pub(super) fn transport(rows: &Rows, id: &str, transport: &str) -> Mend {
    let Some(row) = rows.connections.get(id) else { return Mend::Gone };
    let listed: Vec<_> = row.transports.iter().map(|transport| json!(transport)).collect();
    if listed.is_empty() || listed.contains(&json!(transport)) {
        return Mend::Done;
    }
    let mut wanted = listed.clone();
    wanted.push(json!(transport));
    let label = format!("Let {} come over {transport}", row.name);
    changed(id, "transports", json!(wanted), json!(listed), label)
}

/// Lets calls of a connection in whatever their signatures are worth; history goes on saying so.
pub(super) fn unsigned(rows: &Rows, id: &str) -> Mend {
    match rows.connections.get(id) {
        Some(row) if row.stir.verify != Verify::Require => Mend::Done,
        Some(row) => {
            let label = format!("Note the signatures of {}, and refuse nobody for them", row.name);
            changed(id, "stir", json!({"verify": "note"}), json!({"verify": "require"}), label)
        }
        None => Mend::Gone,
    }
}

/// Lets a connection leave by this way out.
pub(super) fn user(rows: &Rows, id: &str, caller: &str) -> Mend {
    let (Some(row), Some(user)) = (rows.connections.get(id), rows.connections.get(caller)) else {
        return Mend::Gone;
    };
    if row.used_by.is_empty() || row.used_by.contains(&user.id) {
        return Mend::Done;
    }
    let mut wanted = row.used_by.clone();
    wanted.push(user.id.clone());
    let label = format!("Let {} leave by {}", user.name, row.name);
    changed(id, "used_by", json!(wanted), json!(row.used_by), label)
}

fn changed(id: &str, field: &str, to: Value, from: Value, label: String) -> Mend {
    let (patch, undo) = (member(field, to), member(field, from));
    Mend::Change { of: Of::Connection, id: id.to_owned(), patch, undo, label }
}
