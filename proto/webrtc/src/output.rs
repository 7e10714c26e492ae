//! What a transport wants: datagrams to send and news to tell.

use std::net::SocketAddr;
use std::ops::Range;

use srtp::Keys;

/// Filled by a [`crate::Transport`], emptied by whoever drives it.
#[derive(Debug, Default)]
pub struct Output {
    datagrams: Vec<(SocketAddr, Range<usize>)>,
    arena: Vec<u8>,
    news: Vec<News>,
}

/// Something happened to a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Datagrams from this address are the peer's.
    Proven(SocketAddr),
    /// Datagrams from this address are the peer's no longer.
    Dropped(SocketAddr),
    /// The peer wants everything there.
    Nominated(SocketAddr),
    /// The handshake is done, and the certificate is the described one.
    Keyed {
        /// What the peer protects with.
        inbound: Keys,
        /// What we protect with.
        outbound: Keys,
    },
    /// The certificate is not the described one: nothing of this peer is believed.
    FingerprintMismatch,
    /// Nobody came, or the handshake went wrong or was never finished.
    HandshakeFailed,
    /// The peer has stopped checking whether it may send (RFC 7675).
    ConsentLost,
}

impl Output {
    /// Datagrams and where they go.
    pub fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.datagrams.iter().map(|(to, range)| (*to, self.arena.get(range.clone()).unwrap_or_default()))
    }

    /// The news, in order.
    pub fn news(&self) -> &[News] {
        &self.news
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.arena.clear();
        self.news.clear();
    }

    pub(crate) fn tell(&mut self, news: News) {
        self.news.push(news);
    }

    /// A datagram, written by `write`.
    pub(crate) fn send(&mut self, to: SocketAddr, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        write(&mut self.arena);
        self.datagrams.push((to, start..self.arena.len()));
    }
}
