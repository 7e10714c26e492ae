//! The call path as the office sees it: shards and media workers started, asked, changed and ended as one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{MediaReport, Part, Readiness, Shards, SipAddress, WebSocketReport};
use certificates::Trust;
use engine::control::{Answer, Ask, Event};
use engine::{BindingRow, CounterRow};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use net::clock::Clock;
use net::dns::Names;
use net::media_loop::{Figure, Figures, MediaWorker};
use net::recorder::Recorder;
use net::shard_loop::{ListenFault, ListenerSpec, ShardHandle, ShardLoop, ShardSetup, TlsSetup, WebDoor};
use routing::config::Delta;
use sip_stack::transport::Protocol;
use store::Writer;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::resolved::{Config, SipAddress as Wanted, SipTransport};
use crate::desk::Desk;
use crate::errands::Errands;
use crate::failure::Failure;
use crate::vouching::Vouching;
use crate::{port_holder, token_key};

/// Signalling and media.
pub(crate) struct CallPath {
    handles: Vec<ShardHandle>,
    sip: Vec<SipAddress>,
    events: broadcast::Sender<Arc<Event>>,
    draining: AtomicBool,
    trust: Arc<Trust>,
    media: MediaFacts,
    doors: Vec<WebDoor>,
    errands: Arc<Errands>,
    threads: Mutex<Option<(ShardLoop, Recorder, JoinHandle<()>)>>,
}

impl CallPath {
    /// Binds the listeners and starts the threads; ready when this returns.
    pub(crate) fn start(
        config: &Config,
        web: Vec<ListenerSpec>,
        rows: Arc<Delta>,
        (bindings, counters): (Vec<BindingRow>, Vec<CounterRow>),
        writer: Writer,
        tls: TlsSetup,
        (vouching, errands): (Arc<Vouching>, Arc<Errands>),
    ) -> Result<Arc<Self>, Failure> {
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (desk, clearing) = Desk::new(writer, events.clone(), vouching, Arc::clone(&errands));
        let trust = Arc::clone(&tls.trust);
        let recordings = Arc::clone(errands.recordings());
        let told = Arc::clone(&recordings);
        let (recorder, left) = Recorder::start(recordings.folder(), move |written| told.written(written))
            .map_err(|fault| Failure::Failed(format!("recordings: {fault}")))?;
        recordings.take_over(left);
        let setup = ShardSetup {
            clock: Clock::start(),
            listeners: config.sip.iter().map(listener).collect(),
            web,
            tls: Some(tls),
            shards: config.shards,
            media_workers: usize::from(config.media_workers),
            secret: token_key::read_or_make(&config.data)?,
            vapid: errands.pushes().key().to_owned(),
            base_domain: config.base_domain.clone(),
            public_ip: config.media.public_ip,
            local_nets: config.media.local_nets.clone(),
            media: config.media.address,
            media_io: config.media.io,
            media_tick: config.media.tick,
            recorder: Some(recorder.handle()),
            name_servers: config.dns.clone(),
            media_ports: (*config.media.ports.start(), *config.media.ports.end()),
            rows,
            bindings,
            counters,
            office: Arc::new(desk),
        };
        let threads = ShardLoop::start(setup).map_err(|fault| cannot_listen(&fault))?;
        let address = |spec: &ListenerSpec| SipAddress {
            transport: spec.protocol.name(),
            ip: spec.address.ip(),
            port: spec.address.port(),
        };
        Ok(Arc::new(Self {
            handles: threads.handles().to_vec(),
            sip: threads.bound().iter().map(address).collect(),
            events,
            draining: AtomicBool::new(false),
            trust,
            media: MediaFacts::of(&threads, config.media.tick),
            doors: threads.doors().to_vec(),
            errands,
            threads: Mutex::new(Some((threads, recorder, clearing))),
        }))
    }

    /// How media packets are moved, and why not otherwise.
    pub(crate) fn media_io(&self) -> (&'static str, Option<&str>) {
        (self.media.io, self.media.refusal.as_deref())
    }

    /// Tells listeners to events something that no shard knows of.
    pub(crate) fn announce(&self, event: Event) {
        // Nobody listening is fine.
        drop(self.events.send(Arc::new(event)));
    }

    /// Tells of recordings from now on, also of those that were mended at the start.
    pub(crate) fn tell_of_recordings(&self) {
        self.errands.recordings().tell_of(self.events.clone());
    }

    /// Where SIP is heard.
    pub(crate) fn sip(&self) -> Vec<SipAddress> {
        self.sip.clone()
    }

    /// Where the WebSockets of an HTTP listener with this transport go.
    pub(crate) fn door(&self, protocol: Protocol) -> Option<WebDoor> {
        self.doors.iter().find(|door| door.protocol() == protocol).cloned()
    }

    /// The public key that pushes are signed with.
    pub(crate) fn push_key(&self) -> &str {
        self.errands.pushes().key()
    }

