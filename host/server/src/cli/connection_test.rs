//! `trunkline connection test`: the steps as they happen, what each found, and what to do.

use std::io::IsTerminal;

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline connection test CONNECTION`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Id, name or user
    #[arg(value_name = "CONNECTION")]
    connection: String,
    /// Also call this number, as the peer wants it, and listen; the call is real, and so is its price
    #[arg(long, value_name = "NUMBER")]
    call_to: Option<String>,
    /// Also the messages themselves, secrets masked
    #[arg(long)]
    raw: bool,
}

/// Answers `trunkline connection test`; exit code 5 if a step failed.
pub(super) fn run(globals: &Globals, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let id = route::connection(&client, &arguments.connection)?;
    let path = route::path(&format!("/connections/{id}/test"), &[]);
    let body = json!({ "call_to": arguments.call_to });
    if globals.output != Format::Table {
        let result = client.call(Method::POST, &path, Some(&body))?;
        write::one(globals.output, &result);
        return verdict(&result);
    }
    let mut screen = Screen { raw: arguments.raw, live: std::io::stdout().is_terminal() };
    let mut event = String::new();
    let mut result = Value::Null;
    client.stream(Method::POST, &path, Some(&body), |line| {
        if let Some(kind) = line.strip_prefix("event:") {
            kind.trim().clone_into(&mut event);
        }
        let Some(data) = line.strip_prefix("data:") else { return true };
        let data: Value = serde_json::from_str(data.trim_start()).unwrap_or_default();
        if event == "result" {
            result = data;
            return false;
        }
        screen.show(&data);
        true
    })?;
    out::line(&format!("{} in {} ms", write::at(&result, "result"), write::at(&result, "took_ms")));
    verdict(&result)
}

fn verdict(result: &Value) -> Result<(), Failure> {
    let failed = result.get("result").and_then(Value::as_str) == Some("failed");
    // The steps have said it already.
    if failed { Err(Failure::Found(String::new())) } else { Ok(()) }
}

struct Screen {
    raw: bool,
    /// Whether a line can be written over.
    live: bool,
}

impl Screen {
    fn show(&mut self, step: &Value) {
        let text = |name: &str| write::at(step, name);
        if text("state") == "running" {
            if self.live {
                out::part(&format!("  …  {}", text("name")));
            }
            return;
        }
        if self.live {
            out::part("\r\x1b[K");
        }
        for line in in_words(step) {
            out::line(&line);
        }
        for (arrow, message) in [(">", text("sent")), ("<", text("received"))] {
            for line in message.lines().filter(|_| self.raw) {
                out::line(&format!("     {arrow} {line}"));
            }
        }
    }
}

/// `ok   register    12.5 ms  200 OK: the credentials are right`, and below what to do.
fn in_words(step: &Value) -> Vec<String> {
    let text = |name: &str| write::at(step, name);
    let (mark, tried) = match text("state").as_str() {
        "passed" => ("ok  ", true),
        "warning" => ("warn", true),
        "failed" => ("FAIL", true),
        _ => ("-   ", false),
    };
    let time = if tried { format!("{} ms", text("took_ms")) } else { String::new() };
    let mut lines = vec![format!("{mark} {:<9}{time:>10}  {}", text("name"), text("detail"))];
    if !text("fix").is_empty() {
        lines.push(format!("{:26}{}", "", text("fix")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_line_and_what_to_do_another() {
        let step = json!({"name": "dns", "state": "failed", "took_ms": 12.5, "detail": "no", "fix": "look"});
        assert_eq!(in_words(&step), ["FAIL dns         12.5 ms  no".to_owned(), format!("{:26}look", "")]);
        let step = json!({"name": "tls", "state": "skipped", "took_ms": 0.0, "detail": "udp", "fix": ""});
        assert_eq!(in_words(&step), [format!("-    tls{:18}udp", "")]);
    }
}
