//! Why nothing is said or understood, in words that name what is missing and what to do.

use store::StoreError;

/// Why there is no audio, or no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing here speaks.
    #[error("no voice is set up: {0}")]
    NoVoice(String),
    /// Nothing here understands speech.
    #[error("no recognizer is set up: {0}")]
    NoRecognizer(String),
    /// The engine does not know the language.
    #[error("{engine} does not know the language {language}; it knows {known}")]
    Language {
        /// Which engine.
        engine: String,
        /// The language, as it was asked for.
        language: String,
        /// Some that it does know.
        known: String,
    },
    /// The engine has no such voice, or the name is none.
    #[error("{engine} has no voice {voice}")]
    Voice {
        /// Which engine.
        engine: String,
        /// The voice, as it was asked for.
        voice: String,
    },
    /// The engine did not do it.
    #[error("{engine}: {why}")]
    Engine {
        /// Which engine.
        engine: String,
        /// What it said.
        why: String,
    },
    /// The recording is not there any more.
    #[error("the recording is gone")]
    Gone,
    /// Disk or machine.
    #[error("{0}")]
    Ours(String),
}

impl Fault {
    /// What an engine did instead.
    pub(crate) fn engine(engine: &str, why: impl Into<String>) -> Self {
        Self::Engine { engine: engine.to_owned(), why: why.into() }
    }

    /// Whether it would be the same the next time.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::Language { .. } | Self::Voice { .. } | Self::Gone)
    }
}

impl From<std::io::Error> for Fault {
    fn from(fault: std::io::Error) -> Self {
        Self::Ours(fault.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(fault: StoreError) -> Self {
        Self::Ours(fault.to_string())
    }
}
