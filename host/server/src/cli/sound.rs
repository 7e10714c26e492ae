//! `trunkline sound`: what callers hear.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hyper::Method;
use serde_json::json;

use super::collection::Rows;
use super::{Globals, ask, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline sound …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All that an account can play
    List {
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
        /// How many.
        #[command(flatten)]
        rows: Rows,
    },
    /// Upload a WAV file of any rate; one of the same name is replaced
    Upload {
        /// The file
        file: PathBuf,
        /// Name of the sound; default: that of the file
        #[arg(long)]
        name: Option<String>,
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
    },
    /// Speak words into a sound; one of the same name is replaced
    Say {
        /// Name of the sound
        name: String,
        /// The words
        text: String,
        /// Which voice; default: the usual one
        #[arg(long)]
        voice: Option<String>,
        /// Which language, such as en or de-AT; default: that of the account
        #[arg(long)]
        language: Option<String>,
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
    },
    /// Write its audio to a WAV file
    Download {
        /// Name of the sound
        name: String,
        /// The file; default: its name and .wav
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
    },
    /// Remove it
    Delete {
        /// Name of the sound
        name: String,
        /// Account: id or name
        #[arg(long)]
        account: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Answers `trunkline sound`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let one = |name: &str, below: &str, account: Option<String>| {
        route::path(&format!("/sounds/{}{below}", route::escaped(name)), &[("account", account)])
    };
    match command {
        Command::List { account, rows } => {
            write::list(globals.output, &rows.fetch(&client, "/sounds", &[("account", account)])?, COLUMNS);
        }
        Command::Upload { file, name, account } => {
            let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let name = name.or_else(stem).unwrap_or_default();
            let audio = std::fs::read(&file).map_err(|fault| failed(&file, &fault))?;
            let sound = client.upload(Method::PUT, &one(&name, "", account), "audio/wav", audio)?;
            write::one(globals.output, &sound);
        }
        Command::Say { name, text, voice, language, account } => {
            let mut body = json!({ "text": text, "voice": voice, "language": language });
            if let Some(body) = body.as_object_mut() {
                body.retain(|_, value| !value.is_null());
            }
            let sound = client.call(Method::PUT, &one(&name, "", account), Some(&body))?;
            write::one(globals.output, &sound);
        }
        Command::Download { name, to, account } => {
            let audio = client.download(&one(&name, "/audio", account))?;
            let to = to.unwrap_or_else(|| PathBuf::from(format!("{name}.wav")));
            std::fs::write(&to, audio).map_err(|fault| failed(&to, &fault))?;
            out::note(&format!("{name} is in {}", to.display()));
        }
        Command::Delete { name, account, yes } => {
            ask::certain(yes, &format!("sound {name} will be gone."))?;
            client.call(Method::DELETE, &one(&name, "", account), None)?;
            out::note(&format!("{name} is gone"));
        }
    }
    Ok(())
}

fn failed(file: &Path, fault: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {fault}", file.display()))
}

const COLUMNS: write::Columns = &[
    ("NAME", "name"),
    ("LENGTH MS", "length_ms"),
    ("RATE", "rate"),
    ("OCTETS", "bytes"),
    ("CHANGED", "changed_at"),
    ("USED BY", "used_by"),
    ("PROBLEM", "problem"),
];
