//! The network that an address is just outside of.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{MOST_READ, Search};
use crate::config::{Connection, ConnectionId};
use crate::number::to_e164;
use crate::sources::{canonical, canonical_net};

/// Networks of all connections in the order of their addresses.
#[derive(Clone, Debug, Default)]
pub struct Neighbours(BTreeSet<(IpAddr, u8, ConnectionId)>);

impl Neighbours {
    pub(crate) fn add(&mut self, connection: &Connection) {
        self.0.extend(entries(connection));
    }

    pub(crate) fn remove(&mut self, connection: &Connection) {
        for entry in entries(connection) {
            self.0.remove(&entry);
        }
    }

    /// The network nearest to an address outside of it, if it is near enough to be the same site.
    fn nearest(&self, address: IpAddr) -> Option<(IpNet, &ConnectionId)> {
        let from = (address, 0, ConnectionId::from(""));
        let below = self.0.range(..from.clone()).rev().take(EACH_SIDE);
        let above = self.0.range(from..).take(EACH_SIDE);
        let networks = below.chain(above).filter_map(|(at, length, connection)| {
            let network = IpNet::new(*at, *length).ok()?;
            Some((shared_bits(network, address)?, network, connection))
        });
        let (bits, network, connection) = networks.max_by_key(|(bits, ..)| *bits)?;
        let enough = if address.is_ipv4() { SAME_SITE.0 } else { SAME_SITE.1 };
        (bits >= enough && !network.contains(&address)).then_some((network, connection))
    }
}

impl Search<'_> {
    /// The network of the connection that was identified, of the one the number comes in by, or the nearest at all.
    pub(super) fn network(&mut self) {
        let source = canonical(self.attempt.facts.source);
        if let Some(connection) = self.connection {
            self.network_of(connection, source);
            return;
        }
        for id in self.comes_in_by() {
            if let Some(connection) = self.tables.connection(&id).cloned() {
                self.network_of(&connection, source);
            }
        }
        if let Some((network, id)) = self.tables.neighbours().nearest(source) {
            self.add(("connection", id.as_str()), "allowed_sources", source.to_string(), network.to_string());
        }
    }

    fn network_of(&mut self, connection: &Connection, source: IpAddr) {
        let networks = connection.allowed_sources.iter().take(MOST_READ).map(|n| canonical_net(*n));
        let nearest = networks.max_by_key(|network| shared_bits(*network, source));
        if nearest.is_some_and(|network| network.contains(&source)) {
            return;
        }
        let want = nearest.map_or_else(|| "none is listed".to_owned(), |network| network.to_string());
        self.add(("connection", connection.id.as_str()), "allowed_sources", source.to_string(), want);
    }

    /// Connections that the number dialled comes in by.
    fn comes_in_by(&self) -> Vec<ConnectionId> {
        let called = self.attempt.facts.called_user;
        let Some(number) = to_e164(called, &crate::config::NumberFormat::Auto, None) else {
            return Vec::new();
        };
        self.tables.numbers(&number).iter().filter_map(|row| row.via.clone()).take(EACH_SIDE).collect()
    }
}

fn entries(connection: &Connection) -> impl Iterator<Item = (IpAddr, u8, ConnectionId)> {
    connection.allowed_sources.iter().map(|network| {
        let network = canonical_net(*network);
        (network.addr(), network.prefix_len(), connection.id.clone())
    })
}

/// Leading bits that an address has in common with a network; `None` between families.
fn shared_bits(network: IpNet, address: IpAddr) -> Option<u8> {
    let bits = match (network.addr(), address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    Some(u8::try_from(bits).unwrap_or(128).min(network.prefix_len()))
}

/// Neighbours looked at below and above an address.
const EACH_SIDE: usize = 4;
/// Bits of IPv4 and IPv6 that addresses of one site share.
const SAME_SITE: (u8, u8) = (20, 44);
