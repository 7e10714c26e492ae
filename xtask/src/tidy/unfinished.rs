//! Marks of unfinished work: what is on the main branch is done, or is not there.

use super::Finding;
use super::source::{Source, has_word, numbered};

/// In Rust code. Spelled apart so that this file does not find itself in other tools' searches.
const IN_CODE: &[&str] = &[concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("#[ig", "nore")];

/// In comments of any language.
const IN_PROSE: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// Finds such marks in sources, scripts and documents.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let prose = if source.is_rust() { &source.prose } else { &source.text };
    for (number, line) in numbered(prose) {
        let in_code =
            IN_CODE.iter().filter(|mark| source.is_rust() && code_line(source, number).contains(**mark));
        let in_prose = IN_PROSE.iter().filter(|mark| has_word(line, mark));
        for mark in in_code.chain(in_prose) {
            let fix = "finish it, or take it out and open an issue";
            findings.push(Finding::new(&source.path, number, "unfinished", format!("`{mark}`"), fix));
        }
    }
}

/// The line without comments, where a mark in test code counts too.
fn code_line(source: &Source, number: usize) -> &str {
    let line = source.prose.lines().nth(number - 1).unwrap_or_default();
    line.split("//").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        Source::new(path, text.to_owned()).found_by(check)
    }

    #[test]
    fn marks_are_found_in_code_tests_and_comments() {
        assert_eq!(found("a/src/b.rs", concat!("fn f() { to", "do!() }")), 1);
        assert_eq!(
            found("a/src/b.rs", concat!("#[cfg(test)]\nmod t {\n#[ig", "nore = \"x\"]\nfn f() {}\n}")),
            1
        );
        assert_eq!(found("a/src/b.rs", concat!("// FIX", "ME later")), 1);
        assert_eq!(found("a/b.sh", concat!("# TO", "DO later")), 1);
    }

    #[test]
    fn strings_and_other_words_are_fine() {
        assert_eq!(found("a/src/b.rs", concat!("let a = \"TO", "DO\"; // TO", "DOS")), 0);
    }
}
