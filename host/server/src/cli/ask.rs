//! Questions to the person at the terminal: a password that does not show, a yes before something is gone.

use std::io::{IsTerminal, Write};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::input;
use crate::failure::Failure;

/// Where a password comes from; a command line is seen by others.
#[derive(Args, Debug, Default)]
pub(crate) struct Password {
    /// Its password, seen by whoever sees the command line; better are --password-file and --password-stdin
    #[arg(long, value_name = "PASSWORD", conflicts_with_all = ["password_file", "password_stdin"])]
    password: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<String>,
    /// Read the password from stdin
    #[arg(long)]
    password_stdin: bool,
}

impl Password {
    /// The password as given.
    pub(super) fn given(&self) -> Result<Option<String>, Failure> {
        let read = |file: &str| input::read(file).map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Some(file)) => read(file).map(Some),
            (None, None) if self.password_stdin => read("-").map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The password as given, else as typed by the person at the terminal, if there is one.
    pub(super) fn or_typed(&self, question: &str) -> Result<Option<String>, Failure> {
        match self.given()? {
            None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
                Ok(Some(typed(question)?).filter(|typed| !typed.is_empty()))
            }
            given => Ok(given),
        }
    }
}

/// Goes on after `--yes` or a yes from the terminal.
pub(super) fn certain(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} Say --yes")));
    }
    prompt(&format!("{question} [y/N] "));
    let answer = line()?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::Failed("nothing was changed".to_owned()))
}

/// A line that is not echoed.
fn typed(question: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let failed = |fault: rustix::io::Errno| Failure::Failed(format!("the terminal: {fault}"));
    let before = tcgetattr(&stdin).map_err(failed)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    prompt(question);
    tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(failed)?;
    let answer = line();
    tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(failed)?;
    prompt("\n");
    answer.map(|answer| answer.trim_end_matches(['\r', '\n']).to_owned())
}

fn prompt(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

fn line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|fault| Failure::Failed(format!("stdin: {fault}")))?;
    Ok(line)
}
