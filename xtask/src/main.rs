//! What the compiler cannot check about this tree.
//!
//! `cargo xtask tidy` checks the floors between crates, the size and names of things, what is kept out of the code
//! below `host/`, and that ARCHITECTURE.md speaks of what exists. `cargo xtask instructions` counts what the hot
//! paths cost. Neither changes a file, except the baseline when it is to move.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

mod instructions;
mod tidy;

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let outcome = match asked.as_slice() {
        ["tidy"] => run_tidy(),
        ["instructions"] => run_instructions(),
        _ => Err("usage: cargo xtask tidy|instructions".to_owned()),
    };
    outcome.unwrap_or_else(|complaint| {
        say(&format!("xtask: {complaint}"));
        ExitCode::from(2)
    })
}

fn run_tidy() -> Result<ExitCode, String> {
    let report = tidy::tidy(root()?)?;
    for finding in &report.findings {
        say(&finding.to_string());
    }
    say(&format!("tidy: {} files, {} findings", report.files, report.findings.len()));
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_instructions() -> Result<ExitCode, String> {
    let reason = env::var("UPDATE_BASELINE").ok();
    let report = instructions::check(root()?, reason.as_deref())?;
    say(&report.text);
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn root() -> Result<&'static Path, &'static str> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask stands outside the workspace")
}

fn say(line: &str) {
    // Nobody is left to tell when stdout is gone.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
