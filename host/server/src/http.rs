//! The doors of the API: TCP addresses, and the socket in the data folder for the local command line.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::{TcpListener, UnixListener};

use crate::client;
use crate::failure::Failure;

/// Binds the HTTP address; one that is only the default moves on to the next free port.
pub(crate) async fn bind(option: &str, address: SocketAddr, may_move: bool) -> Result<TcpListener, Failure> {
    let tries = if may_move { PORTS_TRIED } else { 1 };
    let mut wanted = address;
    for _ in 0..tries {
        match TcpListener::bind(wanted).await {
            Ok(listener) => return Ok(listener),
            Err(fault) if fault.kind() == ErrorKind::AddrInUse && may_move => {
                wanted.set_port(wanted.port().saturating_add(1));
            }
            Err(fault) => return Err(Failure::Failed(format!("{option} {wanted}: {fault}"))),
        }
    }
    Err(Failure::Failed(format!("{option}: {address} and the {PORTS_TRIED} ports from it are taken")))
}

/// Binds the socket in the data folder: who may open it may do everything, so only our user may.
pub(crate) fn bind_local(data: &Path) -> Result<UnixListener, Failure> {
    let socket = data.join(client::SOCKET);
    let failed = |fault: std::io::Error| Failure::Failed(format!("{}: {fault}", socket.display()));
    match std::fs::remove_file(&socket) {
        Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(failed(fault)),
        _ => {}
    }
    let near = client::within_reach(&socket).map_err(failed)?;
    let listener = UnixListener::bind(near.path()).map_err(failed)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Ports that the default moves over before it gives up.
const PORTS_TRIED: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_default_port_moves_on() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = taken.local_addr().expect("an address");
        let moved = bind("--http", address, true).await.expect("another port");
        assert!(moved.local_addr().expect("an address").port() > address.port());
        let fault = bind("--http", address, false).await.expect_err("it is taken").to_string();
        assert!(fault.contains("--http") && fault.contains(&address.to_string()), "{fault}");
    }

    #[tokio::test]
    async fn a_long_folder_has_a_socket_too() {
        let folder =
            std::env::temp_dir().join(format!("trunkline-{}-{}", std::process::id(), "long-".repeat(30)));
        std::fs::create_dir_all(&folder).expect("a folder");
        let listener = bind_local(&folder).expect("bound");
        assert!(crate::local::answers(&folder));
        drop(listener);
        let again = bind_local(&folder).expect("a stale socket is replaced");
        drop(again);
        assert!(!crate::local::answers(&folder));
        std::fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
