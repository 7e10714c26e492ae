//! Asking peers on loopback.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use sip_msg::{Message, ViaStamp, Writer, answer};
use sip_stack::transport::Protocol;

use super::{Ping, ProbeFault, Target, ping};

fn plan(target: String) -> Ping {
    Ping { target, count: 2, interval: Duration::from_millis(1), patience: Duration::from_millis(900) }
}

fn ok(request: &[u8]) -> Vec<u8> {
    let message = Message::parse(request).expect("a request");
    let mut out = Vec::new();
    let mut writer: Writer<'_> = answer(&mut out, &message, 200, b"", b"t", ViaStamp::default());
    writer.named(b"Server", b"peer 1.0");
    writer.end();
    out
}

#[test]
fn uris_lead_to_peers() {
    let target = |uri: &str| Target::parse(uri).expect("right");
    assert_eq!(target("sip:pbx.example.com").protocol, Protocol::Udp);
    assert_eq!(target("sips:pbx.example.com").protocol, Protocol::Tls);
    let tcp = target("sip:echo@[2001:db8::1]:5070;transport=TCP");
    assert_eq!((tcp.host.as_str(), tcp.port, tcp.protocol), ("2001:db8::1", Some(5070), Protocol::Tcp));
    assert_eq!(tcp.uri, "sip:echo@[2001:db8::1]:5070");
    assert!(matches!(Target::parse("tel:+49"), Err(ProbeFault::Uri { .. })));
    assert!(matches!(Target::parse("sip:a;transport=pigeon"), Err(ProbeFault::Transport { .. })));
}

#[test]
fn a_lost_request_is_sent_again() {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = peer.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut seen = 0;
        while let Ok((len, from)) = peer.recv_from(&mut buffer) {
            seen += 1;
            if seen > 1 {
                peer.send_to(&ok(&buffer[..len]), from).expect("sent");
            }
        }
    });
    let report = ping(&plan(format!("sip:127.0.0.1:{port}")), |_, _| {}).expect("asked");
    assert_eq!((report.sent, report.received), (2, 2), "{report:?}");
    assert!(report.rtt_max_ms.is_some_and(|ms| ms >= 500.0), "{report:?}");
    assert_eq!(report.answers[1].server, "peer 1.0");
}

#[test]
fn streams_are_asked_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buffer = [0; 2048];
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&ok(&buffer[..len])).expect("sent");
        }
    });
    let report = ping(&plan(format!("sip:127.0.0.1:{port};transport=tcp")), |_, _| {}).expect("asked");
    assert_eq!((report.received, report.peer), (2, format!("tcp:127.0.0.1:{port}")));
}

#[test]
fn nobody_there_is_said() {
    let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let report = ping(&plan(format!("sip:127.0.0.1:{port}")), |_, _| {}).expect("asked");
    assert_eq!(report.received, 0);
    assert!(report.answers[0].reason.contains("nobody listens"), "{report:?}");
}
