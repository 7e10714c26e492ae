//! Rows of configuration as the engine reads them, made from a few words.

use std::sync::Arc;

use routing::config::{
    Account, CallFlow, Change, Connection, Credential, Domain, Limits, NumberRow, OutwardSecret, Person,
};
use serde_json::{Value, json};
use sip_msg::digest::{Algorithm, ha1};

/// The domain that devices register in.
pub const DOMAIN: &str = "example.test";

/// The account `main`.
pub fn account(settings: &[(&str, &str)]) -> Result<Change, String> {
    let defaults = json!({"limits": {"countries": {"allow": ["*"]}}});
    let mut row = json!({"id": "acc_main", "name": "main", "country": "DE", "defaults": defaults});
    apply(&mut row, settings);
    let row: Account = serde_json::from_value(row).map_err(|error| format!("account: {error}"))?;
    Ok(Change::Account(Arc::new(row)))
}

/// Limits of the installation.
pub fn limits(settings: &[(&str, &str)]) -> Result<Change, String> {
    let mut row = json!({});
    apply(&mut row, settings);
    let row: Limits = serde_json::from_value(row).map_err(|error| format!("limits: {error}"))?;
    Ok(Change::Limits(Arc::new(row)))
}

/// The registrar domain.
pub fn domain(settings: &[(&str, &str)]) -> Result<Change, String> {
    let mut row = json!({"id": "dom_main", "host": DOMAIN, "account": "acc_main", "realm": DOMAIN});
    apply(&mut row, settings);
    let row: Domain = serde_json::from_value(row).map_err(|error| format!("domain: {error}"))?;
    Ok(Change::Domain(Arc::new(row)))
}

/// A device with a user and a password of its own name.
pub fn device(name: &str, password: &str, settings: &[(&str, &str)]) -> Result<Connection, String> {
    let mut row = connection(name, "device");
    row["domain"] = json!("dom_main");
    row["user"] = json!(name);
    apply(&mut row, settings);
    let mut row: Connection = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    row.credentials = vec![credential("", name, password)];
    Ok(row)
}

/// A PBX that registers here: as `NAME`, and as `NAME-2`.
pub fn pbx(name: &str, settings: &[(&str, &str)]) -> Result<Connection, String> {
    let mut row = connection(name, "register_in");
    row["domain"] = json!("dom_main");
    row["probe"] = json!({"options_s": 0});
    apply(&mut row, settings);
    let mut row: Connection = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    let second = format!("{name}-2");
    row.credentials = vec![credential("primary", name, name), credential("secondary", &second, &second)];
    Ok(row)
}

/// A registrar at this address, where we register as this user.
pub fn registrar(
    name: &str,
    (host, port): (&str, u16),
    transport: &str,
    (user, password): (&str, &str),
    settings: &[(&str, &str)],
) -> Result<Connection, String> {
    let mut row = connection(name, "register_out");
    row["user"] = json!(user);
    row["may_call_out"] = json!(false);
    row["trust_identity"] = json!(true);
    row["probe"] = json!({"options_s": 0});
    row["peers"] = json!([{"host": host, "port": port, "transport": transport}]);
    apply(&mut row, settings);
    let mut row: Connection = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    row.outward = Some(OutwardSecret { user: user.to_owned(), password: password.to_owned() });
    Ok(row)
}

fn credential(label: &str, user: &str, password: &str) -> Credential {
    let hash = |algorithm| {
        let hash = ha1(algorithm, user.as_bytes(), DOMAIN.as_bytes(), password.as_bytes());
        String::from_utf8_lossy(hash.as_ref()).into_owned()
    };
    Credential {
        label: label.to_owned(),
        user: user.to_owned(),
        realm: DOMAIN.to_owned(),
        ha1_md5: hash(Algorithm::Md5),
        ha1_sha256: hash(Algorithm::Sha256),
        until: None,
    }
}

