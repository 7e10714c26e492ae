//! The portable way of moving packets: epoll, one `recvfrom` per readiness, one `sendto` per packet.
//!
//! At fifty packets a second a socket almost never holds two, so a readiness is answered by one `recvfrom` and
//! not by reading until the socket is empty; epoll is level-triggered and tells again what is left. Reading until
//! empty was measured to cost a tenth more per packet, edge-triggered or not. Sockets are not connected to their
//! peers, which would save another tenth: a peer that moves could then not be heard.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use media::OpenFault;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};

use super::figures::Figures;
use super::packet_loop::{Happened, PacketIo, Rest};

/// Sockets in an epoll set.
pub(super) struct EpollIo {
    poll: OwnedFd,
    table: Vec<Option<UdpSocket>>,
    ready: Vec<Event>,
    /// How many of the ready were looked at.
    done: usize,
    /// Any packet fits.
    buffer: Box<[u8]>,
}

impl EpollIo {
    /// An empty set that hears the bell.
    pub(super) fn new(bell: impl AsFd) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, bell, EventData::new_u64(BELL), EventFlags::IN)?;
        let ready = Vec::with_capacity(READY);
        Ok(Self { poll, table: Vec::new(), ready, done: 0, buffer: vec![0; LARGEST_DATAGRAM].into() })
    }

    /// An interrupted wait finds nothing ready, which is harmless.
    fn poll(&mut self, patience: Option<Duration>) {
        self.ready.clear();
        self.done = 0;
        let patience = patience.map(whole_millis);
        let _ = epoll::wait(&self.poll, spare_capacity(&mut self.ready), patience.as_ref());
    }
}

impl PacketIo for EpollIo {
    /// Its length; there is one at a time.
    type Packet = usize;

    fn seat(&mut self, seat: u32, socket: UdpSocket) -> Result<(), OpenFault> {
        epoll::add(&self.poll, &socket, EventData::new_u64(u64::from(seat)), EventFlags::IN)
            .map_err(|_| OpenFault::Refused)?;
        let at = seat as usize;
        self.table.resize_with(self.table.len().max(at + 1), || None);
        if let Some(place) = self.table.get_mut(at) {
            *place = Some(socket);
        }
        Ok(())
    }

    #[inline]
    fn socket(&self, seat: u32) -> Option<&UdpSocket> {
        self.table.get(seat as usize)?.as_ref()
    }

    /// Closing its only descriptor takes a socket out of the epoll set.
    fn unseat(&mut self, seat: u32) {
        if let Some(place) = self.table.get_mut(seat as usize) {
            *place = None;
        }
    }

    fn settle(&mut self) -> bool {
        false
    }

    fn flush(&mut self) {}

    fn wait(&mut self, rest: Rest) {
        if !rest.tick.is_zero() {
            // A socket that has had its turn may hold more.
            self.poll(Some(Duration::ZERO));
            if !self.ready.is_empty() {
                return;
            }
            thread::sleep(rest.tick);
        }
        self.poll(rest.patience.map(|patience| patience.saturating_sub(rest.tick)));
    }

    fn next(&mut self) -> Option<Happened<usize>> {
        while let Some(event) = self.ready.get(self.done) {
            self.done += 1;
            let seat = match event.data.u64() {
                BELL => return Some(Happened::Rung),
                seat => seat as u32,
            };
            let socket = self.table.get(seat as usize).and_then(Option::as_ref);
            if let Some(Ok((len, from))) = socket.map(|socket| socket.recv_from(&mut self.buffer)) {
                return Some(Happened::Packet(seat, from, len));
            }
        }
        None
    }

    fn bytes(&self, packet: &usize) -> &[u8] {
        self.buffer.get(..*packet).unwrap_or_default()
    }

    fn send(&mut self, seat: u32, to: SocketAddr, bytes: &[u8]) -> bool {
        self.socket(seat).is_some_and(|socket| socket.send_to(bytes, to).is_ok())
    }

    fn send_on(&mut self, seat: u32, to: SocketAddr, packet: &usize) -> bool {
        self.socket(seat).is_some_and(|socket| socket.send_to(self.bytes(packet), to).is_ok())
    }

    fn release(&mut self, _packet: usize) {}

    fn count(&self, _figures: &Figures) {}
}

/// Rounded up, so that what is due after the sleep is due indeed.
fn whole_millis(patience: Duration) -> Timespec {
    let millis = patience.as_micros().div_ceil(1000) as i64;
    Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
}

/// Not the seat of any socket, which has 32 bits.
const BELL: u64 = u64::MAX;

/// Sockets told per wait.
const READY: usize = 256;

/// Nothing that UDP can carry is cut short.
const LARGEST_DATAGRAM: usize = 65_536;
