//! One lookup: the hosts file, else the name servers of `/etc/resolv.conf` or those that were given.
//!
//! Retransmission, truncated answers over TCP and several servers at once are the resolver's; nothing is kept here. When
//! there is no `/etc/resolv.conf`, the name server of this machine is asked, as resolv.conf(5) has it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use sip_stack::transport::{Lookup, LookupKind, Record};

/// Who is asked.
#[derive(Clone)]
pub(super) struct Servers {
    given: Vec<SocketAddr>,
    resolver: Option<TokioResolver>,
    hosts: Arc<Hosts>,
    ndots: usize,
    searches: bool,
    read: Instant,
    changed: [Option<SystemTime>; 2],
}

/// What one lookup brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    /// Its records; none if there are none.
    pub(super) records: Vec<Record>,
    /// How long that is true.
    pub(super) ttl: Duration,
    /// Why nothing is known, when nobody answered.
    pub(super) fault: Option<String>,
}

impl Servers {
    pub(super) fn new(given: Vec<SocketAddr>) -> Self {
        let (config, mut options) = configuration(&given);
        options.timeout = TRY;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let (ndots, searches) = (options.ndots, !config.search().is_empty());
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver =
            builder.build().inspect_err(|fault| tracing::error!(%fault, "no name server can be asked"));
        let hosts = Arc::new(Hosts::from_system().unwrap_or_default());
        let (read, changed) = (Instant::now(), FILES.map(modified));
        Self { given, resolver: resolver.ok(), hosts, ndots, searches, read, changed }
    }

    /// Reads the files again if they changed; looks at most every few seconds.
    pub(super) fn refresh(&mut self) -> bool {
        if self.read.elapsed() < LOOK {
            return false;
        }
        self.read = Instant::now();
        let changed = FILES.map(modified) != self.changed;
        if changed {
            *self = Self::new(core::mem::take(&mut self.given));
        }
        changed
    }

    /// Asks; takes as long as the name servers take.
    pub(super) async fn ask(&self, lookup: &Lookup) -> Answered {
        let Some((mut name, kind)) = question(lookup) else { return Answered::default() };
        if let Some(known) = self.in_hosts(lookup, &name, kind) {
            return known;
        }
        // Search domains are for short names, and never for services.
        let dots = usize::from(name.num_labels()).saturating_sub(1);
        let whole = matches!(lookup.kind, LookupKind::Naptr | LookupKind::Srv);
        name.set_fqdn(whole || !self.searches || dots >= self.ndots);
        let Some(resolver) = &self.resolver else {
            return Answered { fault: Some("there is no name server".to_owned()), ..Answered::default() };
        };
        match resolver.lookup(name, kind).await {
            Ok(found) => {
                let matching = found.answers().iter().filter(|answer| answer.record_type() == kind);
                let records = matching.filter_map(|answer| record(&answer.data)).collect();
                let ttl = found.valid_until().saturating_duration_since(Instant::now());
                // What was a whole second when it came is not to be less of one.
                Answered {
                    records,
                    ttl: Duration::from_secs(ttl.as_millis().div_ceil(1000) as u64),
                    fault: None,
                }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = none.negative_ttl.map_or(LOOK, |ttl| Duration::from_secs(u64::from(ttl)));
                Answered { records: Vec::new(), ttl, fault: None }
            }
            Err(fault) => Answered { fault: Some(fault.to_string()), ..Answered::default() },
        }
    }

    /// A name of the hosts file is what the file says and nothing else.
    fn in_hosts(&self, lookup: &Lookup, name: &Name, kind: RecordType) -> Option<Answered> {
        let mut host = name.clone();
        while host.iter().next().is_some_and(|label| label.starts_with(b"_")) {
            host = host.base_name();
        }
        host.set_fqdn(true);
        let of = |kind| self.hosts.lookup_static_host(&Query::query(host.clone(), kind));
        let both = [RecordType::A, RecordType::AAAA].map(of);
        if both.iter().all(Option::is_none) {
            return None;
        }
        let mut answered = Answered { ttl: LOOK, ..Answered::default() };
        if matches!(lookup.kind, LookupKind::A | LookupKind::Aaaa) {
            let found = both.iter().flatten().flat_map(|found| found.answers());
            let matching = found.filter(|answer| answer.record_type() == kind);
            answered.records = matching.filter_map(|answer| record(&answer.data)).collect();
        }
        Some(answered)
    }
}

fn configuration(given: &[SocketAddr]) -> (ResolverConfig, ResolverOpts) {
    if !given.is_empty() {
        let servers = given.iter().copied().map(name_server).collect();
        return (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default());
    }
    hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|fault| {
        tracing::warn!(%fault, "/etc/resolv.conf names no name server; the one of this machine is asked");
        let here = name_server(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53));
        (ResolverConfig::from_parts(None, Vec::new(), vec![here]), ResolverOpts::default())
    })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

/// `None` for what is no name at all.
fn question(lookup: &Lookup) -> Option<(Name, RecordType)> {
    let kind = match lookup.kind {
        LookupKind::A => RecordType::A,
        LookupKind::Aaaa => RecordType::AAAA,
        LookupKind::Naptr => RecordType::NAPTR,
        LookupKind::Srv => RecordType::SRV,
    };
    Some((Name::from_utf8(&*lookup.name).ok()?, kind))
}

fn record(found: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into();
    let name =
        |name: &Name| if name.is_root() { ".".into() } else { name.to_ascii().trim_end_matches('.').into() };
    Some(match found {
        RData::A(address) => Record::Address(IpAddr::V4(address.0)),
        RData::AAAA(address) => Record::Address(IpAddr::V6(address.0)),
        RData::SRV(srv) => Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name(&srv.target),
        },
        RData::NAPTR(naptr) => Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: name(&naptr.replacement),
        },
        _ => return None,
    })
}

fn modified(path: &str) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// The files that say who is asked.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// How often the files are looked at; also how long what no name server gave a lifetime to is kept.
const LOOK: Duration = Duration::from_secs(5);
/// How long one try takes, retransmissions included; there are two.
const TRY: Duration = Duration::from_millis(1500);
