//! SIP over WebSocket at `/sip`: who may open it, what a frame may hold, what becomes of sockets that misbehave.

mod installation;

use std::net::TcpStream;
use std::time::Duration;

use installation::{Installation, Running};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket, client};

#[test]
fn a_frame_is_a_message() {
    let installation = Installation::new();
    let running = installation.start();
    let mut socket = open(&running, &[("sec-websocket-protocol", "sip")]).expect("it is taken");
    let options = |number: u8, rest: &str| {
        format!(
            "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS browser.invalid;branch=z9hG4bK{number}\r\n\
             From: <sip:a@browser.invalid>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {number}@browser\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{rest}"
        )
    };
    let (bare, measured) = (options(1, "\r\n"), options(2, "Content-Length: 0\r\n\r\n"));
    let large = options(3, &format!("X: {}\r\n\r\n", "x".repeat(66_000)));
    let table = [
        (Message::text(bare.clone()), "SIP/2.0 200"),
        (Message::binary(measured.clone().into_bytes()), "SIP/2.0 200"),
        (Message::text("\r\n\r\n"), "\r\n"),
        (Message::text(format!("{measured}{bare}")), "SIP/2.0 400"),
        (Message::text(format!("\r\n{measured}")), "SIP/2.0 200"),
    ];
    for (sent, expected) in table {
        socket.send(sent.clone()).expect("sent");
        let answer = heard(&mut socket);
        assert!(answer.starts_with(expected), "{sent:?}: {answer}");
        assert!(!answer.contains("SIP/2.0") || answer.contains("browser.invalid;branch"), "{answer}");
    }
    socket.send(Message::text(large)).expect("sent");
    assert_eq!(closed(&mut socket), 1009);
    let metrics = installation.output(&["api", "GET", "/metrics"]);
    for line in [
        "trunkline_sip_websockets 0",
        "trunkline_sip_websockets_opened_total 1",
        "trunkline_sip_websockets_closed_total{why=\"too_large\"} 1",
        "trunkline_sip_websocket_frames_refused_total 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn only_sip_and_origins_that_may() {
    let installation = Installation::new();
    std::fs::create_dir_all(&installation.data).expect("a folder");
    let file = installation.data.join("trunkline.toml");
    std::fs::write(file, "ws_origins = [\"https://Phone.example:443\"]\n").expect("a file");
    let running = installation.start();
    let from = |origin: &'static str| [("sec-websocket-protocol", "sip"), ("origin", origin)];
    assert!(open(&running, &from("https://phone.example")).is_ok());
    assert_eq!(open(&running, &from("https://elsewhere.example")).err(), Some(403));
    assert_eq!(open(&running, &from("https://phone.example")[..1]).err(), Some(403), "without an origin");
    assert_eq!(open(&running, &from("https://phone.example")[1..]).err(), Some(400), "without a subprotocol");
}

#[test]
fn a_server_that_stops_says_so() {
    let installation = Installation::new();
    let running = installation.start();
    let mut socket = open(&running, &[("sec-websocket-protocol", "sip")]).expect("it is taken");
    assert_eq!(running.stop().0, Some(0));
    assert!(matches!(socket.read(), Ok(Message::Close(_)) | Err(_)));
}

/// Opens a socket with these header fields, or tells the status that refused it.
#[expect(clippy::unwrap_in_result, reason = "what is not an answer of the server fails the test")]
fn open(running: &Running, fields: &[(&'static str, &'static str)]) -> Result<WebSocket<TcpStream>, u16> {
    let base = running.banner["http"][0].as_str().expect("an address");
    let address = base.trim_start_matches("http://").trim_end_matches('/');
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut request = format!("ws://{address}/sip").into_client_request().expect("a request");
    for &(name, value) in fields {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    match client(request, stream) {
        Ok((socket, answer)) => {
            assert_eq!(answer.headers()["sec-websocket-protocol"], "sip");
            Ok(socket)
        }
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// The next message, as text.
fn heard(socket: &mut WebSocket<TcpStream>) -> String {
    loop {
        match socket.read().expect("a message") {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code it is closed with.
fn closed(socket: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.expect("a reason").code.into(),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
