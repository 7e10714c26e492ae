//! Ladders: what is said on the wire, written down so that a telephone engineer can read it, and played.
//!
//! `test/ladders/README.md` describes the format.

mod check;
mod flow;
mod parse;
mod peers;
mod play;
mod recorded;
mod setup;

pub use play::play;

/// One line of a ladder.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its number in the file.
    pub number: usize,
    /// Its words.
    pub words: Vec<Word>,
}

/// One word; a quoted one is a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Plain(String),
    Quoted(String),
}

impl Line {
    /// The plain word at a place, or nothing.
    pub(crate) fn word(&self, index: usize) -> &str {
        match self.words.get(index) {
            Some(Word::Plain(word)) => word,
            Some(Word::Quoted(_)) | None => "",
        }
    }

    /// `key=value` words from a place on.
    pub(crate) fn settings(&self, from: usize) -> Vec<(&str, &str)> {
        let plain = self.words.iter().skip(from).filter_map(|word| match word {
            Word::Plain(word) => word.split_once('='),
            Word::Quoted(_) => None,
        });
        plain.collect()
    }

    /// Whether this plain word is among the words.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.words.iter().any(|word| matches!(word, Word::Plain(word) if word == wanted))
    }

    /// The word after this one.
    pub(crate) fn after(&self, wanted: &str) -> Option<&str> {
        let index = self.words.iter().position(|word| matches!(word, Word::Plain(word) if word == wanted))?;
        Some(self.word(index + 1)).filter(|word| !word.is_empty())
    }
}
