//! Which connections, or accounts, a source address stands for: most specific prefix first.

use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;

/// Address lists of all owners, by prefix.
#[derive(Clone, Debug)]
pub struct Sources<Id> {
    networks: HashMap<IpNet, SmallVec<[Id; 1]>>,
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

impl<Id> Default for Sources<Id> {
    fn default() -> Self {
        Self { networks: HashMap::new(), lengths: Default::default() }
    }
}

impl<Id: Clone + PartialEq> Sources<Id> {
    /// Adds a network of an owner.
    pub fn add(&mut self, network: IpNet, owner: &Id) {
        let network = canonical_net(network);
        let owners = self.networks.entry(network).or_default();
        if !owners.contains(owner) {
            owners.push(owner.clone());
            self.lengths[family(network.addr())].0[usize::from(network.prefix_len())] += 1;
        }
    }

    /// Removes a network of an owner.
    pub fn remove(&mut self, network: IpNet, owner: &Id) {
        let network = canonical_net(network);
        let Some(owners) = self.networks.get_mut(&network) else { return };
        let before = owners.len();
        owners.retain(|o| o != owner);
        let gone = u32::try_from(before - owners.len()).unwrap_or(0);
        self.lengths[family(network.addr())].0[usize::from(network.prefix_len())] -= gone;
        if owners.is_empty() {
            self.networks.remove(&network);
        }
    }

    /// Who lists the address, network by network, the most specific first.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &[Id]> {
        let address = canonical(address);
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let counts = &self.lengths[family(address)].0[..=longest];
        let known = counts.iter().enumerate().rev().filter(|(_, count)| **count != 0);
        known.filter_map(move |(length, _)| {
            let network = IpNet::new(address, u8::try_from(length).ok()?).ok()?;
            self.networks.get(&network.trunc()).map(SmallVec::as_slice)
        })
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
    use crate::config::ConnectionId;

    #[test]
    fn the_most_specific_network_wins_and_mapped_addresses_count_as_v4() {
        let (wide, narrow) = (ConnectionId::from("con_wide"), ConnectionId::from("con_narrow"));
        let mut sources = Sources::default();
        sources.add("10.0.0.0/8".parse().unwrap(), &wide);
        sources.add("10.1.2.0/24".parse().unwrap(), &narrow);
        let of = |s: &Sources<ConnectionId>, ip: &str| {
            s.of(ip.parse().unwrap()).flatten().cloned().collect::<Vec<_>>()
        };
        assert_eq!(of(&sources, "10.1.2.3"), [narrow.clone(), wide.clone()]);
        assert_eq!(of(&sources, "::ffff:10.1.2.3"), [narrow.clone(), wide.clone()]);
        assert_eq!(of(&sources, "10.9.9.9"), std::slice::from_ref(&wide));
        assert!(of(&sources, "11.0.0.1").is_empty());
        sources.remove("10.1.2.0/24".parse().unwrap(), &narrow);
        assert_eq!(of(&sources, "10.1.2.3"), [wide]);
    }
}
