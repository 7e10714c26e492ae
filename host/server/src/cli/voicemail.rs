//! `trunkline voicemail`: what callers left in mailboxes: seen, heard, taken along, deleted.

use std::io::Write;
use std::process::{Command as Process, Stdio};

use clap::Subcommand;
use hyper::Method;

use super::collection::Rows;
use super::{Globals, ask, route, write};
use crate::client::Client;
use crate::failure::Failure;
use crate::out;

/// `trunkline voicemail …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Messages of a mailbox; without one, the mailboxes
    List {
        /// Id, name or number
        mailbox: Option<String>,
        /// new, old, saved
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[command(flatten)]
        list: Rows,
    },
    /// Hear a message on this machine; it counts as heard
    Play {
        /// Id, name or number of the mailbox
        mailbox: String,
        /// Id of the message, `vm_…`
        message: String,
    },
    /// Write a message to a WAV file
    Export {
        /// Id, name or number of the mailbox
        mailbox: String,
        /// Id of the message, `vm_…`
        message: String,
        /// The file [default: MESSAGE.wav]; `-` is stdout
        file: Option<String>,
    },
    /// Delete a message, with its audio and its words
    Delete {
        /// Id, name or number of the mailbox
        mailbox: String,
        /// Id of the message, `vm_…`
        message: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Answers `trunkline voicemail`.
pub(super) fn run(globals: &Globals, command: Command) -> Result<(), Failure> {
    let client = Client::new(globals)?;
    let output = globals.output;
    let below = |mailbox: &str, rest: &str| -> Result<String, Failure> {
        let id = route::id(&client, "/mailboxes", "box_", &["name", "number"], mailbox)?;
        Ok(format!("/mailboxes/{id}/messages{rest}"))
    };
    let one = |mailbox: &str, message: &str| below(mailbox, &format!("/{}", route::escaped(message)));
    match command {
        Command::List { mailbox: None, list, .. } => {
            write::list(output, &list.fetch(&client, "/mailboxes", &[])?, MAILBOXES);
        }
        Command::List { mailbox: Some(mailbox), state, list } => {
            let found = list.fetch(&client, &below(&mailbox, "")?, &[("state", state)])?;
            write::list(output, &found, MESSAGES);
        }
        Command::Play { mailbox, message } => {
            let path = one(&mailbox, &message)?;
            let audio = client.download(&route::path(&format!("{path}/audio"), &[]))?;
            play(&audio)?;
            let heard = serde_json::json!({ "state": "old" });
            client.call(Method::PATCH, &route::path(&path, &[]), Some(&heard))?;
        }
        Command::Export { mailbox, message, file } => {
            let path = format!("{}/audio", one(&mailbox, &message)?);
            let audio = client.download(&route::path(&path, &[]))?;
            match file.as_deref() {
                Some("-") => out::octets(&audio),
                named => {
                    let file = named.map_or_else(|| format!("{message}.wav"), str::to_owned);
                    let written = std::fs::write(&file, &audio);
                    written.map_err(|fault| Failure::Failed(format!("{file}: {fault}")))?;
                    out::note(&format!("{file}: {} octets", audio.len()));
                }
            }
        }
        Command::Delete { mailbox, message, yes } => {
            let path = one(&mailbox, &message)?;
            ask::certain(yes, &format!("message {message} will be gone."))?;
            client.call(Method::DELETE, &route::path(&path, &[]), None)?;
            out::note(&format!("{message} is gone"));
        }
    }
    Ok(())
}

/// By the first player that this machine has.
fn play(audio: &[u8]) -> Result<(), Failure> {
    for player in PLAYERS {
        let Some((name, arguments)) = player.split_first() else { continue };
        let started = Process::new(name).args(arguments).stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = started else { continue };
        if let Some(mut input) = child.stdin.take() {
            // A player may have had enough before the end.
            let _ = input.write_all(audio);
        }
        let ended = child.wait().map_err(|fault| Failure::Failed(format!("{name}: {fault}")))?;
        if ended.success() {
            return Ok(());
        }
    }
    let text =
        "no player here can play it (paplay, aplay, ffplay); `trunkline voicemail export` writes a file";
    Err(Failure::Failed(text.to_owned()))
}

const PLAYERS: [&[&str]; 3] = [
    &["paplay", "--file-format=wav", "/dev/stdin"],
    &["aplay", "-q", "-"],
    &["ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet", "-"],
];
const MAILBOXES: write::Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("NUMBER", "number"),
    ("NEW", "messages.new"),
    ("OLD", "messages.old"),
    ("EMAIL", "email"),
];
const MESSAGES: write::Columns = &[
    ("LEFT", "at"),
    ("STATE", "state"),
    ("FROM", "from"),
    ("NAME", "from_name"),
    ("MS", "length_ms"),
    ("SAID", "transcript.text"),
    ("ID", "id"),
];
