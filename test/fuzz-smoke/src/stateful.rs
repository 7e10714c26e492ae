//! Shards with registered users and live calls, and everything that can happen to them in any order: broken
//! messages in real dialogs, pieces of streams, news of the media plane, questions of the office, time.
//!
//! Afterwards nothing may have panicked, nothing may be left behind, and a valid call must succeed.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use engine::control::{Ask, ExplainQuery};
use media::{EndId, Event, OpenFault};
use routing::config::Change;
use sim::agent::{Agent, Wish};
use sim::phone::{Phone, State};
use sim::rows;
use sim::town::Town;
use sim::world::Faults;
use sip_stack::transport::Protocol;

use crate::dice::{Dice, mutate};
use crate::frames;

/// Plays what the octets say; returns how many things happened.
pub fn story(octets: &[u8]) -> u64 {
    let mut dice = Dice::new(octets);
    let mut story = Story::new(1 + u8::try_from(dice.below(2)).unwrap_or(0), u64::from(dice.octet()));
    let mut happened = 0;
    while !dice.is_over() {
        story.happen(&mut dice);
        happened += 1;
    }
    story.end();
    happened
}

/// A town with a trunk believed by its address and one found by name.
struct Story(Town);

impl Story {
    fn new(shards: u8, seed: u64) -> Self {
        let mut town = Town::new(shards, seed, Faults::default());
        let mut changes = vec![rows::number("+4930123456", "phone1", None).expect("a row")];
        for (host, name, peer) in [(8, "carrier", "10.0.0.8"), (9, "named", "sip.named.test")] {
            let row = rows::trunk(name, peer, address(host).port(), "udp", &[]).expect("a row");
            changes.push(Change::Connection(Arc::new(row)));
            town.world.zone.address(peer, address(host).ip());
            town.phones.push(Phone::new(Agent::new(name, address(host), Protocol::Udp, 0)));
        }
        town.world.configure(changes);
        town.phones[IN_BROWSER].agent.protocol = Protocol::Ws;
        for user in &mut town.phones[..TRUNKS] {
            user.register(&mut town.world);
        }
        let mut story = Self(town);
        story.pass(500);
        for (caller, target) in
            [(0, "phone1"), (2, "echo"), (3, "+43123456789"), (8, "+4930123456"), (4, "phone3")]
        {
            story.0.phones[caller].call(target, false, &mut story.0.world);
        }
        story.pass(1_000);
        story
    }

    /// One thing happens.
    fn happen(&mut self, dice: &mut Dice<'_>) {
        let who = dice.below(self.0.phones.len());
        match dice.below(16) {
            0..=2 => self.say_again(who, dice),
            3 => self.torture(who, dice),
            4..=6 => self.begin_something(who, dice),
            7..=9 => self.go_on_with_something(dice),
            10 => self.pass(1 << dice.below(14)),
            11 => self.hear_of_media(dice),
            12 => self.ask(dice),
            13 => self.0.phones[who].fiddle(&mut self.0.random, &mut self.0.world),
            14 => {
                let target = dice.pick(TARGETS).copied().unwrap_or_default();
                self.0.phones[who].call(target, dice.below(4) == 0, &mut self.0.world);
            }
            _ => self.0.phones[ON_STREAM].reconnect(&mut self.0.world),
        }
        self.pass(3);
    }

    /// A message that was on the wire before, changed, from anybody.
    fn say_again(&mut self, who: usize, dice: &mut Dice<'_>) {
        let before: Vec<Vec<u8>> =
            self.0.world.seen.iter().rev().take(64).map(|seen| seen.bytes.clone()).collect();
        let Some(mut message) = dice.pick(&before).cloned() else { return };
        mutate(&mut message, &before, dice);
        self.send(who, message, dice);
    }

    fn torture(&mut self, who: usize, dice: &mut Dice<'_>) {
        let Some(mut message) = dice.pick(&TORTURE).cloned() else { return };
        if dice.below(2) == 1 {
            mutate(&mut message, &TORTURE, dice);
        }
        self.send(who, message, dice);
    }

