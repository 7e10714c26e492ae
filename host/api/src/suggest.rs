//! From a near miss to what mends it: one change of one resource, worked out against what is in force.
//!
//! A suggestion is made afresh whenever a refusal is read or resolved, so it is never stale: what is done already is
//! not suggested, and what cannot be done any more says so.

mod allowance;
mod destination;
mod words;

use std::net::IpAddr;

use ipnet::IpNet;
use routing::near::{APPROVED, COUNTRIES, PREFIXES, VERIFY};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{NearMissRow, RefusedRow};
use utoipa::ToSchema;

use crate::Rows;
use crate::edge::Caller;
use crate::validate::sources::{host_net, parse};

pub(crate) use words::in_words;

/// Something that can be done about a refusal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Suggestion {
    /// `allow_source`, `accept_number`, `enable_connection`, `allow_country`, `allow_prefix`, `approve_country`,
    /// `allow_caller_id`, `allow_calling_out`, `allow_transport`, `let_use`, `note_signatures` or `ignore`.
    #[schema(example = "allow_source")]
    pub(crate) action: &'static str,
    /// What it does, in words.
    pub(crate) label: String,
    /// The request that does it.
    pub(crate) request: Asking,
}

/// A request to this API.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Asking {
    /// HTTP method.
    #[schema(example = "POST")]
    pub(crate) method: &'static str,
    /// Path below `/api/v1`.
    pub(crate) path: String,
    /// Body.
    #[schema(value_type = Value)]
    pub(crate) body: Value,
}

/// What a near miss comes to now.
#[derive(Clone, Debug)]
pub(crate) enum Mend {
    /// This merge patch mends it, and that one takes it back.
    Change { of: Of, id: String, patch: Map<String, Value>, undo: Map<String, Value>, label: String },
    /// It is as it should be.
    Done,
    /// What was nearly matched is gone, or is not the caller's.
    Gone,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Account,
    Connection,
    /// The limits of the installation, which have no id.
    Limits,
    Number,
}

impl Of {
    /// Path of the one with this id.
    pub(crate) fn path(self, id: &str) -> String {
        match self {
            Self::Account => format!("/accounts/{id}"),
            Self::Connection => format!("/connections/{id}"),
            Self::Limits => "/system/limits".to_owned(),
            Self::Number => format!("/numbers/{id}"),
        }
    }
}

/// The action that mends a near miss in this field, if one does.
pub(crate) fn action(field: &str) -> Option<&'static str> {
    match field {
        "allowed_sources" => Some("allow_source"),
        "caller_ids" => Some("allow_caller_id"),
        "enabled" => Some("enable_connection"),
        "forms" => Some("accept_number"),
        COUNTRIES => Some("allow_country"),
        PREFIXES => Some("allow_prefix"),
        APPROVED => Some("approve_country"),
        "may_call_out" => Some("allow_calling_out"),
        "transports" => Some("allow_transport"),
        "used_by" => Some("let_use"),
        VERIFY => Some("note_signatures"),
        _ => None,
    }
}

/// Everything that can be done about a refusal by this caller.
pub(crate) fn suggestions(rows: &Rows, caller: &Caller, row: &RefusedRow) -> Vec<Suggestion> {
    let path = format!("/refused/{}/resolve", row.id);
    let mut made = Vec::new();
    for miss in &row.near_misses {
        let Some(action) = action(&miss.field) else { continue };
        if let Mend::Change { label, .. } = mend(rows, caller, miss, host_net(row.source.ip)) {
            let body = json!({"action": action, "resource": miss.resource, "have": miss.have});
            let request = Asking { method: "POST", path: path.clone(), body };
            made.push(Suggestion { action, label, request });
        }
    }
    if !row.ignored {
        let label = "Leave it out of the list until something else nearly matches".to_owned();
        let request = Asking { method: "POST", path, body: json!({"action": "ignore"}) };
        made.push(Suggestion { action: "ignore", label, request });
    }
    made
}

