//! Recordings from their beginning to their place on disk: their rows, who waits for one, and who is told.
//!
//! What begins and what is over goes through one task in the order in which it happened, so that a row says what is true of
//! its file. A recording is told of only when both are on disk.

use std::collections::HashMap;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::RecordingBegan;
use engine::control::{Event, Happening, StoredRecording};
use media::RecordingId;
use net::recorder::Written;
use store::{RecordingEnd, RecordingRow, Store, StoreError, StrayMessage};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{broadcast, oneshot};

/// All recordings that are not settled yet.
pub(crate) struct Recordings {
    store: Store,
    /// Who waits for those that go on.
    open: Mutex<HashMap<RecordingId, Vec<oneshot::Sender<()>>>>,
    news: UnboundedSender<News>,
    /// What a former process recorded for mailboxes, and did not bring there.
    strays: Mutex<Vec<StrayMessage>>,
    ears: Mutex<Ears>,
}

/// Who is told.
enum Ears {
    /// Nobody yet; this is told later.
    Closed(Vec<Event>),
    Open(broadcast::Sender<Arc<Event>>),
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
        let recordings = Arc::new(Self {
            store,
            open: Mutex::default(),
            news,
            strays: Mutex::default(),
            ears: Mutex::new(Ears::Closed(Vec::new())),
        });
        tokio::spawn(Arc::clone(&recordings).work(papers));
        recordings
    }

    /// Where they lie.
    pub(crate) fn folder(&self) -> PathBuf {
        self.store.recording_file("").parent().map(Into::into).unwrap_or_default()
    }

    /// What a former process left is mended.
    pub(crate) fn take_over(&self, left: Vec<Written>) {
        left.into_iter().for_each(|written| self.written(written));
        self.tell(News::Swept);
    }

    /// Events go here from now on, those first that nobody would have heard before.
    pub(crate) fn tell_of(&self, events: broadcast::Sender<Arc<Event>>) {
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ears::Closed(waiting) = &mut *ears {
            for event in waiting.drain(..) {
                drop(events.send(Arc::new(event)));
            }
        }
        *ears = Ears::Open(events);
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

    /// What is to become messages because a former process did not get there. Told once.
    pub(crate) async fn strays(&self) -> Vec<StrayMessage> {
        self.settle().await;
        mem::take(&mut *self.strays.lock().unwrap_or_else(PoisonError::into_inner))
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
        let state = match (&written.fault, written.bytes) {
            (_, 0) => "failed",
            (Some(_), _) => "cut_off",
            (None, _) => "stored",
        };
        if state == "failed" && self.store.recording(&id).await?.is_some_and(|row| row.state == "cut_off") {
            // What there is of it was entered before.
            return Ok(());
        }
        let problem = written.fault.clone();
        let end = RecordingEnd { state, length_ms: written.ms, bytes: written.bytes, problem };
        let Some(row) = self.store.end_recording(&id, end).await? else {
            // Its audio goes, too.
            tracing::warn!(recording = id, "a recording is removed: nobody knows whose it is");
            self.store.delete_recording(&id).await?;
            return Ok(());
        };
        if let Some(fault) = &written.fault {
            tracing::warn!(recording = id, call = row.call, state, %fault, "not all of a recording could be kept");
        }
        self.announce(row);
        Ok(())
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        for lost in self.store.close_lost_recordings().await? {
            tracing::warn!(recording = lost.id, call = lost.call, "a recording was lost by the last end");
            self.announce(lost);
        }
        let strays = self.store.stray_messages().await?;
        *self.strays.lock().unwrap_or_else(PoisonError::into_inner) = strays;
        Ok(())
    }

    fn announce(&self, row: RecordingRow) {
        if row.kind == "message" {
            return;
        }
        let account = row.account.as_str().into();
        let tell = match row.state.as_str() {
            "failed" => Happening::RecordingFailed,
            _ => Happening::RecordingStored,
        };
        let what = tell(Box::new(StoredRecording {
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
            problem: row.problem.map(Into::into),
        }));
        let event = Event { at: store::now(), account, what };
        match &mut *self.ears.lock().unwrap_or_else(PoisonError::into_inner) {
            Ears::Closed(waiting) => waiting.push(event),
            // Nobody listening is fine.
            Ears::Open(events) => drop(events.send(Arc::new(event))),
        }
    }
}

#[cfg(test)]
mod tests;
