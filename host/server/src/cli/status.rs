//! `trunkline status`: one screen of what is up and what is not, once or redrawn as things happen.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::collection::Rows;
use super::screen::{Colour, Screen};
use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline status`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Stay and show every change; q ends it
    #[arg(short, long)]
    watch: bool,
}

/// Answers `trunkline status`.
pub(super) fn run(globals: &Globals, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    if arguments.watch {
        return watch(globals, &client);
    }
    show(globals, &ask(&client)?);
    Ok(())
}

/// What wakes the watcher.
enum Wake {
    /// Something happened.
    Event,
    /// q, or Ctrl-C.
    Quit,
}

/// Redraws when something happens, and every few seconds; the server may go and come back.
fn watch(globals: &Globals, client: &Client) -> Result<(), Failure> {
    let (wake, wakes) = channel();
    follow(client.clone(), wake.clone());
    let in_place = globals.output == Format::Table && out::is_terminal();
    let screen = in_place.then(Screen::open).transpose()?;
    if screen.is_some() {
        Screen::on_key(move || drop(wake.send(Wake::Quit)));
    }
    let mut last: Option<(Value, Instant)> = None;
    loop {
        let fault = match ask(client) {
            Ok(found) => {
                last = Some((found, Instant::now()));
                None
            }
            // Before the first answer a mistake is more likely than a server that comes back.
            Err(fault) if last.is_none() => return Err(fault),
            Err(fault) => Some(fault),
        };
        match (&screen, &last) {
            (Some(_), Some((found, at))) => {
                let mut lines = in_lines(found, Colour::of_stdout());
                if let Some(fault) = &fault {
                    lines.insert(0, format!("as of {} s ago: {fault}", at.elapsed().as_secs()));
                }
                Screen::draw(&lines);
            }
            (None, Some((found, _))) if fault.is_none() => show_again(globals, found),
            _ => {}
        }
        if pause(&wakes) {
            return Ok(());
        }
    }
}

/// Waits for a reason to look again; whether to end.
fn pause(wakes: &Receiver<Wake>) -> bool {
    match wakes.recv_timeout(POLL) {
        Ok(Wake::Quit) => true,
        Ok(Wake::Event) => {
            // Calls come in bursts, and a person reads slowly.
            std::thread::sleep(SETTLE);
            wakes.try_iter().any(|wake| matches!(wake, Wake::Quit))
        }
        Err(RecvTimeoutError::Timeout) => false,
        Err(RecvTimeoutError::Disconnected) => {
            std::thread::sleep(POLL);
            false
        }
    }
}

/// Wakes the watcher at every event, for as long as it watches.
fn follow(client: Client, wake: Sender<Wake>) {
    std::thread::spawn(move || {
        let mut watched = true;
        while watched {
            let ended = client.follow(&route::path("/events", &[]), |line| {
                if line.starts_with("data:") {
                    watched = wake.send(Wake::Event).is_ok();
                }
                watched
            });
            // A key without the right to events still sees what polling shows.
            if !matches!(ended, Err(Failure::NotReachable(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
    });
}

/// Everything the screen shows.
fn ask(client: &Client) -> Result<Value, Failure> {
    let ready = client.ask(Method::GET, "/readyz", None)?;
    let get = |path: &str, limit: &str| {
        let path = route::path(path, &[("limit", Some(limit.to_owned()))]);
        client.call(Method::GET, &path, None).map(|body| body.get("data").cloned().unwrap_or(body))
    };
    // A key may be allowed to see some of it only.
    let or_none = |found: Result<Value, Failure>| match found {
        Err(fault @ Failure::NotReachable(_)) => Err(fault),
        found => Ok(found.unwrap_or_else(|_| json!([]))),
    };
    let calls = Rows::default().fetch(client, "/calls", &[])?;
    let calls = calls.get("data").and_then(Value::as_array).map_or(0, Vec::len);
    let connections = Rows::default().fetch(client, "/connections", &[])?;
    let mut history = or_none(get("/history", "50"))?;
    if let Value::Array(rows) = &mut history {
        rows.retain(|row| matches!(write::at(row, "outcome").as_str(), "failed" | "refused"));
        rows.truncate(LATEST);
    }
    let not_ready = if ready.status.is_success() { Value::Null } else { ready.body };
    Ok(json!({
        "ready": ready.status.is_success(),
        "not_ready": not_ready,
        "info": client.call(Method::GET, &route::path("/system/info", &[]), None)?,
        "calls": calls,
        "connections": connections.get("data"),
        "failures": history,
        "refused": or_none(get("/refused", "5"))?,
    }))
}

fn show(globals: &Globals, found: &Value) {
    if globals.output != Format::Table {
        write::one(globals.output, found);
        return;
    }
    for line in in_lines(found, Colour::of_stdout()) {
        out::line(&line);
    }
}

/// For a reader that is no terminal: JSON in one line, a table with a line between.
fn show_again(globals: &Globals, found: &Value) {
    if globals.output == Format::Json {
        out::line(&found.to_string());
        return;
    }
    show(globals, found);
    out::line("");
}

fn in_lines(found: &Value, colour: Colour) -> Vec<String> {
    let text = |path: &str| write::at(found, path);
    let rows = |name: &str| found.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let connections = rows("connections");
    let ready = if text("ready") == "true" { colour.good("ready") } else { colour.bad("not ready") };
    let registered: usize = connections.iter().map(registrations).sum();
    let mut lines = vec![
        format!("trunkline {}  {ready}", text("info.version")),
        format!("calls          {}", text("calls")),
        format!("registrations  {registered}"),
        format!("connections    {}", tally(connections)),
    ];
    if !text("not_ready").is_empty() {
        lines.push(format!("  {}", text("not_ready")));
    }
    let is_bad = |row: &&Value| matches!(write::at(row, "status.state").as_str(), "down" | "degraded");
    let bad: Vec<&Value> = connections.iter().filter(is_bad).collect();
    for row in bad.iter().take(MOST_BAD) {
        let state = write::at(row, "status.state");
        let state = if state == "down" { colour.bad("down    ") } else { colour.fair("degraded") };
        lines.push(format!("  {state}  {}  {}", write::at(row, "name"), why(row)));
    }
    if bad.len() > MOST_BAD {
        lines.push(format!("  and {} more: trunkline connection list --state down", bad.len() - MOST_BAD));
    }
    let mut section = |heading: &str, found: Vec<String>| {
        if !found.is_empty() {
            lines.push(String::new());
            lines.push(heading.to_owned());
            lines.extend(found);
        }
    };
    let failure = |row: &Value| {
        let at = |path: &str| write::at(row, path);
        let code = [at("sip_code"), at("reason_code")].join(" ");
        format!(
            "  {}  {} -> {}  {code} {}",
            clock(&at("started_at")),
            at("from"),
            at("dialled"),
            at("reason_text")
        )
    };
    section("last failures", rows("failures").iter().map(failure).collect());
    let refusal = |row: &Value| {
        let at = |path: &str| write::at(row, path);
        let code = [at("sip_code"), at("reason_code")].join(" ");
        format!(
            "  {}  {} {} x{}  {code}  {} -> {}",
            clock(&at("last_at")),
            at("source.ip"),
            at("method"),
            at("count"),
            at("from"),
            at("to")
        )
    };
    section("last refused", rows("refused").iter().map(refusal).collect());
    lines
}

fn registrations(row: &Value) -> usize {
    let found = row.get("status").and_then(|status| status.get("registrations"));
    found.and_then(Value::as_array).map_or(0, Vec::len)
}

/// `401 Unauthorized since 10:02:03, next try 10:04:00`
fn why(row: &Value) -> String {
    let at = |path: &str| write::at(row, &format!("status.{path}"));
    let said = [at("last_response.code"), at("last_response.reason")].join(" ");
    let said = if said.trim().is_empty() { "no answer".to_owned() } else { said };
    let mut text = said;
    for (word, path) in [("since", "since"), ("next try", "next_attempt_at")] {
        let time = clock(&at(path));
        if !time.is_empty() {
            text.push_str(if word == "since" { " " } else { ", " });
            text.push_str(&format!("{word} {time}"));
        }
    }
    text
}

/// The time of day of a timestamp.
fn clock(at: &str) -> String {
    at.parse::<jiff::Timestamp>().map(|at| at.strftime("%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// `3: 2 up, 1 unknown`
fn tally(rows: &[Value]) -> String {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let state = write::at(row, "status.state");
        let state = if state.is_empty() { "unknown".to_owned() } else { state };
        *states.entry(state).or_default() += 1;
    }
    let states: Vec<String> = states.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    if states.is_empty() { "none yet".to_owned() } else { format!("{}: {}", rows.len(), states.join(", ")) }
}

/// Between two looks when nothing happens.
const POLL: Duration = Duration::from_secs(2);
/// Between something that happened and the look at what it changed.
const SETTLE: Duration = Duration::from_millis(200);
const LATEST: usize = 5;
const MOST_BAD: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_connections_say_why() {
        let status = json!({"state": "down", "since": "2026-01-31T10:02:03Z", "next_attempt_at": "2026-01-31T10:04:00Z",
            "last_response": {"code": 401, "reason": "Unauthorized", "at": ""}, "registrations": [{}, {}]});
        let found = json!({"ready": true, "info": {"version": "1"}, "calls": 3,
            "connections": [{"name": "pbx", "status": status}, {"name": "b", "status": {"state": "up"}}],
            "refused": [{"last_at": "2026-01-31T10:00:00Z", "source": {"ip": "192.0.2.1"}, "method": "INVITE",
                         "count": 7, "sip_code": 403, "reason_code": "R-01", "from": "a", "to": "b"}]});
        let lines = in_lines(&found, Colour::Off);
        assert_eq!(
            lines,
            [
                "trunkline 1  ready",
                "calls          3",
                "registrations  2",
                "connections    2: 1 down, 1 up",
                "  down      pbx  401 Unauthorized since 10:02:03Z, next try 10:04:00Z",
                "",
                "last refused",
                "  10:00:00Z  192.0.2.1 INVITE x7  403 R-01  a -> b",
            ]
        );
    }
}