/// A trunk at this address, believed by it.
pub fn trunk(
    name: &str,
    host: &str,
    port: u16,
    transport: &str,
    settings: &[(&str, &str)],
) -> Result<Connection, String> {
    let mut row = connection(name, "trunk");
    row["ip_policy"] = json!("authenticate");
    row["trunk_name"] = json!(name);
    row["may_call_out"] = json!(false);
    row["probe"] = json!({"options_s": 0});
    row["peers"] = json!([{"host": host, "port": port, "transport": transport}]);
    if host.parse::<std::net::IpAddr>().is_ok() {
        row["allowed_sources"] = json!([format!("{host}/32")]);
    }
    row["dial_pattern"] = json!("^\\+");
    let mut outward = None;
    let mut plain = Vec::new();
    for (key, value) in settings {
        match (*key, value.split_once(':')) {
            ("outward", Some((user, password))) => {
                outward = Some(OutwardSecret { user: user.to_owned(), password: password.to_owned() });
            }
            _ => plain.push((*key, *value)),
        }
    }
    apply(&mut row, &plain);
    let mut row: Connection = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    row.outward = outward;
    Ok(row)
}

/// The number leads to the connection of this name, or with `flow:` before it to the flow.
pub fn number(e164: &str, target: &str, via: Option<&str>) -> Result<Change, String> {
    let row = json!({
        "id": format!("num_{}{}", e164.trim_start_matches('+'), via.unwrap_or_default()),
        "e164": e164,
        "account": "acc_main",
        "via": via.map(id_of),
        "target": match target.strip_prefix("flow:") {
            Some(flow) => json!({"flow": flow_id(flow)}),
            None => json!({"connection": id_of(target)}),
        },
    });
    let row: NumberRow = serde_json::from_value(row).map_err(|error| format!("{e164}: {error}"))?;
    Ok(Change::Number(Arc::new(row)))
}

/// The flow of this name, published as `document` says.
pub fn flow(name: &str, document: &Value) -> Result<Change, String> {
    let row = json!({
        "id": flow_id(name),
        "name": name,
        "account": "acc_main",
        "draft": document,
        "published": {"version": 1, "at": 0, "document": document},
    });
    let (graph, problems) = callflow::Graph::read(document);
    if graph.is_none() {
        return Err(format!("{name}: {problems:?}"));
    }
    let row: CallFlow = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    Ok(Change::CallFlow(Arc::new(row)))
}

/// A person with these connections, by their names.
pub fn person(name: &str, of: &[&str], settings: &[(&str, &str)]) -> Result<Change, String> {
    let connections: Vec<_> = of.iter().map(|name| id_of(name)).collect();
    let mut row = json!({"id": format!("per_{name}"), "name": name, "account": "acc_main", "connections": connections, "forward": {}});
    apply(&mut row, settings);
    let row: Person = serde_json::from_value(row).map_err(|error| format!("{name}: {error}"))?;
    Ok(Change::Person(Arc::new(row)))
}

/// The id that the flow of this name has.
pub fn flow_id(name: &str) -> String {
    format!("flow_{name}")
}

/// The id that the connection of this name has.
pub fn id_of(name: &str) -> String {
    format!("con_{name}")
}

/// Sets fields of a row by dotted paths; values are JSON, or text if they are none.
pub fn apply(row: &mut Value, settings: &[(&str, &str)]) {
    for (path, text) in settings {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String((*text).to_owned()));
        let mut place = &mut *row;
        for key in path.split('.') {
            place = &mut place[key];
        }
        *place = value;
    }
}

fn connection(name: &str, kind: &str) -> Value {
    json!({
        "id": id_of(name),
        "name": name,
        "kind": kind,
        "account": "acc_main",
        "ip_policy": "filter",
        "may_call_out": true,
        "trust_identity": false,
        "on_bad_caller_id": "replace",
        // What becomes of a call is seen where nobody takes a message in its place.
        "dialled": {"voicemail": false},
    })
}
