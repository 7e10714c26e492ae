//! SIP over TLS on a shard's thread: both versions, split records, and peers that break or stall the handshake.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificates::{OwnNames, Shelf, Trust};
use engine::control::Event;
use engine::{Brought, Errand, Persist, VouchQuestion, Vouched};
use net::clock::Clock;
use net::media_loop::MediaIo;
use net::shard_loop::{ListenerSpec, Office, ShardLoop, ShardSetup, TlsSetup};
use routing::config::Delta;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};
use sip_stack::transport::Protocol;

struct Nobody;

impl Office for Nobody {
    fn persist(&self, _: Persist) {}

    fn announce(&self, _: Event) {}

    fn vouch(&self, _: VouchQuestion, reply: Box<dyn FnOnce(Vouched) + Send>) {
        reply(Vouched::default());
    }

    fn errand(&self, _: Errand, reply: Box<dyn FnOnce(Brought) + Send>) {
        reply(Brought::Audio(Err("nobody fetches anything here".into())));
    }
}

struct Server {
    shards: Option<ShardLoop>,
    address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("trunkline-tls-{}-{name}", std::process::id()));
        let own = OwnNames { hosts: vec!["localhost".into()], addresses: Vec::new() };
        let shelf = Arc::new(Shelf::open(&folder, own, None).expect("a folder"));
        let trust = Arc::new(Trust::open(Arc::clone(&shelf)));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let shards = ShardLoop::start(ShardSetup {
            clock: Clock::start(),
            listeners: vec![ListenerSpec { protocol: Protocol::Tls, address }],
            web: Vec::new(),
            tls: Some(TlsSetup { shelf, trust }),
            shards: 2,
            media_workers: 1,
            secret: [7; 16],
            vapid: String::new(),
            base_domain: "localhost".into(),
            public_ip: None,
            local_nets: Vec::new(),
            media: None,
            media_ports: (42_000, 42_039),
            media_io: MediaIo::Auto,
            media_tick: Duration::ZERO,
            recorder: None,
            name_servers: vec![SocketAddr::from(([127, 0, 0, 1], 9))],
            rows: Arc::new(Delta { revision: 1, changes: Vec::new() }),
            bindings: Vec::new(),
            counters: Vec::new(),
            office: Arc::new(Nobody),
        })
        .expect("started");
        let address = shards.bound()[0].address;
        Self { shards: Some(shards), address, folder }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("somebody listens");
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout");
        stream
    }

    fn tls(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        StreamOwned::new(connection, self.tcp())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(shards) = self.shards.take() {
            shards.stop();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

fn options(number: usize) -> String {
    format!(
        "OPTIONS sip:localhost SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@localhost>;tag=1\r\nTo: <sip:localhost>\r\n\
         Call-ID: call-{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Reads until so many answers came.
fn answers(stream: &mut impl Read, wanted: usize) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while text.matches("\r\n\r\n").count() < wanted {
        let len = stream.read(&mut buffer).expect("an answer");
        assert!(len > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..len]));
    }
    text
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let server = Server::start("versions");
    let table: [(&[&'static SupportedProtocolVersion], ProtocolVersion); 2] = [
        (&[&rustls::version::TLS12], ProtocolVersion::TLSv1_2),
        (&[&rustls::version::TLS13], ProtocolVersion::TLSv1_3),
    ];
    for (versions, expected) in table {
        let mut stream = server.tls(versions);
        stream.write_all(options(1).as_bytes()).expect("sent");
        assert!(answers(&mut stream, 1).starts_with("SIP/2.0 200 OK"));
        assert_eq!(stream.conn.protocol_version(), Some(expected));
    }
}

#[test]
fn messages_and_records_need_not_coincide() {
    let server = Server::start("records");
    let mut stream = server.tls(&[&rustls::version::TLS13]);
    let many: String = (0..20).map(options).collect();
    stream.write_all(many.as_bytes()).expect("sent");
    assert_eq!(answers(&mut stream, 20).matches("SIP/2.0 200 OK").count(), 20);
    for piece in options(21).as_bytes().chunks(7) {
        stream.write_all(piece).expect("sent");
        stream.flush().expect("a record of its own");
    }
    assert!(answers(&mut stream, 1).contains("call-21"));
    stream.write_all(b"\r\n\r\n").expect("a ping");
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).expect("a pong");
    assert_eq!(&pong, b"\r\n");
}

#[test]
fn whoever_does_not_speak_tls_is_let_go_and_others_are_served() {
    let server = Server::start("strangers");
    let silent = server.tcp();
    let begun = Instant::now();
    let mut plain = server.tcp();
    plain.write_all(options(1).as_bytes()).expect("sent");
    let mut rest = Vec::new();
    // An alert, then the end; a reset will do.
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"SIP/2.0"));
    let mut stream = server.tls(&[&rustls::version::TLS13]);
    stream.write_all(options(2).as_bytes()).expect("sent");
    assert!(answers(&mut stream, 1).contains("call-2"));
    // Who says nothing is cut off after ten seconds.
    let mut silent = silent;
    let _ = silent.read(&mut [0; 16]);
    let waited = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(13)).contains(&waited), "{waited:?}");
    stream.write_all(options(3).as_bytes()).expect("sent");
    assert!(answers(&mut stream, 1).contains("call-3"));
}
