//! A flow of our own to one peer: a connected UDP socket, or a stream cut into messages (RFC 3261 §18), under TLS once
//! keys are agreed on.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use sip_msg::Framed;
use sip_msg::frame;
use sip_stack::transport::Protocol;

use super::ProbeFault;

/// A way to one peer and back.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Transport.
    pub(crate) protocol: Protocol,
    /// Our address as the peer's network sees it before any NAT.
    pub(crate) local: SocketAddr,
    socket: Socket,
}

/// How TLS is spoken with a peer.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whom we believe.
    pub config: Arc<ClientConfig>,
    /// The name that its certificate must carry.
    pub host: String,
    /// Whether the certificate is looked at.
    pub verified: bool,
}

#[derive(Debug)]
enum Socket {
    Datagrams(UdpSocket),
    Stream { stream: TcpStream, unread: Vec<u8> },
    Secure { stream: Box<StreamOwned<ClientConnection, TcpStream>>, unread: Vec<u8> },
}

impl Flow {
    /// A fresh socket to `peer`; a stream is connected by `until`. For TLS, [`Self::secure`] comes next.
    pub(crate) fn open(protocol: Protocol, peer: SocketAddr, until: Instant) -> Result<Self, ProbeFault> {
        let (socket, local) = match protocol {
            Protocol::Udp => {
                let any: IpAddr = if peer.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
                let socket = UdpSocket::bind((any, 0)).map_err(io("opening a UDP socket"))?;
                socket.connect(peer).map_err(io("finding a route to the peer"))?;
                let local = socket.local_addr().map_err(io("reading our address"))?;
                (Socket::Datagrams(socket), local)
            }
            Protocol::Tcp | Protocol::Tls => {
                let patience = left(until).unwrap_or(SHORTEST);
                let stream = TcpStream::connect_timeout(&peer, patience).map_err(io("connecting"))?;
                let local = stream.local_addr().map_err(io("reading our address"))?;
                drop(stream.set_nodelay(true));
                (Socket::Stream { stream, unread: Vec::new() }, local)
            }
            Protocol::Ws | Protocol::Wss => {
                return Err(ProbeFault::Transport { transport: protocol.name().to_owned() });
            }
        };
        Ok(Self { protocol, local, socket })
    }

    /// Agrees on keys with the peer; what was agreed on, in words.
    pub(crate) fn secure(&mut self, tls: &Tls, until: Instant) -> Result<String, ProbeFault> {
        let Socket::Stream { stream, .. } = &self.socket else {
            return Err(ProbeFault::Transport { transport: self.protocol.name().to_owned() });
        };
        let mut stream = stream.try_clone().map_err(io("TLS"))?;
        let name = ServerName::try_from(tls.host.clone());
        let name = name.map_err(|fault| io("TLS")(std::io::Error::other(fault)))?;
        let connection = ClientConnection::new(Arc::clone(&tls.config), name);
        let mut connection = connection.map_err(|fault| io("TLS")(std::io::Error::other(fault)))?;
        while connection.is_handshaking() {
            let wait = Some(left(until).unwrap_or(SHORTEST));
            stream.set_read_timeout(wait).and_then(|()| stream.set_write_timeout(wait)).map_err(io("TLS"))?;
            match connection.complete_io(&mut stream) {
                Ok(_) => {}
                Err(fault) if is_wait(fault.kind()) => return Err(io("TLS")(ErrorKind::TimedOut.into())),
                Err(fault) => return Err(io("TLS")(fault)),
            }
        }
        let version = connection.protocol_version().map(|version| format!("{version:?}"));
        let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let agreed = [version, suite].into_iter().flatten().collect::<Vec<_>>().join(" with ");
        let stream = Box::new(StreamOwned::new(connection, stream));
        self.socket = Socket::Secure { stream, unread: Vec::new() };
        Ok(agreed)
    }

