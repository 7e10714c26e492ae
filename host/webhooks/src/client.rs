//! One request to the web server of somebody else: HTTP/1.1, TLS by the system's authorities, no redirects, one time
//! for everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::reach::Reach;

/// Sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    reach: Reach,
    tls: Arc<ClientConfig>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The beginning of its body.
    pub(crate) text: String,
    /// How long it asks us to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Refused(String),
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    #[error("{0} has no address: {1}")]
    NoAddress(String, std::io::Error),
    #[error("no connection to {0}: {1}")]
    Connect(SocketAddr, std::io::Error),
    #[error("TLS with {0}: {1}")]
    Tls(String, std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {}s", PATIENCE.as_secs())]
    Late,
}

impl Client {
    pub(crate) fn new(reach: Reach) -> Self {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { reach, tls: Arc::new(tls) }
    }

    /// Posts JSON with these headers.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Reply, Fault> {
        timeout(PATIENCE, self.exchange(url, headers, body)).await.map_err(|_| Fault::Late)?
    }

    async fn exchange(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Reply, Fault> {
        let uri: Uri = url.parse().map_err(|_| Fault::Url("it is no URL"))?;
        let host = uri.host().ok_or(Fault::Url("it names no host"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.connect(&bare, port).await?;
        let authority = uri.authority().map_or(host, hyper::http::uri::Authority::as_str);
        let path = uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let mut request = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("trunkline/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Fault::Url("it cannot stand in a request"))?;
        if !secure {
            return speak(stream, request).await;
        }
        let name = ServerName::try_from(bare.clone()).map_err(|_| Fault::Url("its host is no name"))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        speak(stream.map_err(|fault| Fault::Tls(bare, fault))?, request).await
    }

    /// Connects to the first address that may be reached and answers.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Fault> {
        let found =
            lookup_host((host, port)).await.map_err(|fault| Fault::NoAddress(host.to_owned(), fault))?;
        let mut last = None;
        for address in found.take(MOST_ADDRESSES) {
            if let Some(why) = self.reach.refuses(address.ip()) {
                last.get_or_insert(Fault::Refused(why));
                continue;
            }
            match timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(fault)) => last = Some(Fault::Connect(address, fault)),
                Err(_) => last = Some(Fault::Connect(address, std::io::ErrorKind::TimedOut.into())),
            }
        }
        Err(last.unwrap_or(Fault::Url("its host has no address")))
    }
}

async fn speak<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Reply, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let answered = sender.send_request(request).await;
    let reply = match answered {
        Err(fault) => Err(fault.into()),
        Ok(response) => {
            let status = response.status();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            let body = Limited::new(response.into_body(), MOST_BODY).collect().await;
            let text = body.map(|body| body.to_bytes()).unwrap_or_default();
            let text = String::from_utf8_lossy(text.get(..MOST_KEPT).unwrap_or(&text)).into_owned();
            Ok(Reply { status, text, retry_after })
        }
    };
    driver.abort();
    reply
}

/// For everything: name, connection, handshake, answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// For one of several addresses.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const MOST_ADDRESSES: usize = 8;
/// Of an answer, what is read and what is kept.
const MOST_BODY: usize = 64 * 1024;
const MOST_KEPT: usize = 1024;
