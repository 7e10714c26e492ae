//! `trunkline api`: the API as it is.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{Format, Globals, input, route, write};
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
    /// JSON body; `@FILE` reads a file, `-` stdin
    body: Option<String>,
    /// The same as BODY
    #[arg(short = 'd', long = "body", value_name = "BODY", conflicts_with = "body")]
    given: Option<String>,
}

/// Answers `trunkline api`.
pub(super) fn run(globals: &Globals, arguments: Arguments) -> Result<(), Failure> {
    let method = Method::from_bytes(arguments.method.to_uppercase().as_bytes())
        .map_err(|_| Failure::Usage(format!("`{}` is no method", arguments.method)))?;
    let body: Option<Value> = arguments
        .body
        .or(arguments.given)
        .map(|text| serde_json::from_str(&input::text(&text)?).map_err(no_json))
        .transpose()?;
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

fn no_json(fault: serde_json::Error) -> Failure {
    Failure::Usage(format!("the body is no JSON: {fault}"))
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
