//! The ring: sockets that receive on and on, sends that are queued, and one call to the kernel for all of it.
//!
//! ```text
//!   add(key, socket) ─▶ a multishot RECVMSG of the socket        ┐
//!   send(key, …)     ─▶ SEND from a buffer, with its address     ├─ submitted together by wait()
//!   remove(key)      ─▶ ASYNC_CANCEL, and the socket closes      ┘  (or before, when the queue is full)
//!   reap()           ◀─ datagrams, failed sends, the bell
//! ```
//!
//! With `DEFER_TASKRUN` the kernel finishes nothing behind our back: packets are put into buffers only inside of our
//! own system calls, after what was queued has been submitted. A buffer can therefore be given back in the moment its
//! packet was queued for sending: it is sent before anything else can come into it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode};

use crate::address;
use crate::buffers::{self, Buffers};
use crate::outgoing::Outgoing;

/// Sockets, buffers and the kernel's two queues. Belongs to the thread that made it.
///
/// # Why this is safe
///
/// - What the kernel reads (addresses, packets, the template) and writes (buffers) is owned by the ring, is neither
///   moved nor freed while it lives, and outlives the kernel's side of it, since that is told to stop first.
/// - The kernel touches it only inside of [`Ring::wait`], [`Ring::settle`] and when a full queue is submitted; all of
///   these need `&mut Ring`, so no slice that was handed out can be alive then.
/// - Descriptors are those of sockets that the ring owns.
pub struct Ring {
    // Dropped before the memory that it points to.
    ring: IoUring,
    buffers: Buffers,
    outgoing: Outgoing,
    template: Box<libc::msghdr>,
    seats: Vec<Seat>,
    /// Sockets whose receiving ended for want of buffers or by an error.
    idle: Vec<u32>,
    bell: Option<RawFd>,
    /// Removed sockets of which the kernel has not let go.
    unsettled: bool,
    figures: Figures,
}

/// What came of it.
#[derive(Debug)]
pub enum Completion {
    /// A datagram came in.
    Received(Datagram),
    /// The watched descriptor is readable.
    Rung,
    /// A send failed at this socket.
    SendFailed(u32),
}

/// A datagram in a buffer of the ring; to be given back by [`Ring::release`].
#[derive(Debug)]
#[must_use = "its buffer is lost unless it is released"]
pub struct Datagram {
    /// The socket it came to.
    pub key: u32,
    /// Where it came from.
    pub from: SocketAddr,
    buffer: u16,
    end: usize,
}

/// What went wrong, summed up since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Times that a socket found no buffer; its packets waited.
    pub shortages: u64,
    /// Datagrams larger than a buffer, which were dropped.
    pub oversized: u64,
}

/// The place of a socket, for one socket after the other.
#[derive(Debug, Default)]
struct Seat {
    socket: Option<UdpSocket>,
    /// Tells completions of this socket from those of the ones before.
    generation: u32,
}

