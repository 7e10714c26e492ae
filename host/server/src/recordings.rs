//! Recordings from their beginning to their place on disk: their rows, who waits for one, and who is told.
//!
//! What begins and what is over goes through one task in the order in which it happened, so that a row says what is true of
//! its file. A recording is told of only when both are on disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use engine::RecordingBegan;
use engine::control::{Event, Happening, StoredRecording};
use media::RecordingId;
use net::recorder::Written;
use store::{RecordingEnd, RecordingRow, Store, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{broadcast, oneshot};

/// All recordings that are not settled yet.
pub(crate) struct Recordings {
    store: Store,
    /// Who waits for those that go on.
    open: Mutex<HashMap<RecordingId, Vec<oneshot::Sender<()>>>>,
    news: UnboundedSender<News>,
    events: OnceLock<broadcast::Sender<Arc<Event>>>,
}

enum News {
    Began(Box<RecordingBegan>),
    Written(Written),
    /// What is still said to go on is lost.
    Swept,
    /// Somebody wants to know when all of the above is done.
    Settled(oneshot::Sender<()>),
}

impl Recordings {
    /// Begins to keep rows.
    pub(crate) fn start(store: Store) -> Arc<Self> {
        let (news, papers) = unbounded_channel();
        let recordings = Arc::new(Self { store, open: Mutex::default(), news, events: OnceLock::new() });
        tokio::spawn(Arc::clone(&recordings).work(papers));
        recordings
    }

    /// Where they lie.
    pub(crate) fn folder(&self) -> PathBuf {
        self.store.recording_file("").parent().map(Into::into).unwrap_or_default()
    }

    /// What a former process left is mended, and events go here from now on.
    pub(crate) fn take_over(&self, left: Vec<Written>, events: broadcast::Sender<Arc<Event>>) {
        // Once per process.
        let _ = self.events.set(events);
        left.into_iter().for_each(|written| self.written(written));
        self.tell(News::Swept);
    }

    /// One begins.
    pub(crate) fn begin(&self, began: &RecordingBegan) {
        self.open().insert(began.id, Vec::new());
        self.tell(News::Began(Box::new(began.clone())));
    }

    /// One is on disk, or could not be kept.
    pub(crate) fn written(&self, written: Written) {
        self.tell(News::Written(written));
    }

    /// A recording once it is settled; none if it could not be kept.
    async fn stored(&self, id: RecordingId) -> Option<RecordingRow> {
        let waits = self.open().get_mut(&id).map(|waiting| {
            let (tell, hears) = oneshot::channel();
            waiting.push(tell);
            hears
        });
        if let Some(waits) = waits {
            // It is settled either way.
            let _ = waits.await;
        }
        let row = self.store.recording(&id.to_string()).await.ok()?;
        row.filter(|row| matches!(row.state.as_str(), "stored" | "cut_off"))
    }

    /// The length in milliseconds of a recording once it is settled; none if it could not be kept.
    pub(crate) async fn length(&self, id: RecordingId) -> Option<u32> {
        let row = self.stored(id).await?;
        Some(u32::try_from(row.length_ms).unwrap_or(u32::MAX))
    }

    /// One is not wanted any more: it goes, as soon as it is there.
    pub(crate) async fn forget(&self, id: RecordingId) {
        drop(self.stored(id).await);
        if let Err(fault) = self.store.delete_recording(&id.to_string()).await {
            tracing::error!(%fault, recording = %id, "a recording could not be removed");
        }
    }

    /// Where one lies.
    pub(crate) fn file(&self, id: RecordingId) -> PathBuf {
        self.store.recording_file(&id.to_string())
    }

    /// Waits until rows say all that happened.
    pub(crate) async fn settle(&self) {
        let (tell, hears) = oneshot::channel();
        self.tell(News::Settled(tell));
        let _ = hears.await;
    }

    fn tell(&self, news: News) {
        // The task lives as long as this does.
        drop(self.news.send(news));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<RecordingId, Vec<oneshot::Sender<()>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>, mut papers: UnboundedReceiver<News>) {
        while let Some(news) = papers.recv().await {
            let done = match news {
                News::Began(began) => self.store.begin_recording(&began).await,
                News::Written(written) => {
                    let done = self.settle_one(&written).await;
                    for waits in self.open().remove(&written.recording).into_iter().flatten() {
                        // Who waited may have left.
                        let _ = waits.send(());
                    }
                    done
                }
                News::Swept => self.sweep().await,
                News::Settled(tell) => {
                    let _ = tell.send(());
                    Ok(())
                }
            };
            if let Err(fault) = done {
                tracing::error!(%fault, "a recording could not be entered");
            }
        }
    }

    async fn settle_one(&self, written: &Written) -> Result<(), StoreError> {
        let id = written.recording.to_string();
        let state = match (&written.fault, written.cut_off) {
            (Some(_), _) => "failed",
            (None, true) => "cut_off",
            (None, false) => "stored",
        };
        if state == "failed" && self.store.recording(&id).await?.is_some_and(|row| row.state == "cut_off") {
            // What there is of it was entered before.
            return Ok(());
        }
        let end = RecordingEnd { state, length_ms: written.ms, bytes: written.bytes };
        let Some(row) = self.store.end_recording(&id, end).await? else {
            // Nobody knows whose it is, or it was deleted meanwhile: its audio goes, too.
            self.store.delete_recording(&id).await?;
            return Ok(());
        };
        if let Some(fault) = &written.fault {
            tracing::warn!(recording = id, call = row.call, %fault, "a recording could not be kept");
        } else if row.kind != "message" {
            self.announce(row);
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let lost = self.store.close_lost_recordings().await?;
        if lost > 0 {
            tracing::warn!(recordings = lost, "recordings were lost by the last end");
        }
        Ok(())
    }

    fn announce(&self, row: RecordingRow) {
        let Some(events) = self.events.get() else { return };
        let account = row.account.as_str().into();
        let what = Happening::RecordingStored(Box::new(StoredRecording {
            recording: row.id.into(),
            call: row.call.into(),
            kind: row.kind.into(),
            state: row.state.into(),
            connection_in: row.connection_in.map(Into::into),
            connection_out: row.connection_out.map(Into::into),
            from: row.from.into(),
            dialled: row.dialled.into(),
            started_at: store::rfc3339(row.started_at).into(),
            length_ms: row.length_ms,
            channels: row.channels,
            bytes: row.bytes,
        }));
        // Nobody listening is fine.
        drop(events.send(Arc::new(Event { at: store::now(), account, what })));
    }
}
