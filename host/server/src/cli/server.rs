//! Verbs about the server itself: version, openapi, setup-link; and completions.

use clap::CommandFactory;
use hyper::Method;
use serde_json::json;

use super::{Cli, Format, Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::{local, out, serve};

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
