//! Every source file opens with `//!`: what it is, and what it deliberately is not.

use super::Finding;
use super::source::Source;

/// Finds a file under `src/` whose first line is something else; unit tests stand beside their subject's header.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let opens =
        source.text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("//!"));
    if source.path.contains("src/") && !source.is_test() && !opens {
        let fix = "say in one sentence what the file is, which RFC sections, what it does not do";
        findings.push(Finding::new(&source.path, 1, "header", "does not open with //!", fix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(path: &str, text: &str) -> bool {
        Source::new(path, text.to_owned()).found_by(check) > 0
    }

    #[test]
    fn the_first_line_is_a_header() {
        assert!(!finds("wire/rtp/src/lib.rs", "//! RTP.\n\nuse x;"));
        assert!(finds("wire/rtp/src/lib.rs", "use x;\n//! late"));
        assert!(finds("wire/rtp/src/lib.rs", ""));
        assert!(!finds("wire/rtp/build.rs", "fn main() {}"));
        assert!(!finds("wire/rtp/src/packet/tests.rs", "use super::*;"));
    }
}
