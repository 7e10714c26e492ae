//! Pages of browsers at the running server: they sign in, renew their password while they are registered, are closed, and
//! a call wakes them by a push (RFC 7118, RFC 8599, RFC 8030).

mod asking;
mod installation;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use asking::{CALL, HOME, PASSWORD, exchange, facts};
use installation::{Installation, Running};
use serde_json::Value;
use sip_msg::{Message, Name};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message as Frame, WebSocket, client};

#[test]
fn a_page_is_closed_and_a_call_wakes_it() {
    let here = Installation::new();
    let running = here.start_with(&["--http-allow", "127.0.0.0/8"]);
    here.output(&["connection", "create", "--user", "alice", "--password", PASSWORD]);
    let silent = ["--set", "dialled.voicemail=false"];
    let bob = ["connection", "create", "--user", "bob", "--password", PASSWORD, silent[0], silent[1]];
    let bob = here.json(&bob);
    let bob = bob["id"].as_str().expect("an id");
    let service = TcpListener::bind("127.0.0.1:0").expect("a port");
    let subscribed = format!("http%3A%2F%2F{}%2Fs%2F1", service.local_addr().expect("an address"));

    let settings = settings(&here, bob);
    let mut page = Page::open(&running, &subscribed);
    let answer = page.registers(&settings);
    let key = settings["push"]["vapid"].as_str().expect("a key");
    assert!(answer.contains(&format!("+sip.vapid=\"{key}\"")), "{answer}");

    // Another password: the registration goes on.
    let renewed = self::settings(&here, bob);
    assert_ne!(settings["password"], renewed["password"]);
    page.registers(&renewed);
    let registered = registrations(&here, bob);
    assert_eq!((registered.len(), &registered[0]["asleep"]), (1, &Value::Bool(false)), "{registered:?}");

    drop(page);
    let asleep = || registrations(&here, bob).first().is_some_and(|row| row["asleep"] == true);
    eventually("it sleeps", asleep);
    let called = std::thread::scope(|scope| {
        let caller = scope.spawn(|| facts(&exchange(&here, &CALL)));
        let push = push(&service, "201 Created");
        assert!(push.starts_with("POST /s/1 HTTP/1.1\r\n"), "{push}");
        assert!(push.contains(&format!(", k={key}")) && push.ends_with("\r\n\r\n"), "{push}");
        let mut page = Page::open(&running, &subscribed);
        page.registers(&renewed);
        page.is_busy();
        caller.join().expect("an answer")
    });
    assert_eq!(called.0, 486, "{called:?}");

    // The subscription is gone, and the registration with it.
    eventually("it sleeps", asleep);
    let called = std::thread::scope(|scope| {
        let caller = scope.spawn(|| facts(&exchange(&here, &CALL)));
        push(&service, "410 Gone");
        caller.join().expect("an answer")
    });
    assert!(called.0 == 480 && called.2.contains("R-24"), "{called:?}");
    eventually("nothing is registered", || registrations(&here, bob).is_empty());
    let metrics = here.output(&["api", "GET", "/metrics"]);
    for line in ["trunkline_pushes_total{result=\"taken\"} 1", "trunkline_pushes_total{result=\"gone\"} 1"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// A page with its socket.
struct Page {
    socket: WebSocket<TcpStream>,
    contact: String,
    sent: u32,
}

impl Page {
    /// Its Contact names where its browser subscribed to pushes.
    fn open(running: &Running, subscribed: &str) -> Self {
        let address = running.banner["http"][0].as_str().expect("an address");
        let address = address.trim_start_matches("http://").trim_end_matches('/');
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut request = format!("ws://{address}/sip").into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("sip"));
        let (socket, _) = client(request, stream).expect("it is taken");
        let contact = format!("sip:p@page.invalid;transport=ws;pn-provider=webpush;pn-prid={subscribed}");
        Self { socket, contact, sent: 0 }
    }

    /// Registers with what it was told; the final answer.
    fn registers(&mut self, settings: &Value) -> String {
        let text = |name: &str| settings[name].as_str().expect("text").to_owned();
        let challenged = self.asks("");
        let message = Message::parse(challenged.as_bytes()).expect("an answer");
        let (user, password) = (text("auth_user"), text("password"));
        let uri = format!("sip:{HOME}");
        let proof = sip_stack::auth::answer(&message, &user, &password, b"REGISTER", uri.as_bytes(), b"abc");
        let (name, value) = proof.expect("a challenge that can be answered");
        let answer = self.asks(&format!("{}: {}\r\n", name.as_str(), String::from_utf8_lossy(&value)));
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        answer
    }

    fn asks(&mut self, more: &str) -> String {
        self.sent += 1;
        let (sent, contact) = (self.sent, &self.contact);
        let call = self.socket.get_ref().local_addr().expect("an address").port();
        self.says(format!(
            "REGISTER sip:{HOME} SIP/2.0\r\nVia: SIP/2.0/WS page.invalid;branch=z9hG4bK{call}x{sent}\r\n\
             From: <sip:bob@{HOME}>;tag={call}\r\nTo: <sip:bob@{HOME}>\r\nCall-ID: {call}\r\nCSeq: {sent} REGISTER\r\n\
             Max-Forwards: 70\r\nContact: <{contact}>\r\nExpires: 300\r\n{more}\r\n"
        ));
        self.hears()
    }

    /// Is called, and says that it is busy.
    fn is_busy(&mut self) {
        let invite = self.hears();
        assert!(invite.starts_with("INVITE sip:p@page.invalid;transport=ws;pn-provider=webpush"), "{invite}");
        let message = Message::parse(invite.as_bytes()).expect("a request");
        let field = |name| String::from_utf8_lossy(message.field(name).expect("a field")).into_owned();
        let answer = format!(
            "SIP/2.0 486 Busy Here\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=1\r\nCall-ID: {}\r\nCSeq: {}\r\n\r\n",
            field(Name::Via),
            field(Name::From),
            field(Name::To),
            field(Name::CallId),
            field(Name::CSeq)
        );
        self.says(answer);
        assert!(self.hears().starts_with("ACK "));
    }

    fn says(&mut self, text: String) {
        self.socket.send(Frame::text(text)).expect("sent");
    }

    fn hears(&mut self) -> String {
        loop {
            match self.socket.read().expect("a message") {
                Frame::Text(text) => return text.to_string(),
                Frame::Ping(_) | Frame::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// What a page is told.
fn settings(here: &Installation, connection: &str) -> Value {
    let asked = format!("{{\"connection\": \"{connection}\"}}");
    serde_json::from_str(&here.output(&["api", "POST", "/session/phone", &asked])).expect("JSON")
}

fn registrations(here: &Installation, connection: &str) -> Vec<Value> {
    let text = here.output(&["api", "GET", &format!("/connections/{connection}/status")]);
    let status: Value = serde_json::from_str(&text).expect("JSON");
    status["registrations"].as_array().expect("a list").clone()
}

/// The next push, as it came, which is answered like this.
fn push(service: &TcpListener, status: &str) -> String {
    let (mut stream, _) = service.accept().expect("a push");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut got = Vec::new();
    let mut octet = [0];
    while !got.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).expect("a request");
        got.extend(octet);
    }
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).expect("sent");
    String::from_utf8(got).expect("text")
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: never");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
