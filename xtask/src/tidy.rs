//! All rules over all files that git tracks or would track: one reading, one list of findings.

use std::fmt;
use std::path::Path;
use std::process::Command;

use source::Source;

mod architecture;
mod floors;
mod headers;
mod names;
mod paths;
mod purity;
mod size;
mod source;
mod unfinished;

/// What one run of all rules found.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many files were read.
    pub(crate) files: usize,
    /// What is wrong, in the order of the files.
    pub(crate) findings: Vec<Finding>,
}

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
    fix: &'static str,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, what: impl Into<String>, fix: &'static str) -> Self {
        Self { path: path.to_owned(), line, rule, what: what.into(), fix }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, fix } = self;
        write!(f, "{path}:{line}: {rule}: {what}; {fix}")
    }
}

/// Applies every rule to the tree at `root`.
pub(crate) fn tidy(root: &Path) -> Result<Report, String> {
    let sources = read_all(root)?;
    let mut findings =
        floors::check(&run(root, "cargo", &["metadata", "--no-deps", "--format-version", "1"])?)?;
    for source in &sources {
        paths::check(source, &mut findings);
        unfinished::check(source, &mut findings);
        if source.is_rust() {
            size::check(source, &mut findings);
            headers::check(source, &mut findings);
            names::check(source, &mut findings);
            purity::check(source, &mut findings);
        }
    }
    if let Some(page) = sources.iter().find(|source| source.path == "ARCHITECTURE.md") {
        architecture::check(page, &sources, &mut findings);
    }
    if let Some(page) = sources.iter().find(|source| source.path == "docs/conformance.md") {
        architecture::check_conformance(page, &sources, &mut findings);
    }
    findings.sort();
    Ok(Report { files: sources.len(), findings })
}

fn read_all(root: &Path) -> Result<Vec<Source>, String> {
    let listed = run(root, "git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let mut sources = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // Deleted but not yet committed, or not text: neither can break a rule about text.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            sources.push(Source::new(path, text));
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    Ok(sources)
}

fn run(root: &Path, program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"))
}
