//! One request: the address looked up and judged, the connection, the answer (RFC 9110, RFC 9112).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::{Fault, Rule};

/// Asks the outside.
#[derive(Clone, Debug)]
pub struct Outside {
    rule: Rule,
    tls: Arc<ClientConfig>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST` …; a redirect is followed for GET only.
    pub method: Method,
    /// `http://` or `https://`.
    pub url: String,
    /// Fields besides Host and User-Agent.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub patience: Duration,
    /// The longest body of an answer that is taken.
    pub longest: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Retry-After` in seconds, if it was given that way.
    pub retry_after: Option<u64>,
    /// `Cache-Control: max-age`, if it was given.
    pub max_age: Option<u64>,
    /// Body.
    pub body: Vec<u8>,
}

impl Outside {
    /// Speaks to what the rule permits, under TLS with these settings.
    pub fn new(rule: Rule, tls: Arc<ClientConfig>) -> Self {
        Self { rule, tls }
    }

    /// Whether this could be asked at all: an address of HTTP, and no forbidden literal address. For checks when a
    /// user writes it down; a name is looked up anew with every request.
    pub fn check(&self, url: &str) -> Result<(), Fault> {
        let url = read(url)?;
        match url.host() {
            Some(Host::Ipv4(address)) => self.judge(&url, address.into()),
            Some(Host::Ipv6(address)) => self.judge(&url, address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        let patience = request.patience;
        timeout(patience, self.follow(request)).await.map_err(|_| Fault::TimedOut(patience))?
    }

    async fn follow(&self, request: Request) -> Result<Answer, Fault> {
        let mut url = read(&request.url)?;
        for _ in 0..=MOST_REDIRECTS {
            let (answer, location) = self.once(&request, &url).await?;
            match location {
                Some(next) if request.method == Method::GET => {
                    let next = url.join(&next).map_err(|_| Fault::Address(next.into()))?;
                    url = read(next.as_str())?;
                }
                _ => return Ok(answer),
            }
        }
        Err(Fault::Redirects(MOST_REDIRECTS))
    }

    async fn once(&self, request: &Request, url: &Url) -> Result<(Answer, Option<String>), Fault> {
        let stream = self.connect(url).await?;
        if url.scheme() == "https" {
            let tls = |why: String| Fault::Tls { host: host(url), why: why.into() };
            let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(name).map_err(|fault| tls(fault.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            let stream = connector.connect(name, stream).await.map_err(|fault| tls(fault.to_string()))?;
            speak(stream, request, url).await
        } else {
            speak(stream, request, url).await
        }
    }

    /// Connects to the first address of the host that answers. One private address among several condemns them all:
    /// no server of the internet has any.
    async fn connect(&self, url: &Url) -> Result<TcpStream, Fault> {
        let port = url.port_or_known_default().unwrap_or(80);
        let name = host(url);
        let literal = name.trim_matches(['[', ']']).to_owned();
        let found = lookup_host((literal.as_str(), port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| Fault::Name(name.clone()))?.collect();
        for address in &addresses {
            self.judge(url, address.ip())?;
        }
        let mut why = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(fault) => why = Some(fault.to_string()),
            }
        }
        match why {
            Some(why) => Err(Fault::Unreachable { host: name, why: why.into() }),
            None => Err(Fault::Name(name)),
        }
    }

    fn judge(&self, url: &Url, address: std::net::IpAddr) -> Result<(), Fault> {
        if self.rule.permits(address) { Ok(()) } else { Err(Fault::Private { host: host(url), address }) }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &Request,
    url: &Url,
) -> Result<(Answer, Option<String>), Fault> {
    let broken = |why: String| Fault::Broken { host: host(url), why: why.into() };
    let hyper_fault = |fault: hyper::Error| broken(fault.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(hyper_fault)?;
    let driver = tokio::spawn(connection);
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let authority = url.port().map_or_else(|| host(url).into(), |port| format!("{}:{port}", host(url)));
    let mut asked = hyper::Request::builder()
        .method(request.method.clone())
        .uri(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("Trunkline/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &request.fields {
        asked = asked.header(name, value);
    }
    let asked = asked.body(Full::new(Bytes::from(request.body.clone())));
    let asked = asked.map_err(|fault| broken(fault.to_string()))?;
    let response = sender.send_request(asked).await.map_err(hyper_fault)?;
    let (parts, body) = response.into_parts();
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let location = if is_redirect(parts.status) { text(LOCATION).map(str::to_owned) } else { None };
    let body = Limited::new(body, request.longest).collect().await.map_err(|fault| {
        if fault.is::<http_body_util::LengthLimitError>() {
            Fault::TooLong(request.longest)
        } else {
            broken(fault.to_string())
        }
    })?;
    let answer = Answer {
        status: parts.status.as_u16(),
        retry_after: text(hyper::header::RETRY_AFTER).and_then(|value| value.trim().parse().ok()),
        max_age: text(hyper::header::CACHE_CONTROL).and_then(max_age),
        body: body.to_bytes().to_vec(),
    };
    driver.abort();
    Ok((answer, location))
}

fn read(text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| Fault::Address(text.into()))
}

fn host(url: &Url) -> Box<str> {
    url.host_str().unwrap_or_default().into()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn max_age(field: &str) -> Option<u64> {
    field.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}

/// Addresses that one request may be sent on to.
const MOST_REDIRECTS: u8 = 3;
