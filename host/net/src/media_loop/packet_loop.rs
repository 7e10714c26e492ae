//! The loop of a worker: between two waits, everything that arrived goes through the plane, and what the plane asked
//! for is done.
//!
//! The same for every way of moving packets, which is behind [`PacketIo`]. Work per wake-up is bounded: a flood on one
//! port keeps neither other ports nor commands from their turn. The clock is read once per wake-up. Events are
//! delivered at its end, when the ports that they call free are free.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use media::{Action, Actions, Event, OpenFault, Payload, Plane, SocketKey};
use timestamp::Timestamp;

use super::figures::{DropWatch, Figures};
use super::{MediaConfig, Post, socket};

/// A way of moving packets between sockets and memory. Sockets have seats: numbers that the loop chooses.
pub(super) trait PacketIo: Sized {
    /// A packet that came in, wherever it lies.
    type Packet;

    /// Takes in a bound socket; its seat is free.
    fn seat(&mut self, seat: u32, socket: UdpSocket) -> Result<(), OpenFault>;

    /// The socket of a seat.
    fn socket(&self, seat: u32) -> Option<&UdpSocket>;

    /// Closes the socket of a seat.
    fn unseat(&mut self, seat: u32);

    /// Makes ports of closed sockets free; says whether any was not.
    fn settle(&mut self) -> bool;

    /// Lets go of what was queued for sending.
    fn flush(&mut self);

    /// Sleeps until something happens or the rest is over.
    fn wait(&mut self, rest: Rest);

    /// The next thing that has happened.
    fn next(&mut self) -> Option<Happened<Self::Packet>>;

    /// The bytes of a packet.
    fn bytes<'a>(&'a self, packet: &'a Self::Packet) -> &'a [u8];

    /// Sends bytes from a seat; says whether the system took them, as far as that is known.
    fn send(&mut self, seat: u32, to: SocketAddr, bytes: &[u8]) -> bool;

    /// Sends a packet on from where it lies.
    fn send_on(&mut self, seat: u32, to: SocketAddr, packet: &Self::Packet) -> bool;

    /// The packet is not needed any more.
    fn release(&mut self, packet: Self::Packet);

    /// Copies what this way of moving packets counts.
    fn count(&self, figures: &Figures);
}

/// How long to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// At most so long; without end if `None`.
    pub(super) patience: Option<Duration>,
    /// Packets may wait for so long and arrive together; zero wakes at the first.
    pub(super) tick: Duration,
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Happened<P> {
    /// A packet came to a seat.
    Packet(u32, SocketAddr, P),
    /// The worker was woken: there are commands, or it shall stop.
    Rung,
    /// A send from this seat failed after all.
    SendFailed(u32),
}

/// A plane and its sockets.
pub(super) struct PacketLoop<I> {
    io: I,
    plane: Plane,
    post: Post,
    /// What the plane asks for, emptied after every input.
    out: Actions,
    /// Events of this wake-up.
    events: Vec<Event>,
    now: Timestamp,
    tick: Duration,
    /// When the tick before the next wake-up began.
    ticked: Timestamp,
    /// Packets came at the last wake-up: more will.
    busy: bool,
    /// When a packet that came was sent on, or answered, last.
    passed: Timestamp,
    /// Commands were left for the next wake-up.
    more: bool,
    /// Ports that were bound for the command in hand.
    ports: [Option<UdpSocket>; 2],
    drops: DropWatch,
}

impl<I: PacketIo> PacketLoop<I> {
    pub(super) fn new(config: &MediaConfig, io: I, plane: Plane, post: Post) -> Self {
        Self {
            io,
            plane,
            now: post.now(),
            post,
            out: Actions::new(),
            events: Vec::new(),
            tick: config.tick,
            ticked: Timestamp::ZERO,
            busy: false,
            passed: Timestamp::ZERO,
            more: false,
            ports: [None, None],
            drops: DropWatch::default(),
        }
    }

    /// Binds the socket that all ends of the worker share; returns where it is.
    pub(super) fn share(&mut self, addr: SocketAddr) -> Result<SocketAddr, OpenFault> {
        let socket = socket::bind(addr, Some(socket::RECEIVE_BUFFER))?;
        let bound = socket.local_addr().map_err(|_| OpenFault::Refused)?;
        self.io.seat(seat(SocketKey::SHARED), socket)?;
        self.drops.open(seat(SocketKey::SHARED));
        Ok(bound)
    }

    /// Moves packets until [`Post::stopped`].
    pub(super) fn run(mut self) {
        while !self.post.stopped() {
            let rest = self.rest();
            self.io.wait(rest);
            self.now = self.post.now();
            let rung = self.take_in();
            if self.plane.next_timeout().is_some_and(|at| at <= self.now) {
                self.plane.handle_timeout(self.now, &mut self.out);
                self.perform(None);
            }
            if rung || self.more {
                self.obey();
            }
            self.report();
            self.tell();
        }
    }