impl Ring {
    /// A ring for this thread; fails if the kernel is too old, or forbids it.
    pub fn new() -> io::Result<Self> {
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_coop_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(QUEUE as u32)?;
        let buffers = Buffers::new();
        // SAFETY: the descriptors live as long as the ring, which is dropped before them.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                buffers.descriptors(),
                buffers::COUNT,
                buffers::GROUP,
                0,
            )?;
        }
        buffers.publish();
        // Saves a look-up in each call; works without.
        let _ = ring.submitter().register_ring_fd();
        // SAFETY: all zero is a message without addresses, vectors and control data.
        let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        template.msg_namelen = address::LEN as libc::socklen_t;
        Ok(Self {
            ring,
            buffers,
            outgoing: Outgoing::new(QUEUE),
            template,
            seats: Vec::new(),
            idle: Vec::new(),
            bell: None,
            unsettled: false,
            figures: Figures::default(),
        })
    }

    /// Tells whenever `bell` becomes readable. It must stay open for as long as the ring is used.
    pub fn watch(&mut self, bell: impl AsFd) {
        let fd = bell.as_fd().as_raw_fd();
        self.bell = Some(fd);
        let poll = opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32).multi(true).build();
        self.queue(&poll.user_data(tag(Kind::Bell, 0, 0)));
    }

    /// Takes a socket in: it receives from the next [`Self::wait`] on. The key must be free.
    pub fn add(&mut self, key: u32, socket: UdpSocket) {
        let at = key as usize;
        if self.seats.len() <= at {
            self.seats.resize_with(at + 1, Seat::default);
        }
        if let Some(seat) = self.seats.get_mut(at) {
            seat.socket = Some(socket);
            self.receive(key);
        }
    }

    /// The socket of a key.
    pub fn socket(&self, key: u32) -> Option<&UdpSocket> {
        self.seats.get(key as usize)?.socket.as_ref()
    }

    /// Closes a socket. Its port is free after [`Self::settle`] or the next [`Self::wait`].
    pub fn remove(&mut self, key: u32) {
        let Some(seat) = self.seats.get_mut(key as usize).filter(|seat| seat.socket.is_some()) else {
            return;
        };
        let receiving = tag(Kind::Receive, seat.generation, key);
        seat.socket = None;
        seat.generation = seat.generation.wrapping_add(1) & GENERATIONS;
        self.unsettled = true;
        let cancel = opcode::AsyncCancel::new(receiving).build().user_data(tag(Kind::Other, 0, key));
        self.queue(&cancel.flags(Flags::SKIP_SUCCESS));
    }

    /// Queues a packet that came in, to be sent from the buffer it lies in.
    pub fn send_on(&mut self, key: u32, to: SocketAddr, datagram: &Datagram) -> bool {
        let packet = datagram.bytes(self);
        let (start, len) = (packet.as_ptr(), packet.len());
        self.send_from(key, to, start, len)
    }

    /// Queues a copy of a packet.
    pub fn send(&mut self, key: u32, to: SocketAddr, packet: &[u8]) -> bool {
        let copied = self.outgoing.copy(packet).or_else(|| {
            self.submit();
            self.outgoing.copy(packet)
        });
        copied.is_some_and(|start| self.send_from(key, to, start, packet.len()))
    }

    /// Gives the buffer of a datagram back.
    pub fn release(&mut self, datagram: Datagram) {
        self.buffers.give_back(datagram.buffer);
    }

    /// Submits what is queued and waits until `least` things have happened, or `patience` is over.
    pub fn wait(&mut self, least: usize, patience: Option<Duration>) {
        // Receiving may begin at once when it is submitted, so it comes after the sends whose buffers it may get.
        for key in std::mem::take(&mut self.idle) {
            if self.socket(key).is_some() {
                self.receive(key);
            }
        }
        self.buffers.publish();
        let waited = match patience {
            Some(patience) => {
                let until = Timespec::from(patience);
                self.ring.submitter().submit_with_args(least.max(1), &SubmitArgs::new().timespec(&until))
            }
            None => self.ring.submitter().submit_and_wait(least.max(1)),
        };
        // Time that is up and signals are no faults, and what was not taken stays queued.
        let _ = waited;
        self.submitted();
    }

    /// Makes the kernel let go of every removed socket: their ports are free.
    ///
    /// Says whether there was any.
    pub fn settle(&mut self) -> bool {
        let any = std::mem::take(&mut self.unsettled);
        if any {
            let at_once = Timespec::new();
            let _ = self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&at_once));
            self.submitted();
        }
        any
    }

    /// The next of the things that have happened.
    pub fn reap(&mut self) -> Option<Completion> {
        loop {
            let entry = self.ring.completion().next()?;
            let (kind, generation, key) = parts(entry.user_data());
            let happened = match kind {
                Kind::Bell => {
                    if !cqueue::more(entry.flags())
                        && let Some(bell) = self.bell
                    {
                        let poll = opcode::PollAdd::new(Fd(bell), libc::POLLIN as u32).multi(true).build();
                        self.queue(&poll.user_data(tag(Kind::Bell, 0, 0)));
                    }
                    Some(Completion::Rung)
                }
                Kind::Other => None,
                Kind::Receive => self.received(&entry, generation, key),
                Kind::Send => {
                    let present = self.seats.get(key as usize).is_some_and(|s| s.generation == generation);
                    present.then_some(Completion::SendFailed(key))
                }
            };
            if happened.is_some() {
                return happened;
            }
        }
    }

    /// What went wrong so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    fn received(&mut self, entry: &cqueue::Entry, generation: u32, key: u32) -> Option<Completion> {
        let ours =
            self.seats.get(key as usize).is_some_and(|s| s.generation == generation && s.socket.is_some());
        if ours && !cqueue::more(entry.flags()) {
            self.idle.push(key);
            self.figures.shortages += u64::from(entry.result() == -libc::ENOBUFS);
        }
        let buffer = cqueue::buffer_select(entry.flags())?;
        let end = usize::try_from(entry.result()).unwrap_or(0);
        let source = self.source(buffer, end);
        match source.filter(|_| ours) {
            Some(from) => Some(Completion::Received(Datagram { key, from, buffer, end })),
            None => {
                self.buffers.give_back(buffer);
                None
            }
        }
    }

    /// Where a datagram came from, by the head that the kernel puts before it (`struct io_uring_recvmsg_out`).
    fn source(&mut self, buffer: u16, end: usize) -> Option<SocketAddr> {
        let head: &[u8; PAYLOAD] = self.buffers.filled(buffer, end).first_chunk()?;
        let flags = u32::from_ne_bytes([head[12], head[13], head[14], head[15]]);
        if flags & libc::MSG_TRUNC as u32 != 0 {
            self.figures.oversized += 1;
            return None;
        }
        address::read(head.last_chunk()?)
    }

    fn receive(&mut self, key: u32) {
        let Some(seat) = self.seats.get(key as usize) else { return };
        let Some(socket) = &seat.socket else { return };
        let receive =
            opcode::RecvMsgMulti::new(Fd(socket.as_raw_fd()), &raw const *self.template, buffers::GROUP)
                .ioprio(POLL_FIRST)
                .build()
                .user_data(tag(Kind::Receive, seat.generation, key));
        self.queue(&receive);
    }

    fn send_from(&mut self, key: u32, to: SocketAddr, start: *const u8, len: usize) -> bool {
        let Some(seat) = self.seats.get(key as usize) else { return false };
        let Some(socket) = &seat.socket else { return false };
        let (fd, name) = (socket.as_raw_fd(), tag(Kind::Send, seat.generation, key));
        if self.ring.submission().is_full() {
            self.submit();
        }
        let Some((address, address_len)) = self.outgoing.address(to) else { return false };
        let send = opcode::Send::new(Fd(fd), start, len as u32)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .dest_addr(address)
            .dest_addr_len(address_len)
            .build()
            .user_data(name);
        self.queue(&send.flags(Flags::SKIP_SUCCESS));
        true
    }

    fn queue(&mut self, entry: &Entry) {
        // SAFETY: what an entry points to is the template, a buffer, or held by `outgoing`: memory of the ring that
        // stays as it is until the entry has been submitted, and nothing is read after that (`SUBMIT_STABLE`; a send
        // that may not wait is done or failed when the call returns).
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.submit();
        }
    }

    /// Submits what is queued without looking at what happened.
    pub fn submit(&mut self) {
        let _ = self.ring.submitter().submit();
        self.submitted();
    }

    fn submitted(&mut self) {
        if self.ring.submission().is_empty() {
            self.outgoing.clear();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel lets go of everything before the memory goes.
        let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
        self.seats.clear();
        self.unsettled = true;
        self.settle();
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("sockets", &self.seats.len())
            .field("figures", &self.figures)
            .finish_non_exhaustive()
    }
}

