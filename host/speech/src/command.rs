//! A program as an engine: no shell, a time limit, low priority, bounded output, and none of our own secrets in its
//! environment.
//!
//! `{text}`, `{voice}`, `{language}` and `{out}` of a voice, `{in}` and `{language}` of a recognizer are filled in where
//! they stand in an argument. A voice that names no `{text}` reads it from its input, and one that names no `{out}` writes
//! a WAV file to its output; a recognizer writes text to its output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::{Fault, Synthesizer, Transcriber, Wish, Words};

/// A program that speaks.
#[derive(Debug)]
pub(crate) struct Voice {
    name: String,
    argv: Vec<String>,
    wish: Wish,
    scratch: PathBuf,
}

/// A program that listens.
#[derive(Debug)]
pub(crate) struct Recognizer {
    name: String,
    argv: Vec<String>,
    wish: Wish,
}

/// One run of a program.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a str,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) input: &'a str,
    /// As in nice(1).
    pub(crate) niceness: u8,
    pub(crate) patience: Duration,
    /// Octets of output.
    pub(crate) longest: u64,
}

impl Voice {
    pub(crate) fn new(argv: &[String], wish: &Wish, scratch: &Path) -> Self {
        Self { name: called(argv), argv: argv.to_vec(), wish: wish.clone(), scratch: scratch.to_owned() }
    }
}

impl Synthesizer for Voice {
    fn name(&self) -> &str {
        &self.name
    }

    fn languages(&self) -> Vec<String> {
        self.wish.languages.clone()
    }

    fn speak<'a>(&'a self, words: &'a Words) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        async move {
            self.wish.check(&self.name, &words.language)?;
            let voice = if words.voice.is_empty() { &self.wish.voice } else { &words.voice };
            is_plain(&self.name, voice)?;
            is_plain(&self.name, &words.language)?;
            let names = |place: &str| self.argv.iter().any(|argument| argument.contains(place));
            let out = self.scratch.join(format!("{}.wav", store::new_id("say")));
            let path = out.display().to_string();
            let filled = self.argv.iter().map(|argument| {
                let places = [
                    ("{text}", words.text.as_str()),
                    ("{voice}", voice),
                    ("{language}", &words.language),
                    ("{out}", &path),
                ];
                fill(argument, &places)
            });
            let input = if names("{text}") { "" } else { words.text.as_str() };
            let output = run(Run::of(&self.name, filled, input, VOICE_NICENESS, VOICE_PATIENCE)?).await;
            if !names("{out}") {
                return output;
            }
            let made = tokio::fs::read(&out).await;
            // Also when it failed half-way.
            let _ = tokio::fs::remove_file(&out).await;
            output?;
            made.map_err(|_| Fault::engine(&self.name, "it made no file {out}"))
        }
        .boxed()
    }
}

impl Recognizer {
    pub(crate) fn new(argv: &[String], wish: &Wish) -> Self {
        Self { name: called(argv), argv: argv.to_vec(), wish: wish.clone() }
    }
}

impl Transcriber for Recognizer {
    fn name(&self) -> &str {
        &self.name
    }

    fn languages(&self) -> Vec<String> {
        self.wish.languages.clone()
    }

    fn transcribe<'a>(
        &'a self,
        recording: &'a Path,
        language: &'a str,
    ) -> BoxFuture<'a, Result<String, Fault>> {
        async move {
            self.wish.check(&self.name, language)?;
            is_plain(&self.name, language)?;
            let recording = recording.display().to_string();
            let filled = self
                .argv
                .iter()
                .map(|argument| fill(argument, &[("{in}", recording.as_str()), ("{language}", language)]));
            let output =
                run(Run::of(&self.name, filled, "", RECOGNIZER_NICENESS, RECOGNIZER_PATIENCE)?).await?;
            Ok(line(&output))
        }
        .boxed()
    }
}

impl<'a> Run<'a> {
    fn of(
        engine: &'a str,
        mut argv: impl Iterator<Item = String>,
        input: &'a str,
        niceness: u8,
        patience: Duration,
    ) -> Result<Self, Fault> {
        let program = argv.next().ok_or_else(|| Fault::engine(engine, "no program is named"))?;
        let arguments = argv.map(OsString::from).collect();
        Ok(Self { engine, program: program.into(), arguments, input, niceness, patience, longest: LONGEST })
    }
}