    /// A new request; users prove who they are, so that what is broken in it gets far.
    fn begin_something(&mut self, who: usize, dice: &mut Dice<'_>) {
        // The first two keep their registrations as they are: they make the call at the end.
        let methods = if who < 2 { &METHODS[1..] } else { METHODS };
        let method = dice.pick(methods).copied().unwrap_or_default();
        let target = dice.pick(TARGETS).copied().unwrap_or_default();
        let label = format!("new-{}", self.0.world.seen.len());
        let fields =
            if matches!(method, "SUBSCRIBE" | "PUBLISH" | "NOTIFY") { event(dice) } else { Vec::new() };
        let target =
            if method == "PUBLISH" { self.0.phones[who].agent.user.clone() } else { target.to_owned() };
        let body = spoken(method);
        let wish = Wish { target: Some(target), sdp: offer(method), fields, body, ..Wish::default() };
        let agent = &mut self.0.phones[who].agent;
        let Ok(plain) = agent.request(&label, method, &wish) else { return };
        self.0.world.send(agent.flow(), plain);
        self.pass(5);
        let wish = Wish { auth: Some("first".to_owned()), ..wish };
        if let Ok(message) = self.0.phones[who].agent.request(&label, method, &wish) {
            self.send_changed(who, message, dice);
        }
    }

    /// A request in a call that there is.
    fn go_on_with_something(&mut self, dice: &mut Dice<'_>) {
        let mut live = Vec::new();
        for (who, phone) in self.0.phones.iter().enumerate() {
            let calls = phone.calls.iter().filter(|(_, call)| call.state != State::Over);
            live.extend(calls.map(|(label, _)| (who, label.clone())));
        }
        let Some((who, label)) = dice.pick(&live).cloned() else { return };
        let method = dice.pick(&METHODS[1..]).copied().unwrap_or_default();
        let wish = Wish { sdp: offer(method), ..Wish::default() };
        if let Ok(message) = self.0.phones[who].agent.request(&label, method, &wish) {
            self.send_changed(who, message, dice);
        }
    }

    fn send_changed(&mut self, who: usize, mut message: Vec<u8>, dice: &mut Dice<'_>) {
        if dice.below(4) > 0 {
            mutate(&mut message, &TORTURE, dice);
        }
        self.send(who, message, dice);
    }

    /// On a stream a message may come in two pieces, from a browser in frames of whatever kind.
    fn send(&mut self, who: usize, mut message: Vec<u8>, dice: &mut Dice<'_>) {
        let flow = self.0.phones[who].agent.flow();
        if flow.protocol.is_web() {
            for message in frames::heard(&message, dice) {
                self.0.world.send(flow, message);
            }
            return;
        }
        if flow.protocol != Protocol::Udp {
            let rest = message.split_off(dice.below(message.len() + 1));
            self.0.world.send(flow, message);
            message = rest;
        }
        self.0.world.send(flow, message);
    }

    fn hear_of_media(&mut self, dice: &mut Dice<'_>) {
        let open: Vec<EndId> = self.0.world.media.open().collect();
        let stray = EndId(u64::from_le_bytes(core::array::from_fn(|_| dice.octet())));
        let end = dice.pick(&open).copied().unwrap_or(stray);
        let event = match dice.below(10) {
            0 | 1 => Event::FirstPacket { end, from: address(dice.octet()) },
            2 => Event::Inactive { end },
            4 => Event::Dialled { end, code: dice.octet(), ms: 100 },
            3 => Event::Failed { end: stray, port: 20_000, error: OpenFault::Refused },
            8 => Event::Connected { end, at: address(dice.octet()) },
            5 => Event::FingerprintMismatch { end },
            6 => Event::ConsentLost { end },
            7 => Event::HandshakeFailed { end },
            _ => Event::Inactive { end: stray },
        };
        self.0.world.hear(event);
    }

    fn ask(&mut self, dice: &mut Dice<'_>) {
        let words = |dice: &mut Dice<'_>| dice.pick(TARGETS).copied().unwrap_or_default().to_owned();
        let ask = match dice.below(5) {
            0 => Ask::Calls,
            1 => Ask::Status {
                connections: TARGETS.iter().map(|name| rows::id_of(name).as_str().into()).collect(),
            },
            2 => Ask::Explain(ExplainQuery {
                at: self.0.world.now(),
                from: words(dice),
                to: words(dice),
                connection: None,
                source: Some(address(dice.octet()).ip()),
            }),
            3 => Ask::Figures,
            _ => Ask::EndAll,
        };
        let _ = self.0.world.ask(&ask);
    }