    /// Whether messages get lost on it, so that requests are repeated.
    pub(crate) fn is_lossy(&self) -> bool {
        matches!(self.socket, Socket::Datagrams(_))
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &[u8]) -> Result<(), ProbeFault> {
        match &mut self.socket {
            Socket::Datagrams(socket) => match socket.send(message) {
                // An ICMP answer to an earlier datagram; the next may get through.
                Err(fault) if fault.kind() == ErrorKind::ConnectionRefused => Ok(()),
                other => other.map(drop).map_err(io("sending")),
            },
            Socket::Stream { stream, .. } => stream.write_all(message).map_err(io("sending")),
            Socket::Secure { stream, .. } => {
                stream.write_all(message).and_then(|()| stream.flush()).map_err(io("sending"))
            }
        }
    }

    /// The next message, or none until then.
    pub(crate) fn receive(&mut self, until: Instant) -> Result<Option<Vec<u8>>, ProbeFault> {
        match &mut self.socket {
            Socket::Datagrams(socket) => datagram(socket, until),
            Socket::Stream { stream, unread } => message(stream, unread, until),
            Socket::Secure { stream, unread } => message(stream.as_mut(), unread, until),
        }
    }
}

/// What is read from a TCP socket, one way or another.
trait Incoming: Read {
    fn socket(&self) -> &TcpStream;
}

impl Incoming for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Incoming for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

fn datagram(socket: &UdpSocket, until: Instant) -> Result<Option<Vec<u8>>, ProbeFault> {
    let mut buffer = vec![0; LARGEST];
    loop {
        let wait = left(until);
        socket.set_nonblocking(wait.is_none()).map_err(io("receiving"))?;
        socket.set_read_timeout(wait).map_err(io("receiving"))?;
        match socket.recv(&mut buffer) {
            Ok(len) => {
                buffer.truncate(len);
                return Ok(Some(buffer));
            }
            Err(fault) if is_wait(fault.kind()) => {
                if left(until).is_none() {
                    return Ok(None);
                }
            }
            Err(fault) => return Err(io("the peer's host says nobody listens there")(fault)),
        }
    }
}

fn message(
    stream: &mut impl Incoming,
    unread: &mut Vec<u8>,
    until: Instant,
) -> Result<Option<Vec<u8>>, ProbeFault> {
    let mut buffer = [0; 4096];
    loop {
        match frame::next(unread, LARGEST) {
            Framed::Message { len } => return Ok(Some(unread.drain(..len).collect())),
            Framed::KeepAlivePing { len } | Framed::KeepAlivePong { len } => drop(unread.drain(..len)),
            Framed::TooLarge | Framed::Broken => {
                let fault = std::io::Error::new(ErrorKind::InvalidData, "what came is no SIP message");
                return Err(io("receiving")(fault));
            }
            Framed::Incomplete => {
                let wait = left(until);
                stream.socket().set_nonblocking(wait.is_none()).map_err(io("receiving"))?;
                stream.socket().set_read_timeout(wait).map_err(io("receiving"))?;
                let read = stream.read(&mut buffer);
                stream.socket().set_nonblocking(false).map_err(io("receiving"))?;
                match read {
                    Ok(0) => return Err(io("receiving")(ErrorKind::UnexpectedEof.into())),
                    Ok(len) => unread.extend_from_slice(buffer.get(..len).unwrap_or_default()),
                    Err(fault) if is_wait(fault.kind()) => {
                        if left(until).is_none() {
                            return Ok(None);
                        }
                    }
                    Err(fault) => return Err(io("receiving")(fault)),
                }
            }
        }
    }
}

/// What is left until then, if anything.
fn left(until: Instant) -> Option<Duration> {
    Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

fn is_wait(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The fault of a system call.
pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> ProbeFault {
    move |source| ProbeFault::Io { what, source }
}

const SHORTEST: Duration = Duration::from_millis(1);
const LARGEST: usize = 65_535;
