//! `trunkline recording`: what was recorded of calls.

use clap::Subcommand;
use hyper::Method;

use super::collection::Rows;
use super::{Globals, moment, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline recording …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The newest first
    List {
        /// Of this call: `call_…`
        #[arg(long)]
        call: Option<String>,
        /// With this connection in the call: id, name or user
        #[arg(long)]
        connection: Option<String>,
        /// Begun since: 15m, 1h, 7d, or a time such as 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment::past)]
        since: Option<String>,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// One; its audio is at /recordings/ID/audio
    Get {
        /// Id, `rec_…`
        recording: String,
    },
    /// Delete one, audio and all
    Delete {
        /// Id, `rec_…`
        recording: String,
    },
}

/// Answers `trunkline recording`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let path_of = |id: &str| route::path(&format!("/recordings/{}", route::escaped(id)), &[]);
    match command {
        Command::List { call, connection, since, list } => {
            let connection = connection.map(|wanted| route::connection(&client, &wanted)).transpose()?;
            let query = [("call", call), ("connection", connection), ("since", since)];
            write::list(globals.output, &list.fetch(&client, "/recordings", &query)?, COLUMNS);
        }
        Command::Get { recording } => {
            write::one(globals.output, &client.call(Method::GET, &path_of(&recording), None)?);
        }
        Command::Delete { recording } => {
            client.call(Method::DELETE, &path_of(&recording), None)?;
            out::note(&format!("{recording} is gone"));
        }
    }
    Ok(())
}

const COLUMNS: write::Columns = &[
    ("STARTED", "started_at"),
    ("KIND", "kind"),
    ("STATE", "state"),
    ("FROM", "from"),
    ("DIALLED", "dialled"),
    ("MS", "length_ms"),
    ("ID", "id"),
];
