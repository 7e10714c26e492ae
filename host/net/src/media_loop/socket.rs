//! A UDP socket for media, bound and ready for a loop.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use media::OpenFault;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Binds a socket that does not block.
pub(crate) fn bind(addr: SocketAddr, receive_buffer: usize) -> Result<UdpSocket, OpenFault> {
    open(addr, receive_buffer).map_err(|error| fault(&error))
}

fn open(addr: SocketAddr, receive_buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    // Neither makes or breaks a call: a system that refuses them is asked for nothing more.
    let _ = socket.set_recv_buffer_size(receive_buffer);
    let _ = match addr {
        SocketAddr::V4(_) => socket.set_tos_v4(TRAFFIC_CLASS),
        SocketAddr::V6(_) => socket.set_tclass_v6(TRAFFIC_CLASS),
    };
    Ok(socket.into())
}

fn fault(error: &io::Error) -> OpenFault {
    match error.kind() {
        ErrorKind::AddrInUse => OpenFault::PortTaken,
        ErrorKind::AddrNotAvailable => OpenFault::AddressNotOurs,
        _ if error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) => OpenFault::AddressNotOurs,
        _ => OpenFault::Refused,
    }
}

/// Expedited forwarding, DSCP 46, as RFC 4594 §4.1 asks for telephony.
const TRAFFIC_CLASS: u32 = 46 << 2;
