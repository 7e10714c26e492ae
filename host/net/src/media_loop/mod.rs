//! Media workers: one thread each, that moves packets between sockets and a [`media::Plane`].
//!
//! Commands come in through a bounded queue and never wait; events leave through a function given at the start.
//! How packets are moved is behind `PacketIo`: io_uring where the kernel is willing, and epoll, which works on every
//! Linux. Which worker has which call is the caller's choice, but both ends of a call must be with the same one.

mod epoll;
mod figures;
mod packet_loop;
mod socket;
mod uring;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media::{Chunk, Command, Event, Identity, Plane};
use timestamp::Timestamp;

use self::epoll::EpollIo;
pub use self::figures::{Figure, Figures};
use self::packet_loop::PacketLoop;
pub use self::socket::PortPair;
use self::uring::UringIo;
use crate::clock::Clock;
use crate::recorder::{RecorderHandle, RecorderLine};
use crate::wake::Wake;

/// What a worker is started with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Name of the thread.
    pub name: String,
    /// Commands that may wait in the queue.
    pub queue: usize,
    /// Where SSRCs and first sequence numbers of our own streams follow from: random, other for each worker.
    pub seed: u64,
    /// How packets are moved.
    pub io: MediaIo,
    /// While packets come, the worker wakes up once per tick and moves all of them; zero wakes at each.
    pub tick: Duration,
    /// One socket of the worker for many ends, if it has one; port 0 takes any free one.
    pub shared: Option<SocketAddr>,
    /// Who peers on the shared socket find there; without it no end can share.
    pub identity: Option<Identity>,
    /// Who writes recordings; without it they are lost.
    pub recorder: Option<RecorderHandle>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            name: "media-0".to_owned(),
            queue: 16_384,
            seed: 0,
            io: MediaIo::Auto,
            tick: Duration::ZERO,
            shared: None,
            identity: None,
            recorder: None,
        }
    }
}

/// A way of moving packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaIo {
    /// io_uring if the kernel is willing, epoll if not.
    #[default]
    Auto,
    /// epoll, `recvfrom` and `sendto`.
    Epoll,
    /// io_uring, Linux 6.1 or newer.
    Uring,
}

impl MediaIo {
    /// `auto`, `epoll` or `uring`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Epoll => "epoll",
            Self::Uring => "uring",
        }
    }
}

/// A running worker; dropping it stops it.
#[derive(Debug)]
pub struct MediaWorker {
    sender: MediaSender,
    started: Started,
    figures: Arc<Figures>,
    thread: Option<JoinHandle<()>>,
}

/// What became of the wishes.
#[derive(Clone, Debug)]
struct Started {
    io: MediaIo,
    refusal: Option<String>,
    shared: Option<SocketAddr>,
}

