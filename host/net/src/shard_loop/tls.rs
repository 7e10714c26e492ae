//! TLS of SIP streams: what a listener presents, what a stream of ours demands, and who a client proved to be.
//!
//! Driven from the poll like any stream: nothing here waits. RFC 5922 for names, RFC 8446 and RFC 5246 below rustls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use certificates::{Anchors, Demand, Shelf, Trust};
use engine::Client;
use routing::config::{Change, Delta};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use sip_stack::transport::{FaultKind, Flow, StreamFault, Terms};
use timestamp::Timestamp;

/// What TLS needs besides sockets.
#[derive(Clone, Debug)]
pub struct TlsSetup {
    /// The certificates that we present.
    pub shelf: Arc<Shelf>,
    /// Whom we believe.
    pub trust: Arc<Trust>,
}

/// TLS of a shard's streams.
pub(super) struct Tls {
    trust: Arc<Trust>,
    listener: Arc<ServerConfig>,
    /// The same, asking clients for a certificate.
    asking: Arc<ServerConfig>,
    /// Connections that demand a certificate of their peer.
    demanding: BTreeSet<Box<str>>,
    /// Authorities of single connections.
    anchors: BTreeMap<Box<str>, (Arc<str>, Anchors)>,
    terms: HashMap<u32, (SocketAddr, Terms)>,
    failures: HashMap<IpAddr, Failures>,
}

/// Handshakes of one source that failed since the last line about it.
struct Failures {
    count: u64,
    said: Timestamp,
}

impl Tls {
    pub(super) fn new(setup: &TlsSetup) -> Self {
        Self {
            trust: Arc::clone(&setup.trust),
            listener: Arc::new(certificates::listener(&setup.shelf, false)),
            asking: Arc::new(certificates::listener(&setup.shelf, true)),
            demanding: BTreeSet::new(),
            anchors: BTreeMap::new(),
            terms: HashMap::new(),
            failures: HashMap::new(),
        }
    }

    /// What a change of configuration says of certificates.
    pub(super) fn learn(&mut self, delta: &Delta) {
        for change in &delta.changes {
            match change {
                Change::Connection(row) => {
                    let id: Box<str> = row.id.as_str().into();
                    if row.tls.require_client_certificate {
                        self.demanding.insert(id.clone());
                    } else {
                        self.demanding.remove(&id);
                    }
                    match &row.tls.ca {
                        Some(ca) if self.anchors.get(&id).is_some_and(|(known, _)| known == ca) => {}
                        // What cannot be read was refused when it was written.
                        Some(ca) => match Anchors::from_pem(ca) {
                            Ok(anchors) => drop(self.anchors.insert(id, (Arc::clone(ca), anchors))),
                            Err(_) => drop(self.anchors.remove(&id)),
                        },
                        None => drop(self.anchors.remove(&id)),
                    }
                }
                Change::ConnectionGone(id) => {
                    self.demanding.remove(id.as_str());
                    self.anchors.remove(id.as_str());
                }
                _ => {}
            }
        }
    }

    /// On what terms the stream of this number is opened.
    pub(super) fn reserve(&mut self, flow: &Flow, terms: Terms) {
        self.terms.insert(flow.stream, (flow.remote, terms));
    }

    /// The side of a stream that somebody opened to us.
    pub(super) fn accept(&self) -> Result<Secure, StreamFault> {
        let config = if self.demanding.is_empty() { &self.listener } else { &self.asking };
        let connection = ServerConnection::new(Arc::clone(config)).map_err(|e| fault(&e, ""))?;
        Ok(Secure::new(Connection::Server(connection), None))
    }

