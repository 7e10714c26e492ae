//! A flow of our own to one peer: a connected UDP socket, or a stream cut into messages (RFC 3261 §18).

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

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

#[derive(Debug)]
enum Socket {
    Datagrams(UdpSocket),
    Stream { stream: TcpStream, unread: Vec<u8> },
}

impl Flow {
    /// A fresh socket to `peer`; a stream is connected by `until`.
    pub(crate) fn open(protocol: Protocol, peer: SocketAddr, until: Instant) -> Result<Self, ProbeFault> {
        let (socket, local) = match protocol {
            Protocol::Udp => {
                let any: IpAddr = if peer.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
                let socket = UdpSocket::bind((any, 0)).map_err(io("opening a UDP socket"))?;
                socket.connect(peer).map_err(io("finding a route to the peer"))?;
                let local = socket.local_addr().map_err(io("reading our address"))?;
                (Socket::Datagrams(socket), local)
            }
            Protocol::Tcp => {
                let patience = left(until).unwrap_or(SHORTEST);
                let stream = TcpStream::connect_timeout(&peer, patience).map_err(io("connecting"))?;
                let local = stream.local_addr().map_err(io("reading our address"))?;
                drop(stream.set_nodelay(true));
                (Socket::Stream { stream, unread: Vec::new() }, local)
            }
            Protocol::Tls | Protocol::Ws | Protocol::Wss => {
                return Err(ProbeFault::Transport { transport: protocol.name().to_owned() });
            }
        };
        Ok(Self { protocol, local, socket })
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
        }
    }

    /// The next message, or none until then.
    pub(crate) fn receive(&mut self, until: Instant) -> Result<Option<Vec<u8>>, ProbeFault> {
        match &mut self.socket {
            Socket::Datagrams(socket) => datagram(socket, until),
            Socket::Stream { stream, unread } => message(stream, unread, until),
        }
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
    stream: &mut TcpStream,
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
                stream.set_nonblocking(wait.is_none()).map_err(io("receiving"))?;
                stream.set_read_timeout(wait).map_err(io("receiving"))?;
                let read = stream.read(&mut buffer);
                stream.set_nonblocking(false).map_err(io("receiving"))?;
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
