//! The portable packet loop: epoll, one `recvfrom` per readiness, one `sendto` per packet.
//!
//! At fifty packets a second a socket almost never holds two, so a readiness is answered by one `recvfrom` and
//! not by reading until the socket is empty; epoll is level-triggered and tells again what is left. Reading until
//! empty was measured to cost a tenth more per packet, edge-triggered or not. Sockets are not connected to their
//! peers, which would save another tenth: a peer that moves could then not be heard. The clock is read once per
//! wake-up.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use media::{Action, Actions, OpenFault, Plane, SocketKey};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use timestamp::Timestamp;

use super::{MediaConfig, PacketLoop, Post, socket};

/// A plane and its sockets.
pub(super) struct EpollLoop {
    plane: Plane,
    post: Post,
    sockets: Sockets,
    /// What the plane asks for, emptied after every input.
    out: Actions,
    now: Timestamp,
}

impl PacketLoop for EpollLoop {
    fn new(config: &MediaConfig, plane: Plane, post: Post) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &post.wake, EventData::new_u64(BELL), EventFlags::IN)?;
        let sockets = Sockets { poll, table: Vec::new(), receive_buffer: config.receive_buffer };
        Ok(Self { plane, now: post.now(), post, sockets, out: Actions::new() })
    }

    fn run(mut self) {
        let mut ready = Vec::with_capacity(BATCH);
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        while !self.post.stopped() {
            ready.clear();
            let patience = self.plane.next_timeout().map(|at| whole_millis(at.since(self.now)));
            // An interrupted wait finds nothing ready, which is harmless.
            let _ = epoll::wait(&self.sockets.poll, spare_capacity(&mut ready), patience.as_ref());
            self.now = self.post.now();
            let mut commands = false;
            for event in &ready {
                match event.data.u64() {
                    BELL => commands = true,
                    key => self.receive(SocketKey(key as u32), &mut buffer),
                }
            }
            if self.plane.next_timeout().is_some_and(|at| at <= self.now) {
                self.plane.handle_timeout(self.now, &mut self.out);
                self.perform(&[]);
            }
            if commands {
                self.obey();
            }
        }
    }
}

impl EpollLoop {
    fn receive(&mut self, key: SocketKey, buffer: &mut [u8]) {
        let Some(Ok((len, from))) = self.sockets.get(key).map(|socket| socket.recv_from(buffer)) else {
            return;
        };
        let packet = buffer.get(..len).unwrap_or_default();
        self.plane.on_packet(key, from, packet, self.now, &mut self.out);
        self.perform(packet);
    }

    fn obey(&mut self) {
        self.post.acknowledge();
        while let Some(command) = self.post.next_command() {
            self.plane.handle_command(command, self.now, &mut self.out);
            self.perform(&[]);
        }
    }

    /// Does what the plane asked for, and what follows from a socket that could not be bound.
    fn perform(&mut self, received: &[u8]) {
        let mut failed = None;
        for action in self.out.list() {
            match *action {
                Action::Bind { socket, addr } => {
                    if failed.is_none() {
                        failed = self.sockets.bind(socket, addr).err().map(|fault| (socket, fault));
                    }
                }
                Action::Emit(event) => self.post.deliver(event),
                Action::Send { socket, to, payload } => {
                    let bytes = self.out.bytes(payload, received);
                    let sent = self.sockets.get(socket).map(|socket| socket.send_to(bytes, to));
                    if !matches!(sent, Some(Ok(_))) {
                        self.plane.on_send_failed(socket);
                    }
                }
                Action::Unbind { socket } => self.sockets.unbind(socket),
            }
        }
        self.out.clear();
        if let Some((socket, fault)) = failed {
            self.plane.on_bind_failed(socket, fault, &mut self.out);
            self.perform(&[]);
        }
    }
}

/// Sockets in an epoll set, by their key.
struct Sockets {
    poll: OwnedFd,
    table: Vec<Option<UdpSocket>>,
    receive_buffer: usize,
}

impl Sockets {
    #[inline]
    fn get(&self, key: SocketKey) -> Option<&UdpSocket> {
        self.table.get(key.0 as usize)?.as_ref()
    }

    fn bind(&mut self, key: SocketKey, addr: SocketAddr) -> Result<(), OpenFault> {
        let socket = socket::bind(addr, self.receive_buffer)?;
        epoll::add(&self.poll, &socket, EventData::new_u64(u64::from(key.0)), EventFlags::IN)
            .map_err(|_| OpenFault::Refused)?;
        let at = key.0 as usize;
        self.table.resize_with(self.table.len().max(at + 1), || None);
        if let Some(place) = self.table.get_mut(at) {
            *place = Some(socket);
        }
        Ok(())
    }

    /// Closing its only descriptor takes a socket out of the epoll set.
    fn unbind(&mut self, key: SocketKey) {
        if let Some(place) = self.table.get_mut(key.0 as usize) {
            *place = None;
        }
    }
}

/// Rounded up, so that what is due after the sleep is due indeed.
fn whole_millis(patience: Duration) -> Timespec {
    let millis = patience.as_micros().div_ceil(1000) as i64;
    Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
}

/// Not the key of any socket, which has 32 bits.
const BELL: u64 = u64::MAX;

/// Sockets told per wake-up: as many as make the wait cheap per packet, and few enough that commands get their
/// turn within a fraction of a millisecond.
const BATCH: usize = 256;

/// Nothing that UDP can carry is cut short.
const LARGEST_DATAGRAM: usize = 65_536;
