//! Whom nobody listens to, and whom everybody always does: networks with an end, looked up before anything is parsed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashbrown::HashMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use timestamp::Timestamp;

use crate::suspect::Evidence;

/// A network that is not listened to, or that never may be banned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// `ban_…`.
    pub id: Box<str>,
    /// Who.
    pub network: IpNet,
    /// Whether this is the contrary: it may not be banned.
    pub allow: bool,
    /// Why, in words.
    pub reason: Box<str>,
    /// What it is based on, if we made it ourselves.
    pub evidence: Option<Evidence>,
    /// Since when.
    pub at: Timestamp,
    /// Until when; without end if absent.
    pub until: Option<Timestamp>,
    /// Who made it; empty if we did.
    pub by: Box<str>,
}

/// The bans in force.
#[derive(Debug, Default)]
pub struct Bans {
    rows: HashMap<IpNet, Row>,
    /// Prefix lengths in use, for IPv4 and IPv6.
    lengths: [Vec<u8>; 2],
    /// When those with an end are over, the next one first.
    ends: BTreeSet<(Timestamp, IpNet)>,
}

#[derive(Debug)]
struct Row {
    ban: Ban,
    dropped: u64,
}

impl Bans {
    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a source is banned; counts it if so.
    pub fn drops(&mut self, address: IpAddr, now: Timestamp) -> bool {
        if self.rows.is_empty() || self.is_allowed(address, now) {
            return false;
        }
        let Some(network) = self.found(address, now, false) else { return false };
        if let Some(row) = self.rows.get_mut(&network) {
            row.dropped += 1;
        }
        true
    }

    /// Whether a source may never be banned.
    pub fn is_allowed(&self, address: IpAddr, now: Timestamp) -> bool {
        self.found(address, now, true).is_some()
    }

    /// Puts a ban in force; of bans of ours only so many.
    pub fn put(&mut self, ban: Ban) {
        if self.rows.len() >= MOST && ban.until.is_some() {
            let soonest = self.rows.values().filter(|row| !row.ban.allow).min_by_key(|row| {
                // Those without end stay.
                row.ban.until.map_or(u64::MAX, Timestamp::as_micros)
            });
            if let Some(network) = soonest.map(|row| row.ban.network) {
                self.remove(network);
            }
        }
        let network = canonical(ban.network);
        let lengths = &mut self.lengths[usize::from(matches!(network, IpNet::V6(_)))];
        if let Err(at) = lengths.binary_search(&network.prefix_len()) {
            lengths.insert(at, network.prefix_len());
        }
        let before = self.remove(network).filter(|row| row.ban.id == ban.id);
        let dropped = before.map_or(0, |row| row.dropped);
        self.ends.extend(ban.until.map(|until| (until, network)));
        self.rows.insert(network, Row { ban: Ban { network, ..ban }, dropped });
    }

    /// When [`Bans::lapse`] finds one.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// A ban whose time is over: it is forgotten.
    pub fn lapse(&mut self, now: Timestamp) -> Option<Ban> {
        let (_, network) = *self.ends.first().filter(|(until, _)| *until <= now)?;
        self.remove(network).map(|row| row.ban)
    }

    /// Takes a ban away; says whom it was about.
    pub fn lift(&mut self, id: &str) -> Option<IpNet> {
        let network = self.rows.values().find(|row| *row.ban.id == *id).map(|row| row.ban.network)?;
        self.remove(network);
        Some(network)
    }

    /// What is dropped by each.
    pub fn dropped(&self) -> Vec<(Box<str>, u64)> {
        let mut all: Vec<_> = self.rows.values().map(|row| (row.ban.id.clone(), row.dropped)).collect();
        all.sort_unstable();
        all
    }

    fn remove(&mut self, network: IpNet) -> Option<Row> {
        let row = self.rows.remove(&network)?;
        if let Some(until) = row.ban.until {
            self.ends.remove(&(until, network));
        }
        Some(row)
    }

    fn found(&self, address: IpAddr, now: Timestamp, allow: bool) -> Option<IpNet> {
        let address = address.to_canonical();
        let lengths = &self.lengths[usize::from(address.is_ipv6())];
        let networks = lengths.iter().filter_map(|length| IpNet::new(address, *length).ok());
        networks.map(|network| network.trunc()).find(|network| {
            let holds = |row: &Row| row.ban.allow == allow && row.ban.until.is_none_or(|until| until > now);
            self.rows.get(network).is_some_and(holds)
        })
    }
}

/// Without host bits, and never IPv4 within IPv6.
fn canonical(network: IpNet) -> IpNet {
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = IpNet::new(IpAddr::V4(v4), length)
    {
        return v4.trunc();
    }
    network.trunc()
}

/// Bans in force at once.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(id: &str, network: &str, allow: bool, until: Option<u64>) -> Ban {
        Ban {
            id: id.into(),
            network: network.parse().expect("a network"),
            allow,
            reason: "".into(),
            evidence: None,
            at: Timestamp::ZERO,
            until: until.map(Timestamp::from_secs),
            by: "".into(),
        }
    }

    #[test]
    fn a_ban_holds_for_its_network_until_its_end_unless_allowed() {
        let mut bans = Bans::default();
        let ip = |text: &str| text.parse().expect("an address");
        let now = Timestamp::from_secs(100);
        assert!(!bans.drops(ip("203.0.113.7"), now));
        bans.put(ban("a", "203.0.113.9/24", false, Some(200)));
        bans.put(ban("b", "2001:db8::/64", false, None));
        bans.put(ban("c", "::ffff:198.51.100.1/128", false, None));
        bans.put(ban("d", "203.0.113.8/32", true, None));
        for (address, dropped) in [
            ("203.0.113.7", true),
            ("::ffff:203.0.113.7", true),
            ("203.0.113.8", false),
            ("203.0.114.7", false),
            ("198.51.100.1", true),
            ("198.51.100.2", false),
            ("2001:db8::1:2", true),
            ("2001:db8:1::1", false),
        ] {
            assert_eq!(bans.drops(ip(address), now), dropped, "{address}");
        }
        assert!(!bans.drops(ip("203.0.113.7"), Timestamp::from_secs(200)), "its time is over");
        assert_eq!(bans.dropped()[0], ("a".into(), 2));
        assert_eq!(bans.lift("b"), Some("2001:db8::/64".parse().expect("a network")));
        assert!(!bans.drops(ip("2001:db8::1:2"), now));
    }

    #[test]
    fn a_ban_lapses_once_and_not_before_its_end() {
        let at = Timestamp::from_secs;
        let mut bans = Bans::default();
        bans.put(ban("later", "203.0.113.0/24", false, Some(300)));
        bans.put(ban("never", "2001:db8::/64", false, None));
        bans.put(ban("before", "198.51.100.0/24", false, Some(150)));
        bans.put(ban("soon", "198.51.100.0/24", false, Some(200)));
        bans.put(ban("lifted", "192.0.2.0/24", false, Some(100)));
        bans.lift("lifted");
        let mut lapsed =
            |second| core::iter::from_fn(|| bans.lapse(at(second))).map(|ban| ban.id).collect::<Vec<_>>();
        assert!(lapsed(199).is_empty());
        assert_eq!(lapsed(299), ["soon".into()]);
        assert_eq!(lapsed(300), ["later".into()]);
        assert!(lapsed(1000).is_empty());
        assert_eq!((bans.next_timeout(), bans.is_empty()), (None, false), "one has no end");
    }
}