impl Datagram {
    /// What was received.
    pub fn bytes<'a>(&self, ring: &'a Ring) -> &'a [u8] {
        ring.buffers.filled(self.buffer, self.end).get(PAYLOAD..).unwrap_or_default()
    }
}

/// What a completion is of; the lowest byte of its `user_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bell,
    Other,
    Receive,
    Send,
}

fn tag(kind: Kind, generation: u32, key: u32) -> u64 {
    u64::from(key) << 32 | u64::from(generation & GENERATIONS) << 8 | kind as u64
}

fn parts(tag: u64) -> (Kind, u32, u32) {
    let kind = match tag as u8 {
        0 => Kind::Bell,
        2 => Kind::Receive,
        3 => Kind::Send,
        _ => Kind::Other,
    };
    (kind, (tag >> 8) as u32 & GENERATIONS, (tag >> 32) as u32)
}

/// Datagrams that may be held at a time; more wait in their sockets.
pub const MOST_DATAGRAMS: usize = buffers::COUNT as usize;

/// Entries queued before a call is due.
const QUEUE: usize = 512;

/// Completions that may wait: all buffers, and what else may fail at once. More than that waits in the kernel.
const COMPLETIONS: u32 = 4096;

/// Generations are told apart by so many bits.
const GENERATIONS: u32 = 0x00ff_ffff;

/// Where the payload begins: behind `struct io_uring_recvmsg_out` and the address.
const PAYLOAD: usize = 16 + address::LEN;

/// `IORING_RECVSEND_POLL_FIRST`: a new socket is empty, and one with an error is not tried again in a circle.
const POLL_FIRST: u16 = 1;

#[cfg(test)]
mod tests;
