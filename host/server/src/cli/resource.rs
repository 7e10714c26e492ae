//! Verbs that are one request each: connections, numbers, domains, history, refused, calls.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::write::{self, Columns};
use super::{Globals, moment, route};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline connection …`
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionCommand {
    /// All of them
    List(Page),
    /// One, by id, name or user
    Get {
        /// Id, name or user
        connection: String,
    },
    /// A new one
    Create(Box<Create>),
    /// Change fields
    Edit {
        /// Id, name or user
        connection: String,
        /// What changes.
        #[command(flatten)]
        fields: Fields,
    },
    /// Remove it
    Delete {
        /// Id, name or user
        connection: String,
    },
    /// Whether it is up, and what is registered
    Status {
        /// Id, name or user
        connection: String,
    },
}

/// Fields of a new connection.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// What it is: device, virtual, register_in, register_out, trunk
    #[arg(long, default_value = "device")]
    kind: String,
    /// What people call it [default: the user]
    #[arg(long)]
    name: Option<String>,
    /// SIP user
    #[arg(long)]
    user: Option<String>,
    /// Password of the user
    #[arg(long)]
    password: Option<String>,
    /// Where a trunk is reached: HOST or HOST:PORT, repeatable
    #[arg(long, value_name = "HOST[:PORT]")]
    peer: Vec<String>,
    /// Addresses it may call from, repeatable
    #[arg(long, value_name = "CIDR")]
    allow: Vec<String>,
    /// Called numbers that may leave by it
    #[arg(long, value_name = "REGEX")]
    dial_pattern: Option<String>,
    /// Everything else.
    #[command(flatten)]
    fields: Fields,
}

/// Fields by name, for whatever has no option of its own.
#[derive(Args, Debug)]
pub(crate) struct Fields {
    /// A field of the API, repeatable; the value is JSON or text: limits.concurrent=2
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A whole JSON object; `-` reads it from stdin
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
}

/// Which part of a list.
#[derive(Args, Debug)]
pub(crate) struct Page {
    /// How many at most
    #[arg(long)]
    limit: Option<u32>,
}

/// `trunkline number …`
#[derive(Debug, Subcommand)]
pub(crate) enum NumberCommand {
    /// All of them
    List(Page),
    /// A new one
    Add {
        /// The number, such as +4930123456
        e164: String,
        /// Connection that rings: id, name or user
        #[arg(long, value_name = "CONNECTION")]
        to: String,
        /// Connection it comes in by
        #[arg(long, value_name = "CONNECTION")]
        via: Option<String>,
    },
    /// Remove it
    Delete {
        /// Id or number
        number: String,
    },
}

/// `trunkline domain …`
#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// All of them
    List(Page),
    /// A new one
    Add {
        /// Host name
        host: String,
    },
}

/// `trunkline history …`
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// The newest first
    List {
        /// Reason code, such as R-04
        #[arg(long)]
        reason: Option<String>,
        /// answered, busy, cancelled, failed, no_answer, refused
        #[arg(long)]
        outcome: Option<String>,
        /// Connection that takes part: id, name or user
        #[arg(long)]
        connection: Option<String>,
        /// Who called
        #[arg(long)]
        from: Option<String>,
        /// What was dialled
        #[arg(long)]
        to: Option<String>,
        /// Started since: 15m, 1h, 7d, or a time such as 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment::past)]
        since: Option<String>,
        /// How many.
        #[command(flatten)]
        page: Page,
    },
    /// One call
    Get {
        /// Id, `call_…`
        call: String,
    },
}

/// `trunkline refused …`
#[derive(Debug, Subcommand)]
pub(crate) enum RefusedCommand {
    /// The latest first
    List {
        /// Reason code, such as A-01
        #[arg(long)]
        reason: Option<String>,
        /// Source address
        #[arg(long)]
        source: Option<String>,
        /// How many.
        #[command(flatten)]
        page: Page,
    },
}

/// `trunkline call …`
#[derive(Debug, Subcommand)]
pub(crate) enum CallCommand {
    /// All of them
    List,
    /// End one
    Hangup {
        /// Id, `call_…`
        call: String,
    },
}

/// Answers `trunkline connection`.
pub(super) fn connection(globals: &Globals, command: ConnectionCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let find = |wanted: &str| route::id(&client, "/connections", "con_", &["name", "user"], wanted);
    match command {
        ConnectionCommand::List(page) => show_list(globals, &client, "/connections", page, CONNECTIONS),
        ConnectionCommand::Get { connection } => {
            let path = route::path(&format!("/connections/{}", find(&connection)?), &[]);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
            Ok(())
        }
        ConnectionCommand::Create(create) => {
            let body = create.body()?;
            let reply = client.call(Method::POST, &route::path("/connections", &[]), Some(&body))?;
            write::one(globals.output, &reply);
            Ok(())
        }
        ConnectionCommand::Edit { connection, fields } => {
            let path = route::path(&format!("/connections/{}", find(&connection)?), &[]);
            let body = fields.body(Map::new())?;
            write::one(globals.output, &client.call(Method::PATCH, &path, Some(&body))?);
            Ok(())
        }
        ConnectionCommand::Delete { connection } => {
            let id = find(&connection)?;
            client.call(Method::DELETE, &route::path(&format!("/connections/{id}"), &[]), None)?;
            out::note(&format!("{id} is gone"));
            Ok(())
        }
        ConnectionCommand::Status { connection } => {
            let path = route::path(&format!("/connections/{}/status", find(&connection)?), &[]);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
            Ok(())
        }
    }
}

/// Answers `trunkline number`.
pub(super) fn number(globals: &Globals, command: NumberCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let connection = |wanted: &str| route::id(&client, "/connections", "con_", &["name", "user"], wanted);
    match command {
        NumberCommand::List(page) => show_list(globals, &client, "/numbers", page, NUMBERS),
        NumberCommand::Add { e164, to, via } => {
            let mut body = json!({ "e164": e164, "target": { "connection": connection(&to)? } });
            if let Some(via) = via {
                body["via"] = Value::from(connection(&via)?);
            }
            let reply = client.call(Method::POST, &route::path("/numbers", &[]), Some(&body))?;
            write::one(globals.output, &reply);
            Ok(())
        }
        NumberCommand::Delete { number } => {
            let id = route::id(&client, "/numbers", "num_", &["e164"], &number)?;
            client.call(Method::DELETE, &route::path(&format!("/numbers/{id}"), &[]), None)?;
            out::note(&format!("{id} is gone"));
            Ok(())
        }
    }
}

/// Answers `trunkline domain`.
pub(super) fn domain(globals: &Globals, command: DomainCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        DomainCommand::List(page) => show_list(globals, &client, "/domains", page, DOMAINS),
        DomainCommand::Add { host } => {
            let body = json!({ "host": host });
            let reply = client.call(Method::POST, &route::path("/domains", &[]), Some(&body))?;
            write::one(globals.output, &reply);
            Ok(())
        }
    }
}

/// Answers `trunkline history`.
pub(super) fn history(globals: &Globals, command: HistoryCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        HistoryCommand::List { reason, outcome, connection, from, to, since, page } => {
            let find =
                |wanted: String| route::id(&client, "/connections", "con_", &["name", "user"], &wanted);
            let query = [
                ("reason", reason),
                ("outcome", outcome),
                ("connection", connection.map(find).transpose()?),
                ("from", from),
                ("to", to),
                ("since", since),
                ("limit", page.limit.map(|limit| limit.to_string())),
            ];
            let body = client.call(Method::GET, &route::path("/history", &query), None)?;
            write::list(globals.output, &body, HISTORY);
            Ok(())
        }
        HistoryCommand::Get { call } => {
            let path = route::path(&format!("/history/{}", route::escaped(&call)), &[]);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
            Ok(())
        }
    }
}

/// Answers `trunkline refused`.
pub(super) fn refused(globals: &Globals, command: RefusedCommand) -> Result<(), Failure> {
    let RefusedCommand::List { reason, source, page } = command;
    let query =
        [("reason", reason), ("source", source), ("limit", page.limit.map(|limit| limit.to_string()))];
    let body = Client::new(globals)?.call(Method::GET, &route::path("/refused", &query), None)?;
    write::list(globals.output, &body, REFUSED);
    Ok(())
}

/// Answers `trunkline call`.
pub(super) fn call(globals: &Globals, command: CallCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        CallCommand::List => {
            let body = client.call(Method::GET, &route::path("/calls", &[]), None)?;
            write::list(globals.output, &body, CALLS);
            Ok(())
        }
        CallCommand::Hangup { call } => {
            let path = route::path(&format!("/calls/{}/hangup", route::escaped(&call)), &[]);
            client.call(Method::POST, &path, None)?;
            out::note(&format!("{call} ends"));
            Ok(())
        }
    }
}

fn show_list(
    globals: &Globals,
    client: &Client,
    resource: &str,
    page: Page,
    columns: Columns,
) -> Result<(), Failure> {
    let query = [("limit", page.limit.map(|limit| limit.to_string()))];
    let body = client.call(Method::GET, &route::path(resource, &query), None)?;
    write::list(globals.output, &body, columns);
    Ok(())
}

impl Create {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        body.insert("kind".to_owned(), Value::from(self.kind.as_str()));
        let mut put = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), Value::from(value.as_str()));
            }
        };
        put("name", &self.name.clone().or_else(|| self.user.clone()));
        put("user", &self.user);
        put("password", &self.password);
        put("dial_pattern", &self.dial_pattern);
        if !self.peer.is_empty() {
            let peers = self.peer.iter().map(|text| peer(text)).collect::<Result<Vec<_>, _>>()?;
            body.insert("peers".to_owned(), Value::from(peers));
        }
        if !self.allow.is_empty() {
            body.insert("allowed_sources".to_owned(), Value::from(self.allow.clone()));
        }
        self.fields.body(body)
    }
}

impl Fields {
    /// `--json` first, `--set` over it.
    fn body(&self, mut body: Map<String, Value>) -> Result<Value, Failure> {
        if let Some(text) = &self.json {
            let text = if text == "-" { read_stdin()? } else { text.clone() };
            let object: Map<String, Value> = serde_json::from_str(&text)
                .map_err(|fault| Failure::Usage(format!("--json: no JSON object: {fault}")))?;
            body.extend(object);
        }
        for text in &self.set {
            let Some((path, value)) = text.split_once('=') else {
                return Err(Failure::Usage(format!("--set: `{text}` is no FIELD=VALUE")));
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            put_at(&mut body, path, value);
        }
        if body.is_empty() {
            return Err(Failure::Usage(
                "nothing to change: use --set FIELD=VALUE or --json OBJECT".to_owned(),
            ));
        }
        Ok(Value::Object(body))
    }
}

fn put_at(body: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        body.insert(path.to_owned(), value);
        return;
    };
    let below = body.entry(first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(below) = below {
        put_at(below, rest, value);
    }
}

fn peer(text: &str) -> Result<Value, Failure> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let Some(port) = port else {
        return Ok(json!({ "host": host }));
    };
    let port: u16 = port.parse().map_err(|_| Failure::Usage(format!("--peer: `{port}` is no port")))?;
    Ok(json!({ "host": host, "port": port }))
}

fn read_stdin() -> Result<String, Failure> {
    std::io::read_to_string(std::io::stdin()).map_err(|fault| Failure::Failed(format!("stdin: {fault}")))
}

const CONNECTIONS: Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("KIND", "kind"),
    ("USER", "user"),
    ("STATE", "status.state"),
    ("CALLS", "status.active_calls"),
];
const NUMBERS: Columns = &[("ID", "id"), ("NUMBER", "e164"), ("TARGET", "target"), ("VIA", "via")];
const DOMAINS: Columns = &[("ID", "id"), ("HOST", "host"), ("ROLE", "role"), ("ALIASES", "aliases")];
const HISTORY: Columns = &[
    ("STARTED", "started_at"),
    ("FROM", "from"),
    ("DIALLED", "dialled"),
    ("OUTCOME", "outcome"),
    ("CODE", "sip_code"),
    ("REASON", "reason_code"),
    ("TALK S", "talk_s"),
    ("ID", "id"),
];
const REFUSED: Columns = &[
    ("LAST", "last_at"),
    ("COUNT", "count"),
    ("SOURCE", "source.ip"),
    ("METHOD", "method"),
    ("CODE", "sip_code"),
    ("REASON", "reason_code"),
    ("FROM", "from"),
    ("TO", "to"),
];
const CALLS: Columns =
    &[("ID", "id"), ("STATE", "state"), ("FROM", "from"), ("DIALLED", "dialled"), ("SINCE", "started_at")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_where_their_path_says() {
        let fields = Fields {
            set: vec![
                "limits.concurrent=2".to_owned(),
                "name=Desk 1".to_owned(),
                "limits.per_day=5".to_owned(),
            ],
            json: Some("{\"name\": \"x\", \"enabled\": false}".to_owned()),
        };
        let body = fields.body(Map::new()).expect("fields that fit");
        assert_eq!(
            body,
            json!({"name": "Desk 1", "enabled": false, "limits": {"concurrent": 2, "per_day": 5}})
        );
    }

    #[test]
    fn peers_have_hosts_and_ports() {
        assert_eq!(peer("sip.example.net").expect("right"), json!({"host": "sip.example.net"}));
        assert_eq!(peer("192.0.2.1:5070").expect("right"), json!({"host": "192.0.2.1", "port": 5070}));
        assert_eq!(peer("[2001:db8::1]:5070").expect("right"), json!({"host": "2001:db8::1", "port": 5070}));
        assert!(peer("a:b").is_err());
    }
}
