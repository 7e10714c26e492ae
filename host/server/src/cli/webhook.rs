//! `trunkline webhook`: endpoints that are told of events, and what became of deliveries.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::collection::Rows;
use super::{Globals, ask, moment, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline webhook …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All of them
    List(Rows),
    /// One
    Get {
        /// Id or name
        webhook: String,
    },
    /// A new one; its secret is shown once
    Add {
        /// Where deliveries go
        url: String,
        /// Types of events, with commas: call.ended, call.*; default: all
        #[arg(long, value_delimiter = ',', value_name = "TYPE")]
        events: Option<Vec<String>>,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// Account whose events it gets: id or name
        #[arg(long)]
        account: Option<String>,
    },
    /// Deliver again from now on
    Enable {
        /// Id or name
        webhook: String,
    },
    /// Deliver nothing for now
    Disable {
        /// Id or name
        webhook: String,
    },
    /// Remove it and its deliveries
    Delete {
        /// Id or name
        webhook: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// A new secret; the one before stays good for a while
    Rotate {
        /// Id or name
        webhook: String,
        /// How long the one before stays good: 0s, 1h, 24h [default: 24h]
        #[arg(long, value_name = "DURATION", value_parser = moment::seconds)]
        overlap: Option<u64>,
    },
    /// Send a ping and say what became of it
    Test {
        /// Id or name
        webhook: String,
    },
    /// What was delivered, what was not
    Deliveries {
        /// Id or name
        webhook: String,
        /// pending, delivered, failed
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// Deliver again: one, or everything that failed
    Replay {
        /// Id or name
        webhook: String,
        /// Id of the delivery, `msg_…`; without it everything that failed
        delivery: Option<String>,
        /// Of what failed, only what was queued since: 15m, 1h, 7d
        #[arg(long, value_name = "TIME", value_parser = moment::past)]
        since: Option<String>,
    },
}

/// Answers `trunkline webhook`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let output = globals.output;
    let below = |webhook: &str, rest: &str| -> Result<String, Failure> {
        let id = route::id(&client, "/webhooks", "wh_", &["name", "url"], webhook)?;
        Ok(format!("/webhooks/{id}{rest}"))
    };
    let ask_for =
        |method: Method, path: &str, body: Option<&Value>| client.call(method, &route::path(path, &[]), body);
    match command {
        Command::List(rows) => write::list(output, &rows.fetch(&client, "/webhooks", &[])?, COLUMNS),
        Command::Get { webhook } => {
            write::one(output, &ask_for(Method::GET, &below(&webhook, "")?, None)?);
        }
        Command::Add { url, events, name, account } => {
            let body = json!({ "url": url, "events": events, "name": name, "account": account });
            write::one(output, &ask_for(Method::POST, "/webhooks", Some(&body))?);
        }
        Command::Enable { webhook } => {
            let body = json!({ "enabled": true });
            write::one(output, &ask_for(Method::PATCH, &below(&webhook, "")?, Some(&body))?);
        }
        Command::Disable { webhook } => {
            let body = json!({ "enabled": false });
            write::one(output, &ask_for(Method::PATCH, &below(&webhook, "")?, Some(&body))?);
        }
        Command::Delete { webhook, yes } => {
            let path = below(&webhook, "")?;
            ask::certain(yes, &format!("webhook {webhook} and its deliveries will be gone."))?;
            ask_for(Method::DELETE, &path, None)?;
            out::note(&format!("{webhook} is gone"));
        }
        Command::Rotate { webhook, overlap } => {
            let body = overlap.map_or_else(|| json!({}), |seconds| json!({ "overlap_s": seconds }));
            write::one(output, &ask_for(Method::POST, &below(&webhook, "/rotate")?, Some(&body))?);
        }
        Command::Test { webhook } => {
            write::one(output, &ask_for(Method::POST, &below(&webhook, "/test")?, None)?);
        }
        Command::Deliveries { webhook, state, list } => {
            let path = below(&webhook, "/deliveries")?;
            write::list(output, &list.fetch_up_to(&client, &path, &[("state", state)], MOST)?, DELIVERIES);
        }
        Command::Replay { webhook, delivery, since } => {
            let (path, body) = match delivery {
                Some(id) => (below(&webhook, &format!("/deliveries/{}/replay", route::escaped(&id)))?, None),
                None => (below(&webhook, "/replay")?, since.map(|since| json!({ "since": since }))),
            };
            write::one(output, &ask_for(Method::POST, &path, body.as_ref())?);
        }
    }
    Ok(())
}

const COLUMNS: write::Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("URL", "url"),
    ("EVENTS", "events"),
    ("ENABLED", "enabled"),
    ("LAST SUCCESS", "last_success_at"),
    ("FAILING SINCE", "failing_since"),
];
const DELIVERIES: write::Columns =
    &[("QUEUED", "created_at"), ("EVENT", "event"), ("STATE", "state"), ("NEXT", "next_at"), ("ID", "id")];
/// Rows of a list that has no end, unless --limit says otherwise.
const MOST: usize = 50;
