//! The API under TLS: the same routes behind a handshake that is bounded in time and number.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use certificates::Shelf;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Serves until the task is ended.
pub(crate) async fn serve(listener: TcpListener, shelf: Arc<Shelf>, api: Router) {
    let mut settings = certificates::listener(&shelf, false);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let room = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of descriptors, most likely: others have to end first.
                tracing::warn!(%fault, "an HTTPS connection was not taken");
                sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        // Closing the semaphore is what fails, and nobody does that.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let (acceptor, api) = (acceptor.clone(), api.clone());
        tokio::spawn(async move {
            let agreed = timeout(PATIENCE, acceptor.accept(stream)).await;
            drop(permit);
            if let Ok(Ok(stream)) = agreed {
                answer(stream, remote, api).await;
            }
        });
    }
}

async fn answer(stream: tokio_rustls::server::TlsStream<TcpStream>, remote: SocketAddr, api: Router) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        api.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A client that breaks off is its own business.
    drop(connection.await);
}

/// Handshakes at once.
const MOST_HANDSHAKES: usize = 256;
/// For a handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
