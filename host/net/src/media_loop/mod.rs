//! Media workers: one thread each, that moves packets between sockets and a [`media::Plane`].
//!
//! Commands come in through a bounded queue and never wait; events leave through a function given at the start.
//! How packets are moved is behind `PacketLoop`; epoll is the way that works on every Linux. Which worker
//! has which call is the caller's choice, but both ends of a call must be with the same one.

mod epoll;
mod socket;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use media::{Command, Event, Plane};
use timestamp::Timestamp;

use self::epoll::EpollLoop;
use crate::clock::Clock;
use crate::wake::Wake;

/// What a worker is started with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Name of the thread.
    pub name: String,
    /// Commands that may wait in the queue.
    pub queue: usize,
    /// `SO_RCVBUF` of an RTP socket in octets; the system doubles it and may cap it.
    pub receive_buffer: usize,
    /// Where SSRCs and first sequence numbers of our own streams follow from: random, other for each worker.
    pub seed: u64,
}

impl Default for MediaConfig {
    fn default() -> Self {
        // A second of video at 2 Mbit/s, or a second and a half of a stalled worker's audio, fits 256 KiB.
        Self { name: "media-0".to_owned(), queue: 16_384, receive_buffer: 256 * 1024, seed: 0 }
    }
}

/// A running worker; dropping it stops it.
#[derive(Debug)]
pub struct MediaWorker {
    sender: MediaSender,
    thread: Option<JoinHandle<()>>,
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
        let post = Post { clock, queue, wake: wake.clone(), events: Box::new(events) };
        let packets = EpollLoop::new(&config, Plane::new(config.seed), post)?;
        let thread = thread::Builder::new().name(config.name).spawn(move || packets.run())?;
        Ok(Self { sender: MediaSender { commands, wake }, thread: Some(thread) })
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
    commands: SyncSender<Command>,
    wake: Arc<Wake>,
}

impl MediaSender {
    /// Queues a command. Never waits: a full queue, or a worker that has stopped, gives the command back.
    pub fn send(&self, command: Command) -> Result<(), Undelivered> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Disconnected(command) => Undelivered::Stopped(command),
            TrySendError::Full(command) => Undelivered::Full(command),
        })?;
        self.wake.wake();
        Ok(())
    }
}

/// A command that did not reach its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The queue is full: the worker is overloaded.
    Full(Command),
    /// The worker has stopped.
    Stopped(Command),
}

/// One way of moving packets. A loop owns its thread until it is told to stop; between two inputs to the plane it
/// does what the plane asked for. It may let packets wait for a tick and move them in batches.
trait PacketLoop: Sized {
    /// Sets up what can fail.
    fn new(config: &MediaConfig, plane: Plane, post: Post) -> io::Result<Self>;

    /// Moves packets until [`Post::stopped`].
    fn run(self);
}

/// What connects a loop with the rest of the process: time, commands in, events out.
struct Post {
    clock: Clock,
    queue: Receiver<Command>,
    wake: Arc<Wake>,
    events: Box<dyn FnMut(Event) + Send>,
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

    fn next_command(&self) -> Option<Command> {
        self.queue.try_recv().ok()
    }

    fn deliver(&mut self, event: Event) {
        (self.events)(event);
    }
}
