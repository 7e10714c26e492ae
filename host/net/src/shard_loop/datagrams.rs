//! Datagrams on their way out, several by one system call: a shard that answers a batch of requests speaks once.
//!
//! What the system does not take is lost like what the network drops: timers repair it.

use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg, sendto};
use sip_stack::transport::Flow;
use smallvec::SmallVec;

/// Datagrams that wait for the end of a batch; what they say lies in the outbox.
#[derive(Debug, Default)]
pub(super) struct Departing {
    waiting: Vec<Datagram>,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    listener: u16,
    remote: SocketAddr,
    start: usize,
    end: usize,
}

impl Departing {
    pub(super) fn push(&mut self, flow: &Flow, start: usize, end: usize) {
        self.waiting.push(Datagram { listener: flow.listener, remote: flow.remote, start, end });
    }

    /// Sends all of them, in order for each socket.
    pub(super) fn send(&mut self, sockets: &[Option<UdpSocket>], bytes: &[u8]) {
        for together in self.waiting.chunk_by(|a, b| a.listener == b.listener) {
            let listener = together.first().map_or(0, |datagram| usize::from(datagram.listener));
            let Some(Some(socket)) = sockets.get(listener) else { continue };
            for some in together.chunks(AT_ONCE) {
                send_some(socket, some, bytes);
            }
        }
        self.waiting.clear();
    }
}

fn send_some(socket: &UdpSocket, datagrams: &[Datagram], bytes: &[u8]) {
    let text = |datagram: &Datagram| bytes.get(datagram.start..datagram.end).unwrap_or_default();
    if let [datagram] = datagrams {
        let _ = sendto(socket, text(datagram), SendFlags::DONTWAIT, &datagram.remote);
        return;
    }
    let slices: Few<[IoSlice<'_>; 1]> = datagrams.iter().map(|d| [IoSlice::new(text(d))]).collect();
    let remotes: Few<SocketAddrAny> = datagrams.iter().map(|d| d.remote.into()).collect();
    let mut controls: Few<SendAncillaryBuffer<'_, '_, '_>> =
        datagrams.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let parts = slices.iter().zip(&remotes).zip(&mut controls);
    let mut messages: Few<MMsgHdr<'_>> =
        parts.map(|((slice, remote), control)| MMsgHdr::new_with_addr(remote, slice, control)).collect();
    let mut rest = &mut messages[..];
    while !rest.is_empty() {
        // An error is about the first of the rest: that one is given up.
        let done = sendmmsg(socket, rest, SendFlags::DONTWAIT).unwrap_or(1).max(1);
        rest = rest.get_mut(done..).unwrap_or_default();
    }
}

type Few<T> = SmallVec<[T; AT_ONCE]>;

/// Datagrams given to the system at a time.
const AT_ONCE: usize = 16;