/// Whether the caller may know what was nearly matched.
pub(crate) fn is_seen(rows: &Rows, caller: &Caller, miss: &NearMissRow) -> bool {
    let owner = match miss.resource.split_once(' ') {
        Some(("connection", id)) => rows.connections.get(id).map(|c| &c.account),
        Some(("number", id)) => rows.numbers.get(id).map(|n| &n.account),
        Some(("domain", id)) => rows.domains.get(id).map(|d| &d.account),
        Some(("account", id)) => rows.accounts.get(id).map(|a| &a.id),
        _ => None,
    };
    owner.map_or_else(|| caller.account.is_none(), |owner| caller.sees(owner))
}

/// What mends a near miss; `network` is what an allowed source would become.
pub(crate) fn mend(rows: &Rows, caller: &Caller, miss: &NearMissRow, network: IpNet) -> Mend {
    if !is_seen(rows, caller, miss) {
        return Mend::Gone;
    }
    match (miss.field.as_str(), miss.resource.split_once(' ')) {
        ("allowed_sources", Some(("connection", id))) => allow_source(rows, id, network),
        ("enabled", Some(("connection", id))) => match rows.connections.get(id) {
            Some(row) if row.enabled => Mend::Done,
            Some(row) => Mend::Change {
                of: Of::Connection,
                id: id.to_owned(),
                patch: member("enabled", json!(true)),
                undo: member("enabled", json!(false)),
                label: format!("Enable {}", row.name),
            },
            None => Mend::Gone,
        },
        ("forms", Some(("number", id))) => accept_number(rows, id, &miss.have),
        (COUNTRIES | PREFIXES | APPROVED, _) => destination::mend(rows, miss),
        ("caller_ids", Some(("connection", id))) => allowance::caller_id(rows, id, &miss.have),
        ("may_call_out", Some(("connection", id))) => allowance::calling_out(rows, id),
        ("transports", Some(("connection", id))) => allowance::transport(rows, id, &miss.have),
        ("used_by", Some(("connection", id))) => allowance::user(rows, id, &miss.have),
        (VERIFY, Some(("connection", id))) => allowance::unsigned(rows, id),
        _ => Mend::Gone,
    }
}

fn allow_source(rows: &Rows, id: &str, network: IpNet) -> Mend {
    let Some(row) = rows.connections.get(id) else { return Mend::Gone };
    let contains =
        |listed: &IpNet| parse(&listed.to_string()).is_some_and(|listed| listed.contains(&network));
    if row.allowed_sources.iter().any(contains) {
        return Mend::Done;
    }
    let listed: Vec<_> = row.allowed_sources.iter().map(ToString::to_string).collect();
    let mut wanted = listed.clone();
    wanted.push(network.to_string());
    Mend::Change {
        of: Of::Connection,
        id: id.to_owned(),
        patch: member("allowed_sources", json!(wanted)),
        undo: member("allowed_sources", json!(listed)),
        label: format!("Let {} in as {}", plain(network), row.name),
    }
}

fn accept_number(rows: &Rows, id: &str, form: &str) -> Mend {
    let Some(row) = rows.numbers.get(id) else { return Mend::Gone };
    if row.forms.iter().any(|listed| listed == form) {
        return Mend::Done;
    }
    let mut forms = row.forms.clone();
    forms.push(form.to_owned());
    Mend::Change {
        of: Of::Number,
        id: id.to_owned(),
        patch: member("forms", json!(forms)),
        undo: member("forms", json!(row.forms)),
        label: format!("Accept {form} as {}", row.e164),
    }
}

/// A network of one address without its length.
fn plain(network: IpNet) -> String {
    let longest = if matches!(network.addr(), IpAddr::V4(_)) { 32 } else { 128 };
    if network.prefix_len() == longest { network.addr().to_string() } else { network.to_string() }
}

fn member(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}
