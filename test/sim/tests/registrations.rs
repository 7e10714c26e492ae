//! Thousands of registrations of ours at one registrar, in simulated time: none is late, none storms, and a registrar
//! that was dead for ten minutes gets all of them back.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use engine::control::Happening;
use routing::config::Change;
use sim::rows;
use sim::world::{BEGINNING, Faults, World};
use sip_msg::{Message, ViaStamp, answer};
use timestamp::Timestamp;

/// A registrar that grants what is asked for, and remembers until when it keeps whom.
struct Registrar {
    world: World,
    kept: BTreeMap<Vec<u8>, Timestamp>,
    /// Those that were refreshed after they had lapsed.
    late: usize,
    dead: bool,
    /// REGISTERs by second, repetitions left out.
    asked: BTreeMap<u64, usize>,
    seen: BTreeMap<Vec<u8>, u32>,
}

impl Registrar {
    fn new(shards: u8, rows: usize, faults: Faults) -> Self {
        let mut world = World::new(shards, 1);
        world.faults = faults;
        let mut changes = vec![rows::account(&[]).expect("an account"), rows::domain(&[]).expect("a domain")];
        for n in 0..rows {
            let user = format!("user{n}");
            let at = ("10.0.0.9", 5060);
            let row = rows::registrar(&format!("office{n}"), at, "udp", (&user, "secret"), &[]);
            changes.push(Change::Connection(Arc::new(row.expect("a row"))));
        }
        world.configure(changes);
        let (kept, asked, seen) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { world, kept, late: 0, dead: false, asked, seen }
    }

    fn run(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.run_until_mail(until) {
            for (flow, bytes) in core::mem::take(&mut self.world.inbox) {
                let Some(ok) = self.hear(&bytes) else { continue };
                self.world.send(flow, ok);
            }
            self.world.seen.clear();
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = Message::parse(bytes).ok().filter(Message::is_request)?;
        let now = self.world.now();
        let (cseq, _) = message.cseq()?;
        let id = message.to()?.uri.to_vec();
        if self.seen.insert(id.clone(), cseq) != Some(cseq) {
            *self.asked.entry(now.since(BEGINNING).as_secs()).or_default() += 1;
        }
        if self.dead {
            return None;
        }
        let lifetime = Duration::from_secs(u64::from(message.expires()?));
        if self.kept.insert(id, now + lifetime).is_some_and(|kept| kept < now) {
            self.late += 1;
        }
        let mut ok = Vec::new();
        let mut writer = answer(&mut ok, &message, 200, b"", b"r", ViaStamp::default());
        writer.copy(&message, sip_msg::Name::Contact).copy(&message, sip_msg::Name::Expires);
        writer.end();
        Some(ok)
    }

    /// How many are kept now.
    fn present(&self) -> usize {
        self.kept.values().filter(|kept| **kept > self.world.now()).count()
    }

    fn most_a_second(&mut self) -> usize {
        core::mem::take(&mut self.asked).into_values().max().unwrap_or(0)
    }

    fn announced(&self) -> (usize, usize) {
        let count = |wanted: fn(&Happening) -> bool| {
            self.world.announced.iter().filter(|event| wanted(&event.what)).count()
        };
        (
            count(|what| matches!(what, Happening::RegistrationFailed { .. })),
            count(|what| matches!(what, Happening::RegistrationRecovered { .. })),
        )
    }
}

#[test]
fn two_thousand_are_never_late_and_come_back_without_a_storm() {
    const ROWS: usize = 2_000;
    let mut registrar = Registrar::new(2, ROWS, Faults::default());
    registrar.run(Duration::from_secs(30));
    assert_eq!(registrar.present(), ROWS, "all registered within half a minute");
    let most = registrar.most_a_second();
    assert!(most <= 220, "{most} a second at the start");
    registrar.run(Duration::from_secs(600));
    assert_eq!((registrar.present(), registrar.late), (ROWS, 0));
    let most = registrar.most_a_second();
    assert!(most <= 220, "{most} a second later on");
    registrar.dead = true;
    registrar.run(Duration::from_secs(600));
    assert_eq!(registrar.present(), 0);
    let most = registrar.most_a_second();
    assert!(most <= 220, "{most} a second while nobody answers");
    registrar.dead = false;
    registrar.run(Duration::from_secs(330));
    assert_eq!(registrar.present(), ROWS, "all back within the longest pause");
    let most = registrar.most_a_second();
    assert!(most <= 220, "{most} a second when it is back");
    assert_eq!(registrar.announced(), (ROWS, ROWS), "told once each");
    registrar.late = 0;
    registrar.run(Duration::from_secs(300));
    assert_eq!((registrar.present(), registrar.late), (ROWS, 0));
}

#[test]
fn a_network_that_loses_every_fifth_datagram_costs_no_registration() {
    const ROWS: usize = 200;
    let faults = Faults { loss: 20, twice: 2, jitter_ms: 20 };
    let mut registrar = Registrar::new(2, ROWS, faults);
    registrar.run(Duration::from_secs(60));
    for _ in 0..60 {
        registrar.run(Duration::from_secs(60));
        assert_eq!(registrar.present(), ROWS);
    }
    assert_eq!((registrar.late, registrar.announced()), (0, (0, 0)));
}
