//! Moving packets through io_uring: sockets receive on and on into buffers that are lent to the kernel, packets are
//! sent on from there, and one system call per wake-up does all of it.
//!
//! Only the first packets of a flood find buffers; the others wait in their sockets, whose turn comes with the next
//! wake-up. A packet larger than a jumbo frame is dropped and counted.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use media::OpenFault;
use rustix::fd::AsFd;
use uring::{Completion, Datagram, MOST_DATAGRAMS, Ring};

use super::figures::Figures;
use super::packet_loop::{Happened, PacketIo, Rest};

/// Sockets of a ring.
pub(super) struct UringIo {
    ring: Ring,
}

impl UringIo {
    /// A ring that hears the bell; fails if the kernel is not willing.
    pub(super) fn new(bell: impl AsFd) -> io::Result<Self> {
        let mut ring = Ring::new()?;
        ring.watch(bell);
        Ok(Self { ring })
    }
}

impl PacketIo for UringIo {
    type Packet = Datagram;

    fn seat(&mut self, seat: u32, socket: UdpSocket) -> Result<(), OpenFault> {
        self.ring.add(seat, socket);
        Ok(())
    }

    fn socket(&self, seat: u32) -> Option<&UdpSocket> {
        self.ring.socket(seat)
    }

    fn unseat(&mut self, seat: u32) {
        self.ring.remove(seat);
    }

    fn settle(&mut self) -> bool {
        self.ring.settle()
    }

    fn flush(&mut self) {
        self.ring.submit();
    }

    fn wait(&mut self, rest: Rest) {
        if rest.tick.is_zero() {
            return self.ring.wait(1, rest.patience);
        }
        // So many packets before the tick is over are a reason not to wait for it.
        let patience = rest.patience.map_or(rest.tick, |patience| patience.min(rest.tick));
        self.ring.wait(MOST_DATAGRAMS / 2, Some(patience));
    }

    fn next(&mut self) -> Option<Happened<Datagram>> {
        self.ring.reap().map(|completion| match completion {
            Completion::Received(datagram) => Happened::Packet(datagram.key, datagram.from, datagram),
            Completion::Rung => Happened::Rung,
            Completion::SendFailed(seat) => Happened::SendFailed(seat),
        })
    }

    fn bytes<'a>(&'a self, packet: &'a Datagram) -> &'a [u8] {
        packet.bytes(&self.ring)
    }

    fn send(&mut self, seat: u32, to: SocketAddr, bytes: &[u8]) -> bool {
        self.ring.send(seat, to, bytes)
    }

    fn send_on(&mut self, seat: u32, to: SocketAddr, packet: &Datagram) -> bool {
        self.ring.send_on(seat, to, packet)
    }

    fn release(&mut self, packet: Datagram) {
        self.ring.release(packet);
    }

    fn count(&self, figures: &Figures) {
        let counted = self.ring.figures();
        figures.oversized.set(counted.oversized);
        figures.shortages.set(counted.shortages);
    }
}
