//! The doors of the API: TCP addresses, and the socket in the data folder for the local command line.
//!
//! What comes by TCP is waited for so long and no longer: for the head of a request, the first as well as a later one.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

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

/// A listener that goes on when a connection cannot be taken, and says so now and then.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    told: Option<Instant>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, told: None }
    }

    /// The next connection.
    pub(crate) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(fault) => {
                    if self.told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
                        tracing::warn!(%fault, "connections of HTTP are not taken");
                        self.told = Some(Instant::now());
                    }
                    // Out of descriptors, most likely: others have to end first.
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

/// Serves until the task is ended.
pub(crate) async fn serve(listener: TcpListener, api: Router, patience: Duration) {
    let mut door = Door::new(listener);
    loop {
        let (stream, remote) = door.next().await;
        tokio::spawn(answer(stream, remote, api.clone(), patience));
    }
}

/// Answers what comes by one connection.
pub(crate) async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    remote: SocketAddr,
    api: Router,
    patience: Duration,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        api.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A client that breaks off is its own business.
    drop(connection.await);
}

/// For the head of a request, and for a handshake of TLS.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is said that connections are not taken.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Ports that the default moves over before it gives up.
const PORTS_TRIED: u16 = 100;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

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

    /// What a client gets that says this and nothing more.
    async fn said(words: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let api = Router::new().route("/", axum::routing::get(async || "here"));
        let serving = tokio::spawn(serve(listener, api, Duration::from_millis(100)));
        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(words.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let closed = timeout(Duration::from_secs(10), client.read_to_string(&mut answer));
        closed.await.expect("it is closed in time").expect("read");
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn nobody_is_waited_for_forever() {
        for (words, answer) in [
            ("", ""),
            ("GET / HT", ""),
            ("GET / HTTP/1.1\r\nHost: x\r\n", ""),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET ", "HTTP/1.1 200"),
        ] {
            let said = said(words).await;
            assert!(said.starts_with(answer) && said.is_empty() == answer.is_empty(), "{words:?}: {said}");
        }
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
