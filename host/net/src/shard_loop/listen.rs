//! Binding SIP sockets. A port that is taken is a fault of the operator, named as such; it never moves.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use sip_stack::transport::Protocol;
use socket2::{Domain, Socket, Type};

use super::ListenerSpec;

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum ListenFault {
    /// The socket could not be bound.
    #[error("{}:{} cannot be bound: {error}", spec.protocol.name(), spec.address)]
    Bind {
        /// Which.
        spec: ListenerSpec,
        /// Why.
        error: io::Error,
    },
    /// The transport is not offered.
    #[error("{} listeners are not offered", .0.protocol.name())]
    NotOffered(ListenerSpec),
    /// The system refused something else.
    #[error("the system refused: {0}")]
    Os(io::Error),
}

/// Sockets, as they were bound.
pub(super) struct Bound {
    pub(super) bound: Vec<ListenerSpec>,
    pub(super) per_shard: Vec<Vec<Option<Bindable>>>,
}

/// A bound socket.
pub(super) enum Bindable {
    Udp(UdpSocket),
    Tcp(TcpListener, Protocol),
}

/// Binds every listener; each shard gets UDP sockets of its own on the same port, the first one the streams.
pub(super) fn bind_all(specs: &[ListenerSpec], shards: u8, tls: bool) -> Result<Bound, ListenFault> {
    let mut bound = Vec::new();
    let mut per_shard: Vec<Vec<Option<Bindable>>> = (0..shards).map(|_| Vec::new()).collect();
    for spec in specs {
        let fault = |error| ListenFault::Bind { spec: *spec, error };
        let (first, address) = match spec.protocol {
            Protocol::Udp => {
                let socket = bind_udp(spec.address, shards > 1).map_err(fault)?;
                let address = socket.local_addr().map_err(fault)?;
                (Bindable::Udp(socket), address)
            }
            Protocol::Tls if !tls => return Err(ListenFault::NotOffered(*spec)),
            Protocol::Tcp | Protocol::Tls => {
                let listener = bind_tcp(spec.address).map_err(fault)?;
                let address = listener.local_addr().map_err(fault)?;
                (Bindable::Tcp(listener, spec.protocol), address)
            }
            Protocol::Ws | Protocol::Wss => return Err(ListenFault::NotOffered(*spec)),
        };
        bound.push(ListenerSpec { address, ..*spec });
        let mut first = Some(first);
        for sockets in &mut per_shard {
            let socket = match (first.take(), spec.protocol) {
                (Some(first), _) => Some(first),
                (None, Protocol::Udp) => Some(Bindable::Udp(bind_udp(address, true).map_err(fault)?)),
                (None, _) => None,
            };
            sockets.push(socket);
        }
    }
    Ok(Bound { bound, per_shard })
}

fn bind_udp(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    // A burst of a few thousand messages waits here while the shard is busy; the system may grant less.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

const BUFFER: usize = 8 << 20;