    /// Time passes, phones do what phones do.
    fn pass(&mut self, millis: u64) {
        let until = self.0.world.now() + Duration::from_millis(millis);
        while self.0.world.now() < until {
            let tick = until.min(self.0.world.now() + Duration::from_millis(500));
            while self.0.world.run_until_mail(tick) {
                for (flow, bytes) in core::mem::take(&mut self.0.world.inbox) {
                    if let Some(phone) =
                        self.0.phones.iter_mut().find(|phone| phone.agent.addr == flow.remote)
                    {
                        phone.receive(&bytes, &mut self.0.random, &mut self.0.world);
                    }
                }
            }
            for phone in &mut self.0.phones {
                phone.on_time(&mut self.0.world);
            }
        }
        let forget = self.0.world.seen.len().saturating_sub(64);
        drop(self.0.world.seen.drain(..forget));
    }

    /// Everybody hangs up, nothing stays behind, and calls work.
    fn end(mut self) {
        self.0.world.ask(&Ask::EndAll);
        self.pass(100_000);
        self.0.world.silence();
        self.pass(100_000);
        assert_eq!(self.0.check(), Ok(()));
        for user in [0, 1] {
            self.0.phones[user].register(&mut self.0.world);
        }
        self.pass(2_000);
        assert_eq!(self.call("echo"), 200, "a valid call to ourselves fails");
        // Phones are whimsical: they may be busy, or not there.
        let answered = (0..20).any(|_| self.call("phone1") == 200);
        assert!(answered, "no valid call between users succeeds");
    }

    /// The first user calls; the final answer it gets.
    fn call(&mut self, target: &str) -> u16 {
        let before: Vec<String> = self.0.phones[0].calls.keys().cloned().collect();
        self.0.phones[0].call(target, false, &mut self.0.world);
        self.pass(12_000);
        let new = self.0.phones[0].calls.iter().find(|(label, _)| !before.contains(label));
        let code = new.map_or(0, |(_, call)| call.final_code);
        self.0.phones[0].hang_up_all(&mut self.0.world);
        self.pass(1_000);
        code
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 5060 + u16::from(host))
}

fn offer(method: &str) -> Option<String> {
    matches!(method, "INVITE" | "UPDATE" | "PRACK").then(|| "sdp".to_owned())
}

/// An event package, of ours or not.
fn event(dice: &mut Dice<'_>) -> Vec<(String, String)> {
    let events = ["dialog", "presence", "presence;id=1", "reg", "message-summary", "refer", ""];
    let event = dice.pick(&events).copied().unwrap_or_default();
    vec![("Event".to_owned(), event.to_owned())]
}

fn spoken(method: &str) -> Option<(String, String)> {
    let presence = "<presence><tuple><status><basic>open</basic></status></tuple><activities><away/></activities></presence>";
    match method {
        "PUBLISH" => Some(("application/pidf+xml".to_owned(), presence.to_owned())),
        "MESSAGE" => Some(("text/plain".to_owned(), "hello".to_owned())),
        _ => None,
    }
}

/// The messages of RFC 4475 and RFC 5118.
static TORTURE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wire/sip-msg/tests/torture");
    let entries = std::fs::read_dir(folder).expect("the folder of torture messages");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dat"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a torture message")).collect()
});

/// A user with a stream.
const ON_STREAM: usize = 3;

/// A user with a WebSocket.
const IN_BROWSER: usize = 6;

/// Trunks stand behind the users.
const TRUNKS: usize = 8;

/// REGISTER first.
const METHODS: &[&str] = &[
    "REGISTER",
    "INVITE",
    "INVITE",
    "BYE",
    "INFO",
    "UPDATE",
    "OPTIONS",
    "CANCEL",
    "ACK",
    "PRACK",
    "REFER",
    "SUBSCRIBE",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "PUBLISH",
    "BOGUS",
];

const TARGETS: &[&str] = &[
    "phone1",
    "phone2",
    "phone3",
    "phone4",
    "echo",
    "milliwatt",
    "nobody",
    "+43123456789",
    "+4930123456",
    "030123456",
    "",
    "sip:phone1@nowhere.test",
    "%00",
    "'\"<>",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_begins_with_users_and_calls_and_an_empty_one_ends_well() {
        for shards in [1, 2] {
            let mut story = Story::new(shards, 4);
            let figures = story.0.world.figures();
            assert_eq!(figures.iter().map(|figures| figures.bindings).sum::<u64>(), 8);
            let calls: u64 = figures.iter().map(|figures| figures.calls_active).sum();
            assert!(calls >= 3, "{calls} calls with {shards} shards");
            story.end();
        }
    }
}