    /// Whom we believe.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whom to ask for names; nobody once the threads have ended.
    pub(crate) fn names(&self) -> Option<Names> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.as_ref().map(|(threads, ..)| threads.names().clone())
    }

    /// No new calls from now on.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.ask(Ask::Drain).await;
    }

    /// BYE to everybody.
    pub(crate) async fn end_all(&self) {
        self.ask(Ask::EndAll).await;
    }

    /// Calls in progress.
    pub(crate) async fn calls(&self) -> usize {
        let calls = |answer: &Answer| if let Answer::Calls(calls) = answer { calls.len() } else { 0 };
        self.ask(Ask::Calls).await.iter().map(calls).sum()
    }

    /// Ends the threads; what they were told before is done first.
    pub(crate) async fn stop(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((threads, recorder, clearing)) = threads {
            // A join waits, which the office's own threads must not.
            drop(
                tokio::task::spawn_blocking(|| {
                    threads.stop();
                    recorder.end();
                })
                .await,
            );
            self.errands.recordings().settle().await;
            // With the shards gone the desk is cleared for the last time.
            drop(clearing.await);
        }
    }
}

impl Shards for CallPath {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Vec<Answer>> {
        let pending = join_all(self.handles.iter().map(|shard| {
            let (reply, answer) = oneshot::channel();
            // Who asked may have left.
            shard.ask(ask.clone(), move |answer| drop(reply.send(answer)));
            timeout(PATIENCE, answer)
        }));
        async move { pending.await.into_iter().flatten().flatten().collect() }.boxed()
    }

    fn apply(&self, delta: Arc<Delta>) -> BoxFuture<'static, ()> {
        let pending = join_all(self.handles.iter().map(|shard| {
            let (reply, applied) = oneshot::channel();
            shard.apply(Arc::clone(&delta), move || {
                let _ = reply.send(());
            });
            applied
        }));
        async move { drop(pending.await) }.boxed()
    }

    fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    fn media(&self) -> MediaReport {
        let sum =
            |of: fn(&Figures) -> &Figure| self.media.figures.iter().map(|worker| of(worker).get()).sum();
        MediaReport {
            io: self.media.io,
            tick: self.media.tick,
            kernel_drops: sum(|figures| &figures.kernel_drops),
            oversized: sum(|figures| &figures.oversized),
            shortages: sum(|figures| &figures.shortages),
            strays: sum(|figures| &figures.strays),
            unkept: sum(|figures| &figures.unkept),
        }
    }

    fn web_sockets(&self) -> WebSocketReport {
        // All doors count together.
        let Some(figures) = self.doors.first().map(WebDoor::figures) else {
            return WebSocketReport::default();
        };
        let [opened, open, refused] = figures.counts();
        WebSocketReport { opened, open, refused, closed: figures.ends() }
    }

    fn pushes(&self) -> Vec<(&'static str, u64)> {
        self.errands.pushes().counts()
    }

    fn readiness(&self) -> Readiness {
        let listener = |sip: &SipAddress| Part {
            name: format!("sip {} {}:{}", sip.transport, sip.ip, sip.port),
            ok: true,
            detail: "bound".to_owned(),
        };
        let tables = Part { name: "tables".to_owned(), ok: true, detail: "loaded".to_owned() };
        Readiness {
            parts: self.sip.iter().map(listener).chain([tables]).collect(),
            draining: self.draining.load(Ordering::Relaxed),
        }
    }
}

/// What the media workers are, and where they count.
struct MediaFacts {
    io: &'static str,
    refusal: Option<String>,
    tick: Duration,
    figures: Vec<Arc<Figures>>,
}

impl MediaFacts {
    /// All workers started with the same wish on the same kernel.
    fn of(threads: &ShardLoop, tick: Duration) -> Self {
        let first = threads.media().first();
        Self {
            io: first.map_or("", |worker| worker.io().name()),
            refusal: first.and_then(|worker| worker.refusal()).map(str::to_owned),
            tick,
            figures: threads.media().iter().map(MediaWorker::figures).collect(),
        }
    }
}

fn listener(wanted: &Wanted) -> ListenerSpec {
    let protocol = match wanted.transport {
        SipTransport::Udp => Protocol::Udp,
        SipTransport::Tcp => Protocol::Tcp,
        SipTransport::Tls => Protocol::Tls,
    };
    ListenerSpec { protocol, address: wanted.address }
}

/// A SIP port never moves: say which, who has it, and what to change.
fn cannot_listen(fault: &ListenFault) -> Failure {
    let ListenFault::Bind { spec, error } = fault else {
        return Failure::Failed(fault.to_string());
    };
    let transport = match spec.protocol {
        Protocol::Udp => SipTransport::Udp,
        Protocol::Tls => SipTransport::Tls,
        Protocol::Tcp | Protocol::Ws | Protocol::Wss => SipTransport::Tcp,
    };
    let wanted = Wanted { transport, address: spec.address };
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return Failure::Failed(format!("--sip {wanted}: {error}"));
    }
    let holder = port_holder::holder(transport, spec.address);
    let holder = holder.unwrap_or_else(|| "another process".to_owned());
    Failure::Failed(format!(
        "{wanted} is taken by {holder}; stop it, or choose another port: --sip {}:{}:PORT",
        transport.name(),
        spec.address.ip()
    ))
}

/// A shard that has not answered by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Events that a slow listener may be behind.
const EVENTS_KEPT: usize = 4096;
