//! Where shards lay down what is to be kept and told; while anything comes, the office picks it up fifty times a
//! second.
//!
//! A shard that woke the office for every record would pay more for waking than for the call, so only the first
//! paper on an empty desk does. Nothing that waits here is promised to anybody: records have half a second to reach
//! the disk, events are news. Refusals are counted up to a bound per round, so that a flood of strangers fills no
//! queue.

use std::sync::Arc;
use std::time::Duration;

use engine::control::Event;
use engine::{Brought, Errand, Persist, VouchQuestion, Vouched};
use net::shard_loop::Office;
use store::Writer;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::errands::Errands;
use crate::vouching::Vouching;

/// The shards' side.
pub(crate) struct Desk {
    trays: UnboundedSender<Paper>,
    vouching: Arc<Vouching>,
    errands: Arc<Errands>,
}

enum Paper {
    Keep(Persist),
    Tell(Event),
}

impl Desk {
    /// A desk and the task that clears it, until every shard is gone.
    pub(crate) fn new(
        writer: Writer,
        events: broadcast::Sender<Arc<Event>>,
        vouching: Arc<Vouching>,
        errands: Arc<Errands>,
    ) -> (Self, JoinHandle<()>) {
        let (trays, papers) = unbounded_channel();
        (Self { trays, vouching, errands }, tokio::spawn(clear(papers, writer, events)))
    }
}

impl Office for Desk {
    fn persist(&self, persist: Persist) {
        if let Persist::Recording(began) = &persist {
            self.errands.recordings().begin(began);
        }
        // The task lives as long as the desk does.
        drop(self.trays.send(Paper::Keep(persist)));
    }

    fn announce(&self, event: Event) {
        drop(self.trays.send(Paper::Tell(event)));
    }

    fn vouch(&self, question: VouchQuestion, reply: Box<dyn FnOnce(Vouched) + Send>) {
        self.vouching.vouch(question, reply);
    }

    fn errand(&self, errand: Errand, reply: Box<dyn FnOnce(Brought) + Send>) {
        self.errands.run(errand, reply);
    }
}

async fn clear(mut papers: UnboundedReceiver<Paper>, writer: Writer, events: broadcast::Sender<Arc<Event>>) {
    while let Some(first) = papers.recv().await {
        let mut next = Some(first);
        // Nobody waits for papers while they come, so that a shard finds no sleeper whom it would have to wake.
        loop {
            sleep(ROUND).await;
            next = next.or_else(|| papers.try_recv().ok());
            if next.is_none() {
                break;
            }
            let mut refused = 0;
            while let Some(paper) = next.take().or_else(|| papers.try_recv().ok()) {
                match paper {
                    Paper::Keep(Persist::Refused(_)) if refused >= MOST_REFUSED => {}
                    Paper::Keep(persist) => {
                        refused += usize::from(matches!(persist, Persist::Refused(_)));
                        writer.push(persist);
                    }
                    // Nobody listening is fine.
                    Paper::Tell(event) => drop(events.send(Arc::new(event))),
                }
            }
        }
    }
}

/// Short enough for a screen that follows calls, long enough to do many things at once.
const ROUND: Duration = Duration::from_millis(20);
/// Refusals written down in a round; beyond 5,000 a second their exact number tells nobody more.
const MOST_REFUSED: usize = 100;
