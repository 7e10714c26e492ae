//! `trunkline flow`: what happens to calls, kept in files: saved, checked, published, and tried without a call.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::collection::{self, Collection, Rows, Verb, Verbs};
use super::fields::object_in;
use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline flow …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a file of nodes and edges the draft of a flow, which is begun if there is none of this name
    Save {
        /// Id or name
        flow: String,
        /// JSON or YAML with nodes and edges; `-` is stdin
        file: String,
        /// Also make it the version that calls take
        #[arg(long)]
        publish: bool,
    },
    /// What is wrong with the draft, or with a file; exit code 5 if it cannot be published
    Check {
        /// Id or name
        flow: String,
        /// JSON or YAML with nodes and edges; `-` is stdin
        file: Option<String>,
    },
    /// Make the draft the version that calls take
    Publish {
        /// Id or name
        flow: String,
    },
    /// Versions that were published, the newest first
    Versions {
        /// Id or name
        flow: String,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// Walk the draft as a call would
    Simulate(Box<Simulate>),
    /// The verbs that nodes are made of; one of them with its settings
    Verbs {
        /// Which: dial, gather, …
        verb: Option<String>,
    },
    /// What every collection has.
    #[command(flatten)]
    Any(Verb),
}

/// A call that is not there.
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// Id or name
    flow: String,
    /// A published version instead of the draft
    #[arg(long = "version", value_name = "VERSION")]
    number: Option<u32>,
    /// When the call begins, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Who calls
    #[arg(long, value_name = "CALLER")]
    from: Option<String>,
    /// What was dialled
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// What the caller presses, once for each time it is asked
    #[arg(long, value_name = "KEYS")]
    digits: Vec<String>,
    /// What comes of a node, repeatable; several with commas, one after the other: sales=busy,answered
    #[arg(long = "outcome", value_name = "NODE=OUTCOME")]
    outcomes: Vec<String>,
    /// A variable that is set before it begins, repeatable
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

/// Answers `trunkline flow`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    if let Command::Any(verb) = command {
        return collection::answer(globals, &FLOWS, verb);
    }
    let (output, client) = (globals.output, Client::new(globals)?);
    let below =
        |flow: &str, rest: &str| Ok::<_, Failure>(format!("/flows/{}{rest}", FLOWS.id(&client, flow)?));
    let post = |path: &str, body: Option<&Value>| client.call(Method::POST, &route::path(path, &[]), body);
    match command {
        Command::Save { flow, file, publish } => {
            let mut saved = save(&client, &flow, &file)?;
            if publish {
                saved = post(&format!("/flows/{}/publish", write::at(&saved, "id")), None)?;
            }
            show(output, &saved);
        }
        Command::Check { flow, file } => {
            let body = file.map(|file| object_in(&file)).transpose()?.map(Value::Object);
            let verdict = post(&below(&flow, "/validate")?, body.as_ref())?;
            match output {
                Format::Table => problems(&verdict),
                format => write::one(format, &verdict),
            }
            if verdict["sound"] != true {
                return Err(Failure::Found(format!("{flow} cannot be published like this")));
            }
        }
        Command::Publish { flow } => show(output, &post(&below(&flow, "/publish")?, None)?),
        Command::Versions { flow, list } => {
            write::list(
                output,
                &list.fetch_up_to(&client, &below(&flow, "/versions")?, &[], MOST)?,
                VERSIONS,
            );
        }
        Command::Simulate(call) => {
            let walk = post(&below(&call.flow, "/simulate")?, Some(&call.body()?))?;
            match output {
                Format::Table => walked(&walk),
                format => write::one(format, &walk),
            }
        }
        Command::Verbs { verb } => verbs(output, &client, verb.as_deref())?,
        Command::Any(_) => {}
    }
    Ok(())
}

/// The document of a file becomes the draft of a flow of this name.
fn save(client: &Client, flow: &str, file: &str) -> Result<Value, Failure> {
    let draft = Value::Object(object_in(file)?);
    match FLOWS.id(client, flow) {
        Ok(id) => {
            let path = route::path(&format!("/flows/{id}"), &[]);
            client.call(Method::PATCH, &path, Some(&json!({ "draft": draft })))
        }
        Err(Failure::NotFound(_)) if !flow.starts_with(FLOWS.prefix) => {
            let body = json!({ "name": flow, "draft": draft });
            client.call(Method::POST, &route::path("/flows", &[]), Some(&body))
        }
        Err(failure) => Err(failure),
    }
}

