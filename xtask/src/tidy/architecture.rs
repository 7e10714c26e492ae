//! ARCHITECTURE.md speaks of what exists: each glossary term occurs in the code, and each test
//! that an invariant names is there. The same for the tests of docs/conformance.md.

use super::Finding;
use super::source::{Source, numbered};

/// Checks the page against all sources.
pub(crate) fn check(page: &Source, sources: &[Source], findings: &mut Vec<Finding>) {
    let rust: Vec<&Source> = sources.iter().filter(|source| source.is_rust()).collect();
    let corpus: String = rust.iter().map(|source| source.prose.to_lowercase()).collect();
    for (number, line) in section(&page.text, "glossary") {
        let Some(term) = first_cell(line) else { continue };
        if !spellings(&term).iter().any(|spelling| corpus.contains(spelling)) {
            let fix = "use the word in the code, or take it out of the glossary";
            findings.push(Finding::new(
                &page.path,
                number,
                "glossary",
                format!("no code speaks of `{term}`"),
                fix,
            ));
        }
    }
    for (number, line) in section(&page.text, "invariants") {
        for name in quoted(line).filter_map(function_name) {
            if !exists(name, sources) {
                let fix = "name the test that holds the invariant";
                findings.push(Finding::new(
                    &page.path,
                    number,
                    "invariants",
                    format!("there is no `{name}`"),
                    fix,
                ));
            }
        }
    }
}

/// Checks that every test named in the last column of a table of requirements is there.
pub(crate) fn check_conformance(page: &Source, sources: &[Source], findings: &mut Vec<Finding>) {
    for (number, line) in numbered(&page.text) {
        let Some(tests) = line.trim().strip_suffix('|').and_then(|row| row.rsplit('|').next()) else {
            continue;
        };
        for name in quoted(tests).filter(|name| !exists(name, sources)) {
            let fix = "name a test, a ladder or a scenario";
            findings.push(Finding::new(
                &page.path,
                number,
                "conformance",
                format!("there is no `{name}`"),
                fix,
            ));
        }
    }
}

/// Whether there is a test function, a ladder or a scenario of this name.
fn exists(name: &str, sources: &[Source]) -> bool {
    let function = format!("fn {name}");
    sources
        .iter()
        .any(|source| source.is_rust() && source.prose.contains(&function) || stem(&source.path) == name)
}

/// The lines under the heading that ends with `title`, up to the next heading of its level.
fn section<'a>(text: &'a str, title: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    numbered(text)
        .skip_while(move |(_, line)| !(line.starts_with("## ") && line.to_lowercase().contains(title)))
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "))
}

/// The term of a table row; none for the head and the rule under it.
fn first_cell(line: &str) -> Option<String> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?;
    let term = cell.split(['(', ',']).next()?.replace(['`', '*'], "").trim().to_lowercase();
    let is_head = matches!(term.as_str(), "term" | "word" | "name");
    (!term.is_empty() && !is_head && term.contains(char::is_alphabetic)).then_some(term)
}

/// How a term can stand in code: words, `snake_case`, `CamelCase` (in lower case), hyphens.
fn spellings(term: &str) -> Vec<String> {
    let words: Vec<&str> = term.split([' ', '-', '/', '_']).filter(|word| !word.is_empty()).collect();
    [" ", "_", "-", "/", ""].iter().map(|joint| words.join(joint)).collect()
}

/// The parts of a line between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The last part of `path::to::test_name`, when it looks like the name of a test.
fn function_name(quoted: &str) -> Option<&str> {
    let name = quoted.rsplit("::").next()?.trim_end_matches("()");
    let looks_like =
        name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    looks_like.then_some(name)
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str, code: &str) -> Vec<String> {
        let page = Source::new("ARCHITECTURE.md", page.to_owned());
        let sources = [
            Source::new("core/x/src/lib.rs", code.to_owned()),
            Source::new("test/ladders/first_call.ladder", String::new()),
        ];
        let mut findings = Vec::new();
        check(&page, &sources, &mut findings);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn requirements_name_tests_that_exist() {
        let page = "| id | what | shown by |\n|---|---|---|\n| 1 | `x` | `first_call`, `here` |\n| 2 | y | `gone` |\n";
        let sources = [
            Source::new("core/x/src/lib.rs", "fn here() {}".to_owned()),
            Source::new("test/ladders/first_call.ladder", String::new()),
        ];
        let mut findings = Vec::new();
        check_conformance(&Source::new("docs/conformance.md", page.to_owned()), &sources, &mut findings);
        let found: Vec<String> = findings.into_iter().map(|finding| finding.what).collect();
        assert_eq!(found, ["there is no `gone`"]);
    }

    #[test]
    fn a_term_occurs_in_some_spelling() {
        let page = "## 8. Glossary\n\n| term | means |\n|---|---|\n| target set | x |\n| AOR (address of record) | x |\n| early media | x |\n";
        assert_eq!(found(page, "struct TargetSet; // an AOR"), ["no code speaks of `early media`"]);
    }

    #[test]
    fn tests_of_invariants_exist() {
        let page = "## Invariants\n\n1. No clock: `tidy::purity::no_clock`, `gone_test`, `first_call`, `cargo xtask tidy`\n## Next\n`not_looked_at`\n";
        assert_eq!(found(page, "fn no_clock() {}"), ["there is no `gone_test`"]);
    }
}
