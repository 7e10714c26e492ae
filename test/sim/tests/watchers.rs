//! A watcher on a network that loses every fifth datagram: it hears less often, and the last state in the end.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use routing::config::Change;
use sim::agent::{Agent, Wish};
use sim::rows;
use sim::world::{Faults, World};
use sip_msg::{Message, Name};
use sip_stack::transport::Protocol;

struct Scene {
    world: World,
    alice: Agent,
    bob: Agent,
    /// What alice was notified of, each CSeq once.
    heard: Vec<(u32, String)>,
}

impl Scene {
    fn new(shards: u8, seed: u64) -> Self {
        let at = |last| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 5060);
        let mut world = World::new(shards, seed);
        let device = |name| rows::device(name, name, &[]).expect("a device");
        let mut changes: Vec<Change> =
            [rows::account(&[]), rows::domain(&[])].into_iter().flatten().collect();
        changes.extend(["alice", "bob"].map(|name| Change::Connection(Arc::new(device(name)))));
        world.configure(changes);
        let alice = Agent::new("alice", at(1), Protocol::Udp, 0);
        let bob = Agent::new("bob", at(2), Protocol::Tcp, 1);
        Self { world, alice, bob, heard: Vec::new() }
    }

    /// Runs for a while; alice answers every NOTIFY.
    fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.run_until_mail(until) {
            for (flow, bytes) in core::mem::take(&mut self.world.inbox) {
                let agent = if flow.remote == self.alice.addr { &mut self.alice } else { &mut self.bob };
                let message = Message::parse(&bytes).expect("a message");
                let label = agent.label_of(message.call_id()).unwrap_or("1").to_owned();
                agent.hear(&label, &bytes);
                if bytes.starts_with(b"NOTIFY ") {
                    let number = message.cseq().expect("a number").0;
                    if self.heard.last().is_none_or(|(last, _)| *last < number) {
                        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                        assert!(message.field(Name::SubscriptionState).is_some());
                        self.heard.push((number, text(message.body())));
                    }
                    let answer =
                        agent.answer(&label, 200, Some("NOTIFY"), &Wish::default()).expect("an answer");
                    let flow = agent.flow();
                    self.world.send(flow, answer);
                }
            }
        }
    }

    fn bob(&mut self, expires: &str) {
        let fields = vec![("Expires".to_owned(), expires.to_owned())];
        let auth = Some("first".to_owned());
        let wish = Wish { fields, auth, ..Wish::default() };
        let bytes = self.bob.request("r", "REGISTER", &wish).expect("a request");
        self.world.send(self.bob.flow(), bytes);
    }
}

#[test]
fn with_every_fifth_datagram_lost_the_last_state_is_heard() {
    for (shards, seed) in [(1, 1), (2, 2), (3, 3), (3, 4)] {
        let mut scene = Scene::new(shards, seed);
        let soon = Duration::from_millis(20);
        let first = scene.bob.request("r", "REGISTER", &Wish::default()).expect("a request");
        scene.world.send(scene.bob.flow(), first);
        let fields = vec![("Event".to_owned(), "presence".to_owned())];
        let wish = Wish { target: Some("bob".to_owned()), fields, ..Wish::default() };
        for auth in [None, Some("first".to_owned())] {
            let wish = Wish { auth, ..wish.clone() };
            let bytes = scene.alice.request("1", "SUBSCRIBE", &wish).expect("a request");
            scene.world.send(scene.alice.flow(), bytes);
            scene.run(soon);
        }
        assert_eq!(scene.heard.len(), 1, "the first state");
        scene.world.faults = Faults { loss: 20, twice: 5, jitter_ms: 40 };
        for round in 0..50 {
            scene.bob(if round % 2 == 0 { "300" } else { "0" });
            scene.run(Duration::from_millis(300));
        }
        scene.bob("300");
        scene.run(Duration::from_secs(35));
        let (number, last) = scene.heard.last().expect("something was heard");
        assert!(last.contains("<basic>open</basic>"), "{last}");
        assert!((10..=52).contains(number), "one at a time: {number} of 51 changes");
        let subscriptions: u64 = scene.world.figures().iter().map(|f| f.subscriptions).sum();
        assert_eq!(subscriptions, 1, "it outlives losses");
    }
}

/// The 120 lamps of a phone that was cut off and subscribes from another port: what it has forgotten is not in the way,
/// and neither are those of a second phone of the same user.
#[test]
fn lamps_come_back_after_a_restart_at_another_port() {
    let mut scene = Scene::new(1, 1);
    for (phone, port) in [("a", 5060), ("b", 5062), ("c", 5064)] {
        for lamp in 0..120 {
            let label = format!("{phone}{lamp}");
            let contact = ("Contact".to_owned(), format!("<sip:alice@10.0.0.1:{port}>"));
            let fields = vec![("Event".to_owned(), "dialog".to_owned()), contact];
            let wish = Wish { target: Some("bob".to_owned()), fields, ..Wish::default() };
            for auth in [None, Some("first".to_owned())] {
                let wish = Wish { auth, ..wish.clone() };
                let bytes = scene.alice.request(&label, "SUBSCRIBE", &wish).expect("a request");
                scene.world.send(scene.alice.flow(), bytes);
                scene.run(Duration::from_millis(20));
            }
        }
    }
    let subscriptions: u64 = scene.world.figures().iter().map(|f| f.subscriptions).sum();
    assert_eq!(subscriptions, 360);
}
