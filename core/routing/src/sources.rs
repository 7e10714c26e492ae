//! Which connections a source address stands for: most specific prefix first.

use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::config::ConnectionId;

/// Address lists of all connections, by prefix.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    networks: HashMap<IpNet, SmallVec<[ConnectionId; 1]>>,
    /// How many networks there are of each length, IPv4 then IPv6.
    lengths: [Lengths; 2],
}

#[derive(Clone, Debug)]
struct Lengths([u32; 129]);

impl Default for Lengths {
    fn default() -> Self {
        Self([0; 129])
    }
}

impl Sources {
    /// Adds a network of a connection.
    pub fn add(&mut self, network: IpNet, connection: &ConnectionId) {
        let network = canonical_net(network);
        let owners = self.networks.entry(network).or_default();
        if !owners.contains(connection) {
            owners.push(connection.clone());
            self.lengths[family(network.addr())].0[usize::from(network.prefix_len())] += 1;
        }
    }

    /// Removes a network of a connection.
    pub fn remove(&mut self, network: IpNet, connection: &ConnectionId) {
        let network = canonical_net(network);
        let Some(owners) = self.networks.get_mut(&network) else { return };
        let before = owners.len();
        owners.retain(|c| c != connection);
        let gone = u32::try_from(before - owners.len()).unwrap_or(0);
        self.lengths[family(network.addr())].0[usize::from(network.prefix_len())] -= gone;
        if owners.is_empty() {
            self.networks.remove(&network);
        }
    }

    /// The connections with the most specific network that holds the address.
    pub fn of(&self, address: IpAddr) -> &[ConnectionId] {
        let address = canonical(address);
        let longest = if address.is_ipv4() { 32 } else { 128 };
        for length in (0..=longest).rev() {
            if self.lengths[family(address)].0[usize::from(length)] == 0 {
                continue;
            }
            let Ok(network) = IpNet::new(address, length) else { continue };
            if let Some(owners) = self.networks.get(&network.trunc()) {
                return owners;
            }
        }
        &[]
    }
}

/// IPv4 addresses written as IPv6 count as IPv4.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The same for networks.
pub fn canonical_net(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let (Some(v4), true) = (v6.addr().to_ipv4_mapped(), v6.prefix_len() >= 96)
        && let Ok(mapped) = IpNet::new(IpAddr::V4(v4), v6.prefix_len() - 96)
    {
        return mapped.trunc();
    }
    network.trunc()
}

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_network_wins_and_mapped_addresses_count_as_v4() {
        let (wide, narrow) = (ConnectionId::from("con_wide"), ConnectionId::from("con_narrow"));
        let mut sources = Sources::default();
        sources.add("10.0.0.0/8".parse().unwrap(), &wide);
        sources.add("10.1.2.0/24".parse().unwrap(), &narrow);
        let of = |s: &Sources, ip: &str| s.of(ip.parse().unwrap()).to_vec();
        assert_eq!(of(&sources, "10.1.2.3"), std::slice::from_ref(&narrow));
        assert_eq!(of(&sources, "::ffff:10.1.2.3"), std::slice::from_ref(&narrow));
        assert_eq!(of(&sources, "10.9.9.9"), std::slice::from_ref(&wide));
        assert!(of(&sources, "11.0.0.1").is_empty());
        sources.remove("10.1.2.0/24".parse().unwrap(), &narrow);
        assert_eq!(of(&sources, "10.1.2.3"), [wide]);
    }
}
