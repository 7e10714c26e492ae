//! A town of phones around the shards: what whole-system tests run and look at afterwards.

use core::time::Duration;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use engine::control::{Answer, Ask, Happening};
use routing::config::{Change, ConnectionId};
use sip_stack::transport::Protocol;

use crate::agent::Agent;
use crate::phone::Phone;
use crate::random::Random;
use crate::rows;
use crate::world::{Faults, World};

/// Phones, and the world they call through.
#[expect(missing_debug_implementations, reason = "shards hold secrets")]
pub struct Town {
    /// The world.
    pub world: World,
    /// The phones, `phone0` and so on.
    pub phones: Vec<Phone>,
    /// Decides what they do.
    pub random: Random,
    /// Whether people hand their calls over more often than not.
    pub handing_over: bool,
}

impl Town {
    /// A town with this many shards; its phones are switched off.
    pub fn new(shards: u8, seed: u64, faults: Faults) -> Self {
        Self::of(PHONES, &[("limits.concurrent", "4"), ("dialled.ring_s", "8")], shards, seed, faults)
    }

    /// A town of so many phones, each with these settings.
    pub fn of(count: u16, settings: &[(&str, &str)], shards: u8, seed: u64, faults: Faults) -> Self {
        let mut world = World::new(shards, seed);
        let mut changes: Vec<Change> =
            [rows::account(&[]), rows::domain(&[])].into_iter().flatten().collect();
        let mut phones = Vec::new();
        for index in 0..count {
            let name = format!("phone{index}");
            changes.extend(rows::device(&name, &name, settings).map(|row| Change::Connection(Arc::new(row))));
            let [high, low] = index.to_be_bytes();
            let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, high, low)), 5060 + index);
            let protocol = if index % 4 == 3 { Protocol::Tcp } else { Protocol::Udp };
            phones.push(Phone::new(Agent::new(&name, addr, protocol, u32::from(index) + 1)));
        }
        world.configure(changes);
        world.faults = faults;
        Self { world, phones, random: Random::new(seed ^ 0xabcd), handing_over: false }
    }

    /// A hundredth of a second.
    pub fn tick(&mut self) {
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

    /// Time passes, nobody begins anything.
    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.tick();
        }
    }

    /// Time passes, and people do what they do.
    pub fn live(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.tick();
            if self.random.chance(3) {
                let target = match self.random.below(12) {
                    0 => "echo".to_owned(),
                    1 => "milliwatt".to_owned(),
                    2 => "nobody".to_owned(),
                    _ => format!("phone{}", self.random.below(u64::from(PHONES))),
                };
                if let Some(phone) = self.anybody() {
                    let late = self.random.chance(15);
                    self.phones[phone].call(&target, late, &mut self.world);
                }
            }
            let breaks = self.random.chance(1) && self.random.chance(20);
            let phone = self.anybody().and_then(|index| self.phones.get_mut(index));
            if let Some(phone) = phone.filter(|phone| breaks && phone.agent.protocol == Protocol::Tcp) {
                phone.reconnect(&mut self.world);
            }
            let fiddles = self.random.chance(20);
            if let Some(phone) = self.anybody().filter(|_| fiddles) {
                self.phones[phone].fiddle(&mut self.random, &mut self.world);
            }
            let hands_over = self.handing_over && self.random.chance(10);
            if let Some(phone) = self.anybody().filter(|_| hands_over) {
                self.phones[phone].hand_over(&mut self.random, &mut self.world);
            }
        }
    }

    /// Switches every phone on.
    pub fn switch_on(&mut self) {
        for phone in &mut self.phones {
            phone.register(&mut self.world);
        }
        self.run(5);
    }

    /// Everybody hangs up, and long enough afterwards whoever cannot be heard is given up, too.
    pub fn go_to_bed(&mut self) {
        for phone in &mut self.phones {
            phone.hang_up_all(&mut self.world);
        }
        self.run(100);
        // Who lost every BYE sends no media either, and that is how we notice.
        self.world.silence();
        self.run(100);
    }

    /// Whether anything stayed behind.
    pub fn check(&mut self) -> Result<(), String> {
        for figures in self.world.figures() {
            let left =
                [figures.calls_active, figures.transactions, figures.media_ports_used, figures.incidents];
            if left != [0; 4] {
                return Err(format!("calls, transactions, ports, incidents: {left:?}"));
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
        Ok(())
    }

    /// Every call that began ended once, has one record, and no INVITE made two calls.
    pub fn check_history(&self) -> Result<(), String> {
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

    /// Calls without a final answer, and all calls.
    pub fn unanswered(&self) -> (usize, usize) {
        let outgoing =
            || self.phones.iter().flat_map(|phone| phone.calls.values()).filter(|call| call.outgoing);
        (outgoing().filter(|call| call.final_code == 0).count(), outgoing().count())
    }

    /// Calls that were handed over.
    pub fn handed_over(&self) -> usize {
        let moved = |what: &Happening| matches!(what, Happening::CallTransferred { .. });
        self.world.announced.iter().filter(|event| moved(&event.what)).count()
    }

    fn anybody(&mut self) -> Option<usize> {
        usize::try_from(self.random.below(self.phones.len() as u64)).ok()
    }
}

/// Phones in town.
const PHONES: u16 = 8;
