//! Framing on streams: pieces, keepalives, and what cannot be framed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use core::time::Duration;
use routing::config::Change;
use sim::rows;
use sim::world::World;
use sip_stack::transport::{Flow, Protocol};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 40_000);
const FLOW: Flow = Flow { protocol: Protocol::Tcp, listener: 1, stream: 7, remote: PEER };

/// What comes back, as text, when these pieces arrive one after the other.
fn check(pieces: &[&str], expected: &[&str], closes: bool) {
    let mut world = World::new(2, 1);
    let rows: Vec<Change> = [rows::account(&[]), rows::domain(&[])].into_iter().flatten().collect();
    world.configure(rows);
    for piece in pieces {
        world.send(FLOW, piece.as_bytes().to_vec());
        let until = world.now() + Duration::from_millis(10);
        world.run_until(until);
    }
    let starts: Vec<String> = world
        .inbox
        .iter()
        .map(|(_, bytes)| {
            String::from_utf8_lossy(bytes).chars().take_while(|&c| c != '\r').take(11).collect()
        })
        .collect();
    assert_eq!(starts, expected, "{pieces:?}");
    assert_eq!(!world.disconnected.is_empty(), closes, "{pieces:?}");
}

#[test]
fn messages_are_found_in_pieces_and_broken_streams_are_closed() {
    let options = "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1:40000;branch=z9hG4bK1\r\n\
                   From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n";
    let whole = format!("{options}Content-Length: 0\r\n\r\n");
    let ok = "SIP/2.0 200";
    let (front, back) = whole.split_at(70);
    check(&[&whole], &[ok], false);
    check(&[front, back], &[ok], false);
    check(&[&format!("{whole}{front}"), back], &[ok, ok], false);
    check(&[&format!("\r\n{whole}")], &[ok], false);
    check(&["\r\n\r\n"], &[""], false);
    check(&[&format!("\r\n\r\n{whole}")], &["", ok], false);
    let with_body = format!("{options}Content-Length: 5\r\n\r\nhel");
    check(&[&with_body, "lo"], &[ok], false);
    check(&[&format!("{options}Content-Length: many\r\n\r\n")], &["SIP/2.0 400"], true);
    check(&[&format!("{options}\r\n")], &["SIP/2.0 400"], true);
    check(&[&format!("{options}X: {}", "y".repeat(70_000))], &[], true);
}
