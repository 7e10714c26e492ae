//! The queue of transcriptions: durable, one at a time, tried again a few times. Clients put in a recording and the id
//! of what it is a recording of, and are told when that is settled.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{Store, StoreError, Transcription, TranscriptionCounts, TranscriptionState, now};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::{Fault, Speech};

/// The queue, as its clients know it.
pub struct Transcripts {
    store: Store,
    data: PathBuf,
    news: Notify,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

type Listener = dyn Fn(&Transcription) + Send + Sync;

impl Transcripts {
    pub(crate) fn new(store: Store, data: &Path) -> Self {
        Self { store, data: data.to_owned(), news: Notify::new(), listeners: Mutex::default() }
    }

    /// Puts a recording, a WAV file of the data folder, into the queue; on disk when this returns. What there was of the
    /// subject before is forgotten.
    pub async fn enqueue(&self, subject: &str, recording: &Path, language: &str) -> Result<(), Fault> {
        let below = recording.strip_prefix(&self.data).unwrap_or(recording);
        let language = if language.is_empty() { USUAL } else { language };
        self.store.queue_transcription(subject, &below.to_string_lossy(), language).await?;
        self.news.notify_one();
        Ok(())
    }

    /// How far the transcription of a subject is; none if it was never wanted.
    pub async fn of(&self, subject: &str) -> Result<Option<Transcription>, Fault> {
        Ok(self.store.transcription(subject).await?)
    }

    /// Leaves nothing of a subject behind, also if it is being listened to.
    pub async fn forget(&self, subject: &str) -> Result<(), Fault> {
        Ok(self.store.forget_transcription(subject).await?)
    }

    /// Has `listener` told of everything that is settled from now on: done, failed, or without an engine. It must not wait.
    pub fn on_settled(&self, listener: impl Fn(&Transcription) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    pub(crate) async fn counts(&self) -> TranscriptionCounts {
        self.store.transcription_counts().await.unwrap_or_default()
    }

    /// Writes down what came of one, and tells.
    async fn finish(&self, done: &Transcription, rest: Option<Duration>) -> Result<(), StoreError> {
        let wanted = self.store.finish_transcription(done, rest.map(|rest| now() + rest)).await?;
        if wanted && done.state.is_settled() {
            let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for listener in listeners {
                listener(done);
            }
        }
        Ok(())
    }
}

impl core::fmt::Debug for Transcripts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transcripts").field("data", &self.data).finish_non_exhaustive()
    }
}

/// Listens to what is due, one after the other, for ever.
pub(crate) async fn run(speech: Arc<Speech>) {
    let transcripts = speech.transcripts();
    if let Err(error) = transcripts.store.resume_transcriptions().await {
        tracing::error!(%error, "transcriptions that were cut off are not begun again");
    }
    loop {
        match next(&speech).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the queue of transcriptions cannot be read or written"),
        }
        tokio::select! {
            () = transcripts.news.notified() => {}
            () = sleep(ROUND) => {}
        }
    }
}

/// Does one that is due; whether there was one.
async fn next(speech: &Speech) -> Result<bool, StoreError> {
    let transcripts = speech.transcripts();
    if speech.transcriber().is_ok() && transcripts.store.transcription_counts().await?.no_engine > 0 {
        transcripts.store.wake_transcriptions().await?;
    }
    let Some(mut job) = transcripts.store.begin_transcription(now()).await? else { return Ok(false) };
    let heard = if job.attempts > MOST {
        // Whatever ran the engine died with it, each time.
        Err(Fault::Ours(format!("it was begun {MOST} times and never ended")))
    } else {
        listen(speech, &mut job).await
    };
    let rest = settle(&mut job, heard);
    tracing::info!(subject = job.subject, state = job.state.as_str(), why = job.why, "transcription");
    transcripts.finish(&job, rest).await?;
    Ok(true)
}

async fn listen(speech: &Speech, job: &mut Transcription) -> Result<String, Fault> {
    let engine = speech.transcriber()?;
    job.engine = Some(engine.name().to_owned());
    let recording = speech.data.join(&job.recording);
    if !tokio::fs::try_exists(&recording).await? {
        return Err(Fault::Gone);
    }
    engine.transcribe(&recording, &job.language).await
}

/// What became of an attempt, and how long until the next one.
fn settle(job: &mut Transcription, heard: Result<String, Fault>) -> Option<Duration> {
    match heard {
        Ok(text) => {
            (job.state, job.text, job.why) = (TranscriptionState::Done, Some(text), None);
            return None;
        }
        Err(fault @ Fault::NoRecognizer(_)) => {
            // Waiting for an engine is no attempt.
            (job.state, job.attempts) = (TranscriptionState::NoEngine, job.attempts.saturating_sub(1));
            job.why = Some(fault.to_string());
        }
        Err(fault) => {
            job.state = TranscriptionState::Failed;
            job.why = Some(fault.to_string());
            let rest = RESTS.get((job.attempts.max(1) - 1) as usize).filter(|_| !fault.lasts());
            if let Some(rest) = rest {
                job.state = TranscriptionState::Queued;
                return Some(*rest);
            }
        }
    }
    None
}

/// Waits between attempts; after the last one it has failed.
const RESTS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(900)];
/// Attempts of one.
const MOST: u32 = 3;
/// An engine that was missing is looked for that often.
const ROUND: Duration = Duration::from_secs(30);
/// The language of recordings that name none.
const USUAL: &str = "en";

#[cfg(test)]
mod tests {
    use store::rfc3339;

    use super::*;

    #[test]
    fn attempts_are_bounded_and_what_lasts_is_not_tried_again() {
        let job = |attempts| Transcription {
            subject: "msg_1".to_owned(),
            recording: "x.wav".to_owned(),
            language: "en".to_owned(),
            state: TranscriptionState::Running,
            attempts,
            created_at: now(),
            engine: None,
            text: None,
            why: None,
        };
        let broken = || Fault::engine("x", "out of memory");
        for (attempts, heard, state, rest) in [
            (1, Ok("hello".to_owned()), "done", None),
            (1, Err(broken()), "queued", Some(60)),
            (2, Err(broken()), "queued", Some(900)),
            (3, Err(broken()), "failed", None),
            (1, Err(Fault::Gone), "failed", None),
            (1, Err(Fault::NoRecognizer("x".to_owned())), "no_engine", None),
        ] {
            let mut job = job(attempts);
            let wait = settle(&mut job, heard.clone());
            assert_eq!((job.state.as_str(), wait.map(|wait| wait.as_secs())), (state, rest), "{heard:?}");
            assert_eq!(job.text.is_some(), job.why.is_none(), "{}", rfc3339(job.created_at));
        }
    }
}
