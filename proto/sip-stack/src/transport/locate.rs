//! Where a host name leads: which lookups are to be made, and what follows from their answers (RFC 3263 §4).
//!
//! SRV targets by priority and weight are RFC 2782. Lookups themselves, their caching and their time limits belong to
//! the host. S-NAPTR beyond the services of RFC 3263 and WebSocket services are not looked at.

use core::fmt;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::transport::{Listeners, Protocol};

/// What is to be located.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Query {
    /// Host name or address.
    pub host: Box<str>,
    /// Port, when the peer's address names one: then there is no SRV (§4.2).
    pub port: Option<u16>,
    /// Transport, when it is settled; else NAPTR or SRV chooses (§4.1).
    pub transport: Option<Protocol>,
    /// Only TLS will do, as for `sips:`.
    pub secure: bool,
}

/// One way to reach a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Address and port.
    pub address: SocketAddr,
}

/// One question for the name servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lookup {
    /// The name asked for.
    pub name: Box<str>,
    /// The kind of record.
    pub kind: LookupKind,
}

/// Kinds of records that lead to a SIP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LookupKind {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Services of a domain (RFC 3403).
    Naptr,
    /// Servers of a service (RFC 2782).
    Srv,
}

impl LookupKind {
    /// As name servers write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
        }
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A or AAAA.
    Address(IpAddr),
    /// A service of the domain.
    Naptr {
        /// Lowest first.
        order: u16,
        /// Lowest first within an order.
        preference: u16,
        /// `s` when the replacement is to be asked for SRV.
        flags: Box<str>,
        /// `SIP+D2U` and its like.
        service: Box<str>,
        /// The name to ask next.
        replacement: Box<str>,
    },
    /// A server of the service.
    Srv {
        /// Lowest first.
        priority: u16,
        /// Share among equals.
        weight: u16,
        /// Port.
        port: u16,
        /// Its name; the root means that there is no such service.
        target: Box<str>,
    },
}

/// As an operator reads it.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Naptr { order, preference, flags, service, replacement } => {
                write!(f, "{order} {preference} \"{flags}\" \"{service}\" {replacement}")
            }
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
        }
    }
}

/// A query on its way from one lookup to the next.
///
/// ```text
///   numeric ─────────────────────────────────────────────► done
///   port, ws, wss ─────────────────────────► A, AAAA ────► done
///   transport ────────────────► SRV ───────► A, AAAA ────► done
///   nothing ───────► NAPTR ───► SRV ───────► A, AAAA ────► done
/// ```
#[derive(Clone, Debug)]
pub struct Locating {
    query: Query,
    ours: Ours,
    services: Vec<SrvName>,
    refused: bool,
    wanted: Vec<Lookup>,
    servers: Vec<Server>,
    addresses: BTreeMap<Box<str>, Vec<IpAddr>>,
}

impl Locating {
    /// A query of one who has these sockets.
    pub fn new(query: Query, listeners: &Listeners) -> Self {
        let mut new = Self {
            ours: Ours::of(listeners),
            services: Vec::new(),
            refused: false,
            wanted: Vec::new(),
            servers: Vec::new(),
            addresses: BTreeMap::new(),
            query,
        };
        new.begin();
        new
    }

    /// Lookups whose answers are awaited, to be made at once; none when all is known.
    pub fn wanted(&self) -> &[Lookup] {
        &self.wanted
    }

    /// The answer to a lookup; no records when there are none, or when no name server answered.
    pub fn on_answer(&mut self, lookup: &Lookup, records: &[Record]) {
        let Some(index) = self.wanted.iter().position(|wanted| wanted == lookup) else { return };
        self.wanted.remove(index);
        match lookup.kind {
            LookupKind::Naptr => self.on_naptr(records),
            LookupKind::Srv => self.on_srv(&lookup.name, records),
            LookupKind::A | LookupKind::Aaaa => self.on_addresses(&lookup.name, records),
        }
    }

    /// Where the host is, as far as the answers say.
    pub fn ways(&self) -> Ways {
        let way = |server: &Server| {
            let found = self.addresses.get(&server.name).map(Vec::as_slice).unwrap_or_default();
            let mut addresses = found.to_vec();
            addresses.sort_by_key(IpAddr::is_ipv6);
            Way { server: server.clone(), addresses }
        };
        Ways(self.servers.iter().map(way).filter(|way| !way.addresses.is_empty()).collect())
    }

