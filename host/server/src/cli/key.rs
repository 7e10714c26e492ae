//! `trunkline key`: keys of the API. Creation works without a server, on the data folder itself.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::collection::Rows;
use super::{Format, Globals, moment, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::{local, out};

/// `trunkline key …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A new key; prints it on stdout and nothing else
    Create {
        /// What it may do, with commas: admin, config:write, connections:read, calls:control, history:read, metrics:read
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// What people call it
        #[arg(long, default_value = "cli")]
        name: String,
        /// How long it works: 12h, 30d; default: until it is revoked
        #[arg(long, value_name = "DURATION", value_parser = moment::seconds)]
        expires: Option<u64>,
    },
    /// All of them, without their secrets
    List,
    /// It stops working at once
    Revoke {
        /// Id, `key_…`
        key: String,
    },
}

/// Answers `trunkline key`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { scopes, name, expires } => create(globals, &scopes, &name, expires),
        Command::List => {
            let body = Rows::default().fetch(&Client::new(globals)?, "/keys", &[])?;
            write::list(globals.output, &body, KEYS);
            Ok(())
        }
        Command::Revoke { key } => {
            let client = Client::new(globals)?;
            let id = find(&client, &key)?;
            client.call(Method::DELETE, &route::path(&format!("/keys/{id}"), &[]), None)?;
            out::note(&format!("{id} works no more"));
            Ok(())
        }
    }
}

/// The id of a key, by its id, name or prefix.
fn find(client: &Client, wanted: &str) -> Result<String, Failure> {
    if wanted.starts_with("key_") {
        return Ok(wanted.to_owned());
    }
    let body = Rows::default().fetch(client, "/keys", &[])?;
    let rows = body.get("data").and_then(Value::as_array).into_iter().flatten();
    let fits = |row: &&Value| ["name", "prefix"].iter().any(|name| write::at(row, name) == wanted);
    let found: Vec<String> = rows.filter(fits).map(|row| write::at(row, "id")).collect();
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(Failure::NotFound(format!("no key is called `{wanted}`"))),
        several => Err(Failure::Usage(format!("`{wanted}` could be {}", several.join(" or ")))),
    }
}

fn create(globals: &Globals, scopes: &[String], name: &str, expires: Option<u64>) -> Result<(), Failure> {
    if globals.server.is_none() && !local::answers(&globals.data) {
        out::line(&local::create_key(&globals.data, name, scopes, expires)?);
        return Ok(());
    }
    let mut body = json!({ "name": name, "scopes": scopes });
    if let Some(seconds) = expires {
        let at = jiff::Timestamp::now() + std::time::Duration::from_secs(seconds);
        body["expires_at"] = Value::from(at.to_string());
    }
    let reply = Client::new(globals)?.call(Method::POST, &route::path("/keys", &[]), Some(&body))?;
    match reply.get("key").and_then(Value::as_str) {
        Some(key) if globals.output == Format::Table => out::line(key),
        _ => write::one(globals.output, &reply),
    }
    Ok(())
}

const KEYS: write::Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("PREFIX", "prefix"),
    ("SCOPES", "scopes"),
    ("LAST USED", "last_used_at"),
    ("EXPIRES", "expires_at"),
];
