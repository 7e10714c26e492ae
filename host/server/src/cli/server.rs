//! Verbs about the server itself: status, version, openapi, setup-link; and completions.

use clap::CommandFactory;
use hyper::Method;
use serde_json::{Value, json};

use super::{Cli, Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::{local, out, serve};

/// Answers `trunkline status`: one screen.
pub(super) fn status(globals: &Globals) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let ready = client.ask(Method::GET, "/readyz", None)?;
    let about = client.call(Method::GET, &route::path("/system/info", &[]), None)?;
    let calls = client.call(Method::GET, &route::path("/calls", &[]), None)?;
    let connections = client.call(
        Method::GET,
        &route::path("/connections", &[("limit", Some("1000".to_owned()))]),
        None,
    )?;
    let rows = connections.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    let calls = calls.get("data").and_then(Value::as_array).map_or(0, Vec::len);
    let is_ready = ready.status.is_success();
    if globals.output != Format::Table {
        let body = json!({ "ready": is_ready, "info": about, "calls": calls, "connections": rows });
        write::one(globals.output, &body);
        return Ok(());
    }
    let version = write::at(&about, "version");
    out::line(&format!("trunkline {version}  {}", if is_ready { "ready" } else { "not ready" }));
    if !is_ready {
        out::line(&write::pretty(&ready.body));
    }
    out::line(&format!("calls        {calls}"));
    out::line(&format!("connections  {}", tally(&rows)));
    for row in
        rows.iter().filter(|row| matches!(write::at(row, "status.state").as_str(), "down" | "degraded"))
    {
        let last = write::at(row, "status.last_response");
        out::line(&format!("  {}  {}  {last}", write::at(row, "status.state"), write::at(row, "name")));
    }
    Ok(())
}

/// `3: 2 up, 1 unknown`
fn tally(rows: &[Value]) -> String {
    let mut states: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for row in rows {
        let state = write::at(row, "status.state");
        let state = if state.is_empty() { "unknown".to_owned() } else { state };
        *states.entry(state).or_default() += 1;
    }
    let states: Vec<String> = states.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    if states.is_empty() { "none yet".to_owned() } else { format!("{}: {}", rows.len(), states.join(", ")) }
}

/// Answers `trunkline version`.
pub(super) fn version(globals: &Globals) {
    let server = Client::new(globals)
        .and_then(|client| client.call(Method::GET, &route::path("/system/info", &[]), None))
        .ok()
        .map(|about| write::at(&about, "version"));
    if globals.output == Format::Table {
        out::line(&format!("trunkline {}", serve::VERSION));
        if let Some(server) = server {
            out::line(&format!("server    {server}"));
        }
    } else {
        write::one(globals.output, &json!({ "version": serve::VERSION, "server": server }));
    }
}

/// Answers `trunkline openapi`.
pub(super) fn openapi(globals: &Globals) -> Result<(), Failure> {
    let body = Client::new(globals)?.call(Method::GET, &route::path("/openapi.json", &[]), None)?;
    let format = if globals.output == Format::Table { Format::Json } else { globals.output };
    write::one(format, &body);
    Ok(())
}

/// Answers `trunkline completion`.
pub(super) fn completion(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "trunkline", &mut script);
    out::line(String::from_utf8_lossy(&script).trim_end());
}

/// Answers `trunkline setup-link`.
pub(super) fn setup_link(globals: &Globals) -> Result<(), Failure> {
    if globals.server.is_some() {
        return Err(Failure::Usage("a link is made on the data folder: --data, not --server".to_owned()));
    }
    let addresses = Client::new(globals)
        .and_then(|client| client.call(Method::GET, &route::path("/system/addresses", &[]), None))
        .ok();
    let base = addresses.and_then(|found| Some(format!("{}/", found.get("http")?.get(0)?.as_str()?)));
    let Some(link) = local::create_setup_link(&globals.data, base)? else {
        return Err(Failure::Failed(
            "the installation has an owner; `trunkline key create --scopes admin` makes a key".to_owned(),
        ));
    };
    out::line(&link);
    out::note("valid for 30 minutes, once; earlier links work no more");
    Ok(())
}