    fn begin(&mut self) {
        let host = self.query.host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>() {
            self.only_server();
            self.addresses.insert(self.query.host.clone(), vec![address]);
            return;
        }
        if self.query.port.is_some() {
            self.seek_host();
            return;
        }
        match self.settled() {
            Some(Protocol::Ws | Protocol::Wss) => self.seek_host(),
            Some(protocol) => {
                self.services.extend(SrvName::of(protocol, &self.query.host));
                self.seek_services();
            }
            None => self.wanted.push(Lookup { name: self.query.host.clone(), kind: LookupKind::Naptr }),
        }
    }

    /// The transport, when it is not for NAPTR or SRV to choose (§4.1).
    fn settled(&self) -> Option<Protocol> {
        match (self.query.transport, self.query.secure) {
            (Some(Protocol::Ws | Protocol::Wss), true) => Some(Protocol::Wss),
            (Some(_), true) => Some(Protocol::Tls),
            (settled, false) => settled,
            (None, true) => None,
        }
    }

    /// The transport when nothing chose one.
    fn default_protocol(&self) -> Protocol {
        let chosen = self.services.first().map(|service| service.protocol);
        let default = if self.query.secure { Protocol::Tls } else { Protocol::Udp };
        self.settled().or(chosen).unwrap_or(default)
    }

    fn on_naptr(&mut self, records: &[Record]) {
        let mut found: Vec<(u16, u16, SrvName)> = records
            .iter()
            .filter_map(|record| match record {
                Record::Naptr { order, preference, flags, service, replacement } => {
                    let protocol = self.protocol_of(service).filter(|_| flags.eq_ignore_ascii_case("s"))?;
                    Some((*order, *preference, SrvName { protocol, name: replacement.clone() }))
                }
                Record::Address(_) | Record::Srv { .. } => None,
            })
            .collect();
        found.sort_by_key(|&(order, preference, _)| (order, preference));
        self.services = found.into_iter().map(|(_, _, service)| service).take(MOST_SERVICES).collect();
        if self.services.is_empty() {
            let tried: &[Protocol] = if self.query.secure { &[Protocol::Tls] } else { &PREFERENCE };
            let usable = tried.iter().filter(|protocol| self.ours.has(**protocol));
            self.services = usable.filter_map(|&p| SrvName::of(p, &self.query.host)).collect();
        }
        self.seek_services();
    }

    /// What a NAPTR service stands for, if we can use it.
    fn protocol_of(&self, service: &str) -> Option<Protocol> {
        let known = NAPTR_SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(service));
        let usable = |protocol: &Protocol| {
            self.ours.has(*protocol) && (!self.query.secure || *protocol == Protocol::Tls)
        };
        known.map(|&(_, protocol)| protocol).filter(usable)
    }

    fn seek_services(&mut self) {
        for service in &self.services {
            let lookup = Lookup { name: service.name.clone(), kind: LookupKind::Srv };
            if !self.wanted.contains(&lookup) {
                self.wanted.push(lookup);
            }
        }
        if self.wanted.is_empty() {
            self.seek_host();
        }
    }

    fn on_srv(&mut self, name: &str, records: &[Record]) {
        let asked = self.services.iter().enumerate().filter(|(_, service)| *service.name == *name);
        for (rank, service) in asked {
            for record in records.iter().take(MOST_SERVERS) {
                let Record::Srv { priority, weight, port, target } = record else { continue };
                let name: Box<str> = target.trim_end_matches('.').into();
                if name.is_empty() {
                    // RFC 2782: the service is decidedly not available at this domain.
                    self.refused = true;
                    continue;
                }
                let (priority, weight, port) = (*priority, *weight, *port);
                self.servers.push(Server { rank, priority, weight, protocol: service.protocol, port, name });
            }
        }
        if self.wanted.is_empty() {
            self.after_services();
        }
    }

    fn after_services(&mut self) {
        self.servers.sort_by_key(|server| (server.rank, server.priority));
        self.servers.truncate(MOST_SERVERS);
        if !self.servers.is_empty() {
            self.seek_addresses();
        } else if !self.refused {
            self.seek_host();
        }
    }

    /// The host itself is the server.
    fn seek_host(&mut self) {
        self.only_server();
        self.seek_addresses();
    }

    fn only_server(&mut self) {
        let protocol = self.default_protocol();
        let port = self.query.port.unwrap_or_else(|| protocol.default_port());
        let name = self.query.host.clone();
        self.servers = vec![Server { rank: 0, priority: 0, weight: 0, protocol, port, name }];
    }

    fn seek_addresses(&mut self) {
        for server in &self.servers {
            if let Ok(address) = server.name.parse() {
                // Against RFC 2782, and written all the same.
                self.addresses.insert(server.name.clone(), vec![address]);
                continue;
            }
            for kind in [LookupKind::A, LookupKind::Aaaa] {
                let lookup = Lookup { name: server.name.clone(), kind };
                if (kind == LookupKind::A || self.ours.ipv6) && !self.wanted.contains(&lookup) {
                    self.wanted.push(lookup);
                }
            }
        }
    }

    fn on_addresses(&mut self, name: &str, records: &[Record]) {
        let known = self.addresses.entry(name.into()).or_default();
        for record in records.iter().take(MOST_ADDRESSES) {
            match record {
                Record::Address(address) if !known.contains(address) => known.push(*address),
                Record::Address(_) | Record::Naptr { .. } | Record::Srv { .. } => {}
            }
        }
    }
}

