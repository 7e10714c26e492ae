//! UDP sockets for media, bound and ready for a loop.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use media::OpenFault;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// The sockets of an end, bound before anybody is told of its ports.
#[derive(Debug)]
pub struct PortPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Of RTP.
    addr: SocketAddr,
}

impl PortPair {
    /// Binds a port for RTP and the one after it for RTCP.
    pub fn bind(ip: IpAddr, port: u16) -> Result<Self, OpenFault> {
        let addr = SocketAddr::new(ip, port);
        let after = port.checked_add(1).ok_or(OpenFault::PortTaken)?;
        let rtp = bind(addr, Some(RECEIVE_BUFFER))?;
        Ok(Self { rtp, rtcp: bind(SocketAddr::new(ip, after), None)?, addr })
    }

    /// The local address of RTP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its sockets: RTP, RTCP.
    pub(crate) fn into_sockets(self) -> [UdpSocket; 2] {
        [self.rtp, self.rtcp]
    }
}

/// Binds a socket that does not block.
pub(crate) fn bind(addr: SocketAddr, receive_buffer: Option<usize>) -> Result<UdpSocket, OpenFault> {
    open(addr, receive_buffer).map_err(|error| fault(&error))
}

fn open(addr: SocketAddr, receive_buffer: Option<usize>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    // Neither makes or breaks a call: a system that refuses them is asked for nothing more.
    let _ = receive_buffer.map(|size| socket.set_recv_buffer_size(size));
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

/// `SO_RCVBUF` of RTP, which the system doubles and may cap: a second of video at 2 Mbit/s, or a second and a half of
/// a stalled worker's audio. RTCP does with what the system gives.
pub(crate) const RECEIVE_BUFFER: usize = 256 * 1024;

/// Expedited forwarding, DSCP 46, as RFC 4594 §4.1 asks for telephony.
const TRAFFIC_CLASS: u32 = 46 << 2;