impl MediaWorker {
    /// Starts a worker. `events` is called on its thread and must not block.
    pub fn start(
        config: MediaConfig,
        clock: Clock,
        events: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Self> {
        let (commands, queue) = mpsc::sync_channel(config.queue);
        let wake = Arc::new(Wake::new()?);
        let figures = Arc::new(Figures::default());
        let post = Post {
            clock,
            queue,
            wake: wake.clone(),
            events: Box::new(events),
            figures: figures.clone(),
            recorder: config.recorder.clone().map(RecorderHandle::line),
        };
        let (told, hear) = mpsc::sync_channel(1);
        let name = config.name.clone();
        // A ring belongs to the thread that makes it.
        let thread = thread::Builder::new().name(name).spawn(move || work(&config, post, &told))?;
        let started = hear.recv().map_err(|_| io::Error::other("the media worker ended at once"))??;
        Ok(Self { sender: MediaSender { commands, wake }, started, figures, thread: Some(thread) })
    }

    /// How it moves packets: never [`MediaIo::Auto`].
    pub fn io(&self) -> MediaIo {
        self.started.io
    }

    /// Why it is not io_uring, if that was tried.
    pub fn refusal(&self) -> Option<&str> {
        self.started.refusal.as_deref()
    }

    /// Where its shared socket is.
    pub fn shared(&self) -> Option<SocketAddr> {
        self.started.shared
    }

    /// What it counts.
    pub fn figures(&self) -> Arc<Figures> {
        self.figures.clone()
    }

    /// A way to send it commands.
    pub fn sender(&self) -> MediaSender {
        self.sender.clone()
    }

    /// Closes all sockets and ends the thread. Commands still in the queue are not done.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.sender.wake.stop();
        // A thread that panicked has already said why.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for MediaWorker {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends commands to a worker; cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct MediaSender {
    commands: SyncSender<Order>,
    wake: Arc<Wake>,
}

impl MediaSender {
    /// Queues a command. Never waits: a full queue, or a worker that has stopped, gives the command back.
    pub fn send(&self, order: impl Into<Order>) -> Result<(), Undelivered> {
        self.commands.try_send(order.into()).map_err(|error| match error {
            TrySendError::Disconnected(order) => Undelivered::Stopped(Box::new(order)),
            TrySendError::Full(order) => Undelivered::Full(Box::new(order)),
        })?;
        self.wake.wake();
        Ok(())
    }
}

/// A command, and what belongs to it.
#[derive(Debug)]
pub struct Order {
    /// What to do.
    pub command: Command,
    /// For [`Command::Open`]: its ports, if they are bound already.
    pub ports: Option<PortPair>,
}

impl From<Command> for Order {
    fn from(command: Command) -> Self {
        Self { command, ports: None }
    }
}

/// A command that did not reach its worker.
#[derive(Debug)]
pub enum Undelivered {
    /// The queue is full: the worker is overloaded.
    Full(Box<Order>),
    /// The worker has stopped.
    Stopped(Box<Order>),
}

/// The thread of a worker: makes what can fail, says how that went, and moves packets.
fn work(config: &MediaConfig, post: Post, told: &SyncSender<io::Result<Started>>) {
    let ring = match config.io {
        MediaIo::Epoll => None,
        MediaIo::Auto | MediaIo::Uring => Some(UringIo::new(&*post.wake)),
    };
    let started = |io| Started { io, refusal: None, shared: None };
    let outcome = match ring {
        Some(Ok(ring)) => run(config, ring, post, started(MediaIo::Uring), told),
        Some(Err(error)) if config.io == MediaIo::Uring => Err(error),
        tried => {
            let refusal = tried.and_then(Result::err).map(|error| error.to_string());
            EpollIo::new(&*post.wake)
                .and_then(|io| run(config, io, post, Started { refusal, ..started(MediaIo::Epoll) }, told))
        }
    };
    if let Err(error) = outcome {
        // Whoever starts a worker waits for this.
        let _ = told.send(Err(error));
    }
}

fn run<I: packet_loop::PacketIo>(
    config: &MediaConfig,
    io: I,
    post: Post,
    mut started: Started,
    told: &SyncSender<io::Result<Started>>,
) -> io::Result<()> {
    let mut packets = PacketLoop::new(config, io, Plane::sharing(config.seed, config.identity.clone()), post);
    if let Some(addr) = config.shared {
        let bound = packets.share(addr);
        started.shared = Some(bound.map_err(|fault| io::Error::other(format!("{addr}: {fault:?}")))?);
    }
    let _ = told.send(Ok(started));
    packets.run();
    Ok(())
}

/// What connects a loop with the rest of the process: time, commands in, events out.
struct Post {
    clock: Clock,
    queue: Receiver<Order>,
    wake: Arc<Wake>,
    events: Box<dyn FnMut(Event) + Send>,
    figures: Arc<Figures>,
    recorder: Option<RecorderLine>,
}

impl Post {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn stopped(&self) -> bool {
        self.wake.is_stopped()
    }

    /// Says that a wake-up was seen; commands queued from here on wake again.
    fn acknowledge(&self) {
        self.wake.acknowledge();
    }

    fn next_order(&self) -> Option<Order> {
        self.queue.try_recv().ok()
    }

    fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Pieces of recordings that were left out; those that may not be are tried again.
    fn unkept(&mut self) -> u64 {
        let Some(recorder) = &mut self.recorder else { return 0 };
        recorder.hand_in_last();
        recorder.lost()
    }

    fn keep(&mut self, chunk: Chunk, samples: &[i16]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.keep(chunk, samples);
        }
    }

    fn deliver(&mut self, event: Event) {
        (self.events)(event);
    }
}
