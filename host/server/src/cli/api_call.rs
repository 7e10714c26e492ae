//! `trunkline api` and `trunkline events`: the API as it is.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline api METHOD PATH [JSON]`
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// GET, POST, PATCH, PUT or DELETE
    method: String,
    /// Path, with or without /api/v1
    path: String,
    /// JSON body; `-` reads it from stdin
    body: Option<String>,
}

/// `trunkline events`
#[derive(Args, Debug)]
pub(crate) struct EventsArguments {
    /// Go on until interrupted; else stop after the first event
    #[arg(short, long)]
    follow: bool,
    /// Only these types, repeatable: call.ended
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

/// Answers `trunkline api`.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    let method = Method::from_bytes(arguments.method.to_uppercase().as_bytes())
        .map_err(|_| Failure::Usage(format!("`{}` is no method", arguments.method)))?;
    let body = match arguments.body.as_deref() {
        None => None,
        Some("-") => {
            let text = std::io::read_to_string(std::io::stdin());
            Some(text.map_err(|fault| Failure::Failed(format!("stdin: {fault}")))?)
        }
        Some(text) => Some(text.to_owned()),
    };
    let body: Option<Value> = body
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|fault| Failure::Usage(format!("the body is no JSON: {fault}")))?;
    let reply = Client::new(globals)?.ask(method, &whole(&arguments.path), body.as_ref())?;
    if let Value::String(text) = &reply.body {
        if !text.is_empty() {
            out::line(text.trim_end());
        }
    } else {
        let format = if globals.output == Format::Table { Format::Json } else { globals.output };
        write::one(format, &reply.body);
    }
    reply.accepted().map(drop)
}

/// Answers `trunkline events`: one JSON object a line.
pub(super) fn events(globals: &Globals, arguments: EventsArguments) -> Result<(), Failure> {
    let wanted = |event: &str| {
        let kind = serde_json::from_str::<Value>(event).ok();
        let kind = kind.as_ref().and_then(|event| event.get("type")?.as_str());
        arguments.types.is_empty()
            || kind.is_some_and(|kind| arguments.types.iter().any(|wanted| wanted == kind))
    };
    Client::new(globals)?.follow(&route::path("/events", &[]), |line| {
        let event = line.strip_prefix("data:").map(str::trim_start).filter(|event| wanted(event));
        if let Some(event) = event {
            out::line(event);
        }
        arguments.follow || event.is_none()
    })
}

fn whole(path: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let outside = ["/api/", "/healthz", "/readyz", "/metrics", "/getMediaResources"];
    if outside.iter().any(|known| path.starts_with(known)) {
        return path.to_owned();
    }
    format!("{}{slash}{path}", route::BASE)
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn paths_may_leave_the_base_out() {
        assert_eq!(whole("/connections"), "/api/v1/connections");
        assert_eq!(whole("connections?limit=1"), "/api/v1/connections?limit=1");
        assert_eq!(whole("/api/v1/keys"), "/api/v1/keys");
        assert_eq!(whole("/readyz"), "/readyz");
    }
}
