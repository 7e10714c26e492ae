//! Socket addresses as the kernel writes them: `sockaddr_in` and `sockaddr_in6`, as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for either.
pub(crate) const LEN: usize = 28;

/// An address and how many of its bytes count.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub(crate) struct RawAddress {
    bytes: [u8; LEN],
    len: u8,
}

impl RawAddress {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        let mut bytes = [0; LEN];
        bytes[2..4].copy_from_slice(&addr.port().to_be_bytes());
        let (family, len) = match addr {
            SocketAddr::V4(v4) => {
                bytes[4..8].copy_from_slice(&v4.ip().octets());
                (libc::AF_INET, V4_LEN)
            }
            SocketAddr::V6(v6) => {
                bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
                bytes[8..24].copy_from_slice(&v6.ip().octets());
                bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
                (libc::AF_INET6, LEN)
            }
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        Self { bytes, len: len as u8 }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        libc::socklen_t::from(self.len)
    }
}

/// Reads what the kernel wrote; `None` for a family that we do not know.
pub(crate) fn read(bytes: &[u8; LEN]) -> Option<SocketAddr> {
    let number = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    match i32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) {
        libc::AF_INET => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(number(4))), port)),
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[8..24]).ok()?);
            let (flow, scope) = (u32::from_ne_bytes(number(4)), u32::from_ne_bytes(number(24)));
            Some(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        _ => None,
    }
}

const V4_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_there_and_back() {
        for text in ["192.0.2.7:5004", "[2001:db8::7%3]:65535", "[::1]:1"] {
            let addr: SocketAddr = text.parse().expect("an address");
            assert_eq!(read(&RawAddress::new(addr).bytes), Some(addr));
        }
        assert_eq!(read(&[0; LEN]), None);
    }
}
