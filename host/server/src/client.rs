//! A client of the API: over the socket of a local server without a key, or over HTTP to any server with one.
//!
//! Plain HTTP only. One connection per request: a command asks one to three things.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

use crate::cli::Globals;
use crate::failure::Failure;

/// Where the API is and how we prove who we are.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// The local server: who may open the socket may do everything.
    Local {
        /// The socket in the data folder.
        socket: PathBuf,
    },
    /// A server by its address.
    Remote {
        /// `host:port`.
        authority: String,
        /// Bearer token.
        key: Option<String>,
    },
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// The body: JSON, or text as a string.
    pub(crate) body: Value,
}

impl Client {
    /// As the global options say.
    pub(crate) fn new(globals: &Globals) -> Result<Self, Failure> {
        let Some(server) = &globals.server else {
            return Ok(Self::Local { socket: globals.data.join(SOCKET) });
        };
        let rest = server.strip_prefix("http://").ok_or_else(|| {
            Failure::Usage(format!(
                "--server: `{server}` is no http:// URL (https arrives in a later release)"
            ))
        })?;
        let authority = rest.trim_end_matches('/');
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self::Remote { authority, key: globals.key.clone() })
    }

    /// Asks, and turns refusals of the API into failures that say why.
    pub(crate) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.ask(method, path, body)?.accepted()
    }

    /// Asks; every answer is fine.
    pub(crate) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        runtime()?.block_on(async {
            let response = self.send(method, path, body, ANYTHING).await?;
            let (status, bytes) = self.whole(response).await?;
            Ok(Reply { status, body: read(&bytes) })
        })
    }

    /// Sends a file, and turns refusals of the API into failures that say why.
    pub(crate) fn upload(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        file: Vec<u8>,
    ) -> Result<Value, Failure> {
        runtime()?.block_on(async {
            let body = Some((kind, Bytes::from(file)));
            let response = self.send_octets(method, path, body, ANYTHING).await?;
            let (status, bytes) = self.whole(response).await?;
            Reply { status, body: read(&bytes) }.accepted()
        })
    }

    /// What a file of the API holds.
    pub(crate) fn download(&self, path: &str) -> Result<Vec<u8>, Failure> {
        runtime()?.block_on(async {
            let response = self.send(Method::GET, path, None, ANYTHING).await?;
            let (status, bytes) = self.whole(response).await?;
            if status.is_success() {
                return Ok(bytes.to_vec());
            }
            Reply { status, body: read(&bytes) }.accepted().map(|_| Vec::new())
        })
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<(StatusCode, Bytes), Failure> {
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|fault| self.unreachable(&fault))?;
        Ok((status, body.to_bytes()))
    }

    /// Hands over the lines of an endless answer until `each` says stop.
    pub(crate) fn follow(&self, path: &str, each: impl FnMut(&str) -> bool) -> Result<(), Failure> {
        self.stream(Method::GET, path, None, each)
    }

    /// Hands over the lines of an answer that comes in events until `each` says stop.
    pub(crate) fn stream(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        each: impl FnMut(&str) -> bool,
    ) -> Result<(), Failure> {
        match self.lines(method, path, body, each)? {
            true => Err(Failure::NotReachable("the server closed the stream".to_owned())),
            false => Ok(()),
        }
    }

    /// Hands over the lines of an answer until `each` says stop; whether it came to its end.
    pub(crate) fn lines(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        mut each: impl FnMut(&str) -> bool,
    ) -> Result<bool, Failure> {
        runtime()?.block_on(async {
            let response = self.send(method, path, body, EVENTS).await?;
            let status = response.status();
            let mut body = response.into_body();
            let mut rest = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|fault| self.unreachable(&fault))?;
                rest.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                while let Some(end) =
                    rest.iter().position(|&byte| byte == b'\n').filter(|_| status.is_success())
                {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    if !each(String::from_utf8_lossy(&line).trim_end()) {
                        return Ok(false);
                    }
                }
            }
            if status.is_success() {
                return Ok(true);
            }
            let body = serde_json::from_slice(&rest).unwrap_or_default();
            Reply { status, body }.accepted().map(|_| true)
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
    ) -> Result<Response<Incoming>, Failure> {
        let merge = method == Method::PATCH;
        let kind = if merge { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(|body| (kind, Bytes::from(body.to_string())));
        self.send_octets(method, path, body, accept).await
    }

    async fn send_octets(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
        accept: &str,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.host()).header("accept", accept);
        if let Some((kind, _)) = &body {
            request = request.header("content-type", *kind);
        }
        if let Self::Remote { key: Some(key), .. } = self {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request
            .body(Full::new(body.map(|(_, bytes)| bytes).unwrap_or_default()))
            .map_err(|fault| Failure::Usage(format!("`{path}` cannot be asked for: {fault}")))?;
        match self {
            Self::Local { socket } => {
                let near = within_reach(socket).map_err(|fault| self.unreachable(&fault))?;
                let stream =
                    UnixStream::connect(near.path()).await.map_err(|fault| self.unreachable(&fault))?;
                exchange(stream, request).await.map_err(|fault| self.unreachable(&fault))
            }
            Self::Remote { authority, .. } => {
                let stream = TcpStream::connect(authority).await.map_err(|fault| self.unreachable(&fault))?;
                exchange(stream, request).await.map_err(|fault| self.unreachable(&fault))
            }
        }
    }

    fn host(&self) -> &str {
        match self {
            Self::Local { .. } => "localhost",
            Self::Remote { authority, .. } => authority,
        }
    }

    fn unreachable(&self, fault: &dyn std::fmt::Display) -> Failure {
        Failure::NotReachable(match self {
            Self::Local { socket } => format!(
                "no server runs on {} ({fault}); start one with `trunkline --data {}`, or name another with --data or --server",
                folder(socket).display(),
                folder(socket).display(),
            ),
            Self::Remote { authority, .. } => format!("http://{authority} does not answer: {fault}"),
        })
    }
}

