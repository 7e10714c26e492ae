//! Thousands of ways of which none can be used: a call and a MESSAGE end as with one.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use routing::config::Change;
use sim::agent::{Agent, Wish};
use sim::rows;
use sim::world::World;
use sip_stack::transport::Protocol;

#[test]
fn neither_thousands_of_trunks_nor_thousands_of_peers_are_too_many() {
    for (trunks, peers) in [(5000, 1), (1, 5000)] {
        for method in ["INVITE", "MESSAGE"] {
            let mut world = World::new(1, 1);
            let mut changes: Vec<Change> =
                [rows::account(&[]), rows::domain(&[])].into_iter().flatten().collect();
            let alice = rows::device("alice", "alice", &[]).expect("a device");
            changes.push(Change::Connection(Arc::new(alice)));
            for n in 0..trunks {
                // There is no listener for WebSocket here.
                let row = rows::trunk(&format!("carrier{n}"), "198.51.100.2", 80, "ws", &[]);
                let mut row = row.expect("a row");
                row.peers = vec![row.peers[0].clone(); peers];
                changes.push(Change::Connection(Arc::new(row)));
            }
            world.configure(changes);
            let mut alice = Agent::new("alice", SocketAddr::from(([10, 0, 0, 1], 5060)), Protocol::Udp, 0);
            let mut last = 0;
            for auth in [None, Some("first".to_owned())] {
                let wish = Wish { target: Some("+4930123456".to_owned()), auth, ..Wish::default() };
                let bytes = alice.request("1", method, &wish).expect("a request");
                world.send(alice.flow(), bytes);
                world.run_until(world.now() + Duration::from_secs(1));
                for (_, bytes) in core::mem::take(&mut world.inbox) {
                    alice.hear("1", &bytes);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    last = text.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(last);
                }
            }
            assert_eq!(last, 500, "{method} with {trunks} trunks of {peers} peers");
        }
    }
}
