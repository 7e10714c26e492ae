//! Our addresses as peers see them: the public one outside the local networks, else what the route says.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::Sender;

use ipnet::IpNet;
use sip_stack::transport::{AddressBook, SharedMedia};

use super::ShardSetup;
use super::shared::{SharedPort, SharedPorts};
use crate::media_loop::PortPair;

/// Asks the routing table once per peer.
pub(super) struct RouteBook {
    public: Option<IpAddr>,
    local: Vec<IpNet>,
    media: Option<IpAddr>,
    routes: HashMap<IpAddr, IpAddr>,
    /// Where the sockets of claimed ports go.
    claimed: Sender<PortPair>,
    shared: SharedPorts,
}

impl RouteBook {
    pub(super) fn new(setup: &ShardSetup, claimed: Sender<PortPair>, shared: SharedPorts) -> Self {
        Self {
            claimed,
            shared,
            public: setup.public_ip,
            local: setup.local_nets.clone(),
            media: setup.media,
            routes: HashMap::new(),
        }
    }

    fn public_for(&self, remote: IpAddr) -> Option<IpAddr> {
        let public = self.public.filter(|public| public.is_ipv4() == remote.is_ipv4())?;
        let inside = remote.is_loopback() || self.local.iter().any(|net| net.contains(&remote));
        (!inside).then_some(public)
    }

    fn route_to(&mut self, remote: IpAddr) -> IpAddr {
        if let Some(&known) = self.routes.get(&remote) {
            return known;
        }
        let found = route_source(remote).unwrap_or(remote);
        if self.routes.len() >= REMEMBERED {
            self.routes.clear();
        }
        self.routes.insert(remote, found);
        found
    }
}

impl AddressBook for RouteBook {
    fn shown_to(&mut self, remote: IpAddr) -> IpAddr {
        self.public_for(remote).unwrap_or_else(|| self.route_to(remote))
    }

    fn media_for(&mut self, remote: IpAddr) -> (IpAddr, IpAddr) {
        let chosen = self.media.filter(|media| media.is_ipv4() == remote.is_ipv4());
        let shown = self.public_for(remote).or(chosen).unwrap_or_else(|| self.route_to(remote));
        (chosen.unwrap_or_else(|| unspecified(remote)), shown)
    }

    fn shared_media(&mut self, call: u32, remote: IpAddr) -> Option<SharedMedia> {
        let SharedPort { bound, streams, fingerprint } = self.shared.of_call(call)?;
        // Towards a peer of the other family, whatever leads out.
        let near = if remote.is_ipv4() == bound.is_ipv4() { remote } else { outside(bound.ip()) };
        let mut places = vec![SocketAddr::new(self.media_for(near).1, bound.port())];
        // Who is behind the same address translation as we are may not get back in from outside.
        let own = self.media.filter(|ip| !ip.is_unspecified()).unwrap_or_else(|| self.route_to(near));
        let own = SocketAddr::new(own, bound.port());
        if !places.contains(&own) {
            places.push(own);
        }
        Some(SharedMedia { places, streams, fingerprint })
    }

    fn claim_media(&mut self, bind: IpAddr, port: u16) -> bool {
        // Nobody listens when the thread has ended, and then nothing is opened.
        PortPair::bind(bind, port).is_ok_and(|pair| self.claimed.send(pair).is_ok())
    }
}

/// The addresses of our interfaces, and the public one.
pub fn own_addresses(public: Option<IpAddr>) -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| interface.ip()).chain(public).collect()
}

/// The address that a packet to `remote` would carry: connecting a datagram socket sends nothing.
fn route_source(remote: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(unspecified(remote), 0)).ok()?;
    socket.connect(SocketAddr::new(remote, 5060)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Some address that is nobody's and lies outside (RFC 5737, RFC 3849).
fn outside(like: IpAddr) -> IpAddr {
    if like.is_ipv4() {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))
    } else {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))
    }
}

fn unspecified(like: IpAddr) -> IpAddr {
    if like.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) }
}

const REMEMBERED: usize = 100_000;
