//! `trunkline config`: what is in force, where it comes from, what is wrong with it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::write;
use super::{Format, Globals, Serve};
use crate::config;
use crate::failure::Failure;
use crate::out;

/// `trunkline config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every option and its value
    Show {
        /// Also where the value comes from
        #[arg(long)]
        origin: bool,
        /// Options as the server would get them.
        #[command(flatten)]
        serve: Box<Serve>,
    },
    /// Whether the server would take it; exit code 5 if not
    Check {
        /// Options as the server would get them.
        #[command(flatten)]
        serve: Box<Serve>,
    },
}

/// Answers `trunkline config`.
pub(super) fn run(globals: &Globals, before: Serve, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { origin, serve } => show(globals, &before.or(*serve), origin),
        Command::Check { serve } => check(globals, &before.or(*serve)),
    }
}

fn show(globals: &Globals, serve: &Serve, origin: bool) -> Result<(), Failure> {
    let found = config::find(&globals.data, serve.config.as_deref(), &serve.options)?;
    let row = |(name, value, from): (String, String, config::origin::Origin)| {
        let mut row = json!({ "option": name, "value": value });
        if origin {
            row["origin"] = Value::from(from.to_string());
        }
        row
    };
    let body = json!({ "data": found.all()?.into_iter().map(row).collect::<Vec<_>>() });
    let columns: write::Columns = if origin {
        &[("OPTION", "option"), ("VALUE", "value"), ("ORIGIN", "origin")]
    } else {
        &[("OPTION", "option"), ("VALUE", "value")]
    };
    write::list(globals.output, &body, columns);
    Ok(())
}

fn check(globals: &Globals, serve: &Serve) -> Result<(), Failure> {
    for name in config::unknown_variables() {
        out::note(&format!("note: {name} is not a known variable"));
    }
    let found = config::find(&globals.data, serve.config.as_deref(), &serve.options)
        .and_then(|found| found.resolve().map(|_| found))
        .map_err(|faults| Failure::Found(faults.to_string()))?;
    if globals.output == Format::Table {
        let file = found.file.map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        out::line(&format!("fine ({file})"));
    } else {
        write::one(globals.output, &json!({ "ok": true, "file": found.file }));
    }
    Ok(())
}
