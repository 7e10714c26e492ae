//! `espeak-ng`, where it is installed: a voice in a hundred languages that needs no model and no network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};

use crate::command::{LONGEST, Run, VOICE_NICENESS, VOICE_PATIENCE, find, is_plain, run};
use crate::engine::{check, spoken};
use crate::{Fault, Synthesizer, Words};

/// The program.
#[derive(Debug)]
pub(crate) struct Espeak {
    program: PathBuf,
    languages: Vec<String>,
}

impl Espeak {
    /// Looks for it.
    pub(crate) fn find() -> Result<Self, Fault> {
        let missing = || {
            Fault::NoVoice(
                "espeak-ng is not installed (apt-get install espeak-ng), and --synthesizer names nothing else"
                    .to_owned(),
            )
        };
        let program = find(NAME).ok_or_else(missing)?;
        let languages = languages(&program);
        Ok(Self { program, languages })
    }
}

impl Synthesizer for Espeak {
    fn name(&self) -> &str {
        NAME
    }

    fn languages(&self) -> Vec<String> {
        self.languages.clone()
    }

    fn speak<'a>(&'a self, words: &'a Words) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        async move {
            check(NAME, &words.language, &self.languages)?;
            is_plain(NAME, &words.voice)?;
            let language = spoken(&words.language, &self.languages).unwrap_or(&words.language);
            // A variant such as +f3 is spoken in the language, a voice of its own is its own matter.
            let voice = match words.voice.as_str() {
                "" => language.to_owned(),
                variant if variant.starts_with('+') => format!("{language}{variant}"),
                own => own.to_owned(),
            };
            let arguments = ["-v", &voice, "-s", PACE, "--stdin", "--stdout"];
            run(Run {
                engine: NAME,
                program: self.program.clone().into(),
                arguments: arguments.into_iter().map(Into::into).collect(),
                input: &words.text,
                niceness: VOICE_NICENESS,
                patience: VOICE_PATIENCE,
                longest: LONGEST,
            })
            .await
        }
        .boxed()
    }
}

/// What `espeak-ng --voices` lists; asked once for each program.
fn languages(program: &Path) -> Vec<String> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, languages)) = known.as_ref().filter(|(of, _)| of == program) {
        return languages.clone();
    }
    let listed = std::process::Command::new(program).arg("--voices").output();
    let listed = listed.map(|output| listed_in(&String::from_utf8_lossy(&output.stdout))).unwrap_or_default();
    if !listed.is_empty() {
        *known = Some((program.to_owned(), listed.clone()));
    }
    listed
}

/// The second column, and what stands as `(LANGUAGE PRIORITY)` behind.
fn listed_in(table: &str) -> Vec<String> {
    let mut languages = BTreeSet::new();
    for row in table.lines().skip(1) {
        languages.extend(row.split_whitespace().nth(1));
        languages.extend(row.split('(').skip(1).filter_map(|other| {
            let (language, priority) = other.split_once(')')?.0.split_once(' ')?;
            priority.parse::<u8>().ok().map(|_| language)
        }));
    }
    languages.into_iter().map(str::to_owned).collect()
}

static KNOWN: Mutex<Option<(PathBuf, Vec<String>)>> = Mutex::new(None);
const NAME: &str = "espeak-ng";
/// Words a minute: somewhat slower than usual, for the telephone.
const PACE: &str = "150";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_read_as_they_are_listed() {
        let table = "Pty Language       Age/Gender VoiceName          File                 Other Languages\n \
             5  af              --/M      Afrikaans          gmw/af               \n \
             2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)\n \
             5  pt-br           --/M      Portuguese_(Brazil) roa/pt-BR            (pt 6)(pt-x 7)\n";
        // What stands in brackets within a name is none.
        assert_eq!(listed_in(table), ["af", "en", "en-gb", "pt", "pt-br", "pt-x"]);
    }
}
