//! No file of logic over 600 lines. (Functions over 100 lines are clippy's `too_many_lines`.)

use super::Finding;
use super::source::Source;

const CEILING: usize = 600;

/// Finds a file above the ceiling; tests and generated files may be longer.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.text.lines().count();
    let generated = source.text.lines().take(3).any(|line| line.contains("@generated"));
    if lines > CEILING && !source.is_test() && !generated {
        let fix = "split it by RFC noun; unit tests go to tests.rs beside it";
        findings.push(Finding::new(
            &source.path,
            lines,
            "size",
            format!("{lines} lines, ceiling {CEILING}"),
            fix,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(path: &str, text: &str) -> bool {
        Source::new(path, text.to_owned()).found_by(check) > 0
    }

    #[test]
    fn only_logic_has_a_ceiling() {
        let long = "x\n".repeat(601);
        assert!(finds("core/engine/src/shard.rs", &long));
        assert!(!finds("core/engine/src/shard.rs", &"x\n".repeat(600)));
        assert!(!finds("core/engine/src/shard/tests.rs", &long));
        assert!(!finds("core/engine/tests/all.rs", &long));
        assert!(!finds("host/api/src/gen.rs", &format!("// @generated\n{long}")));
    }
}
