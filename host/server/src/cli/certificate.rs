//! `trunkline certificate`: what is presented to whoever wants TLS.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Globals, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline certificate …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All of them: names, expiry, what is wrong
    List,
    /// Adds one, or replaces the one of that name; in force at once
    Add {
        /// Chain in PEM, the certificate itself first
        #[arg(long, value_name = "FILE")]
        cert: PathBuf,
        /// Its private key in PEM
        #[arg(long, value_name = "FILE")]
        private_key: PathBuf,
        /// Its name; default: its first host name
        #[arg(long)]
        name: Option<String>,
    },
    /// Removes one and its key
    Remove {
        /// Its name
        name: String,
    },
    /// Reads all files again
    Reload,
}

/// Answers `trunkline certificate`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let all = route::path("/system/certificates", &[]);
    match command {
        Command::List => {
            let body = client.call(Method::GET, &all, None)?;
            write::list(globals.output, &body, COLUMNS);
        }
        Command::Add { cert, private_key, name } => {
            let mut body = json!({ "certificate": text(&cert)?, "private_key": text(&private_key)? });
            if let Some(name) = name {
                body["name"] = Value::from(name);
            }
            let added = client.call(Method::POST, &all, Some(&body))?;
            write::one(globals.output, &added);
        }
        Command::Remove { name } => {
            let one = route::path(&format!("/system/certificates/{}", route::escaped(&name)), &[]);
            client.call(Method::DELETE, &one, None)?;
            out::note(&format!("{name} is gone"));
        }
        Command::Reload => {
            let again = route::path("/system/certificates/reload", &[]);
            let body = client.call(Method::POST, &again, None)?;
            write::list(globals.output, &body, COLUMNS);
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|fault| Failure::Failed(format!("{}: {fault}", file.display())))
}

const COLUMNS: write::Columns = &[
    ("NAME", "name"),
    ("SOURCE", "source"),
    ("NAMES", "names"),
    ("EXPIRES", "not_after"),
    ("DEFAULT", "default"),
    ("PROBLEM", "problem"),
];
