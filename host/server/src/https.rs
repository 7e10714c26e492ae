//! The API under TLS: the same routes behind a handshake that is bounded in time and number.

use std::sync::Arc;

use axum::Router;
use certificates::Shelf;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::http::{self, Door};

/// Serves until the task is ended.
pub(crate) async fn serve(listener: TcpListener, shelf: Arc<Shelf>, api: Router) {
    let mut settings = certificates::listener(&shelf, false);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let room = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    let mut door = Door::new(listener);
    loop {
        let (stream, remote) = door.next().await;
        // Closing the semaphore is what fails, and nobody does that.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let (acceptor, api) = (acceptor.clone(), api.clone());
        tokio::spawn(async move {
            let agreed = timeout(http::PATIENCE, acceptor.accept(stream)).await;
            drop(permit);
            if let Ok(Ok(stream)) = agreed {
                http::answer(stream, remote, api, http::PATIENCE).await;
            }
        });
    }
}

/// Handshakes at once.
const MOST_HANDSHAKES: usize = 256;
