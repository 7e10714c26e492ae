//! Our own addresses: what a listener is bound to and what is shown to a given peer.

use std::net::{IpAddr, SocketAddr};

use crate::transport::{Flow, Protocol};

/// Knows which of our addresses a peer sees. The host asks its routing table; the simulator has a constant.
pub trait AddressBook: Send {
    /// The address to show to `remote`: the public one outside the local networks, else the one that the route
    /// to it starts from.
    fn shown_to(&mut self, remote: IpAddr) -> IpAddr;

    /// Where media from and to `remote` is received: the address to bind, and the address to show.
    fn media_for(&mut self, remote: IpAddr) -> (IpAddr, IpAddr);

    /// Takes a media port and the one after it, to be opened at once; `false` if the system refuses one of them.
    fn claim_media(&mut self, _bind: IpAddr, _port: u16) -> bool {
        true
    }

    /// Where a peer at `remote` that looks for us by ICE finds the media of a call; `None` if nowhere.
    fn shared_media(&mut self, _call: u32, _remote: IpAddr) -> Option<SharedMedia> {
        None
    }
}

/// The port that all WebRTC transports of some calls share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMedia {
    /// Its addresses, the one to try first in front.
    pub places: Vec<SocketAddr>,
    /// Whether it is reached over TCP, too.
    pub streams: bool,
    /// SHA-256 of the certificate that is shown there.
    pub fingerprint: [u8; 32],
}

/// One bound SIP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Bound address; may be unspecified.
    pub bound: SocketAddr,
}

/// All bound SIP sockets; a [`Flow`] names one by index.
#[derive(Clone, Debug, Default)]
pub struct Listeners(pub Vec<Listener>);

impl Listeners {
    /// The host and port that we show on this flow, in Via and Contact.
    pub fn shown(&self, flow: &Flow, book: &mut dyn AddressBook) -> SocketAddr {
        let bound = self.0.get(usize::from(flow.listener)).map(|l| l.bound);
        let port = bound.map_or_else(|| flow.protocol.default_port(), |b| b.port());
        let public = book.shown_to(flow.remote.ip());
        match bound.map(|b| b.ip()) {
            Some(ip) if !ip.is_unspecified() && ip.is_loopback() => SocketAddr::new(ip, port),
            Some(ip) if !ip.is_unspecified() && public.is_ipv4() != ip.is_ipv4() => SocketAddr::new(ip, port),
            _ => SocketAddr::new(public, port),
        }
    }

    /// The listener to use for a peer: same protocol and address family, an exact or wildcard binding first. None for
    /// WebSocket: there it is for the peer to come.
    pub fn towards(&self, protocol: Protocol, remote: IpAddr) -> Option<u16> {
        if protocol.is_web() {
            return None;
        }
        let fits = |l: &Listener| l.protocol == protocol && l.bound.is_ipv4() == remote.is_ipv4();
        let reaches = |l: &Listener| {
            let ip = l.bound.ip();
            ip.is_unspecified() || ip.is_loopback() == remote.is_loopback()
        };
        let index =
            self.0.iter().position(|l| fits(l) && reaches(l)).or_else(|| self.0.iter().position(fits));
        index.and_then(|i| u16::try_from(i).ok())
    }
}