    fn rest(&mut self) -> Rest {
        if self.more {
            return Rest { patience: Some(Duration::ZERO), tick: Duration::ZERO };
        }
        let (mut now, mut tick) = (self.now, Duration::ZERO);
        // Nobody waits for packets that are not passed on: those that are recorded, mixed or heard by nobody.
        let unhurried = now.since(self.passed) > LULL;
        if self.busy && (unhurried || !self.tick.is_zero()) {
            // Sending takes its time, which is not added to the tick: one begins where the last one ended.
            self.io.flush();
            now = self.post.now();
            let next = if unhurried { media::next_beat(now) } else { self.ticked + self.tick };
            self.ticked = if next > now { next } else { now };
            tick = self.ticked.since(now);
        }
        Rest { patience: self.plane.next_timeout().map(|at| at.since(now)), tick }
    }

    /// Hands the plane what has happened; says whether commands wait.
    fn take_in(&mut self) -> bool {
        let mut rung = false;
        self.busy = false;
        for _ in 0..BATCH {
            match self.io.next() {
                Some(Happened::Packet(seat, from, packet)) => {
                    self.busy = true;
                    let bytes = self.io.bytes(&packet);
                    self.plane.on_packet(key(seat), from, bytes, self.now, &mut self.out);
                    self.perform(Some(&packet));
                    self.io.release(packet);
                }
                Some(Happened::Rung) => rung = true,
                Some(Happened::SendFailed(seat)) => self.plane.on_send_failed(key(seat)),
                None => break,
            }
        }
        rung
    }

    fn obey(&mut self) {
        self.post.acknowledge();
        self.more = true;
        for _ in 0..COMMANDS {
            let Some(order) = self.post.next_order() else {
                self.more = false;
                break;
            };
            self.ports = order.ports.map_or([None, None], |ports| ports.into_sockets().map(Some));
            self.plane.handle_command(order.command, self.now, &mut self.out);
            self.perform(None);
        }
    }

    /// Does what the plane asked for, and what follows from a socket that could not be bound.
    fn perform(&mut self, received: Option<&I::Packet>) {
        let mut failed = None;
        for action in self.out.list() {
            match *action {
                Action::Bind { socket, addr } => {
                    if failed.is_none() {
                        let [rtp, rtcp] = &mut self.ports;
                        let there = if socket.is_rtcp() { rtcp.take() } else { rtp.take() };
                        let bound = bind(&mut self.io, socket, addr, there);
                        failed = bound.err().map(|fault| (socket, fault));
                        self.drops.open(seat(socket));
                    }
                }
                Action::Emit(event) => self.events.push(event),
                Action::Keep(chunk) => self.post.keep(chunk, self.out.samples(&chunk)),
                Action::Send { socket, to, payload } => {
                    if received.is_some() {
                        self.passed = self.now;
                    }
                    let sent = match (payload, received) {
                        (Payload::Received, Some(packet)) => self.io.send_on(seat(socket), to, packet),
                        _ => self.io.send(seat(socket), to, self.out.bytes(payload, &[])),
                    };
                    if !sent {
                        self.plane.on_send_failed(socket);
                    }
                }
                Action::Unbind { socket } => {
                    self.drops.close(&self.io, seat(socket));
                    self.io.unseat(seat(socket));
                }
            }
        }
        self.out.clear();
        if let Some((socket, fault)) = failed {
            self.plane.on_bind_failed(socket, fault, &mut self.out);
            self.perform(None);
        }
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.io.settle();
        }
        for event in self.events.drain(..) {
            self.post.deliver(event);
        }
    }

    fn report(&mut self) {
        self.drops.look(&self.io, self.now);
        let unkept = self.post.unkept();
        let figures = self.post.figures();
        figures.unkept.set(unkept);
        self.io.count(figures);
        figures.kernel_drops.set(self.drops.total());
        figures.strays.set(self.plane.strays());
    }
}

/// Gives a socket its seat: one that is there, or a new one.
fn bind<I: PacketIo>(
    io: &mut I,
    key: SocketKey,
    addr: SocketAddr,
    there: Option<UdpSocket>,
) -> Result<(), OpenFault> {
    let size = (!key.is_rtcp()).then_some(socket::RECEIVE_BUFFER);
    let bound = match there.map_or_else(|| socket::bind(addr, size), Ok) {
        // Perhaps by a socket of ours that is closed already.
        Err(OpenFault::PortTaken) if io.settle() => socket::bind(addr, size),
        bound => bound,
    };
    io.seat(seat(key), bound?)
}

/// Seats begin with the shared socket, whose key is the highest of all.
fn seat(key: SocketKey) -> u32 {
    key.0.wrapping_add(1)
}

fn key(seat: u32) -> SocketKey {
    SocketKey(seat.wrapping_sub(1))
}

/// Packets taken per wake-up: as many as make the wait cheap per packet, and few enough that commands get their turn
/// within a few milliseconds of a flood.
pub(super) const BATCH: usize = 512;

/// So long after a packet was passed on the next one is: more than people are silent for between two words.
const LULL: Duration = Duration::from_millis(500);

/// Commands obeyed per wake-up: some milliseconds of binding at most.
const COMMANDS: usize = 128;