/// Where a host is: its servers with their ranks and addresses. Valid as long as the answers it was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways(Vec<Way>);

impl Ways {
    /// Whether the host is nowhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The order in which one request tries them. `below` gives a random number below its argument: the next request
    /// gets another order among equals.
    pub fn order(&self, below: &mut dyn FnMut(u64) -> u64) -> Vec<Target> {
        let ranked = self.0.iter().map(|way| {
            let Server { rank, priority, weight, .. } = way.server;
            ((rank, priority), weight, way)
        });
        let mut targets: Vec<Target> = Vec::new();
        for way in by_weight(ranked.collect(), below) {
            for &address in &way.addresses {
                let address = SocketAddr::new(address, way.server.port);
                let target = Target { protocol: way.server.protocol, address };
                if targets.len() < MOST_TARGETS && !targets.contains(&target) {
                    targets.push(target);
                }
            }
        }
        targets
    }
}

/// Lowest rank first; among equals at random by weight (RFC 2782).
pub fn by_weight<R: Ord + Copy, T>(mut items: Vec<(R, u16, T)>, below: &mut dyn FnMut(u64) -> u64) -> Vec<T> {
    // Those without weight stand first, so that they have a small chance.
    items.sort_by_key(|&(rank, weight, _)| (rank, weight != 0));
    let mut ordered = Vec::with_capacity(items.len());
    while let Some(&(rank, ..)) = items.first() {
        let equals = items.iter().take_while(|item| item.0 == rank);
        let sum: u64 = equals.clone().map(|item| u64::from(item.1)).sum();
        let chosen = if equals.count() > 1 && sum > 0 { below(sum + 1) } else { 0 };
        let mut running = 0;
        let reached = items.iter().position(|item| {
            running += u64::from(item.1);
            running >= chosen
        });
        let (_, _, item) = items.remove(reached.unwrap_or(0));
        ordered.push(item);
    }
    ordered
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    server: Server,
    addresses: Vec<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    /// Place of its service among those of the host.
    rank: usize,
    priority: u16,
    weight: u16,
    protocol: Protocol,
    port: u16,
    name: Box<str>,
}

#[derive(Clone, Debug)]
struct SrvName {
    protocol: Protocol,
    name: Box<str>,
}

impl SrvName {
    /// RFC 3263 §4.2.
    fn of(protocol: Protocol, host: &str) -> Option<Self> {
        let prefix = match protocol {
            Protocol::Udp => "_sip._udp.",
            Protocol::Tcp => "_sip._tcp.",
            Protocol::Tls => "_sips._tcp.",
            Protocol::Ws | Protocol::Wss => return None,
        };
        Some(Self { protocol, name: format!("{prefix}{host}").into() })
    }
}

/// What our sockets can do.
#[derive(Clone, Debug)]
struct Ours {
    protocols: Vec<Protocol>,
    ipv6: bool,
}

impl Ours {
    fn of(listeners: &Listeners) -> Self {
        Self {
            protocols: listeners.0.iter().map(|listener| listener.protocol).collect(),
            ipv6: listeners.0.iter().any(|listener| listener.bound.is_ipv6()),
        }
    }

    fn has(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

/// RFC 3263 §4.1 and its registry; `SIP+D2S` and the services of RFC 7118 have no transport here.
const NAPTR_SERVICES: [(&str, Protocol); 3] =
    [("SIP+D2U", Protocol::Udp), ("SIP+D2T", Protocol::Tcp), ("SIPS+D2T", Protocol::Tls)];
/// Tried in this order when a domain has no NAPTR records.
const PREFERENCE: [Protocol; 3] = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
/// Services of a domain that are followed.
const MOST_SERVICES: usize = 4;
/// Servers of a host that are asked for.
const MOST_SERVERS: usize = 16;
/// Addresses of a server that are kept.
const MOST_ADDRESSES: usize = 8;
/// Targets that one request may try.
const MOST_TARGETS: usize = 32;

#[cfg(test)]
mod tests;
