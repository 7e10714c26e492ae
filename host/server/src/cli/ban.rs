//! `trunkline ban`: whom nobody listens to, why, and how to take it back.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::collection::Rows;
use super::{Globals, moment, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline ban …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All in force, and exceptions
    List(Rows),
    /// One, with what speaks against it
    Get {
        /// Id, `ban_…`
        ban: String,
    },
    /// Listen to a network no longer
    Add {
        /// Address or network
        network: String,
        /// For how long: 15m, 12h, 30d; default: without end
        #[arg(long = "for", value_name = "DURATION", value_parser = moment::seconds)]
        length: Option<u64>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// The contrary: it never may be banned
        #[arg(long)]
        allow: bool,
    },
    /// Take one back
    Remove {
        /// Id, `ban_…`, or the network
        ban: String,
    },
}

/// Answers `trunkline ban`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        Command::List(rows) => {
            write::list(globals.output, &rows.fetch(&client, "/bans", &[])?, COLUMNS);
        }
        Command::Get { ban } => {
            let path = route::path(&format!("/bans/{}", find(&client, &ban)?), &[]);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
        }
        Command::Add { network, length, reason, allow } => {
            let body = json!({ "network": network, "allow": allow, "reason": reason, "expires_s": length });
            let made = client.call(Method::POST, &route::path("/bans", &[]), Some(&body))?;
            write::one(globals.output, &made);
        }
        Command::Remove { ban } => {
            let id = find(&client, &ban)?;
            client.call(Method::DELETE, &route::path(&format!("/bans/{id}"), &[]), None)?;
            out::note(&format!("{ban} is listened to again"));
        }
    }
    Ok(())
}

/// The id of a ban, by its id or its network.
fn find(client: &Client, wanted: &str) -> Result<String, Failure> {
    if wanted.starts_with("ban_") {
        return Ok(route::escaped(wanted));
    }
    let body = Rows::default().fetch(client, "/bans", &[])?;
    let mut rows = body.get("data").and_then(Value::as_array).into_iter().flatten();
    let fits = |row: &&Value| {
        let network = write::at(row, "network");
        network == wanted || network.rsplit_once('/').is_some_and(|(address, _)| address == wanted)
    };
    let found = rows.find(fits).map(|row| write::at(row, "id"));
    found.ok_or_else(|| Failure::NotFound(format!("there is no ban of `{wanted}`")))
}

const COLUMNS: write::Columns = &[
    ("NETWORK", "network"),
    ("ALLOWED", "allow"),
    ("UNTIL", "until"),
    ("DROPPED", "dropped"),
    ("REASON", "reason"),
    ("ID", "id"),
];
