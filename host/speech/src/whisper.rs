//! A Whisper model that lies in the data folder, run by `faster-whisper` in a Python environment beside it: both come by
//! `make transcripts`, or by hand.
//!
//! `speech/whisper/` holds the model in the form of CTranslate2, `speech/python/` the environment. A model for English
//! alone is known by the size of its vocabulary.

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::future::{BoxFuture, FutureExt};

use crate::command::{LONGEST, RECOGNIZER_NICENESS, RECOGNIZER_PATIENCE, Run, is_plain, line, run};
use crate::engine::check;
use crate::{Fault, Transcriber};

/// The model and what runs it.
#[derive(Debug)]
pub(crate) struct Whisper {
    python: PathBuf,
    model: PathBuf,
    languages: Vec<String>,
}

impl Whisper {
    /// Looks for both in the data folder.
    pub(crate) fn find(data: &Path) -> Result<Self, Fault> {
        let (model, python) = (data.join("speech/whisper"), data.join("speech/python/bin/python3"));
        let missing = |what: &Path| {
            let why = format!(
                "{} is not there (make transcripts), and --transcriber names nothing else",
                what.display()
            );
            Fault::NoRecognizer(why)
        };
        if !model.join("model.bin").is_file() {
            return Err(missing(&model.join("model.bin")));
        }
        if !python.exists() {
            return Err(missing(&python));
        }
        let languages = if speaks_english_only(&model) { vec!["en".to_owned()] } else { Vec::new() };
        Ok(Self { python, model, languages })
    }
}

impl Transcriber for Whisper {
    fn name(&self) -> &str {
        NAME
    }

    fn languages(&self) -> Vec<String> {
        self.languages.clone()
    }

    fn transcribe<'a>(
        &'a self,
        recording: &'a Path,
        language: &'a str,
    ) -> BoxFuture<'a, Result<String, Fault>> {
        async move {
            if !self.languages.is_empty() {
                check(NAME, language, &self.languages)?;
            }
            is_plain(NAME, language)?;
            let primary = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
            let script = ["-c".into(), SCRIPT.into(), self.model.clone().into_os_string()];
            let arguments = script.into_iter().chain([recording.as_os_str().to_owned(), primary.into()]);
            let said = run(Run {
                engine: NAME,
                program: self.python.clone().into(),
                arguments: arguments.collect(),
                input: "",
                niceness: RECOGNIZER_NICENESS,
                patience: RECOGNIZER_PATIENCE,
                longest: LONGEST,
            })
            .await?;
            Ok(line(&said))
        }
        .boxed()
    }
}

/// Those for all languages have one token more, and some have another hundred.
fn speaks_english_only(model: &Path) -> bool {
    let lines = |text: String| text.lines().count();
    let list =
        |text: String| serde_json::from_str::<Vec<serde_json::Value>>(&text).map_or(0, |all| all.len());
    let text = fs::read_to_string(model.join("vocabulary.txt")).map(lines);
    let tokens = text.or_else(|_| fs::read_to_string(model.join("vocabulary.json")).map(list));
    tokens.is_ok_and(|tokens| tokens < MULTILINGUAL)
}

const NAME: &str = "whisper";
const SCRIPT: &str = include_str!("whisper.py");
/// Tokens of the smallest vocabulary that knows more than English.
const MULTILINGUAL: usize = 51_865;