    /// Our side of a stream that we open.
    pub(super) fn connect(&self, flow: &Flow) -> Result<Secure, StreamFault> {
        let reserved = self.terms.get(&flow.stream).filter(|(remote, _)| *remote == flow.remote);
        // Without terms the address has to be enough of a name.
        let by_address = || Terms { host: flow.remote.ip().to_string().into(), verify: true, ca: None };
        let terms = reserved.map_or_else(by_address, |(_, terms)| terms.clone());
        let protocol = |text: String| StreamFault { kind: FaultKind::TlsProtocol, text: text.into() };
        let demand = Demand { verify: terms.verify, ca: terms.ca.clone() };
        let config = self.trust.client(&demand).map_err(|problem| protocol(format!("tls.ca: {problem}")))?;
        let name = ServerName::try_from(terms.host.to_string())
            .map_err(|_| protocol(format!("{} is no name that a certificate could carry", terms.host)))?;
        let connection = ClientConnection::new(config, name).map_err(|e| fault(&e, &terms.host))?;
        Ok(Secure::new(Connection::Client(connection), Some(terms)))
    }

    /// Who the other end of a stream is by the certificate it showed; where we opened it, by the name that it had to
    /// show to get here.
    pub(super) fn other_end(&self, secure: &Secure) -> Option<Client> {
        if let Some(terms) = &secure.terms {
            return terms.verify.then(|| self.called(terms));
        }
        let chain = secure.connection.peer_certificates()?;
        let names = |found: Vec<String>| found.into_iter().map(String::into_boxed_str).collect::<Vec<_>>();
        Some(Client {
            names: self.trust.judge(chain, None).map(names).unwrap_or_default(),
            for_connections: self
                .anchors
                .iter()
                .filter_map(|(id, (_, anchors))| {
                    Some((id.clone(), names(self.trust.judge(chain, Some(anchors))?)))
                })
                .collect(),
        })
    }

    fn called(&self, terms: &Terms) -> Client {
        let name = || vec![terms.host.clone()];
        let Some(ca) = &terms.ca else { return Client { names: name(), for_connections: Vec::new() } };
        let alike = self.anchors.iter().filter(|(_, (known, _))| known == ca);
        Client { names: Vec::new(), for_connections: alike.map(|(id, _)| (id.clone(), name())).collect() }
    }

    /// A handshake that somebody began with us failed: said once for a source, then summed up.
    pub(super) fn note(&mut self, source: IpAddr, fault: &StreamFault, now: Timestamp) {
        if self.failures.len() >= MOST_SOURCES {
            self.failures.clear();
        }
        let known = self.failures.get_mut(&source);
        let say = known.as_ref().is_none_or(|known| now.since(known.said) >= SUMMED_UP);
        let count = known.map_or(1, |known| {
            known.count += 1;
            known.count
        });
        if say {
            tracing::info!(%source, count, problem = %fault.text, "TLS handshakes failed");
            self.failures.insert(source, Failures { count: 0, said: now });
        }
    }
}

/// One side of a TLS connection.
pub(super) struct Secure {
    connection: Connection,
    /// What the other end had to prove; nothing when it came to us.
    terms: Option<Terms>,
    ready: bool,
}

impl Secure {
    fn new(mut connection: Connection, terms: Option<Terms>) -> Self {
        connection.set_buffer_limit(Some(super::streams::MOST_WAITING));
        Self { connection, terms, ready: false }
    }

    /// The peer as it was configured; empty when it came to us.
    fn host(&self) -> &str {
        self.terms.as_ref().map_or("", |terms| &terms.host)
    }

    /// Whether keys are agreed on.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether keys were agreed on since this was asked last.
    pub(super) fn became_ready(&mut self) -> bool {
        let ready = !self.connection.is_handshaking();
        !std::mem::replace(&mut self.ready, ready) && ready
    }

