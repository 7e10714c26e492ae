//! No path of one machine in a tree that is meant for all.

use super::Finding;
use super::source::{Source, numbered};

/// Top folders that only exist, or only have that meaning, on the machine of one author.
const FOLDERS: &[&str] = &["work", "farm", "root", "Users"];

/// Finds absolute paths into such folders.
pub(crate) fn check(source: &Source, findings: &mut Vec<Finding>) {
    for (number, line) in numbered(&source.text) {
        if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            let fix = "use a path relative to the repository, or ~ and a variable";
            findings.push(Finding::new(
                &source.path,
                number,
                "paths",
                format!("a path under the top folder `{folder}`"),
                fix,
            ));
        }
    }
}

/// Whether the line has `/FOLDER/` as the beginning of a path.
fn names_folder(line: &str, folder: &str) -> bool {
    let wanted = format!("/{folder}/");
    let part_of_a_path =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '}' | ')' | '~' | '/' | '*');
    line.match_indices(&wanted).any(|(at, _)| !line[..at].chars().next_back().is_some_and(part_of_a_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_path_counts() {
        assert!(names_folder(&["cd ", "/wo", "rk/x"].concat(), "work"));
        assert!(names_folder(&["a=\"", "/ro", "ot/.cache\""].concat(), "root"));
        assert!(!names_folder("target/work/x and $DIR/work/y", "root"));
        assert!(!names_folder(&["a", "/wo", "rk/x"].concat(), "work"));
    }
}
