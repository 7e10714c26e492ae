//! Who holds a port: read from /proc, as far as our rights go.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::resolved::SipTransport;

/// `pid 4711 (asterisk)`, if a process that we may look at has the port open.
pub(crate) fn holder(transport: SipTransport, address: SocketAddr) -> Option<String> {
    let tables: &[&str] = match transport {
        SipTransport::Udp => &["udp", "udp6"],
        SipTransport::Tcp | SipTransport::Tls => &["tcp", "tcp6"],
    };
    let inodes: Vec<u64> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).ok())
        .flat_map(|table| inodes(&table, transport, address))
        .collect();
    inodes.iter().find_map(|inode| owner(*inode))
}

/// Sockets in a table of /proc/net that stand in the way of an address.
fn inodes(table: &str, transport: SipTransport, wanted: SocketAddr) -> Vec<u64> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = endpoint(fields.next()?)?;
        let state = fields.nth(1)?;
        let inode: u64 = fields.nth(5)?.parse().ok()?;
        let listens = matches!(transport, SipTransport::Udp) || state == LISTEN;
        let same = local.ip() == wanted.ip() || local.ip().is_unspecified() || wanted.ip().is_unspecified();
        (listens && same && local.port() == wanted.port() && inode != 0).then_some(inode)
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// `0100007F:13C4`: each 32-bit word of the address in host order, the port as it is.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = Vec::with_capacity(16);
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        octets.extend_from_slice(&word.to_ne_bytes());
    }
    let address = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// The process that has this socket open.
fn owner(inode: u64) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    let is_it = |fd: std::fs::DirEntry| {
        std::fs::read_link(fd.path()).is_ok_and(|target| target == Path::new(&wanted))
    };
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(mut fds) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        if fds.any(|fd| fd.is_ok_and(is_it)) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("pid {pid} ({})", name.trim()));
        }
    }
    None
}

/// TCP_LISTEN in /proc/net/tcp.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_socket_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        let found = holder(SipTransport::Udp, address).expect("it is ours");
        assert!(found.starts_with(&format!("pid {} (", std::process::id())), "{found}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        assert!(holder(SipTransport::Tcp, address).is_some());
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        drop(socket);
        assert_eq!(holder(SipTransport::Udp, address), None);
    }
}
