//! One request: the address looked up and judged, the connection, the answer (RFC 9110, RFC 9112).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
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
use url::Url;

use crate::rule::{host, read};
use crate::{Fault, Rule};

/// Asks the outside.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a callback")]
pub struct Outside {
    rule: Rule,
    tls: Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>,
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
    /// Whether a longer one is cut off there, and taken as far as it came; else it is a fault.
    pub cut: bool,
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
    /// Speaks to what the rule permits, under TLS with the settings of that moment.
    pub fn new(rule: Rule, tls: impl Fn() -> Arc<ClientConfig> + Send + Sync + 'static) -> Self {
        Self { rule, tls: Arc::new(tls) }
    }

    /// Whether this could be asked at all.
    pub fn check(&self, url: &str) -> Result<(), Fault> {
        self.rule.check(url)
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
            let connector = TlsConnector::from((self.tls)());
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
        let found = found.map_err(|_| Fault::Name(name.clone()))?;
        let addresses: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
        for address in &addresses {
            self.rule.judge(url, address.ip())?;
        }
        let mut why = None;
        for address in addresses {
            match timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(fault)) => why = Some(fault.to_string()),
                Err(_) => why = Some("no answer in time".to_owned()),
            }
        }
        match why {
            Some(why) => Err(Fault::Unreachable { host: name, why: why.into() }),
            None => Err(Fault::Name(name)),
        }
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
    let body = match request.cut {
        true => beginning(body, request.longest).await,
        false => whole(body, request.longest, &broken).await?,
    };
    let answer = Answer {
        status: parts.status.as_u16(),
        retry_after: text(hyper::header::RETRY_AFTER).and_then(|value| value.trim().parse().ok()),
        max_age: text(hyper::header::CACHE_CONTROL).and_then(max_age),
        body,
    };
    driver.abort();
    Ok((answer, location))
}

async fn whole(body: Incoming, longest: usize, broken: &impl Fn(String) -> Fault) -> Result<Vec<u8>, Fault> {
    let body = Limited::new(body, longest).collect().await.map_err(|fault| {
        if fault.is::<http_body_util::LengthLimitError>() {
            Fault::TooLong(longest)
        } else {
            broken(fault.to_string())
        }
    })?;
    Ok(body.to_bytes().to_vec())
}

async fn beginning(mut body: Incoming, longest: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < longest
        && let Some(Ok(frame)) = body.frame().await
    {
        taken.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    taken.truncate(longest);
    taken
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn max_age(field: &str) -> Option<u64> {
    field.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}

/// For one of several addresses of a host.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of a host that are tried.
const MOST_ADDRESSES: usize = 8;
/// Addresses that one request may be sent on to.
const MOST_REDIRECTS: u8 = 3;
