//! Words to audio and audio to words, by engines that are not ours: a program, a web server, or what is found on the
//! machine. With it what belongs to both: sounds that people made, and the queue of transcriptions.
//!
//! A [`Synthesizer`] and a [`Transcriber`] are looked for when they are needed, so that one that was installed a moment
//! ago is used; one that is missing is a [`Fault`] that says so and what to do. What was said once is kept as a file.
//! Nothing here speaks or understands by itself, and nothing here runs in a shard.

mod cache;
mod command;
mod engine;
mod espeak;
mod fault;
mod http;
mod queue;
mod sounds;
mod whisper;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outside::Outside;
use serde::Serialize;
use store::{Store, TranscriptionCounts};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub use command::argv;
pub use engine::{Choice, EngineReport, EngineState, Key, Settings, Synthesizer, Transcriber, Wish, Words};
pub use fault::Fault;
pub use queue::Transcripts;
pub use sounds::{Sound, SoundFault, Sounds};

use cache::Cache;

/// Everything of an installation that speaks and listens.
pub struct Speech {
    data: PathBuf,
    settings: Settings,
    outside: Outside,
    cache: Cache,
    voices: Semaphore,
    sounds: Sounds,
    transcripts: Transcripts,
}

/// What speaks and listens here, and how it fares.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What turns words into audio.
    pub synthesizer: EngineReport,
    /// What turns audio into words.
    pub transcriber: EngineReport,
    /// Transcriptions by state.
    pub transcriptions: TranscriptionCounts,
    /// Octets of what was said before and is kept.
    pub cache_bytes: u64,
}

impl Speech {
    /// Begins on a data folder, and does what waits in the queue until the task is aborted.
    pub fn start(
        data: &Path,
        settings: Settings,
        outside: Outside,
        store: Store,
    ) -> (Arc<Self>, JoinHandle<()>) {
        let own = data.join("speech");
        let speech = Arc::new(Self {
            data: data.to_owned(),
            cache: Cache::new(own.join("cache"), settings.cache_bytes),
            settings,
            outside,
            voices: Semaphore::new(VOICES),
            sounds: Sounds::new(data),
            transcripts: Transcripts::new(store, data),
        });
        let task = tokio::spawn(queue::run(Arc::clone(&speech)));
        (speech, task)
    }

    /// A WAV file in which these words are spoken; it may be gone an hour later.
    pub async fn say(&self, words: &Words) -> Result<PathBuf, Fault> {
        let engine = self.synthesizer()?;
        let name = Cache::name(engine.name(), words);
        if let Some(file) = self.cache.find(&name).await {
            return Ok(file);
        }
        let _place = self.voices.acquire().await.map_err(|fault| Fault::Ours(fault.to_string()))?;
        // Whoever waited may find that it was said meanwhile.
        if let Some(file) = self.cache.find(&name).await {
            return Ok(file);
        }
        let spoken = engine.speak(words).await?;
        self.cache.keep(&name, engine.name(), spoken).await
    }

    /// Sounds that people made.
    pub fn sounds(&self) -> &Sounds {
        &self.sounds
    }

    /// Recordings that become text.
    pub fn transcripts(&self) -> &Transcripts {
        &self.transcripts
    }

    /// What speaks and listens here.
    pub async fn report(&self) -> Report {
        let transcriptions = self.transcripts.counts().await;
        Report {
            synthesizer: EngineReport::of(
                self.synthesizer().map(|engine| (engine.name().to_owned(), engine.languages())),
            ),
            transcriber: EngineReport::of(
                self.transcriber().map(|engine| (engine.name().to_owned(), engine.languages())),
            ),
            transcriptions,
            cache_bytes: self.cache.bytes().await,
        }
    }

    /// What turns words into audio, or why nothing does.
    pub fn synthesizer(&self) -> Result<Arc<dyn Synthesizer>, Fault> {
        let wish = &self.settings.synthesizer;
        Ok(match &wish.choice {
            Choice::Off => return Err(Fault::NoVoice("it is switched off".to_owned())),
            Choice::Auto => Arc::new(espeak::Espeak::find()?),
            Choice::Command(argv) => Arc::new(command::Voice::new(argv, wish, &self.scratch())),
            Choice::Http(base) => Arc::new(http::Voice::new(base, wish, self.outside.clone())),
        })
    }

    /// Whether words in this language can be spoken, or why not.
    pub fn speaks(&self, language: &str) -> Result<(), Fault> {
        let engine = self.synthesizer()?;
        engine::check_known(engine.name(), language, &engine.languages())
    }

    /// What turns audio into words, or why nothing does.
    pub fn transcriber(&self) -> Result<Arc<dyn Transcriber>, Fault> {
        let wish = &self.settings.transcriber;
        Ok(match &wish.choice {
            Choice::Off => return Err(Fault::NoRecognizer("it is switched off".to_owned())),
            Choice::Auto => Arc::new(whisper::Whisper::find(&self.data)?),
            Choice::Command(argv) => Arc::new(command::Recognizer::new(argv, wish)),
            Choice::Http(base) => Arc::new(http::Recognizer::new(base, wish, self.outside.clone())),
        })
    }

    /// Whether what is said in this language can be written down, or why not.
    pub fn understands(&self, language: &str) -> Result<(), Fault> {
        let engine = self.transcriber()?;
        engine::check_known(engine.name(), language, &engine.languages())
    }

    /// Where programs leave what they made.
    fn scratch(&self) -> PathBuf {
        self.data.join("speech")
    }
}

impl core::fmt::Debug for Speech {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Speech")
            .field("data", &self.data)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Engines that speak at the same time: one caller waiting should not wait for many.
const VOICES: usize = 2;