impl Reply {
    /// The body of a 2xx; else why not (RFC 9457).
    pub(crate) fn accepted(self) -> Result<Value, Failure> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let text = problem(self.status, &self.body);
        Err(if self.status == StatusCode::NOT_FOUND {
            Failure::NotFound(text)
        } else {
            Failure::Failed(text)
        })
    }
}

/// The socket of the server on a data folder, under a path that fits into `sun_path`.
#[derive(Debug)]
pub(crate) struct NearSocket {
    path: PathBuf,
    _folder: Option<std::fs::File>,
}

impl NearSocket {
    /// What to bind or to connect to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Long folders are reached through a descriptor, since a socket's path has 107 bytes.
pub(crate) fn within_reach(socket: &Path) -> std::io::Result<NearSocket> {
    if socket.as_os_str().len() <= 107 {
        return Ok(NearSocket { path: socket.to_owned(), _folder: None });
    }
    let folder = std::fs::File::open(folder(socket))?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", std::os::fd::AsRawFd::as_raw_fd(&folder));
    Ok(NearSocket { path: path.into(), _folder: Some(folder) })
}

fn folder(socket: &Path) -> &Path {
    socket.parent().unwrap_or_else(|| Path::new("."))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|fault| Failure::Failed(format!("no event loop: {fault}")))
}

/// JSON, or text as a string.
fn read(bytes: &Bytes) -> Value {
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    serde_json::from_slice(bytes).unwrap_or_else(|_| text())
}

/// `detail`, or a line for each field: what is wrong with it, and what to do.
fn problem(status: StatusCode, body: &Value) -> String {
    let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let faults = body.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| {
            let what = field(fault, "message").or_else(|| field(fault, "detail")).unwrap_or_default();
            let hint = field(fault, "hint").filter(|hint| !hint.is_empty());
            let parts = [Some(named(&field(fault, "pointer").unwrap_or_default())), Some(what), hint];
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        })
        .collect();
    let code = field(body, "code").map_or_else(String::new, |code| format!(" ({code})"));
    match lines.as_slice() {
        [only] => format!("{only}{code}"),
        [] => {
            let head = field(body, "detail").or_else(|| field(body, "title"));
            let head = head.or_else(|| body.as_str().map(str::to_owned)).filter(|head| !head.is_empty());
            format!("{}{code}", head.unwrap_or_else(|| status.to_string()))
        }
        several => format!("{} fields are wrong{code}\n  {}", several.len(), several.join("\n  ")),
    }
}

/// A JSON pointer as people write a field: `/peers/0/host` is `peers.0.host`.
fn named(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

const ANYTHING: &str = "*/*";
const EVENTS: &str = "text/event-stream";
/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "trunkline.sock";

#[cfg(test)]
mod tests;
