//! The whole system under chance: phones that do anything at any time over a network that loses, doubles and
//! reorders. Whatever happens, every call ends and nothing stays behind.

use core::time::Duration;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use engine::control::{Answer, Ask, Happening};
use routing::config::{Change, ConnectionId};
use sim::agent::Agent;
use sim::phone::{Phone, State};
use sim::random::Random;
use sim::rows;
use sim::world::{Faults, World};
use sip_stack::transport::Protocol;

struct Town {
    world: World,
    phones: Vec<Phone>,
    random: Random,
}

impl Town {
    fn new(shards: u8, seed: u64, faults: Faults) -> Self {
        let mut world = World::new(shards, seed);
        let mut changes = vec![rows::account(&[]).expect("a row"), rows::domain(&[]).expect("a row")];
        let mut phones = Vec::new();
        for index in 0..PHONES {
            let name = format!("phone{index}");
            let limits = [("limits.concurrent", "4"), ("dialled.ring_s", "8")];
            let row = rows::device(&name, &name, &limits).expect("a row");
            changes.push(Change::Connection(Arc::new(row)));
            let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, index)), 5060 + u16::from(index));
            phones.push(Phone::new(Agent::new(&name, addr, Protocol::Udp, 0)));
        }
        world.configure(changes);
        world.faults = faults;
        Self { world, phones, random: Random::new(seed ^ 0xabcd) }
    }

    /// A hundredth of a second.
    fn tick(&mut self) {
        let until = self.world.now() + Duration::from_millis(10);
        self.world.run_until(until);
        for (flow, bytes) in core::mem::take(&mut self.world.inbox) {
            if let Some(phone) = self.phones.iter_mut().find(|phone| phone.agent.addr == flow.remote) {
                phone.receive(&bytes, &mut self.random, &mut self.world);
            }
        }
        for phone in &mut self.phones {
            phone.on_time(&mut self.world);
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.tick();
        }
    }

    fn live(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.tick();
            if self.random.chance(3) {
                let target = match self.random.below(12) {
                    0 => "echo".to_owned(),
                    1 => "milliwatt".to_owned(),
                    2 => "nobody".to_owned(),
                    _ => format!("phone{}", self.random.below(u64::from(PHONES))),
                };
                let caller = usize::try_from(self.random.below(u64::from(PHONES))).expect("a phone");
                self.phones[caller].call(&target, &mut self.world);
            }
            if self.random.chance(20) {
                let index = usize::try_from(self.random.below(u64::from(PHONES))).expect("a phone");
                self.phones[index].fiddle(&mut self.random, &mut self.world);
            }
        }
    }

    fn check(&mut self) -> Result<(), String> {
        for figures in self.world.figures() {
            let left = [
                figures.calls_active,
                figures.transactions,
                figures.media_ports_used,
                figures.incidents,
                figures.malformed,
            ];
            if left != [0; 5] {
                return Err(format!("calls, transactions, ports, incidents, malformed: {left:?}"));
            }
        }
        let connections: Vec<ConnectionId> =
            (0..PHONES).map(|index| rows::id_of(&format!("phone{index}")).as_str().into()).collect();
        for answer in self.world.ask(&Ask::Status { connections }) {
            let Answer::Status(views) = answer else { continue };
            if let Some(view) = views.iter().find(|view| view.active_calls > 0) {
                return Err(format!("{} places of {} are taken", view.active_calls, view.connection));
            }
        }
        if self.world.call_count() > 0 {
            return Err("a call is left in its slot".to_owned());
        }
        if let Some(fault) = self.world.media.faults.first() {
            return Err(format!("media: {fault}"));
        }
        if self.world.media.open().next().is_some() {
            return Err("a media end is left open".to_owned());
        }
        self.check_history()
    }

    /// Every call that began ended once, has one record, and no INVITE made two calls.
    fn check_history(&self) -> Result<(), String> {
        let mut begun: HashMap<&str, (u32, u32)> = HashMap::new();
        for event in &self.world.announced {
            match &event.what {
                Happening::CallStarted(call) => begun.entry(&call.id).or_default().0 += 1,
                Happening::CallEnded { call, .. } => begun.entry(&call.id).or_default().1 += 1,
                _ => {}
            }
        }
        if let Some((id, counts)) = begun.iter().find(|(_, counts)| **counts != (1, 1)) {
            return Err(format!("{id} began and ended {counts:?} times"));
        }
        let mut callers: HashMap<&str, u32> = HashMap::new();
        for record in &self.world.records {
            *callers.entry(&record.legs[0].sip_call_id).or_default() += 1;
        }
        if let Some((call, count)) = callers.iter().find(|(_, count)| **count > 1) {
            return Err(format!("the INVITE of {call} made {count} calls"));
        }
        let recorded = self.world.records.iter().filter(|record| begun.contains_key(&*record.id)).count();
        if recorded != begun.len() {
            return Err(format!("{} calls, {recorded} records", begun.len()));
        }
        Ok(())
    }

    fn unanswered(&self) -> (usize, usize) {
        let outgoing =
            || self.phones.iter().flat_map(|phone| phone.calls.values()).filter(|call| call.outgoing);
        (outgoing().filter(|call| call.final_code == 0).count(), outgoing().count())
    }
}

fn play(shards: u8, seed: u64, faults: Faults) -> (usize, usize) {
    let mut town = Town::new(shards, seed, faults);
    for index in 0..town.phones.len() {
        town.phones[index].register(&mut town.world);
    }
    town.run(5);
    town.live(60);
    for index in 0..town.phones.len() {
        town.phones[index].hang_up_all(&mut town.world);
    }
    town.run(100);
    // Who lost every BYE sends no media either, and that is how we notice.
    town.world.silence();
    town.run(100);
    for index in 0..town.phones.len() {
        for (label, call) in &town.phones[index].calls {
            assert!(call.state != State::Trying || !call.outgoing, "seed {seed}: {label} never ended");
        }
    }
    if let Err(error) = town.check() {
        panic!("{error} (seed {seed}, {shards} shards)");
    }
    town.unanswered()
}

#[test]
fn on_a_good_network_every_invite_is_answered_and_nothing_stays_behind() {
    for seed in seeds(1..=6) {
        let shards = 1 + u8::try_from(seed % 3).expect("few");
        let (unanswered, calls) = play(shards, seed, Faults::default());
        assert!(calls > 50, "seed {seed}: only {calls} calls");
        assert_eq!(unanswered, 0, "seed {seed}, of {calls} calls");
    }
}

#[test]
fn on_a_bad_network_nothing_stays_behind() {
    for seed in seeds(100..=111) {
        let shards = 1 + u8::try_from(seed % 3).expect("few");
        let (unanswered, calls) = play(shards, seed, Faults { loss: 20, twice: 10, jitter_ms: 80 });
        assert!(unanswered * 20 < calls, "seed {seed}: {unanswered} of {calls} unanswered");
    }
}

/// `SEED=n` plays that seed alone.
fn seeds(range: core::ops::RangeInclusive<u64>) -> Vec<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => range.collect(),
    }
}

/// Phones in town.
const PHONES: u8 = 8;
