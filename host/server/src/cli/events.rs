//! `trunkline events`: what happens, as it happens, also across a server that goes away and comes back.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline events`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Go on until interrupted; else stop after the first event
    #[arg(short, long)]
    follow: bool,
    /// Only these types, with commas or repeated: call.ended
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only what concerns this connection: id, name or user
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<String>,
    /// Also what was missed after the event with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

/// Answers `trunkline events`: one line each.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let connection = arguments.connection.as_deref().map(|name| route::connection(&client, name));
    let connection = connection.transpose()?;
    let types = (!arguments.types.is_empty()).then(|| arguments.types.join(","));
    let mut last = arguments.after;
    let mut has_worked = false;
    loop {
        let path = route::path("/events", &[("types", types.clone()), ("last_event_id", last.clone())]);
        let ended = client.follow(&path, |line| {
            has_worked = true;
            let Some(text) = line.strip_prefix("data:").map(str::trim_start) else { return true };
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            if let Some(id) = event.get("id").and_then(Value::as_str) {
                last = Some(id.to_owned());
            }
            if !connection.as_deref().is_none_or(|id| concerns(&event, id)) {
                return true;
            }
            out::line(&if globals.output == Format::Table { in_words(&event) } else { text.to_owned() });
            arguments.follow
        });
        match ended {
            Err(Failure::NotReachable(words)) if has_worked && arguments.follow => {
                out::note(&format!("trunkline: {words}; trying again"));
                wait_for(&client);
            }
            other => return other,
        }
    }
}

/// Returns when the server answers again.
fn wait_for(client: &Client) {
    let mut pause = Duration::from_millis(250);
    while client.ask(hyper::Method::GET, "/healthz", None).is_err() {
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(4));
    }
}

/// Whether a connection takes part in it.
fn concerns(event: &Value, connection: &str) -> bool {
    ["connection", "connection_in", "connection_out"]
        .iter()
        .any(|name| event.get("data").and_then(|what| what.get(name)?.as_str()) == Some(connection))
}

/// `2026-01-31T12:00:00Z  call.ended  alice -> +493012345  486`
fn in_words(event: &Value) -> String {
    let text = |path: &str| write::at(event, path);
    let parts = match (text("data.from"), text("data.dialled")) {
        (from, dialled) if !dialled.is_empty() => {
            vec![format!("{from} -> {dialled}"), text("data.sip_code"), text("data.reason_code")]
        }
        _ => ["connection", "contact", "source", "code", "reason", "next_attempt_at"]
            .iter()
            .map(|name| text(&format!("data.{name}")))
            .collect(),
    };
    let mut line = format!("{}  {:<20}", text("at"), text("type"));
    for part in parts.iter().filter(|part| !part.is_empty()) {
        line.push_str("  ");
        line.push_str(part);
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let event = json!({"at": "T", "type": "call.ended", "data":
            {"from": "alice", "dialled": "+49", "sip_code": 486, "reason_code": null, "connection_in": "con_1"}});
        assert_eq!(in_words(&event), "T  call.ended            alice -> +49  486");
        assert!(concerns(&event, "con_1") && !concerns(&event, "con_2"));
        let event = json!({"at": "T", "type": "connection.down", "data": {"connection": "con_1"}});
        assert_eq!(in_words(&event), "T  connection.down       con_1");
        assert!(concerns(&event, "con_1"));
    }
}
