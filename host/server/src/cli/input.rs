//! Input that an argument names: the text itself, a file as `@FILE`, or stdin as `-`.

use crate::failure::Failure;

/// The text that `argument` stands for.
pub(super) fn text(argument: &str) -> Result<String, Failure> {
    match argument.strip_prefix('@') {
        Some(file) => read(file),
        None if argument == "-" => read("-"),
        None => Ok(argument.to_owned()),
    }
}

/// What a file holds; `-` is stdin.
pub(super) fn read(file: &str) -> Result<String, Failure> {
    let (name, text) = match file {
        "-" => ("stdin", std::io::read_to_string(std::io::stdin())),
        file => (file, std::fs::read_to_string(file)),
    };
    text.map_err(|fault| Failure::Failed(format!("{name}: {fault}")))
}
