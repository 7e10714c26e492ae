//! Prints what scanning, parsing, checking and answering a typical INVITE cost, in nanoseconds each.
//!
//! `cargo run --release -p sip-msg --example parse_cost`
#![allow(clippy::print_stdout, reason = "printing is all it does")]

use std::hint::black_box;
use std::time::Instant;

use sip_msg::{Message, Name, ViaStamp, Writer, answer, scan};

const INVITE: &[u8] = include_bytes!("../tests/typical_invite.sip");
const ROUNDS: u32 = 500_000;

fn main() {
    println!("{} octets", INVITE.len());
    measure("scan", || {
        black_box(scan(black_box(INVITE)));
    });
    measure("parse", || {
        black_box(Message::parse(black_box(INVITE)).is_ok());
    });
    let message = Message::parse(INVITE).expect("the INVITE is well formed");
    measure("defect", || {
        black_box(black_box(&message).defect());
    });
    let mut out = Vec::with_capacity(4096);
    let stamp = ViaStamp { received: Some([192, 0, 2, 9].into()), rport: Some(40_000) };
    measure("answer", || {
        out.clear();
        let mut w = answer(&mut out, black_box(&message), 200, b"", b"tag1", stamp);
        w.field(Name::Contact, b"<sip:192.0.2.1>");
        w.body(b"application/sdp", message.body());
        black_box(&out);
    });
    measure("write", || {
        out.clear();
        write_invite(&mut out, black_box(&message));
        black_box(&out);
    });
}

/// An INVITE as the other leg of a call gets it.
fn write_invite(out: &mut Vec<u8>, from: &Message<'_>) {
    let mut w = Writer::request(out, b"INVITE", b"sip:2002@192.0.2.77:5062;transport=udp");
    w.parts(
        Name::Via,
        &[b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK", b"abcdefghijklmnopqrstuvwxyz234", b";rport"],
    )
    .number(Name::MaxForwards, 69)
    .parts(Name::From, &[b"\"Reception\" <sip:2001@pbx.example.com>;tag=", b"abcdefghijklmnopqrstuvwxyz234"])
    .field(Name::To, b"<sip:2002@pbx.example.com>")
    .field(Name::CallId, b"88261YzQ0OTEwNmM3ZTFkOWE5NTk2MzI")
    .field(Name::CSeq, b"1 INVITE")
    .field(Name::Contact, b"<sip:192.0.2.1:5060>")
    .copy(from, Name::Allow)
    .copy(from, Name::Supported);
    w.body(b"application/sdp", from.body());
}

fn measure(name: &str, mut work: impl FnMut()) {
    (0..ROUNDS / 10).for_each(|_| work());
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS / 5).for_each(|_| work());
            start.elapsed() / (ROUNDS / 5)
        })
        .min();
    println!("{name:8} {:5} ns", best.unwrap_or_default().as_nanos());
}
