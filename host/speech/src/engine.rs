//! What an engine is: the two traits, how one is chosen, and what is told of it.

use std::path::Path;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::Fault;

/// Something to be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub text: String,
    /// Which voice; empty for the usual one.
    pub voice: String,
    /// Which language (BCP 47).
    pub language: String,
}

/// Turns words into audio.
pub trait Synthesizer: Send + Sync {
    /// What it is called, with whatever makes it sound different.
    fn name(&self) -> &str;
    /// Languages that it knows; none if that is its own matter.
    fn languages(&self) -> Vec<String> {
        Vec::new()
    }
    /// A WAV file.
    fn speak<'a>(&'a self, words: &'a Words) -> BoxFuture<'a, Result<Vec<u8>, Fault>>;
}

/// Turns audio into words.
pub trait Transcriber: Send + Sync {
    /// What it is called.
    fn name(&self) -> &str;
    /// Languages that it knows; none if that is its own matter.
    fn languages(&self) -> Vec<String> {
        Vec::new()
    }
    /// What is said in a WAV file.
    fn transcribe<'a>(
        &'a self,
        recording: &'a Path,
        language: &'a str,
    ) -> BoxFuture<'a, Result<String, Fault>>;
}

/// Which engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// What is found on the machine.
    #[default]
    Auto,
    /// A program and its arguments, with places to fill in.
    Command(Vec<String>),
    /// A web server, by the address that `/audio/…` follows.
    Http(String),
    /// None.
    Off,
}

/// A secret that no output shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Key(String);

/// One engine as it is wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Which.
    pub choice: Choice,
    /// The model that a web server is asked for.
    pub model: String,
    /// The voice where none is named.
    pub voice: String,
    /// Languages that it may be asked for; all if empty.
    pub languages: Vec<String>,
    /// What a web server is shown.
    pub key: Option<Key>,
}

/// Both engines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What speaks.
    pub synthesizer: Wish,
    /// What listens.
    pub transcriber: Wish,
    /// Octets of what was said that are kept.
    pub cache_bytes: u64,
}

/// An engine as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct EngineReport {
    /// Whether it is there.
    pub state: EngineState,
    /// What it is called; absent if there is none.
    pub engine: Option<String>,
    /// Languages that it knows; empty if that is its own matter.
    pub languages: Vec<String>,
    /// Why there is none.
    pub why: Option<String>,
}

/// Whether an engine is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineState {
    /// It is.
    Found,
    /// It is not.
    Missing,
}

impl Key {
    /// A secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key")
    }
}

impl Wish {
    /// Refuses a language that is not among those of the wish.
    pub(crate) fn check(&self, engine: &str, language: &str) -> Result<(), Fault> {
        check_known(engine, language, &self.languages)
    }
}

impl EngineReport {
    pub(crate) fn of(found: Result<(String, Vec<String>), Fault>) -> Self {
        match found {
            Ok((engine, languages)) => {
                Self { state: EngineState::Found, engine: Some(engine), languages, why: None }
            }
            Err(fault) => Self {
                state: EngineState::Missing,
                engine: None,
                languages: Vec::new(),
                why: Some(fault.to_string()),
            },
        }
    }
}

/// Refuses a language that is not among those that an engine knows; none are named if it may be asked for any.
pub(crate) fn check_known(engine: &str, language: &str, known: &[String]) -> Result<(), Fault> {
    if known.is_empty() { Ok(()) } else { check(engine, language, known) }
}

/// Refuses a language unless it, or the one that it is a form of, is among these.
pub(crate) fn check(engine: &str, language: &str, known: &[String]) -> Result<(), Fault> {
    if spoken(language, known).is_some() {
        return Ok(());
    }
    let mut some: Vec<&str> = known.iter().map(String::as_str).take(12).collect();
    if some.len() < known.len() {
        some.push("…");
    }
    Err(Fault::Language { engine: engine.to_owned(), language: language.to_owned(), known: some.join(", ") })
}

/// The best of these for a language: itself, else the one that it is a form of (RFC 4647 §3.4).
pub(crate) fn spoken<'k>(language: &str, known: &'k [String]) -> Option<&'k str> {
    let mut range = language.to_ascii_lowercase().replace('_', "-");
    loop {
        if let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(&range)) {
            return Some(found);
        }
        let (shorter, _) = range.rsplit_once('-')?;
        range = shorter.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_itself_or_by_what_it_is_a_form_of() {
        let known = ["en".to_owned(), "en-us".to_owned(), "pt-br".to_owned()];
        for (language, found) in [
            ("en-US", Some("en-us")),
            ("en-NZ", Some("en")),
            ("en_GB", Some("en")),
            ("pt-BR", Some("pt-br")),
            ("pt", None),
            ("de", None),
            ("", None),
        ] {
            assert_eq!(spoken(language, &known), found, "{language}");
        }
        let fault = check("x", "de-CH", &known).expect_err("not known");
        assert_eq!(fault.to_string(), "x does not know the language de-CH; it knows en, en-us, pt-br");
    }
}
