//! `trunkline explain`: what a code means, or what would happen to a call.

use clap::{Args, Subcommand};
use hyper::Method;
use routing::reason::Reason;
use serde_json::{Value, json};

use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline explain CODE` or `trunkline explain route …`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A reason code such as R-04, or a SIP code such as 488
    code: Option<String>,
    /// The other question.
    #[command(subcommand)]
    question: Option<Question>,
}

/// What may be asked besides codes.
#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    /// What would happen to a call, by the code that real calls use
    Route {
        /// Caller: a user, user@domain or a number
        #[arg(long)]
        from: String,
        /// Called: a user, user@domain or a number
        #[arg(long)]
        to: String,
        /// Connection the call comes from: id, name or user
        #[arg(long)]
        connection: Option<String>,
    },
}

/// Answers `trunkline explain`.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    match (arguments.question, arguments.code) {
        (Some(Question::Route { from, to, connection }), _) => explain_route(globals, from, to, connection),
        (None, Some(code)) => explain_code(globals, &code),
        (None, None) => Err(Failure::Usage("a code is needed, such as R-04 or 488, or `route`".to_owned())),
    }
}

fn explain_route(
    globals: &Globals,
    from: String,
    to: String,
    connection: Option<String>,
) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let mut query = json!({ "from": from, "to": to });
    if let Some(connection) = connection {
        let id = route::id(&client, "/connections", "con_", &["name", "user"], &connection)?;
        query["connection"] = Value::from(id);
    }
    let body = client.call(Method::POST, &route::path("/routes/explain", &[]), Some(&query))?;
    if globals.output != Format::Table {
        write::one(globals.output, &body);
        return Ok(());
    }
    let action = write::at(&body, "decision.action");
    out::line(&format!("{action}: {}", write::at(&body, "decision.text")));
    for (heading, path) in
        [("caller", "caller"), ("proof", "proof"), ("called", "called"), ("rings", "targets")]
    {
        let value = write::at(&body, &format!("decision.{path}"));
        if !value.is_empty() {
            out::line(&format!("  {heading:8}{value}"));
        }
    }
    let candidates = json!({ "data": body.get("candidates") });
    if candidates["data"].as_array().is_some_and(|rows| !rows.is_empty()) {
        write::list(Format::Table, &candidates, CANDIDATES);
    }
    Ok(())
}

fn explain_code(globals: &Globals, code: &str) -> Result<(), Failure> {
    let wanted = code.to_uppercase();
    let sip: Option<u16> = wanted.parse().ok();
    let fits = |reason: &&Reason| reason.code() == wanted || Some(reason.sip_code()) == sip;
    let found: Vec<Reason> = Reason::ALL.iter().filter(fits).copied().collect();
    if found.is_empty() {
        let hint = "`trunkline api GET /reasons` lists all codes";
        return Err(Failure::NotFound(match sip {
            Some(code) => format!("{code} is not a code of ours: the peer decided so. {hint}"),
            None => format!("there is no code `{code}`; {hint}"),
        }));
    }
    if globals.output == Format::Table {
        for (index, reason) in found.iter().enumerate() {
            out::line(&format!("{}{}", if index > 0 { "\n" } else { "" }, in_words(*reason)));
        }
        return Ok(());
    }
    let row = |reason: &Reason| {
        json!({
            "code": reason.code(), "text": reason.text(), "fix": reason.fix(),
            "sip_code": reason.sip_code(), "q850": reason.q850(),
        })
    };
    write::list(globals.output, &json!({ "data": found.iter().map(row).collect::<Vec<_>>() }), CANDIDATES);
    Ok(())
}

fn in_words(reason: Reason) -> String {
    let mut wire = Vec::new();
    if reason.sip_code() != 0 {
        wire.push(format!("SIP {}", reason.sip_code()));
    }
    if reason.q850() != 0 {
        wire.push(format!("Q.850 cause {}", reason.q850()));
    }
    let wire = if wire.is_empty() { String::new() } else { format!("  ({})", wire.join(", ")) };
    format!("{}  {}{wire}\n      {}", reason.code(), reason.text(), reason.fix())
}

const CANDIDATES: write::Columns =
    &[("CONNECTION", "connection"), ("TAKEN", "taken"), ("REASON", "reason_code"), ("WHY", "text")];
