//! Where shards lay down what is to be kept and told; the office picks it up fifty times a second.
//!
//! A shard that woke the office for every record would pay more for waking than for the call. Nothing that waits
//! here is promised to anybody: records have half a second to reach the disk, events are news. Refusals are counted
//! up to a bound per round, so that a flood of strangers fills no queue.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use engine::control::Event;
use engine::{Brought, Errand, Persist, VouchQuestion, Vouched};
use net::shard_loop::Office;
use store::Writer;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::errands::Errands;
use crate::vouching::Vouching;

/// The shards' side.
pub(crate) struct Desk {
    trays: Sender<Paper>,
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
        let (trays, papers) = channel();
        (Self { trays, vouching, errands }, tokio::spawn(clear(papers, writer, events)))
    }
}

impl Office for Desk {
    fn persist(&self, persist: Persist) {
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

async fn clear(papers: Receiver<Paper>, writer: Writer, events: broadcast::Sender<Arc<Event>>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut refused = 0;
        loop {
            match papers.try_recv() {
                Ok(Paper::Keep(Persist::Refused(_))) if refused >= MOST_REFUSED => {}
                Ok(Paper::Keep(persist @ Persist::Refused(_))) => {
                    refused += 1;
                    writer.push(persist);
                }
                Ok(Paper::Keep(persist)) => writer.push(persist),
                // Nobody listening is fine.
                Ok(Paper::Tell(event)) => drop(events.send(Arc::new(event))),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
    }
}

/// Short enough for a screen that follows calls, long enough to do many things at once.
const ROUND: Duration = Duration::from_millis(20);
/// Refusals written down in a round; beyond 5,000 a second their exact number tells nobody more.
const MOST_REFUSED: usize = 100;
