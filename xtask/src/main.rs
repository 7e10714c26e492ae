//! `cargo xtask tidy`: what the compiler cannot check about this tree.
//!
//! Checks the floors between crates, the size and names of things, what is kept out of the code
//! below `host/`, and that ARCHITECTURE.md speaks of what exists. It never changes a file.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

mod tidy;

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let outcome = match asked.as_slice() {
        ["tidy"] => run_tidy(),
        _ => Err("usage: cargo xtask tidy".to_owned()),
    };
    outcome.unwrap_or_else(|complaint| {
        say(&format!("xtask: {complaint}"));
        ExitCode::from(2)
    })
}

fn run_tidy() -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask stands outside the workspace")?;
    let report = tidy::tidy(root)?;
    for finding in &report.findings {
        say(&finding.to_string());
    }
    say(&format!("tidy: {} files, {} findings", report.files, report.findings.len()));
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: &str) {
    // Nobody is left to tell when stdout is gone.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
