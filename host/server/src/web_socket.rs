//! SIP over WebSocket at `/sip` (RFC 7118, RFC 6455), on the listeners of the console and the API.
//!
//! Who may open it is a matter of origin and of how many there are; who somebody is, SIP digest proves. What comes is
//! taken to the call path message by message; a socket that is slow, silent or dead is closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use net::shard_loop::{Line, Refused, Seat, WebDoor, WebEnd, Word};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// `/sip` of one listener.
pub(crate) fn router(door: Option<WebDoor>, origins: &[String]) -> Router {
    let Some(door) = door else { return Router::new() };
    let gate = Gate { door, origins: origins.into() };
    Router::new().route("/sip", get(open)).with_state(gate)
}

/// Who may come in.
#[derive(Clone)]
struct Gate {
    door: WebDoor,
    /// All of them when it is empty.
    origins: Arc<[String]>,
}

impl Gate {
    /// A place, or what to say instead.
    fn admit(
        &self,
        upgrade: &WebSocketUpgrade,
        headers: &HeaderMap,
        remote: SocketAddr,
    ) -> Result<Seat, (StatusCode, &'static str)> {
        let refuse = |code, text| {
            self.door.figures().refused();
            Err((code, text))
        };
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        if !self.origins.is_empty() && !self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
            return refuse(
                StatusCode::FORBIDDEN,
                "this origin may not open SIP over WebSocket: see --ws-origins\n",
            );
        }
        if upgrade.selected_protocol().is_none() {
            return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Protocol: sip is needed (RFC 7118)\n");
        }
        self.door.reserve(remote).map_err(|refused| match refused {
            Refused::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets\n"),
            Refused::SourceFull => (StatusCode::TOO_MANY_REQUESTS, "too many WebSockets of this address\n"),
        })
    }
}

async fn open(
    State(gate): State<Gate>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .protocols(["sip"])
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_frame_size(MOST_READ)
        .max_message_size(MOST_READ);
    match gate.admit(&upgrade, &headers, remote) {
        Ok(seat) => upgrade.on_upgrade(move |socket| serve(socket, gate.door.open(remote, seat))),
        Err(refusal) => refusal.into_response(),
    }
}

/// Moves messages until one side has enough.
async fn serve(mut socket: WebSocket, mut line: Line) {
    let why = exchange(&mut socket, &mut line).await;
    if why != WebEnd::Client {
        let close = Message::Close(Some(CloseFrame { code: why.code(), reason: why.name().into() }));
        // Who is gone is not told.
        drop(timeout(PARTING, socket.send(close)).await);
    }
    line.end(why);
}

async fn exchange(socket: &mut WebSocket, line: &mut Line) -> WebEnd {
    let mut beat = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let answer = tokio::select! {
            came = socket.recv() => {
                heard = Instant::now();
                match came {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => return WebEnd::Client,
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        let bytes = Vec::from(message.into_data());
                        if bytes.len() > LONGEST {
                            return WebEnd::TooLarge;
                        }
                        line.deliver(bytes).await;
                        continue;
                    }
                    Some(Err(_)) => return WebEnd::Broken,
                }
            }
            word = line.next() => match word {
                Word::Message(bytes) => framed(bytes),
                Word::Close(why) => return why,
            },
            _ = beat.tick() => {
                if heard.elapsed() > PATIENCE {
                    return WebEnd::Dead;
                }
                Message::Ping(Vec::new().into())
            }
        };
        match timeout(SLOW, socket.send(answer)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return WebEnd::Client,
            Err(_) => return WebEnd::Slow,
        }
    }
}

/// SIP is text, unless a body is not (RFC 7118 §4.2).
fn framed(message: Vec<u8>) -> Message {
    match String::from_utf8(message) {
        Ok(text) => Message::text(text),
        Err(binary) => Message::binary(binary.into_bytes()),
    }
}

/// Longest SIP message taken, as on streams.
const LONGEST: usize = 65_535;
/// What is read before a message is too large to be read on: enough to be told so in the proper way.
const MOST_READ: usize = 2 * LONGEST;
/// Read at a time; a page says one or two thousand bytes.
const BUFFER: usize = 4096;
/// Below the 30 s after which the shortest-lived proxies and NATs forget.
const PING_EVERY: Duration = Duration::from_secs(25);
/// Two pings without an answer.
const PATIENCE: Duration = Duration::from_secs(55);
/// How long a client may take no bytes while something waits for it.
const SLOW: Duration = Duration::from_secs(10);
/// For the last word.
const PARTING: Duration = Duration::from_secs(2);
