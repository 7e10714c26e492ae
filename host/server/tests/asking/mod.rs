//! Requests of phones and peers to a running server: sent from an address of loopback, proved with a password where
//! that is asked for, acknowledged.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip_msg::{Message, Name};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::installation::Installation;

/// A request and where it comes from.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    /// User and host called; the host `us` is our address.
    pub(crate) to: (&'static str, &'static str),
    /// User and host of From.
    pub(crate) from: (&'static str, &'static str),
    /// The last two numbers of a loopback address.
    pub(crate) source: (u8, u8),
    /// User and password.
    pub(crate) login: Option<(&'static str, &'static str)>,
    pub(crate) more: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) hops: u8,
    /// Who is called first, so that a limit is reached.
    pub(crate) first: Option<&'static str>,
}

pub(crate) const CALL: Ask = Ask {
    method: "INVITE",
    to: ("bob", HOME),
    from: ("alice", HOME),
    source: (9, 1),
    login: Some(("alice", PASSWORD)),
    more: "",
    scheme: "sip",
    hops: 70,
    first: None,
};
pub(crate) const HOME: &str = "sip.localhost";
pub(crate) const PASSWORD: &str = "wonderland-7";

/// A request that was sent, and may have been challenged.
pub(crate) struct Asking<'h> {
    here: &'h Installation,
    ask: Ask,
    line: Line,
    call_id: String,
    cseq: u32,
    answer: Vec<u8>,
    proof: String,
}

/// What it travels over.
enum Line {
    Udp(UdpSocket),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl<'h> Asking<'h> {
    /// Sends it over UDP, without credentials.
    pub(crate) fn begin(here: &'h Installation, ask: &Ask) -> Self {
        let (third, fourth) = ask.source;
        let socket = UdpSocket::bind((format!("127.0.{third}.{fourth}"), 0)).expect("a loopback address");
        Self::over_udp(here, ask, socket, |request| request)
    }

    /// The same from this socket, changed like this.
    pub(crate) fn over_udp(
        here: &'h Installation,
        ask: &Ask,
        socket: UdpSocket,
        change: impl Fn(String) -> String,
    ) -> Self {
        socket.connect(("127.0.0.1", here.sip)).expect("an address");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        Self::over(here, ask, Line::Udp(socket), change)
    }

    /// The same over TLS to this port; the server shows the certificate that it made itself.
    pub(crate) fn over_tls(here: &'h Installation, ask: &Ask, port: u16) -> Self {
        let own = here.data.join("certificates").join("self-signed.pem");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(own).expect("a certificate")).expect("an authority");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let name = "localhost".try_into().expect("a name");
        let connection = ClientConnection::new(config, name).expect("a client");
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let line = Line::Tls(Box::new(StreamOwned::new(connection, stream)));
        Self::over(here, ask, line, |request| request)
    }

