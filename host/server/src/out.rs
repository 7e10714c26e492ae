//! The one place that writes to the terminal: results on stdout, notes on stderr.
//!
//! A reader that goes away (`trunkline history list | head`) is no fault.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this file is where the program prints")]

use std::io::{IsTerminal, Write};

/// A result.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    drop(written);
}

/// A part of a line for the person at the terminal.
pub(crate) fn part(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A file.
pub(crate) fn octets(octets: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(octets).and_then(|()| out.flush()));
}

/// A note for the person who typed the command.
pub(crate) fn note(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Whether a person reads stdout.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