    /// Encrypts, or keeps until that is possible; `false` when too much waits.
    pub(super) fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let taken = self.connection.writer().write_all(bytes).is_ok();
        self.drain(out);
        taken
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.drain(out);
    }

    /// Takes what is there from the socket, once. `Ok(false)`: the other end is gone. Answers of the protocol itself
    /// are put into `out`.
    pub(super) fn take(&mut self, socket: &mut TcpStream, out: &mut Vec<u8>) -> Result<bool, StreamFault> {
        let read = match self.connection.read_tls(socket) {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(true);
            }
            Err(error) => return Err(io_fault(&error, self.host())),
        };
        let judged = self.connection.process_new_packets();
        self.drain(out);
        judged.map_err(|error| fault(&error, self.host()))?;
        if read == 0 && self.connection.is_handshaking() {
            let text = "closed before TLS was agreed on".into();
            return Err(StreamFault { kind: FaultKind::TlsProtocol, text });
        }
        Ok(read > 0)
    }

    /// What was decrypted; `None` when there will be no more.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match self.connection.reader().read(rest) {
                Ok(0) if len == 0 => return None,
                Ok(0) | Err(_) => break,
                Ok(more) => len += more,
            }
        }
        Some(len)
    }

    fn drain(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // Writing into memory does not fail.
            if self.connection.write_tls(out).is_err() {
                return;
            }
        }
    }
}

/// A failure of TCP, as it is reported.
pub(super) fn io_fault(error: &io::Error, host: &str) -> StreamFault {
    let (kind, what) = match error.kind() {
        ErrorKind::ConnectionRefused => (FaultKind::Refused, "refuses the connection"),
        ErrorKind::TimedOut => (FaultKind::TimedOut, "does not answer"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => (FaultKind::Refused, "broke the connection"),
        _ => (FaultKind::Unreachable, "cannot be reached"),
    };
    let who = if host.is_empty() { "the peer" } else { host };
    StreamFault { kind, text: format!("{who} {what}").into() }
}

/// What rustls found, in words that name the peer.
fn fault(error: &Error, host: &str) -> StreamFault {
    let of = if host.is_empty() { "the certificate".to_owned() } else { format!("certificate of {host}") };
    let day = |time: rustls::pki_types::UnixTime| {
        certificates::day(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    };
    let (kind, text) = match error {
        Error::InvalidCertificate(problem) => match problem {
            CertificateError::ExpiredContext { not_after, .. } => {
                (FaultKind::TlsExpired, format!("{of} is expired since {}", day(*not_after)))
            }
            CertificateError::Expired => (FaultKind::TlsExpired, format!("{of} is expired")),
            CertificateError::NotValidYetContext { not_before, .. } => {
                (FaultKind::TlsExpired, format!("{of} is not valid before {}", day(*not_before)))
            }
            CertificateError::NotValidYet => (FaultKind::TlsExpired, format!("{of} is not valid yet")),
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names = if presented.is_empty() { "nobody".to_owned() } else { presented.join(", ") };
                (FaultKind::TlsName, format!("{of} is for another name: {names}"))
            }
            CertificateError::NotValidForName => (FaultKind::TlsName, format!("{of} is for another name")),
            CertificateError::UnknownIssuer => {
                (FaultKind::TlsChain, format!("{of} was issued by an authority that is not trusted"))
            }
            other => (FaultKind::TlsChain, format!("{of} cannot be accepted: {other}")),
        },
        Error::AlertReceived(alert) => {
            (FaultKind::TlsProtocol, format!("the other end refused TLS: {alert:?}"))
        }
        Error::InvalidMessage(_) => (FaultKind::TlsProtocol, "what came is not TLS".to_owned()),
        Error::PeerIncompatible(what) => {
            (FaultKind::TlsProtocol, format!("no version or cipher of TLS in common: {what:?}"))
        }
        other => (FaultKind::TlsProtocol, format!("TLS failed: {other}")),
    };
    StreamFault { kind, text: text.into() }
}

/// Sources of failed handshakes that are remembered.
const MOST_SOURCES: usize = 1000;
/// How long one line stands for all failures of a source.
const SUMMED_UP: std::time::Duration = std::time::Duration::from_secs(600);
