//! REST with its OpenAPI document, events, metrics and the set-up page.
//!
//! The API reads a mirror of the configuration ([`Rows`]), writes through the store, and reaches the call path only
//! through [`Shards`]: questions, committed changes, announcements. It opens no socket; the server serves
//! [`router`] on its listeners and [`local_router`] on the socket in the data folder.

#![expect(unused_qualifications, reason = "utoipa's macros write whole paths under our spans")]

mod audio_file;
mod body;
mod collection;
mod edge;
mod events;
mod idempotency;
mod mailroom;
mod merge;
mod metrics;
mod name_servers;
mod onboarding;
mod openapi;
mod people;
mod preview;
mod problem;
mod provisioning;
mod resource;
mod routes;
mod rows;
mod shape;
mod status;
mod suggest;
mod tester;
mod validate;
mod webhooks;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use axum::Extension;
use certificates::{Shelf, Trust};
use engine::PassKey;
use engine::control::{Answer, Ask, Event};
use futures_util::future::BoxFuture;
use outside::Rule;
use routing::config::Delta;
use speech::Speech;
use stir::Keyring;
use store::{Loaded, Store};
use timestamp::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

pub use edge::{Caller, Scope, Trusted};
pub use merge::Difference;
pub use name_servers::{Looked, NameServers};
pub use problem::{Code, FieldError, Problem};
pub use rows::Rows;
pub use tester::{ConnectionTest, TestStep, Tester};

/// The call path, as the API reaches it.
pub trait Shards: Send + Sync + 'static {
    /// Asks every shard; one answer each. Shards that do not answer in time are left out.
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Vec<Answer>>;
    /// Resolves when every shard has the change in force.
    fn apply(&self, delta: Arc<Delta>) -> BoxFuture<'static, ()>;
    /// What shards announce from now on.
    fn events(&self) -> broadcast::Receiver<Arc<Event>>;
    /// Whether everything needed for calls is there.
    fn readiness(&self) -> Readiness;
    /// How media packets are moved, and what was lost before anybody saw it.
    fn media(&self) -> MediaReport {
        MediaReport::default()
    }
    /// What became of WebSockets that carry SIP.
    fn web_sockets(&self) -> WebSocketReport {
        WebSocketReport::default()
    }
    /// Pushes that were to wake devices, by what became of them.
    fn pushes(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// WebSockets that carry SIP, since this node began to serve.
#[derive(Clone, Debug, Default)]
pub struct WebSocketReport {
    /// Opened so far.
    pub opened: u64,
    /// Open now.
    pub open: u64,
    /// Not taken: too many, or an origin that may not.
    pub refused: u64,
    /// Closed, by why.
    pub closed: Vec<(&'static str, u64)>,
}

/// The media workers of this node, since it began to serve.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaReport {
    /// `uring` or `epoll`.
    pub io: &'static str,
    /// How long packets may wait to be moved together.
    pub tick: Duration,
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub kernel_drops: u64,
    /// Datagrams larger than any that is relayed.
    pub oversized: u64,
    /// Times that a socket waited because all buffers of a worker were in use.
    pub shortages: u64,
    /// Packets at a worker's own port that belong to no call.
    pub strays: u64,
    /// Pieces of recordings that were left out because the disk was too slow.
    pub unkept: u64,
}

/// Whether calls can be taken, part by part.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// Listeners, tables, media ports.
    pub parts: Vec<Part>,
    /// Whether the server is on its way out.
    pub draining: bool,
}

/// One thing that has to be there.
#[derive(Clone, Debug)]
pub struct Part {
    /// `sip udp 0.0.0.0:5060`, `tables`, …
    pub name: String,
    /// Whether it is.
    pub ok: bool,
    /// In words.
    pub detail: String,
}

/// What the server knows of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Version of the program.
    pub version: &'static str,
    /// Name of this node.
    pub node: String,
    /// The data folder.
    pub data: PathBuf,
    /// Base of generated host names.
    pub base_domain: String,
    /// Where SIP is listened for.
    pub sip: Vec<SipAddress>,
    /// First and last media port.
    pub media_ports: (u16, u16),
    /// Address given for media, if one was configured.
    pub media: Option<IpAddr>,
    /// Address shown to peers outside.
    pub public_ip: Option<IpAddr>,
    /// Addresses of our interfaces.
    pub own_addresses: Vec<IpAddr>,
    /// `http://127.0.0.1:8080`, …
    pub http: Vec<String>,
    /// The certificates that are presented.
    pub shelf: Arc<Shelf>,
    /// The authorities that are believed.
    pub trust: Arc<Trust>,
    /// Keys that accounts sign caller ids with.
    pub keyring: Arc<Keyring>,
    /// What passwords of phones that sign in are made with.
    pub passes: PassKey,
    /// The public key that pushes are signed with, in base64url.
    pub push_key: String,
    /// Which addresses our own requests may go to.
    pub outside: Rule,
    /// What speaks and listens.
    pub speech: Arc<Speech>,
    /// Whether there is a mail server that takes our e-mails.
    pub sends_mail: bool,
    /// When the process began to serve.
    pub started_at: Timestamp,
}

/// One SIP listener.
#[derive(Clone, Debug)]
pub struct SipAddress {
    /// `udp`, `tcp`, `tls`.
    pub transport: &'static str,
    /// Address bound to.
    pub ip: IpAddr,
    /// Port bound to.
    pub port: u16,
}

/// Everything the handlers share.
pub struct Api {
    pub(crate) store: Store,
    pub(crate) shards: Arc<dyn Shards>,
    pub(crate) tester: Arc<dyn Tester>,
    pub(crate) names: Arc<dyn NameServers>,
    pub(crate) tests: tester::Running,
    pub(crate) once: onboarding::once::Once,
    pub(crate) about: About,
    pub(crate) events: events::Ring,
    pub(crate) in_progress: idempotency::InProgress,
    rows: RwLock<Rows>,
    turn: Arc<Mutex<()>>,
}

impl Api {
    /// The API over a store, what was loaded from it, and the call path. Must be called on a tokio runtime.
    pub fn new<C: Shards + Tester + NameServers>(
        store: Store,
        loaded: Loaded,
        call_path: Arc<C>,
        about: About,
    ) -> Arc<Self> {
        let events = events::Ring::fed_by(call_path.events());
        webhooks::record(store.clone(), call_path.events());
        let mut rows = Rows::new(loaded);
        rows.speech = Some(Arc::clone(&about.speech));
        Arc::new(Self {
            store,
            shards: Arc::<C>::clone(&call_path),
            names: Arc::<C>::clone(&call_path),
            tester: call_path,
            tests: tester::Running::default(),
            once: onboarding::once::Once::default(),
            about,
            events,
            in_progress: idempotency::InProgress::default(),
            rows: RwLock::new(rows),
            turn: Arc::default(),
        })
    }

    pub(crate) fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rows_mut(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One writer at a time: held from reading what is in force until the change is.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }
}

impl core::fmt::Debug for Api {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Api").field("about", &self.about).finish_non_exhaustive()
    }
}

/// Everything served over HTTP. Serve it with connect info, so that `/metrics` knows loopback.
pub fn router(api: Arc<Api>) -> axum::Router {
    routes::router(api)
}

/// The same for whoever owns the data folder: no key is asked for.
pub fn local_router(api: Arc<Api>) -> axum::Router {
    router(api).layer(Extension(Trusted))
}
