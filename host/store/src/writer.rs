//! Group commit: records come from the shards without waiting, and reach the disk together.
//!
//! A batch is what came within a quarter of a second, at most 8,000 rows: pages of the file that many rows touch are
//! written once, and the task wakes once. Within it a later row replaces an earlier one: a call that
//! began and ended leaves no marker, a binding refreshed twice is written once. A batch that cannot be written is
//! tried again for some seconds, then given up and counted; so is what comes while the queue is full.

mod batch;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Persist;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::refused::Folds;
use crate::registration_log::Lines;
use crate::{Shared, key};
use batch::Batch;

/// The way of records to the disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
    /// Somebody waits for the batch.
    hurry: Arc<Notify>,
}

/// One thing in the queue.
#[derive(Debug)]
pub(crate) enum Entry {
    Row(Persist),
    /// Change folded refusals, in the order of the queue.
    AmendRefused(Box<dyn Amend>),
    Flush(oneshot::Sender<()>),
}

/// What is to be done to folded refusals.
pub(crate) trait Amend: Send + core::fmt::Debug {
    fn amend(&self, folds: &mut Folds);
}

impl Writer {
    /// Takes one record. Never waits and never fails: what finds the queue full is counted in [`Writer::lost`].
    pub fn push(&self, row: Persist) {
        if self.queue.try_send(Entry::Row(row)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that never reached the disk since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns once everything pushed before is on disk or given up.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Entry::Flush(done)).await.is_ok() {
            self.hurry.notify_one();
            // An error means that the task is gone, and then nothing is left to wait for.
            let _ = wait.await;
        }
    }

    pub(crate) async fn amend_refused(&self, amend: Box<dyn Amend>) {
        // As above: without the task there is nothing to amend.
        let _ = self.queue.send(Entry::AmendRefused(amend)).await;
        self.hurry.notify_one();
    }
}

/// Starts the task that commits.
pub(crate) fn start(shared: Arc<Shared>) -> Writer {
    let (queue, entries) = mpsc::channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let hurry = Arc::new(Notify::new());
    let task = Task { shared, lost: Arc::clone(&lost), hurry: Arc::clone(&hurry), state: State::default() };
    tokio::spawn(task.run(entries));
    Writer { queue, lost, hurry }
}

struct Task {
    shared: Arc<Shared>,
    lost: Arc<AtomicU64>,
    hurry: Arc<Notify>,
    state: State,
}

/// What the task knows of the disk.
#[derive(Default)]
pub(crate) struct State {
    /// Calls whose marker is on disk.
    pub(crate) open: HashSet<Arc<str>>,
    /// Folded refusals; read when the first is needed.
    pub(crate) folds: Option<Folds>,
    /// How much logs of registrations have grown.
    pub(crate) lines: Lines,
}

impl Task {
    async fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        let mut keys = interval(KEYS_EVERY);
        keys.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                first = entries.recv() => match first {
                    Some(first) => self.batch(first, &mut entries).await,
                    None => return self.write_keys().await,
                },
                _ = keys.tick() => self.write_keys().await,
            }
        }
    }

    /// Takes what has come when the window ends, and commits it.
    async fn batch(&mut self, first: Entry, entries: &mut mpsc::Receiver<Entry>) {
        let (mut batch, mut waiting) = (Batch::default(), Vec::new());
        let mut next = Some(first);
        if !matches!(next, Some(Entry::Flush(_))) {
            // Over at once if somebody waits.
            let _ = timeout(WINDOW, self.hurry.notified()).await;
        }
        while let Some(entry) = next {
            match entry {
                Entry::Row(row) => batch.add(row),
                Entry::AmendRefused(amend) => batch.amend.push(amend),
                Entry::Flush(done) => waiting.push(done),
            }
            next = if batch.rows() < ROWS { entries.try_recv().ok() } else { None };
        }
        self.commit(batch).await;
        if !waiting.is_empty() {
            self.write_keys().await;
        }
        for done in waiting {
            // Whoever waited may have gone away.
            let _ = done.send(());
        }
    }

    async fn commit(&mut self, mut batch: Batch) {
        for pause in PAUSES {
            let mut writers = self.shared.writers.lock().await;
            let Err(error) = batch.write(&mut writers.bulk, &mut self.state).await else { return };
            drop(writers);
            tracing::error!(%error, rows = batch.rows(), "records could not be written, trying again");
            sleep(pause).await;
        }
        let rows = u64::try_from(batch.rows()).unwrap_or(u64::MAX);
        self.lost.fetch_add(rows, Ordering::Relaxed);
        tracing::error!(rows, "records are lost");
    }

    async fn write_keys(&self) {
        let mut writers = self.shared.writers.lock().await;
        if let Err(error) = key::write_last_used(&self.shared, &mut writers.bulk).await {
            tracing::warn!(%error, "last use of keys not written");
        }
    }
}

const QUEUE: usize = 65_536;
const ROWS: usize = 8_000;
/// With the commit itself, records are on disk within half a second.
const WINDOW: Duration = Duration::from_millis(250);
const KEYS_EVERY: Duration = Duration::from_secs(30);

/// Rests between attempts to write one batch: some 12 seconds, in which the queue holds what comes.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];
