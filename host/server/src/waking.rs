//! Waking devices for the call path, and what became of it in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use push::Pusher;

/// Sends pushes for shards.
pub(crate) struct Waking {
    pusher: Pusher,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    gone: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Waking {
    pub(crate) fn new(pusher: Pusher) -> Self {
        Self { pusher, counts: Counts::default() }
    }

    /// The public half of the key that signs.
    pub(crate) fn key(&self) -> &str {
        self.pusher.key()
    }

    /// Sends a push.
    pub(crate) async fn wake(&self, address: &str) -> engine::Pushed {
        let counts = &self.counts;
        let (count, told) = match self.pusher.push(address, store::now().as_secs()).await {
            push::Pushed::Taken => (&counts.taken, engine::Pushed::Taken),
            push::Pushed::Gone => (&counts.gone, engine::Pushed::Gone),
            push::Pushed::Failed(problem) => {
                tracing::info!(%problem, "a device could not be woken");
                (&counts.failed, engine::Pushed::Failed)
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        told
    }

    /// There is no room for one more; its call would be over before its turn.
    pub(crate) fn dropped(&self) -> engine::Pushed {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        engine::Pushed::Failed
    }

    /// How many pushes there were, by what became of them.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.counts;
        [
            ("taken", &counts.taken),
            ("gone", &counts.gone),
            ("failed", &counts.failed),
            ("dropped", &counts.dropped),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
        .to_vec()
    }
}
