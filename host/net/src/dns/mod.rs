//! Host names to targets: the name servers of the system or those that were given, on a thread of their own.
//!
//! Which lookups a host needs is [`sip_stack::transport::Locating`]'s (RFC 3263); here they are made, bounded in time, and what they led to is
//! kept (RFC 1035 §7.3, RFC 2308, RFC 8767). A dead name server delays the calls that need it and nothing else. The hosts
//! file goes before the name servers; a name that stands in it has no SRV.

mod cache;
mod servers;
mod trace;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use sip_stack::transport::{Listeners, Lookup, Query, Record, Target, Ways};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use cache::{Cache, Found, Known};
use servers::Servers;
pub use trace::{Trace, TraceStep};

/// Reaches the thread that resolves names; it lives as long as one of these.
#[derive(Clone, Debug)]
pub struct Names {
    orders: UnboundedSender<Order>,
}

/// Called with the targets of a query in the order in which they are to be tried; with none when the name leads nowhere.
type Reply = Box<dyn FnOnce(Vec<Target>) + Send>;

enum Order {
    Locate(Query, Reply),
    Trace(Query, oneshot::Sender<Trace>),
    LookUp(Lookup, oneshot::Sender<Looked>),
}

impl Names {
    /// Asks `servers`, or those of `/etc/resolv.conf` when none are given. Looks for what `listeners` can reach.
    pub fn start(servers: Vec<SocketAddr>, listeners: Listeners) -> io::Result<Self> {
        let (orders, queue) = unbounded_channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Builder::new().name("names".to_owned()).spawn(move || {
            runtime.block_on(Desk::new(servers, listeners).run(queue));
        })?;
        Ok(Self { orders })
    }

    /// Never waits; `reply` is called on the thread of the names, after four seconds at the latest.
    pub fn locate(&self, query: Query, reply: impl FnOnce(Vec<Target>) + Send + 'static) {
        // The thread lives as long as this end does.
        let _ = self.orders.send(Order::Locate(query, Box::new(reply)));
    }

    /// Every lookup of a query with what was answered, asked afresh.
    pub async fn trace(&self, query: Query) -> Trace {
        let (reply, traced) = oneshot::channel();
        let _ = self.orders.send(Order::Trace(query, reply));
        traced.await.unwrap_or_default()
    }

    /// One lookup, asked afresh.
    pub async fn look_up(&self, lookup: Lookup) -> Looked {
        let (reply, looked) = oneshot::channel();
        let _ = self.orders.send(Order::LookUp(lookup, reply));
        looked.await.unwrap_or_default()
    }
}

/// What one lookup brought, past whatever is remembered.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Its records; none if there are none.
    pub records: Vec<Record>,
    /// Why nothing is known, when nobody answered.
    pub fault: Option<String>,
}

/// Owns what is known and what is being asked.
struct Desk {
    servers: Servers,
    listeners: Arc<Listeners>,
    cache: Cache<Reply>,
    running: JoinSet<Done>,
    /// The last question got no answer.
    silent: bool,
}

enum Done {
    /// The name servers were asked.
    Located(Query, Found),
    /// Who waits for this has waited long enough to be served what was known before.
    Impatient(Query),
    /// Nothing to be done.
    Traced,
}

impl Desk {
    fn new(given: Vec<SocketAddr>, listeners: Listeners) -> Self {
        let servers = Servers::new(given);
        Self {
            servers,
            listeners: Arc::new(listeners),
            cache: Cache::default(),
            running: JoinSet::new(),
            silent: false,
        }
    }

    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Locate(query, reply)) => self.locate(query, reply),
                    Some(Order::Trace(query, reply)) => self.trace(query, reply),
                    Some(Order::LookUp(lookup, reply)) => self.look_up(lookup, reply),
                    None => return,
                },
                Some(done) = self.running.join_next() => self.on_done(done.unwrap_or(Done::Traced)),
            }
        }
    }

    fn locate(&mut self, query: Query, reply: Reply) {
        if self.servers.refresh() {
            self.cache.distrust();
        }
        match self.cache.ask(&query, Instant::now()) {
            Known::Fresh(ways) => answer(reply, &ways),
            Known::Full => answer(reply, &Ways::default()),
            Known::Awaited { first, stale } => {
                self.cache.wait(&query, reply);
                if stale {
                    let query = query.clone();
                    self.running.spawn(async {
                        tokio::time::sleep(IMPATIENT).await;
                        Done::Impatient(query)
                    });
                }
                if first {
                    let (servers, listeners) = (self.servers.clone(), Arc::clone(&self.listeners));
                    self.running.spawn(async move {
                        let traced = trace::follow(&servers, query.clone(), &listeners).await;
                        Done::Located(query, traced.found)
                    });
                }
            }
        }
    }

    fn trace(&mut self, query: Query, reply: oneshot::Sender<Trace>) {
        self.servers.refresh();
        let (servers, listeners) = (self.servers.clone(), Arc::clone(&self.listeners));
        self.running.spawn(async move {
            let traced = trace::follow(&servers, query, &listeners).await;
            let targets = traced.found.ways.order(&mut below);
            // Who asked may have gone.
            let _ = reply.send(Trace { steps: traced.steps, targets });
            Done::Traced
        });
    }

    fn look_up(&mut self, lookup: Lookup, reply: oneshot::Sender<Looked>) {
        self.servers.refresh();
        let servers = self.servers.clone();
        self.running.spawn(async move {
            let answered = timeout(PATIENCE, servers.ask(&lookup)).await;
            let looked = match answered {
                Ok(answered) => Looked { records: answered.records, fault: answered.fault },
                Err(_) => Looked { records: Vec::new(), fault: Some("no answer in time".to_owned()) },
            };
            // Who asked may have gone.
            let _ = reply.send(looked);
            Done::Traced
        });
    }

    fn on_done(&mut self, done: Done) {
        let (ways, waiting) = match done {
            Done::Located(query, found) => {
                self.say(&query, &found);
                self.cache.learn(query, found, Instant::now())
            }
            Done::Impatient(query) => self.cache.stale(&query, Instant::now()),
            Done::Traced => return,
        };
        for reply in waiting {
            answer(reply, &ways);
        }
    }

    /// One line when the name servers fall silent, and one when they are back.
    fn say(&mut self, query: &Query, found: &Found) {
        let silent = found.failed;
        match (self.silent, silent) {
            (false, true) => tracing::warn!(host = %query.host, "the name servers do not answer"),
            (true, false) => tracing::info!("the name servers answer again"),
            (true, true) | (false, false) => {}
        }
        self.silent = silent;
    }
}

fn answer(reply: Reply, ways: &Ways) {
    reply(ways.order(&mut below));
}

fn below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    u64::from_le_bytes(bytes) % bound.max(1)
}

/// How long a query may take, however many lookups it needs.
const PATIENCE: Duration = Duration::from_secs(4);
/// RFC 8767 §5: how long name servers may take before those who wait get the former answer; shorter than its 1.8 s,
/// because somebody holds a telephone.
const IMPATIENT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
