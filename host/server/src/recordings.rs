//! Recordings from their beginning to their place on disk: who waits for one hears when it is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use engine::RecordingBegan;
use media::RecordingId;
use net::recorder::{Written, file_of};
use tokio::sync::oneshot;

/// All recordings that go on, or ended lately.
pub(crate) struct Recordings {
    folder: PathBuf,
    known: Mutex<HashMap<RecordingId, Known>>,
}

enum Known {
    Open(Vec<oneshot::Sender<Option<u32>>>),
    Over(Option<u32>),
}

impl Recordings {
    pub(crate) fn new(data: &Path) -> Arc<Self> {
        Arc::new(Self { folder: data.join("recordings"), known: Mutex::default() })
    }

    /// Where they lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One begins.
    pub(crate) fn begin(&self, began: &RecordingBegan) {
        self.known().insert(began.id, Known::Open(Vec::new()));
    }

    /// One is on disk, or could not be kept.
    pub(crate) fn written(&self, written: &Written) {
        let ms = written.fault.is_none().then(|| u32::try_from(written.ms).unwrap_or(u32::MAX));
        if let Some(Known::Open(waiting)) = self.known().insert(written.recording, Known::Over(ms)) {
            // Who waited may have left.
            for waits in waiting {
                let _ = waits.send(ms);
            }
        }
    }

    /// Its length in milliseconds, once it is on disk.
    pub(crate) async fn length(&self, recording: RecordingId) -> Option<u32> {
        let hears = match self.known().get_mut(&recording)? {
            Known::Over(ms) => return *ms,
            Known::Open(waiting) => {
                let (tell, hears) = oneshot::channel();
                waiting.push(tell);
                hears
            }
        };
        hears.await.ok().flatten()
    }

    /// One is not wanted any more: its file goes, as soon as it is there.
    pub(crate) async fn forget(&self, recording: RecordingId) {
        if self.length(recording).await.is_some()
            && let Err(fault) = tokio::fs::remove_file(file_of(&self.folder, recording)).await
        {
            tracing::error!(%fault, %recording, "a recording could not be removed");
        }
        self.known().remove(&recording);
    }

    /// Where one lies.
    pub(crate) fn file(&self, recording: RecordingId) -> PathBuf {
        file_of(&self.folder, recording)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<RecordingId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
