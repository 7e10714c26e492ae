//! Verbs of collections that have words of their own: numbers, domains, history, refused, calls.

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::collection::{self, Collection, Rows, Verb, Verbs};
use super::flow::FLOWS;
use super::write::{self, Columns};
use super::{Format, Globals, moment, route};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline number …`
#[derive(Debug, Subcommand)]
pub(crate) enum NumberCommand {
    /// A new one
    Add {
        /// The number, such as +4930123456
        e164: String,
        /// Connection that rings: id, name or user
        #[arg(long, value_name = "CONNECTION", required_unless_present = "flow")]
        to: Option<String>,
        /// Flow that takes its calls instead: id or name
        #[arg(long, value_name = "FLOW", conflicts_with = "to")]
        flow: Option<String>,
        /// Connection it comes in by
        #[arg(long, value_name = "CONNECTION")]
        via: Option<String>,
    },
    /// What every collection has.
    #[command(flatten)]
    Any(Verb),
}

/// `trunkline domain …`
#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// A new one
    Add {
        /// Host name
        host: String,
    },
    /// Whether its names lead here, and the records there should be
    Check {
        /// Id or host
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// Only the lines for the zone file
        #[arg(long)]
        zone: bool,
    },
    /// What every collection has.
    #[command(flatten)]
    Any(Verb),
}

/// `trunkline history …`
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// The newest first
    List {
        /// Reason code, such as R-04
        #[arg(long)]
        reason: Option<String>,
        /// answered, busy, cancelled, failed, no_answer, refused, voicemail
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
        list: Rows,
    },
    /// One call
    Get {
        /// Id, `call_…`
        call: String,
    },
    /// All of them, in the order in which they were written down
    Export {
        /// csv, ndjson or sse
        #[arg(long, default_value = "csv")]
        format: String,
        /// Go on: calls come as they end; ndjson or sse
        #[arg(short, long)]
        follow: bool,
        /// Written down after this cursor
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
        /// Connection that takes part: id, name or user
        #[arg(long)]
        connection: Option<String>,
        /// Started since: 15m, 1h, 7d, or a time such as 2026-01-31T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment::past)]
        since: Option<String>,
        /// Started before
        #[arg(long, value_name = "TIME", value_parser = moment::past)]
        until: Option<String>,
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
        list: Rows,
    },
    /// One, with its near misses and what can be done about it
    Get {
        /// Id, `ref_…`
        refused: String,
    },
    /// Do what would have let it pass, or put it out of sight
    Resolve {
        /// Id, `ref_…`
        refused: String,
        /// allow_source, accept_number, enable_connection, ignore or show
        fix: String,
        /// Of several near misses, the one with this resource
        #[arg(long)]
        resource: Option<String>,
        /// Of several near misses, the one where the request had this
        #[arg(long)]
        have: Option<String>,
        /// allow_source: the network to let in [default: the source address]
        #[arg(long, value_name = "CIDR")]
        network: Option<String>,
    },
}

/// `trunkline call …`
#[derive(Debug, Subcommand)]
pub(crate) enum CallCommand {
    /// All of them
    List(Rows),
    /// End one
    Hangup {
        /// Id, `call_…`
        call: String,
    },
}

/// Answers `trunkline number`.
pub(super) fn number(globals: &Globals, command: NumberCommand) -> Result<(), Failure> {
    let (e164, to, flow, via) = match command {
        NumberCommand::Add { e164, to, flow, via } => (e164, to, flow, via),
        NumberCommand::Any(verb) => return collection::answer(globals, &NUMBERS, verb),
    };
    let client = Client::new(globals)?;
    let target = match flow {
        Some(flow) => json!({ "flow": FLOWS.id(&client, &flow)? }),
        None => json!({ "connection": route::connection(&client, &to.unwrap_or_default())? }),
    };
    let mut body = json!({ "e164": e164, "target": target });
    if let Some(via) = via {
        body["via"] = Value::from(route::connection(&client, &via)?);
    }
    let reply = client.call(Method::POST, &route::path(NUMBERS.path, &[]), Some(&body))?;
    write::one(globals.output, &reply);
    Ok(())
}

/// Answers `trunkline domain`.
pub(super) fn domain(globals: &Globals, command: DomainCommand) -> Result<(), Failure> {
    let host = match command {
        DomainCommand::Add { host } => host,
        DomainCommand::Check { domain, zone } => return check_domain(globals, &domain, zone),
        DomainCommand::Any(verb) => return collection::answer(globals, &DOMAINS, verb),
    };
    let body = json!({ "host": host });
    let reply = Client::new(globals)?.call(Method::POST, &route::path(DOMAINS.path, &[]), Some(&body))?;
    write::one(globals.output, &reply);
    Ok(())
}

/// Asks whether a domain leads here.
fn check_domain(globals: &Globals, domain: &str, zone: bool) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let id = route::id(&client, DOMAINS.path, DOMAINS.prefix, DOMAINS.names, domain)?;
    let body = client.call(Method::GET, &route::path(&format!("/domains/{id}/check"), &[]), None)?;
    match (globals.output, zone) {
        (_, true) => out::line(write::at(&body, "zone").trim_end()),
        (Format::Table, false) => {
            out::line(&format!("{}: {}\n", write::at(&body, "state"), write::at(&body, "detail")));
            let records = body.get("records").cloned().unwrap_or_default();
            write::list(Format::Table, &json!({ "data": records }), RECORDS);
        }
        (format, false) => write::one(format, &body),
    }
    Ok(())
}

/// Answers `trunkline history`.
pub(super) fn history(globals: &Globals, command: HistoryCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        HistoryCommand::List { reason, outcome, connection, from, to, since, list } => {
            let find = |wanted: String| route::connection(&client, &wanted);
            let query = [
                ("reason", reason),
                ("outcome", outcome),
                ("connection", connection.map(find).transpose()?),
                ("from", from),
                ("to", to),
                ("since", since),
            ];
            write::list(globals.output, &list.fetch_up_to(&client, "/history", &query, MOST)?, HISTORY);
            Ok(())
        }
        HistoryCommand::Export { format, follow, after, account, connection, since, until } => {
            let connection = connection.map(|wanted| route::connection(&client, &wanted)).transpose()?;
            let query = [
                ("format", Some(format)),
                ("follow", follow.then(|| "true".to_owned())),
                ("after", after),
                ("account", account),
                ("connection", connection),
                ("since", since),
                ("until", until),
            ];
            let each = |line: &str| {
                out::line(line);
                true
            };
            client.lines(Method::GET, &route::path("/history/export", &query), None, each).map(drop)
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
    let client = Client::new(globals)?;
    match command {
        RefusedCommand::List { reason, source, list } => {
            let query = [("reason", reason), ("source", source)];
            write::list(globals.output, &list.fetch_up_to(&client, "/refused", &query, MOST)?, REFUSED);
            Ok(())
        }
        RefusedCommand::Get { refused } => {
            let path = route::path(&format!("/refused/{}", route::escaped(&refused)), &[]);
            write::one(globals.output, &client.call(Method::GET, &path, None)?);
            Ok(())
        }
        RefusedCommand::Resolve { refused, fix, resource, have, network } => {
            let path = route::path(&format!("/refused/{}/resolve", route::escaped(&refused)), &[]);
            let body = json!({ "action": fix, "resource": resource, "have": have, "network": network });
            write::one(globals.output, &client.call(Method::POST, &path, Some(&body))?);
            Ok(())
        }
    }
}

/// `trunkline conference …`
#[derive(Debug, Subcommand)]
pub(crate) enum ConferenceCommand {
    /// Newest first
    List(Rows),
    /// One, with everybody who is there
    Get {
        /// Id, `cnf_…`
        conference: String,
    },
    /// Let all hear a sound
    Announce {
        /// Id, `cnf_…`
        conference: String,
        /// Name of a sound, or the address of a WAV file
        sound: String,
    },
    /// End it for everybody
    End {
        /// Id, `cnf_…`
        conference: String,
    },
    /// Let nobody hear somebody
    Mute {
        /// Id, `cnf_…`
        conference: String,
        /// Id of the call, `call_…`
        call: String,
    },
    /// Let the others hear somebody again
    Unmute {
        /// Id, `cnf_…`
        conference: String,
        /// Id of the call, `call_…`
        call: String,
    },
    /// Put somebody out
    Kick {
        /// Id, `cnf_…`
        conference: String,
        /// Id of the call, `call_…`
        call: String,
    },
}

/// Answers `trunkline conference`.
pub(super) fn conference(globals: &Globals, command: ConferenceCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let at = |id: &str, rest: &str| route::path(&format!("/conferences/{}{rest}", route::escaped(id)), &[]);
    let of = |call: &str, what: &str| format!("/participants/{}/{what}", route::escaped(call));
    let (path, body, done) = match command {
        ConferenceCommand::List(list) => {
            write::list(globals.output, &list.fetch(&client, "/conferences", &[])?, CONFERENCES);
            return Ok(());
        }
        ConferenceCommand::Get { conference } => {
            write::one(globals.output, &client.call(Method::GET, &at(&conference, ""), None)?);
            return Ok(());
        }
        ConferenceCommand::Announce { conference, sound } => {
            (at(&conference, "/announce"), Some(json!({ "sound": sound })), "it is announced".to_owned())
        }
        ConferenceCommand::End { conference } => {
            (at(&conference, "/end"), None, format!("{conference} ends"))
        }
        ConferenceCommand::Mute { conference, call } => {
            (at(&conference, &of(&call, "mute")), None, format!("nobody hears {call}"))
        }
        ConferenceCommand::Unmute { conference, call } => {
            (at(&conference, &of(&call, "unmute")), None, format!("{call} is heard"))
        }
        ConferenceCommand::Kick { conference, call } => {
            (at(&conference, &of(&call, "kick")), None, format!("{call} is out"))
        }
    };
    client.call(Method::POST, &path, body.as_ref())?;
    out::note(&done);
    Ok(())
}

/// Answers `trunkline call`.
pub(super) fn call(globals: &Globals, command: CallCommand) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    match command {
        CallCommand::List(list) => {
            write::list(globals.output, &list.fetch(&client, "/calls", &[])?, CALLS);
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

pub(super) const NUMBERS: Collection = Collection {
    noun: "number",
    about: "Numbers from the telephone network and who rings",
    path: "/numbers",
    prefix: "num_",
    names: &["e164"],
    columns: &[("NUMBER", "e164"), ("TARGET", "target"), ("VIA", "via"), ("ID", "id")],
    verbs: Verbs::All,
};
pub(super) const DOMAINS: Collection = Collection {
    noun: "domain",
    about: "Host names that are ours",
    path: "/domains",
    prefix: "dom_",
    names: &["host"],
    columns: &[("HOST", "host"), ("ROLE", "role"), ("ALIASES", "aliases"), ("ID", "id")],
    verbs: Verbs::All,
};
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
    ("ID", "id"),
];
const CONFERENCES: Columns =
    &[("STARTED", "started_at"), ("ROOM", "room"), ("ACCOUNT", "account"), ("ID", "id")];
const CALLS: Columns =
    &[("ID", "id"), ("STATE", "state"), ("FROM", "from"), ("DIALLED", "dialled"), ("SINCE", "started_at")];
/// Rows of a list that has no end, unless --limit says otherwise.
const MOST: usize = 50;
const RECORDS: Columns =
    &[("NAME", "name"), ("KIND", "kind"), ("STATE", "state"), ("WANTED", "want"), ("WHY", "detail")];
