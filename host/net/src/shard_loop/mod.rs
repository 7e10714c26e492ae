//! The threads that drive shards: sockets in, [`engine::Shard`] in the middle, sockets and queues out.
//!
//! One OS thread a shard, each with UDP sockets of its own; streams live with the first one. The office reaches a
//! shard through a bounded queue of plain values. A shard thread never waits for anything but its sockets.

mod book;
mod datagrams;
mod listen;
mod mail;
mod run;
mod shared;
mod streams;
mod tls;
mod web;
mod workers;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use engine::control::{Answer, Ask, Event};
use engine::{BindingRow, Bounds, Brought, CounterRow, Errand, Persist, VouchQuestion, Vouched};
use ipnet::IpNet;
use routing::config::Delta;
use sip_stack::transport::{Listener, Listeners, Protocol};

use crate::clock::Clock;
use crate::dns::Names;
use crate::media_loop::{MediaConfig, MediaIo, MediaWorker};
use crate::media_streams::MediaStreams;
use crate::recorder::RecorderHandle;

pub use book::own_addresses;
pub use listen::ListenFault;
use mail::{Mail, MailBox, Post};
use run::ShardThread;
pub use tls::TlsSetup;
pub use web::{Line, Refused, Seat, WebDoor, WebEnd, WebFigures, Word};
use workers::Workers;

/// A SIP socket to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerSpec {
    /// UDP, TCP or TLS.
    pub protocol: Protocol,
    /// Where; port 0 takes any free one.
    pub address: SocketAddr,
}

/// Takes what shards want kept or told; called on shard threads, must not wait.
pub trait Office: Send + Sync {
    /// Something for the disk.
    fn persist(&self, persist: Persist);

    /// Something happened.
    fn announce(&self, event: Event);

    /// Caller ids are to be judged and signed; `reply` may be called on any thread, and later.
    fn vouch(&self, question: VouchQuestion, reply: Box<dyn FnOnce(Vouched) + Send>);

    /// Something is to be done for a call; `reply` may be called on any thread, and later.
    fn errand(&self, errand: Errand, reply: Box<dyn FnOnce(Brought) + Send>);
}

/// What the shards are started with.
#[expect(missing_debug_implementations, reason = "holds a secret and a trait object")]
pub struct ShardSetup {
    /// The clock of the process.
    pub clock: Clock,
    /// SIP sockets.
    pub listeners: Vec<ListenerSpec>,
    /// HTTP listeners of the office that WebSockets come through, as `ws` and `wss`.
    pub web: Vec<ListenerSpec>,
    /// Certificates, where there are listeners or peers that want TLS.
    pub tls: Option<TlsSetup>,
    /// How many shards.
    pub shards: u8,
    /// Media workers of each shard.
    pub media_workers: usize,
    /// Secret of the installation, kept across restarts.
    pub secret: [u8; 16],
    /// The public key that pushes are signed with, in base64url.
    pub vapid: String,
    /// Base domain of generated hosts.
    pub base_domain: String,
    /// Address shown outside the local networks.
    pub public_ip: Option<IpAddr>,
    /// Networks that see our own addresses.
    pub local_nets: Vec<IpNet>,
    /// Address for media; the route decides when absent.
    pub media: Option<IpAddr>,
    /// First and last media port.
    pub media_ports: (u16, u16),
    /// How media packets are moved.
    pub media_io: MediaIo,
    /// How long media packets may wait to be moved together.
    pub media_tick: Duration,
    /// Who writes recordings.
    pub recorder: Option<RecorderHandle>,
    /// Name servers to ask; those of the system when there are none.
    pub name_servers: Vec<SocketAddr>,
    /// The configuration at start.
    pub rows: Arc<Delta>,
    /// Bindings that a former process left.
    pub bindings: Vec<BindingRow>,
    /// What a former process counted.
    pub counters: Vec<CounterRow>,
    /// Where records and events go.
    pub office: Arc<dyn Office>,
}

/// Running shards.
#[derive(Debug)]
pub struct ShardLoop {
    handles: Vec<ShardHandle>,
    threads: Vec<JoinHandle<()>>,
    media: Vec<MediaWorker>,
    media_streams: MediaStreams,
    bound: Vec<ListenerSpec>,
    doors: Vec<WebDoor>,
    names: Names,
}

/// Reaches one shard.
#[derive(Clone, Debug)]
pub struct ShardHandle {
    post: Post,
}

impl ShardHandle {
    /// Asks; `reply` is called on the shard's thread, and not at all if the shard has stopped.
    pub fn ask(&self, ask: Ask, reply: impl FnOnce(Answer) + Send + 'static) {
        self.post.send(Mail::Ask(ask, Box::new(reply)));
    }

    /// Puts a change of configuration in force; `done` is called once it is.
    pub fn apply(&self, delta: Arc<Delta>, done: impl FnOnce() + Send + 'static) {
        self.post.send(Mail::Apply(delta, Box::new(move |_| done())));
    }
}