/// A flow without its document.
fn show(format: Format, flow: &Value) {
    if format != Format::Table {
        return write::one(format, flow);
    }
    let version = flow["published_version"].as_u64();
    let version = version.map_or_else(|| "not published".to_owned(), |version| format!("version {version}"));
    out::line(&format!("{}  {}  {version}", write::at(flow, "id"), write::at(flow, "name")));
    problems(flow);
}

fn problems(of: &Value) {
    let found = of["problems"].as_array().cloned().unwrap_or_default();
    if !found.is_empty() {
        write::list(Format::Table, &json!({ "data": found }), PROBLEMS);
    }
}

fn walked(walk: &Value) {
    write::list(Format::Table, &json!({ "data": walk["steps"] }), STEPS);
    let seconds = walk["took_ms"].as_f64().unwrap_or_default() / 1_000.0;
    out::line(&format!("\n{} after {seconds:.1} s", write::at(walk, "end")));
}

fn verbs(format: Format, client: &Client, verb: Option<&str>) -> Result<(), Failure> {
    let mut all = client.call(Method::GET, &route::path("/flows/verbs", &[]), None)?;
    let all = all["verbs"].take();
    let Some(verb) = verb else {
        write::list(format, &json!({ "data": all }), VERBS);
        return Ok(());
    };
    let found = all.as_array().into_iter().flatten().find(|row| row["name"] == verb);
    let found = found.ok_or_else(|| Failure::NotFound(format!("there is no verb {verb}")))?;
    if format != Format::Table {
        write::one(format, found);
        return Ok(());
    }
    out::line(&format!("{}\n", write::at(found, "about")));
    write::list(Format::Table, &json!({ "data": found["settings"] }), SETTINGS);
    out::line("");
    write::list(Format::Table, &json!({ "data": found["outcomes"] }), OUTCOMES);
    Ok(())
}

impl Simulate {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        let given = [("at", &self.at), ("caller", &self.from), ("called", &self.to)];
        body.extend(
            given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))),
        );
        body.extend(self.number.map(|number| ("version".to_owned(), json!(number))));
        body.insert("digits".to_owned(), json!(self.digits));
        let several = |value: &str| json!(value.split(',').collect::<Vec<_>>());
        body.insert("outcomes".to_owned(), named("--outcome", &self.outcomes, several)?);
        body.insert("variables".to_owned(), named("--var", &self.variables, |value| json!(value))?);
        Ok(Value::Object(body))
    }
}

/// An object of `NAME=VALUE`.
fn named(option: &str, given: &[String], value: impl Fn(&str) -> Value) -> Result<Value, Failure> {
    let mut object = Map::new();
    for text in given {
        let Some((name, text)) = text.split_once('=') else {
            return Err(Failure::Usage(format!("{option}: `{text}` is no NAME=VALUE")));
        };
        object.insert(name.to_owned(), value(text));
    }
    Ok(Value::Object(object))
}

/// Flows as a collection.
pub(super) const FLOWS: Collection = Collection {
    noun: "flow",
    about: "What happens to calls",
    path: "/flows",
    prefix: "flow_",
    names: &["name"],
    columns: &[
        ("NAME", "name"),
        ("VERSION", "published_version"),
        ("PUBLISHED", "published_at"),
        ("USED BY", "used_by"),
        ("ID", "id"),
    ],
    verbs: Verbs::All,
};
const PROBLEMS: write::Columns =
    &[("FATAL", "fatal"), ("NODE", "node"), ("WHERE", "pointer"), ("WHAT", "message")];
const VERSIONS: write::Columns =
    &[("VERSION", "version"), ("PUBLISHED", "published_at"), ("CURRENT", "current")];
const STEPS: write::Columns = &[
    ("AT MS", "at_ms"),
    ("NODE", "node"),
    ("VERB", "verb"),
    ("ASKED", "asked"),
    ("OUTCOME", "outcome"),
    ("FLOW", "flow"),
];
const VERBS: write::Columns = &[("VERB", "name"), ("WHAT IT DOES", "about")];
const SETTINGS: write::Columns = &[("SETTING", "name"), ("REQUIRED", "required"), ("WHAT IT IS", "about")];
const OUTCOMES: write::Columns = &[("OUTCOME", "name"), ("WHEN", "about")];
/// Versions shown unless --limit says otherwise.
const MOST: usize = 20;
