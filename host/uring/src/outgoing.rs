//! What the kernel reads when queued sends are submitted: their addresses, and the bytes of those that were copied.
//!
//! Neither moves, nor is written again, before [`Outgoing::clear`], which is called once nothing is queued.

use std::net::SocketAddr;

use crate::address::RawAddress;

/// Addresses and bytes of what is queued.
#[derive(Debug)]
pub(crate) struct Outgoing {
    addresses: Vec<RawAddress>,
    bytes: Vec<u8>,
}

impl Outgoing {
    /// With room for so many sends.
    pub(crate) fn new(sends: usize) -> Self {
        Self { addresses: Vec::with_capacity(sends), bytes: Vec::with_capacity(ROOM) }
    }

    /// Keeps an address; `None` if that would move the others.
    pub(crate) fn address(&mut self, to: SocketAddr) -> Option<(*const libc::sockaddr, libc::socklen_t)> {
        if self.addresses.len() == self.addresses.capacity() {
            return None;
        }
        self.addresses.push(RawAddress::new(to));
        self.addresses.last().map(|address| (address.as_ptr(), address.len()))
    }

    /// Copies a packet; `None` if that would move the others.
    pub(crate) fn copy(&mut self, packet: &[u8]) -> Option<*const u8> {
        let start = self.bytes.len();
        if packet.len() > self.bytes.capacity() - start {
            return None;
        }
        self.bytes.extend_from_slice(packet);
        self.bytes.get(start..).map(<[u8]>::as_ptr)
    }

    /// Forgets everything: nothing is queued.
    pub(crate) fn clear(&mut self) {
        self.addresses.clear();
        self.bytes.clear();
    }
}

/// More than the largest datagram.
const ROOM: usize = 80 * 1024;
