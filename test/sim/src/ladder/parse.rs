//! Words and values of a ladder.

use core::time::Duration;

use super::{Line, Word};

/// The lines that say something; `#` begins a comment.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let numbered =
        text.lines().enumerate().map(|(index, text)| Line { number: index + 1, words: words(text) });
    numbered.filter(|line| !line.words.is_empty()).collect()
}

/// Words between blanks; quotes hold a word together. A quote inside of quotes is written `'`.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inside, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            words.push(Word::Quoted(inside.replace('\'', "\"")));
            rest = after.trim_start();
        } else {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            words.push(Word::Plain(word.to_owned()));
            rest = after.trim_start();
        }
    }
    words
}

/// `500ms`, `32s`, `10min`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().map_err(|_| format!("{text} is no time"))?;
    match text.get(digits.len()..) {
        Some("ms") => Ok(Duration::from_millis(number)),
        Some("s") => Ok(Duration::from_secs(number)),
        Some("min") => Ok(Duration::from_secs(number * 60)),
        _ => Err(format!("{text} needs ms, s or min")),
    }
}

/// A header field written `Name: value`.
pub(crate) fn field(text: &str) -> (String, String) {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    (name.trim().to_owned(), value.trim().to_owned())
}