/// Runs a program to its end; what it wrote, or why it failed in its own words.
pub(crate) async fn run(run: Run<'_>) -> Result<Vec<u8>, Fault> {
    let mut command = match find("nice") {
        Some(nice) => {
            let mut command = Command::new(nice);
            command.arg("-n").arg(run.niceness.to_string()).arg(&run.program);
            command
        }
        None => Command::new(&run.program),
    };
    command.args(&run.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    // Passwords and keys are given to us that way, and are none of its business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRUNKLINE_") {
            command.env_remove(name);
        }
    }
    if find(&run.program.to_string_lossy()).is_some() {
        let done = timeout(run.patience, exchange(command, &run));
        return done.await.unwrap_or_else(|_| {
            Err(Fault::engine(run.engine, format!("it took longer than {} s", run.patience.as_secs())))
        });
    }
    Err(Fault::engine(run.engine, "there is no such program"))
}

async fn exchange(mut command: Command, run: &Run<'_>) -> Result<Vec<u8>, Fault> {
    let failed = |fault: std::io::Error| Fault::engine(run.engine, fault.to_string());
    let mut child = command.spawn().map_err(failed)?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut input) = input {
            // One that does not read says by its status whether that matters.
            let _ = input.write_all(run.input.as_bytes()).await;
        }
    };
    let ((), output, errors) =
        tokio::join!(write, beginning(output, run.longest + 1), beginning(errors, MOST_ERRORS));
    let status = child.wait().await.map_err(failed)?;
    if output.len() as u64 > run.longest {
        return Err(Fault::engine(run.engine, format!("it wrote more than {} octets", run.longest)));
    }
    if !status.success() {
        let errors = line(&errors);
        let said = if errors.is_empty() { status.to_string() } else { format!("{status}: {errors}") };
        return Err(Fault::engine(run.engine, said));
    }
    Ok(output)
}

/// What comes first of a stream; the rest is read and dropped, so that nobody waits for a reader.
async fn beginning(stream: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut taken = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream).take(most).read_to_end(&mut taken).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    taken
}

/// A program of the search path, or at this path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The words of a command line: blanks part them, quotes hold them together.
pub fn argv(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    if words.is_empty() { Err("it names no program") } else { Ok(words) }
}

/// An argument with its places filled in; what is filled in is not looked at again.
fn fill(argument: &str, places: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at(at);
        filled.push_str(before);
        let place = places.iter().find_map(|(name, value)| Some((value, behind.strip_prefix(name)?)));
        rest = match place {
            Some((value, after)) => {
                filled.push_str(value);
                after
            }
            None => {
                filled.push('{');
                behind.get(1..).unwrap_or_default()
            }
        };
    }
    filled + rest
}

/// A program is called by its file.
fn called(argv: &[String]) -> String {
    let program = argv.first().map(String::as_str).unwrap_or_default();
    Path::new(program).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Names come from flows: one must not be taken for an option or a path.
pub(crate) fn is_plain(engine: &str, name: &str) -> Result<(), Fault> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '.' | ' ');
    if name.starts_with('-') || name.contains("..") || !name.chars().all(plain) {
        return Err(Fault::Voice { engine: engine.to_owned(), voice: name.to_owned() });
    }
    Ok(())
}

/// Text on one line.
pub(crate) fn line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A caller waits for a voice, but calls under way do not wait for it.
pub(crate) const VOICE_NICENESS: u8 = 5;
pub(crate) const VOICE_PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const RECOGNIZER_NICENESS: u8 = 19;
pub(crate) const RECOGNIZER_PATIENCE: Duration = Duration::from_secs(600);
/// Octets that an engine may write: ten minutes of the best there is.
pub(crate) const LONGEST: u64 = 64 << 20;
/// Octets of complaints that are kept.
const MOST_ERRORS: u64 = 500;

#[cfg(test)]
mod tests;
