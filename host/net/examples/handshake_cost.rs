//! What a transport of a browser costs a media worker: the time of a whole handshake and of its dearest datagram.
//!
//! `cargo run --release -p net --example handshake_cost [HANDSHAKES]`. Both sides run in this process; only what our side
//! does with a datagram is counted.

// A program for the terminal: it prints.
#![allow(clippy::print_stdout)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::{Action, Actions, Command, Credentials, EndId, Event, Peer, Plane, SocketKey};
use timestamp::Timestamp;

#[path = "../../../proto/media/tests/shared_port/browser.rs"]
mod browser;

use browser::Browser;

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut plane = Plane::sharing(1, Some(browser::identity()));
    let now = Timestamp::from_secs(1000);
    let (mut total, mut dearest, mut connected) = (Duration::ZERO, Duration::ZERO, 0);
    for n in 0..count {
        let credentials = Credentials::from_numbers([n, 2, 3, 4]);
        let port = 1024 + (n % 60_000) as u16;
        let mut browser = Browser::new(SocketAddr::from(([192, 0, 2, 9], port)), now);
        let (end, mut out) = (EndId(n), Actions::new());
        plane.handle_command(
            Command::OpenShared { end, credentials, bundle: None, inactivity: None },
            now,
            &mut out,
        );
        let peer = Peer { fingerprint: browser.fingerprint(), active: false };
        plane.handle_command(Command::Authenticate { end, peer }, now, &mut out);
        let mut waiting = VecDeque::from([browser.check(&credentials, true)]);
        waiting.extend(browser.begin(now));
        while let Some(packet) = waiting.pop_front() {
            out.clear();
            let begun = Instant::now();
            plane.on_packet(SocketKey::SHARED, browser.addr, &packet, now, &mut out);
            let took = begun.elapsed();
            total += took;
            dearest = dearest.max(took);
            for action in out.list() {
                match *action {
                    Action::Send { payload, .. } => {
                        waiting.extend(browser.hear(out.bytes(payload, &[]), now));
                    }
                    Action::Emit(Event::Connected { .. }) => connected += 1,
                    Action::Bind { .. } | Action::Emit(_) | Action::Keep(_) | Action::Unbind { .. } => {}
                }
            }
        }
    }
    println!(
        "{connected} of {count} connected; a handshake {:?}, its dearest datagram {dearest:?}",
        total / count as u32
    );
}
