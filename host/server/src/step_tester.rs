//! The step tester as the API knows it, carried out by `net`: a thread for each test, which no shard notices.

use std::thread::Builder;
use std::time::Duration;

use api::{ConnectionTest, Looked, NameServers, TestStep, Tester};
use certificates::Demand;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use net::dns::Trace;
use net::probe::{Target, Tls};
use net::step_test::{self, Login, Place, Plan, Step};
use routing::config::{Connection, Kind, Peer, Transport};
use sip_stack::transport::{Lookup, LookupKind, Protocol, Query};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::call_path::CallPath;

impl Tester for CallPath {
    fn test(&self, test: ConnectionTest) -> UnboundedReceiver<TestStep> {
        let (told, steps) = unbounded_channel();
        let mut plan = plan(&test.connection, test.call_to);
        plan.tls = self.tls(&test.connection);
        let (names, office) = (self.names(), Handle::current());
        let trace = move |query: Query| match &names {
            Some(names) => office.block_on(names.trace(query)),
            None => Trace::default(),
        };
        let work = move || {
            step_test::run(&plan, trace, |step| {
                // Whoever asked may have gone.
                let _ = told.send(shown(step));
            });
        };
        if let Err(fault) = Builder::new().name("step-test".to_owned()).spawn(work) {
            tracing::error!(%fault, "no thread for a test");
        }
        steps
    }
}

impl NameServers for CallPath {
    fn look_up(&self, name: String, kind: &'static str) -> BoxFuture<'static, Looked> {
        let names = self.names();
        async move {
            let kinds = [LookupKind::A, LookupKind::Aaaa, LookupKind::Naptr, LookupKind::Srv];
            let (Some(names), Some(kind)) = (names, kinds.into_iter().find(|known| known.name() == kind))
            else {
                return Looked::default();
            };
            let looked = names.look_up(Lookup { name: name.as_str().into(), kind }).await;
            Looked { records: looked.records.iter().map(ToString::to_string).collect(), fault: looked.fault }
        }
        .boxed()
    }
}

impl CallPath {
    /// How TLS is spoken with the first of its peers.
    fn tls(&self, row: &Connection) -> Option<Tls> {
        let first = row.peers.iter().min_by_key(|peer| peer.priority)?;
        let demand = Demand { verify: row.tls.verify, ca: row.tls.ca.clone() };
        let config = self.trust().client(&demand).ok()?;
        let host = first.host.trim_matches(['[', ']']).to_owned();
        Some(Tls { config, host, verified: row.tls.verify })
    }
}

/// What the connection says of its peer. Its kind is `register_out` or `trunk`.
fn plan(row: &Connection, call_to: Option<String>) -> Plan {
    let mut peers: Vec<&Peer> = row.peers.iter().collect();
    peers.sort_by_key(|peer| peer.priority);
    let proxy = row.register.outbound_proxy.as_deref();
    let proxy =
        proxy.map(|proxy| if proxy.starts_with("sip") { proxy.to_owned() } else { format!("sip:{proxy}") });
    let places = match proxy.as_deref().and_then(|proxy| Target::parse(proxy).ok()) {
        Some(proxy) => vec![Place { host: proxy.host, port: proxy.port, protocol: Some(proxy.protocol) }],
        None => peers.iter().map(|peer| place(peer)).collect(),
    };
    let first = peers.first();
    let domain = first.map_or_else(String::new, |peer| bracketed(&peer.host));
    let authority = match first.and_then(|peer| peer.port) {
        Some(port) => format!("{domain}:{port}"),
        None => domain.clone(),
    };
    let login = row.outward.as_ref();
    let user = row.user.clone().or_else(|| login.map(|login| login.user.clone()));
    Plan {
        places,
        domain,
        authority,
        tls: None,
        route: proxy
            .map(|proxy| if proxy.contains(";lr") { format!("<{proxy}>") } else { format!("<{proxy};lr>") }),
        user: user.or_else(|| row.default_caller_id.clone()),
        login: login.map(|login| Login { user: login.user.clone(), password: login.password.clone() }),
        registers: row.kind == Kind::RegisterOut,
        call_to,
    }
}

fn place(peer: &Peer) -> Place {
    let protocol = match peer.transport {
        Transport::Auto => None,
        Transport::Udp => Some(Protocol::Udp),
        Transport::Tcp => Some(Protocol::Tcp),
        Transport::Tls => Some(Protocol::Tls),
        Transport::Ws => Some(Protocol::Ws),
        Transport::Wss => Some(Protocol::Wss),
    };
    Place { host: peer.host.clone(), port: peer.port, protocol }
}

/// An address as a host of a URI.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn shown(step: Step) -> TestStep {
    TestStep {
        name: step.name.to_owned(),
        state: step.state.name(),
        took_ms: tenths(step.took),
        detail: step.detail,
        fix: step.fix,
        sent: step.sent,
        received: step.received,
    }
}

fn tenths(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}