    fn over(here: &'h Installation, ask: &Ask, line: Line, change: impl Fn(String) -> String) -> Self {
        let (third, fourth) = ask.source;
        let call_id = format!("{third}-{fourth}-{:?}", Instant::now());
        let call_id = call_id.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "");
        let (answer, proof) = (Vec::new(), String::new());
        let mut asking = Self { here, ask: *ask, line, call_id, cseq: 0, answer, proof };
        asking.send(change);
        asking
    }

    /// The final answer, with credentials if they are asked for.
    pub(crate) fn prove(&mut self) -> Vec<u8> {
        let message = Message::parse(&self.answer).expect("an answer");
        let Some((user, password)) = self.ask.login.filter(|_| matches!(message.code(), 401 | 407)) else {
            return self.answer.clone();
        };
        let (uri, method) = (self.uri(), self.ask.method.as_bytes());
        let proof = sip_stack::auth::answer(&message, user, password, method, uri.as_bytes(), b"abc");
        let (name, value) = proof.expect("a challenge that can be answered");
        self.proof = format!("{}: {}\r\n", name.as_str(), String::from_utf8_lossy(&value));
        self.again()
    }

    /// The final answer to the same with the same credentials.
    pub(crate) fn again(&mut self) -> Vec<u8> {
        self.send(|request| request);
        self.answer.clone()
    }

    fn send(&mut self, change: impl Fn(String) -> String) {
        self.cseq += 1;
        let request = change(self.request());
        self.line.send(&request);
        loop {
            self.answer = self.line.receive();
            let message = Message::parse(&self.answer).expect("a message");
            if message.is_request() || message.code() < 200 {
                continue;
            }
            if self.ask.method == "INVITE" {
                let to = String::from_utf8_lossy(message.field(Name::To).unwrap_or_default()).into_owned();
                self.line.send(&acknowledgement(&request, &to));
            }
            return;
        }
    }

    fn uri(&self) -> String {
        let (user, host) = self.ask.to;
        let host = if host == "us" { format!("127.0.0.1:{}", self.here.sip) } else { host.to_owned() };
        match self.ask.method {
            "REGISTER" => format!("{}:{host}", self.ask.scheme),
            _ => format!("{}:{user}@{host}", self.ask.scheme),
        }
    }

    fn request(&self) -> String {
        let (local, protocol, scheme) = match &self.line {
            Line::Udp(socket) => (socket.local_addr(), "UDP", "sip"),
            Line::Tls(stream) => (stream.sock.local_addr(), "TLS", "sips"),
        };
        let local: SocketAddr = local.expect("an address");
        let (to, (from, from_host)) = (self.ask.to, self.ask.from);
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{protocol} {local};branch=z9hG4bK{call_id}{cseq};rport\r\n\
             Max-Forwards: {hops}\r\nFrom: <sip:{from}@{from_host}>;tag={call_id}\r\nTo: <sip:{to}@{to_host}>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <{scheme}:{from}@{local}>\r\n{added}{proof}",
            method = self.ask.method,
            uri = self.uri(),
            call_id = self.call_id,
            cseq = self.cseq,
            hops = self.ask.hops,
            to = to.0,
            to_host = if to.1 == "us" { "127.0.0.1" } else { to.1 },
            added = self.ask.more,
            proof = self.proof,
        );
        let body = if self.ask.method == "INVITE" { OFFER } else { "" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let _ = write!(text, "{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        text
    }
}

impl Line {
    fn send(&mut self, text: &str) {
        match self {
            Self::Udp(socket) => drop(socket.send(text.as_bytes()).expect("sent")),
            Self::Tls(stream) => stream.write_all(text.as_bytes()).expect("sent"),
        }
    }

    /// The next message; over TLS what has no body.
    fn receive(&mut self) -> Vec<u8> {
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 4_096];
                let length = socket.recv(&mut buffer).expect("an answer in time");
                buffer.truncate(length);
                buffer
            }
            Self::Tls(stream) => {
                let mut message = Vec::new();
                let mut octet = [0];
                while !message.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut octet).expect("an answer in time");
                    message.extend(octet);
                }
                message
            }
        }
    }
}

/// The final answer to a request, credentials given where they are asked for.
pub(crate) fn exchange(here: &Installation, ask: &Ask) -> Vec<u8> {
    Asking::begin(here, ask).prove()
}

/// Code, text of Reason and Warning of an answer.
pub(crate) fn facts(answer: &[u8]) -> (u16, String, String) {
    let message = Message::parse(answer).expect("a message");
    let text = |name| String::from_utf8_lossy(message.field(name).unwrap_or_default()).into_owned();
    (message.code(), text(Name::Reason), text(Name::Warning))
}

fn acknowledgement(request: &str, to: &str) -> String {
    let lines = request.split("\r\n").take_while(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("Content-"));
    let lines = lines.map(|line| match line {
        line if line.starts_with("INVITE ") => line.replacen("INVITE", "ACK", 1) + "\r\n",
        line if line.starts_with("CSeq:") => line.replace("INVITE", "ACK") + "\r\n",
        line if line.starts_with("To:") => format!("To: {to}\r\n"),
        line => format!("{line}\r\n"),
    });
    lines.collect::<String>() + "Content-Length: 0\r\n\r\n"
}

const PATIENCE: Duration = Duration::from_secs(8);
const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