impl ShardLoop {
    /// Binds every socket and starts the threads; ready when this returns.
    pub fn start(setup: ShardSetup) -> Result<Self, ListenFault> {
        let shards = setup.shards.max(1);
        let sockets = listen::bind_all(&setup.listeners, shards, setup.tls.is_some())?;
        let bound: Vec<ListenerSpec> = sockets.bound.clone();
        let table = Listeners(
            bound
                .iter()
                .chain(&setup.web)
                .map(|spec| Listener { protocol: spec.protocol, bound: spec.address })
                .collect(),
        );
        let boxes: Vec<MailBox> =
            (0..shards).map(|_| MailBox::new()).collect::<Result<_, _>>().map_err(ListenFault::Os)?;
        let posts: Vec<Post> = boxes.iter().map(MailBox::post).collect();
        let names = Names::start(setup.name_servers.clone(), table.clone()).map_err(ListenFault::Os)?;
        let ours = own_addresses(setup.public_ip);
        let identity = shared::identity(setup.clock);
        let (mut media, mut media_doors) = (Vec::new(), Vec::new());
        let mut threads = Vec::new();
        for (index, (mailbox, sockets)) in boxes.into_iter().zip(sockets.per_shard).enumerate() {
            let number = u8::try_from(index).unwrap_or(0);
            let mut ports = slice(setup.media_ports, index, usize::from(shards));
            let workers =
                start_media(&setup, index, &identity, &mut ports, &posts[index]).map_err(ListenFault::Os)?;
            let shared = shared::SharedPorts::of(&workers, identity.as_ref(), &mut media_doors);
            let senders = workers.iter().map(MediaWorker::sender).collect();
            media.extend(workers);
            let (claimed, claims) = mpsc::channel();
            let shard = engine::Setup {
                index: number,
                shards,
                secret: setup.secret,
                seed: seed(),
                base_domain: setup.base_domain.clone(),
                own_addresses: ours.clone(),
                listeners: table.clone(),
                book: Box::new(book::RouteBook::new(&setup, claimed, shared)),
                media_ports: ports,
                media_workers: u8::try_from(setup.media_workers).unwrap_or(u8::MAX),
                bounds: Bounds::default(),
                nonce_life: NONCE_LIFE,
                vapid: setup.vapid.as_str().into(),
            };
            let thread = ShardThread::new(
                shard,
                setup.clock,
                sockets,
                mailbox,
                posts.clone(),
                Workers::new(senders, claims),
                Arc::clone(&setup.office),
                names.clone(),
            );
            let mut thread = thread.map_err(ListenFault::Os)?;
            if let Some(tls) = setup.tls.as_ref().filter(|_| index == 0) {
                thread.secure(tls);
            }
            thread.restore(&setup.rows, &setup.bindings, &setup.counters);
            let run = Builder::new().name(format!("shard-{index}")).spawn(move || thread.run());
            threads.push(run.map_err(ListenFault::Os)?);
        }
        let media_streams = MediaStreams::start(media_doors).map_err(ListenFault::Os)?;
        let doors = doors(&setup.web, bound.len(), &posts);
        let handles = posts.into_iter().map(|post| ShardHandle { post }).collect();
        Ok(Self { handles, threads, media, media_streams, bound, doors, names })
    }

    /// One handle a shard.
    pub fn handles(&self) -> &[ShardHandle] {
        &self.handles
    }

    /// Where SIP is heard, with the ports that were really bound.
    pub fn bound(&self) -> &[ListenerSpec] {
        &self.bound
    }

    /// Where WebSockets are handed over, one for each HTTP listener.
    pub fn doors(&self) -> &[WebDoor] {
        &self.doors
    }

    /// The media workers.
    pub fn media(&self) -> &[MediaWorker] {
        &self.media
    }

    /// Resolves host names as calls have them resolved.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Ends the threads; what they were told before is done first.
    pub fn stop(self) {
        for handle in &self.handles {
            handle.post.send(Mail::Stop);
        }
        for thread in self.threads {
            // A shard that panicked has said so already.
            let _ = thread.join();
        }
        drop(self.media_streams);
        self.media.into_iter().for_each(MediaWorker::stop);
    }
}

/// A door for each HTTP listener, whose numbers follow those of the SIP sockets; all lead to the shard with the streams.
fn doors(web: &[ListenerSpec], sockets: usize, posts: &[Post]) -> Vec<WebDoor> {
    let number = |index: usize| u16::try_from(sockets + index).unwrap_or(u16::MAX);
    let Some((first, post)) = web.first().zip(posts.first()) else { return Vec::new() };
    let door = WebDoor::new(first.protocol, number(0), post.clone());
    web.iter().enumerate().map(|(index, spec)| door.beside(spec.protocol, number(index))).collect()
}

/// Starts the workers of a shard; each takes a port of its own for what is shared, from the end of `ports`.
fn start_media(
    setup: &ShardSetup,
    shard: usize,
    identity: &Option<media::Identity>,
    ports: &mut (u16, u16),
    post: &Post,
) -> std::io::Result<Vec<MediaWorker>> {
    (0..setup.media_workers.max(1))
        .map(|worker| {
            let post = post.clone();
            let random = seed();
            let shared = identity.is_some().then(|| shared::reserve(setup.media, ports));
            let config = MediaConfig {
                name: format!("media-{shard}-{worker}"),
                io: setup.media_io,
                tick: setup.media_tick,
                recorder: setup.recorder.clone(),
                seed: u64::from_le_bytes(random[..8].try_into().expect("eight bytes")),
                identity: identity.clone(),
                shared,
                ..MediaConfig::default()
            };
            MediaWorker::start(config, setup.clock, move |event| post.send(Mail::Media(event)))
        })
        .collect()
}

/// The part of the media ports that belongs to one shard.
fn slice((first, last): (u16, u16), index: usize, shards: usize) -> (u16, u16) {
    let ports = usize::from(last.saturating_sub(first)) + 1;
    let pairs = ports / 2 / shards;
    let start = usize::from(first) + index * pairs * 2;
    let end = start + pairs * 2 - 1;
    (u16::try_from(start).unwrap_or(u16::MAX), u16::try_from(end).unwrap_or(u16::MAX))
}

fn seed() -> [u8; 16] {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).expect("the system has random bytes");
    seed
}

/// How long a nonce may be used: longer than a registration lasts by default, shorter than an afternoon.
const NONCE_LIFE: Duration = Duration::from_secs(600);
