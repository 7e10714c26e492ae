//! `trunkline explain`: what a code means, what became of a call, or what would become of one.

use clap::Args;
use hyper::Method;
use routing::reason::Reason;
use serde_json::{Value, json};

use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline explain CODE`, `trunkline explain CALL` or `trunkline explain --from … --to …`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A reason code such as R-04, a SIP code such as 488, or a past call, `call_…`
    #[arg(value_name = "CODE|CALL", conflicts_with = "to", required_unless_present = "to")]
    what: Option<String>,
    /// Caller: a user, user@domain or a number
    #[arg(long, requires = "to")]
    from: Option<String>,
    /// Called: a user, user@domain or a number
    #[arg(long)]
    to: Option<String>,
    /// Connection the call comes from: id, name or user
    #[arg(long, requires = "to")]
    connection: Option<String>,
    /// Address the call comes from
    #[arg(long, value_name = "ADDRESS", requires = "to")]
    source: Option<String>,
}

/// Answers `trunkline explain`.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    match (&arguments.to, &arguments.what) {
        (Some(to), _) => explain_route(globals, to, &arguments),
        (None, Some(call)) if call.starts_with("call_") => explain_call(globals, call),
        (None, Some(code)) => explain_code(globals, code),
        (None, None) => Err(Failure::Usage("a code, a call, or --from and --to are needed".to_owned())),
    }
}

/// What would happen to a call, by the code that real calls use.
fn explain_route(globals: &Globals, to: &str, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let mut query = json!({ "to": to });
    for (name, value) in [("from", &arguments.from), ("source", &arguments.source)] {
        if let Some(value) = value {
            query[name] = Value::from(value.as_str());
        }
    }
    if let Some(connection) = &arguments.connection {
        query["connection"] = Value::from(route::connection(&client, connection)?);
    }
    let body = client.call(Method::POST, &route::path("/routes/explain", &[]), Some(&query))?;
    if globals.output != Format::Table {
        write::one(globals.output, &body);
        return Ok(());
    }
    let decision = body.get("decision").unwrap_or(&Value::Null);
    out::line(&format!("{}: {}", write::at(decision, "action"), write::at(decision, "text")));
    let caller = named(&client, &write::at(decision, "caller"));
    let rings: Vec<String> = list(decision, "targets").iter().map(|id| named(&client, &plain(id))).collect();
    let code = [write::at(decision, "sip_code"), write::at(decision, "reason_code")].join(" ");
    for (heading, value) in [
        ("caller", caller),
        ("proof", write::at(decision, "proof")),
        ("called", write::at(decision, "called")),
        ("rings", rings.join(", then ")),
        ("answer", code.trim().to_owned()),
    ] {
        if !value.is_empty() {
            out::line(&format!("  {heading:8}{value}"));
        }
    }
    let looked = list(&body, "identification");
    if looked.iter().any(|step| write::at(step, "result") != "not_looked_at") {
        out::line("");
        write::list(Format::Table, &json!({ "data": looked }), IDENTIFICATION);
    }
    ways_considered(&client, list(&body, "candidates"));
    advice(&write::at(decision, "reason_code"));
    Ok(())
}

/// What became of a call, from its record.
fn explain_call(globals: &Globals, call: &str) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let path = route::path(&format!("/history/{}", route::escaped(call)), &[]);
    let body = client.call(Method::GET, &path, None)?;
    if globals.output != Format::Table {
        write::one(globals.output, &body);
        return Ok(());
    }
    let text = |name: &str| write::at(&body, name);
    let why = text("reason_text");
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    out::line(&format!("{} -> {}: {}{why}", text("from"), text("dialled"), text("outcome")));
    let code = [text("sip_code"), text("reason_code")].join(" ");
    for (heading, value) in [
        ("began", text("started_at")),
        ("came", named(&client, &text("connection_in"))),
        ("went", named(&client, &text("connection_out"))),
        ("proof", text("proof")),
        ("answer", code.trim().to_owned()),
        ("ended by", text("ended_by")),
        ("rang", with_unit(&text("ring_ms"), "ms")),
        ("talked", with_unit(&text("talk_s"), "s")),
    ] {
        if !value.is_empty() {
            out::line(&format!("  {heading:10}{value}"));
        }
    }
    attempts_made(&client, list(&body, "attempts"));
    ways_considered(&client, list(&body, "candidates"));
    advice(&text("reason_code"));
    Ok(())
}

/// Each connection that was looked at, by its name, and why it was taken or not.
fn ways_considered(client: &Client, candidates: &[Value]) {
    if candidates.is_empty() {
        return;
    }
    let rows = candidates.iter().take(MOST_NAMED).map(|candidate| {
        let mut row = candidate.clone();
        row["connection"] = Value::from(named(client, &write::at(candidate, "connection")));
        let taken = candidate.get("taken").and_then(Value::as_bool) == Some(true);
        row["taken"] = Value::from(if taken { "yes" } else { "no" });
        row
    });
    out::line("");
    write::list(Format::Table, &json!({ "data": rows.collect::<Vec<_>>() }), CANDIDATES);
    if candidates.len() > MOST_NAMED {
        out::note(&format!("and {} more: -o json", candidates.len() - MOST_NAMED));
    }
}

/// Each attempt to reach somebody, what came back, and what followed.
fn attempts_made(client: &Client, attempts: &[Value]) {
    if attempts.is_empty() {
        return;
    }
    let rows = attempts.iter().map(|attempt| {
        let text = |name: &str| write::at(attempt, name);
        let answer = [text("sip_code"), text("sip_text"), text("reason_code"), text("reason_text")];
        let answer: Vec<&str> = answer.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        json!({
            "connection": named(client, &text("connection")), "address": text("address"),
            "answer": answer.join(" "), "first": with_unit(&text("provisional_ms"), "ms"),
            "final": with_unit(&text("final_ms"), "ms"), "then": text("then"),
        })
    });
    out::line("");
    write::list(Format::Table, &json!({ "data": rows.collect::<Vec<_>>() }), ATTEMPTS);
}

/// What to do about a reason of ours.
fn advice(code: &str) {
    if let Some(reason) = Reason::ALL.iter().find(|reason| reason.code() == code) {
        out::line(&format!("\n{}", reason.fix()));
    }
}

/// `Desk (con_…)`, or the id alone if it is gone.
fn named(client: &Client, id: &str) -> String {
    if !id.starts_with("con_") {
        return id.to_owned();
    }
    let path = route::path(&format!("/connections/{id}"), &[]);
    let name = client.call(Method::GET, &path, None).map(|row| write::at(&row, "name"));
    name.map_or_else(|_| id.to_owned(), |name| format!("{name} ({id})"))
}

fn with_unit(value: &str, unit: &str) -> String {
    if value.is_empty() { String::new() } else { format!("{value} {unit}") }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
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
            "causes": reason.causes(), "sip_code": reason.sip_code(), "q850": reason.q850(),
            "since": reason.since(),
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
    let causes: String = reason.causes().iter().map(|cause| format!("\n      maybe {cause}")).collect();
    format!("{}  {}{wire}{causes}\n      {}", reason.code(), reason.text(), reason.fix())
}

const IDENTIFICATION: write::Columns = &[("WHO CALLS", "step"), ("RESULT", "result"), ("WHY", "text")];
const CANDIDATES: write::Columns =
    &[("CONNECTION", "connection"), ("TAKEN", "taken"), ("REASON", "reason_code"), ("WHY", "text")];
const ATTEMPTS: write::Columns = &[
    ("TRIED", "connection"),
    ("AT", "address"),
    ("ANSWER", "answer"),
    ("FIRST SIGN", "first"),
    ("END", "final"),
    ("THEN", "then"),
];
const MOST_NAMED: usize = 50;
