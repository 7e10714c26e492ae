//! A phone that acts by itself, at random: it registers, calls, cancels, answers, rings reliably, holds by re-INVITE
//! and UPDATE, hangs up, and repeats what is lost (RFC 3261 §13, §17, RFC 3262, RFC 3311) well enough to live with a
//! bad network.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use sip_msg::{Message, Name};
use timestamp::Timestamp;

use crate::agent::{Agent, Wish};
use crate::random::Random;
use crate::world::World;

/// One phone.
#[derive(Debug)]
pub struct Phone {
    /// How it writes and reads.
    pub agent: Agent,
    /// Its calls, by label.
    pub calls: BTreeMap<String, PhoneCall>,
    /// Whether it got a 200 for its REGISTER.
    pub registered: bool,
    repeating: Vec<Repeating>,
    answers: HashMap<Vec<u8>, Vec<u8>>,
    plans: Vec<(Timestamp, String, Plan)>,
    made: u32,
}

/// A call as the phone sees it.
#[derive(Clone, Debug)]
pub struct PhoneCall {
    /// Whether the phone began it.
    pub outgoing: bool,
    /// What it is doing.
    pub state: State,
    /// The final code of its INVITE; 0 while there is none.
    pub final_code: u16,
    challenged: bool,
    cancelled: bool,
    /// Its INVITE makes no offer: the answer goes with the ACK, or with the PRACK of an offer before.
    late: bool,
    /// Offer and answer are complete before the 2xx.
    agreed: bool,
    /// RSeq of the last reliable answer that was acknowledged.
    rseq: u32,
}

/// What a call is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// An INVITE is out or in.
    Trying,
    /// Answered.
    Up,
    /// Over, or on the way there.
    Over,
}

#[derive(Clone, Copy, Debug)]
enum Plan {
    Answer(u16),
    HangUp,
}

#[derive(Debug)]
struct Repeating {
    label: String,
    /// What ends it: the method of an answer, or `ACK`.
    until: &'static str,
    cseq: u32,
    bytes: Vec<u8>,
    at: Timestamp,
    interval: Duration,
    give_up: Timestamp,
}

impl Phone {
    /// A phone around an agent.
    pub fn new(agent: Agent) -> Self {
        Self {
            agent,
            calls: BTreeMap::new(),
            registered: false,
            repeating: Vec::new(),
            answers: HashMap::new(),
            plans: Vec::new(),
            made: 0,
        }
    }

    /// Registers for an hour.
    pub fn register(&mut self, world: &mut World) {
        let wish = Wish { fields: vec![("Expires".to_owned(), "3600".to_owned())], ..Wish::default() };
        self.request("register", "REGISTER", &wish, world);
    }

    /// Its stream breaks; it forgets its calls and comes back with another stream.
    pub fn reconnect(&mut self, world: &mut World) {
        for call in self.calls.values_mut().filter(|call| call.state != State::Over) {
            (call.state, call.final_code) = (State::Over, 408);
        }
        self.repeating.clear();
        world.close(self.agent.flow());
        self.agent.stream += 100;
        self.agent.addr.set_port(self.agent.addr.port().wrapping_add(8).max(1024));
        self.register(world);
    }

    /// Calls somebody; a late offer leaves the description to the callee.
    pub fn call(&mut self, target: &str, late: bool, world: &mut World) {
        self.made += 1;
        let label = format!("out-{}", self.made);
        let begun = PhoneCall {
            outgoing: true,
            state: State::Trying,
            final_code: 0,
            challenged: false,
            cancelled: false,
            late,
            agreed: false,
            rseq: 0,
        };
        self.calls.insert(label.clone(), begun);
        let begin = self.invitation(late, "sdp");
        self.request(&label, "INVITE", &Wish { target: Some(target.to_owned()), ..begin }, world);
    }

    /// What every INVITE for a new call has: every other phone knows reliable answers.
    fn invitation(&self, late: bool, kind: &str) -> Wish {
        let mut wish = if late { Wish::default() } else { offer(kind) };
        let allow = "INVITE, ACK, CANCEL, BYE, INFO, PRACK, UPDATE";
        wish.fields.push(("Allow".to_owned(), allow.to_owned()));
        if self.made.is_multiple_of(2) {
            wish.fields.push(("Supported".to_owned(), "100rel, timer".to_owned()));
        }
        wish
    }

    /// Does something at random with a call at random.
    pub fn fiddle(&mut self, random: &mut Random, world: &mut World) {
        let labels: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, call)| call.state != State::Over)
            .map(|(label, _)| label.clone())
            .collect();
        let Some(label) = random.pick(&labels).cloned() else { return };
        let Some(call) = self.calls.get_mut(&label) else { return };
        match (call.state, call.outgoing, random.below(4)) {
            (State::Trying, true, 0) if call.challenged => {
                call.cancelled = true;
                self.request(&label, "CANCEL", &Wish::default(), world);
            }
            (State::Up, _, 0) => self.hang_up(&label, world),
            (State::Up, _, 1) if !self.is_asking(&label) => {
                let direction = if random.chance(50) { "sendonly" } else { "sendrecv" };
                self.request(&label, "INVITE", &offer(direction), world);
            }
            (State::Up, _, 2) if random.chance(50) => {
                self.request(&label, "INFO", &Wish::default(), world);
            }
            (State::Up, _, 2 | 3) if !self.is_asking(&label) => {
                let direction = if random.chance(50) { "sendonly" } else { "sendrecv" };
                let wish = if random.chance(30) { Wish::default() } else { offer(direction) };
                self.request(&label, "UPDATE", &wish, world);
            }
            _ => {}
        }
    }

    /// Hands the other side of a call over: to anybody, or to whoever is in another call of this phone.
    pub fn hand_over(&mut self, random: &mut Random, world: &mut World) {
        let up = self.calls.iter().filter(|(_, call)| call.state == State::Up);
        let mut others: Vec<String> = up.map(|(other, _)| other.clone()).collect();
        let Some(label) = random.pick(&others).cloned() else { return };
        others.retain(|other| *other != label);
        let other =
            random.pick(&others).filter(|_| random.chance(60)).and_then(|other| self.agent.replaces(other));
        let escaped = other.map(|other| other.replace('@', "%40").replace(';', "%3B").replace('=', "%3D"));
        let asked = escaped.map(|other| format!("?Replaces={other}")).unwrap_or_default();
        let to = format!("<sip:phone{}@{}{asked}>", random.below(9), self.agent.host);
        let wish = Wish { fields: vec![("Refer-To".to_owned(), to)], ..Wish::default() };
        self.request(&label, "REFER", &wish, world);
        if random.chance(30) {
            self.plans.push((world_after(world, 280), label, Plan::HangUp));
        }
    }

    /// Hangs up whatever is going on.
    pub fn hang_up_all(&mut self, world: &mut World) {
        for (label, call) in self.calls.clone() {
            match (call.state, call.outgoing) {
                (State::Up, _) => self.hang_up(&label, world),
                (State::Trying, true) if call.challenged && !call.cancelled => {
                    if let Some(call) = self.calls.get_mut(&label) {
                        call.cancelled = true;
                    }
                    self.request(&label, "CANCEL", &Wish::default(), world);
                }
                (State::Trying | State::Over, _) => {}
            }
        }
    }

    /// Time passed.
    pub fn on_time(&mut self, world: &mut World) {
        let now = world.now();
        let flow = self.agent.flow();
        let mut late = Vec::new();
        self.repeating.retain_mut(|entry| {
            if now >= entry.give_up {
                late.push((entry.label.clone(), entry.until));
                return false;
            }
            if now >= entry.at {
                world.send(flow, entry.bytes.clone());
                entry.at = now + entry.interval;
                entry.interval = (entry.interval * 2).min(Duration::from_secs(4));
            }
            true
        });
        for (label, until) in late {
            if matches!(until, "INVITE" | "BYE" | "ACK") {
                self.set(&label, State::Over);
            }
        }
        let due: Vec<_> = self.plans.iter().filter(|(at, ..)| *at <= now).cloned().collect();
        self.plans.retain(|(at, ..)| *at > now);
        for (_, label, plan) in due {
            let state = self.calls.get(&label).map(|call| call.state);
            match (plan, state) {
                (Plan::Answer(200), Some(State::Trying)) if self.awaits_prack(&label) => {
                    self.plans.push((now + Duration::from_millis(200), label, Plan::Answer(200)));
                }
                (Plan::Answer(code), Some(State::Trying)) => self.answer_invite(&label, code, world),
                (Plan::HangUp, Some(State::Up)) => self.hang_up(&label, world),
                (Plan::Answer(_) | Plan::HangUp, _) => {}
            }
        }
    }

    /// A message arrived.
    pub fn receive(&mut self, bytes: &[u8], random: &mut Random, world: &mut World) {
        let Ok(message) = Message::parse(bytes) else { return };
        let label = self.agent.label_of(message.call_id()).map(str::to_owned);
        match (message.is_request(), label) {
            (false, Some(label)) => self.on_answer(&label, &message, bytes, world),
            (false, None) => {}
            (true, label) => self.on_request(label, &message, bytes, random, world),
        }
    }

    fn on_answer(&mut self, label: &str, answer: &Message<'_>, bytes: &[u8], world: &mut World) {
        let code = answer.code();
        let Some((cseq, method)) = answer.cseq() else { return };
        let waiting = |entry: &Repeating| {
            entry.label == label && entry.cseq == cseq && entry.until.as_bytes() == method
        };
        let was_waiting = self.repeating.iter().any(waiting);
        if code >= 200 || method == b"INVITE" {
            self.repeating.retain(|entry| !waiting(entry));
        }
        self.agent.hear(label, bytes);
        match method {
            b"REGISTER" if code == 401 && was_waiting => {
                let wish = Wish { auth: Some("first".to_owned()), ..Wish::default() };
                self.request(label, "REGISTER", &wish, world);
            }
            b"REGISTER" => self.registered |= code == 200,
            b"INVITE" if code >= 200 => self.on_final(label, code, cseq, world),
            b"INVITE" if answer.has_token(Name::Require, b"100rel") => self.acknowledge(label, answer, world),
            b"BYE" if code >= 200 => self.set(label, State::Over),
            _ => {}
        }
    }

    /// PRACK, once for each reliable answer; with an answer if it brings an offer.
    fn acknowledge(&mut self, label: &str, reliable: &Message<'_>, world: &mut World) {
        let Some(call) = self.calls.get_mut(label) else { return };
        let rseq =
            reliable.field(Name::RSeq).and_then(|value| core::str::from_utf8(value).ok()?.parse().ok());
        let Some(rseq) = rseq.filter(|rseq| *rseq > call.rseq) else { return };
        call.rseq = rseq;
        let described = !reliable.body().is_empty();
        let wish = if described && call.late && !call.agreed { offer("sdp") } else { Wish::default() };
        call.agreed |= described;
        self.request(label, "PRACK", &wish, world);
    }

    fn on_final(&mut self, label: &str, code: u16, cseq: u32, world: &mut World) {
        let newest = self.agent.invite_cseq(label) == Some(cseq);
        if !newest {
            return;
        }
        let answers = self
            .calls
            .get(label)
            .is_some_and(|c| c.late && !c.agreed && c.state == State::Trying && code < 300);
        let wish = if answers { offer("sdp") } else { Wish::default() };
        if let Ok(ack) = self.agent.request(label, "ACK", &wish) {
            world.send(self.agent.flow(), ack);
        }
        let Some(call) = self.calls.get_mut(label) else { return };
        match (code, call.state) {
            (407, State::Trying) if !call.challenged => {
                call.challenged = true;
                let late = call.late;
                let begin = self.invitation(late, "same");
                let wish = Wish { auth: Some("first".to_owned()), ..begin };
                self.request(label, "INVITE", &wish, world);
            }
            (200..=299, State::Trying) => {
                (call.state, call.final_code) = (State::Up, code);
                if call.cancelled {
                    self.hang_up(label, world);
                }
            }
            (300.., State::Trying) => (call.state, call.final_code) = (State::Over, code),
            _ => {}
        }
    }

    fn on_request(
        &mut self,
        label: Option<String>,
        request: &Message<'_>,
        bytes: &[u8],
        random: &mut Random,
        world: &mut World,
    ) {
        let mut key = request.via().and_then(|via| via.branch()).unwrap_or_default().to_vec();
        let method = request.cseq().map(|(_, method)| method.to_vec()).unwrap_or_default();
        key.extend_from_slice(&method);
        if let Some(answer) = self.answers.get(&key) {
            world.send(self.agent.flow(), answer.clone());
            return;
        }
        let known = label.is_some();
        if method == b"ACK" {
            if let Some(label) = label {
                self.repeating.retain(|entry| !(entry.label == label && entry.until == "ACK"));
            }
            return;
        }
        self.made += 1;
        let label = label.unwrap_or_else(|| format!("in-{}", self.made));
        self.agent.hear(&label, bytes);
        match (method.as_slice(), known) {
            (b"INVITE", false) => {
                let able = request.has_token(Name::Supported, b"100rel");
                self.on_call(&label, able && random.chance(50), random, world);
            }
            (b"INVITE", true) if self.is_asking(&label) => self.answer_reinvite(&label, 491, world),
            (b"INVITE", true) => self.answer_reinvite(&label, 200, world),
            (b"PRACK", true) => {
                self.repeating.retain(|entry| !(entry.label == label && entry.until == "PRACK-IN"));
                self.answer(&label, 200, "PRACK", world);
            }
            (b"UPDATE", true) if request.body().is_empty() => self.answer(&label, 200, "UPDATE", world),
            (b"UPDATE", true) => {
                let (code, wish) =
                    if self.is_asking(&label) { (491, Wish::default()) } else { (200, offer("sendrecv")) };
                if let Ok(bytes) = self.agent.answer(&label, code, Some("UPDATE"), &wish) {
                    self.sent_answer(&label, "UPDATE", bytes, world);
                }
            }
            (b"CANCEL", true) => {
                self.answer(&label, 200, "CANCEL", world);
                if self.calls.get(&label).is_some_and(|call| call.state == State::Trying) {
                    self.answer_invite(&label, 487, world);
                }
            }
            (b"BYE", true) => {
                self.answer(&label, 200, "BYE", world);
                self.set(&label, State::Over);
                self.repeating.retain(|entry| entry.label != label || entry.until == "BYE");
            }
            (_, true) => self.answer(&label, 200, &String::from_utf8_lossy(&method), world),
            (_, false) => self.answer(&label, 481, &String::from_utf8_lossy(&method), world),
        }
    }

    fn on_call(&mut self, label: &str, reliable: bool, random: &mut Random, world: &mut World) {
        let begun = PhoneCall {
            outgoing: false,
            state: State::Trying,
            final_code: 0,
            challenged: false,
            cancelled: false,
            late: false,
            agreed: false,
            rseq: 0,
        };
        self.calls.insert(label.to_owned(), begun);
        let after = |random: &mut Random, most| world_after(world, random.below(most));
        let at = after(random, 3000);
        match random.below(10) {
            0 => {}
            1 => self.plans.push((at, label.to_owned(), Plan::Answer(486))),
            2 => self.plans.push((at, label.to_owned(), Plan::Answer(603))),
            3 => self.plans.push((at, label.to_owned(), Plan::Answer(503))),
            _ => {
                let hang_up = after(random, 30_000);
                self.plans.push((at, label.to_owned(), Plan::Answer(200)));
                self.plans.push((hang_up, label.to_owned(), Plan::HangUp));
            }
        }
        match random.below(3) {
            0 => self.answer(label, 180, "INVITE", world),
            1 => {
                let mut wish = offer("sdp");
                if reliable {
                    wish.fields.push(("Require".to_owned(), "100rel".to_owned()));
                    wish.fields.push(("RSeq".to_owned(), "1".to_owned()));
                }
                if let Ok(bytes) = self.agent.answer(label, 183, Some("INVITE"), &wish) {
                    if reliable {
                        self.repeat(label, "PRACK-IN", 0, bytes.clone(), world);
                        self.calls.entry(label.to_owned()).and_modify(|call| call.agreed = true);
                    }
                    self.sent_answer(label, "INVITE", bytes, world);
                }
            }
            _ => {}
        }
    }

    fn answer_invite(&mut self, label: &str, code: u16, world: &mut World) {
        let agreed = self.calls.get(label).is_some_and(|call| call.agreed);
        self.repeating.retain(|entry| !(entry.label == label && entry.until == "PRACK-IN"));
        let wish = if code == 200 && !agreed { offer("sdp") } else { Wish::default() };
        if let Ok(bytes) = self.agent.answer(label, code, Some("INVITE"), &wish) {
            self.repeat(label, "ACK", 0, bytes.clone(), world);
            self.sent_answer(label, "INVITE", bytes, world);
        }
        self.set(label, if code == 200 { State::Up } else { State::Over });
    }

    fn answer_reinvite(&mut self, label: &str, code: u16, world: &mut World) {
        let wish = if code == 200 { offer("sendrecv") } else { Wish::default() };
        if let Ok(bytes) = self.agent.answer(label, code, Some("INVITE"), &wish) {
            self.repeat(label, "ACK", 0, bytes.clone(), world);
            self.sent_answer(label, "INVITE", bytes, world);
        }
    }

    fn answer(&mut self, label: &str, code: u16, method: &str, world: &mut World) {
        if let Ok(bytes) = self.agent.answer(label, code, Some(method), &Wish::default()) {
            self.sent_answer(label, method, bytes, world);
        }
    }

    fn sent_answer(&mut self, _: &str, method: &str, bytes: Vec<u8>, world: &mut World) {
        if let Ok(message) = Message::parse(&bytes) {
            let mut key = message.via().and_then(|via| via.branch()).unwrap_or_default().to_vec();
            key.extend_from_slice(method.as_bytes());
            self.answers.insert(key, bytes.clone());
        }
        world.send(self.agent.flow(), bytes);
    }

    fn hang_up(&mut self, label: &str, world: &mut World) {
        self.set(label, State::Over);
        self.repeating.retain(|entry| entry.label != label);
        self.request(label, "BYE", &Wish::default(), world);
    }

    fn request(&mut self, label: &str, method: &'static str, wish: &Wish, world: &mut World) {
        let Ok(bytes) = self.agent.request(label, method, wish) else { return };
        let cseq = Message::parse(&bytes).ok().and_then(|m| m.cseq()).map_or(0, |(number, _)| number);
        self.repeat(label, method, cseq, bytes.clone(), world);
        world.send(self.agent.flow(), bytes);
    }

    fn repeat(&mut self, label: &str, until: &'static str, cseq: u32, bytes: Vec<u8>, world: &World) {
        let interval = Duration::from_millis(500);
        let (at, give_up) = (world.now() + interval, world.now() + interval * 64);
        let label = label.to_owned();
        self.repeating.push(Repeating { label, until, cseq, bytes, at, interval: interval * 2, give_up });
    }

    fn is_asking(&self, label: &str) -> bool {
        let asks = |until| matches!(until, "INVITE" | "ACK" | "UPDATE");
        self.repeating.iter().any(|entry| entry.label == label && asks(entry.until))
    }

    fn awaits_prack(&self, label: &str) -> bool {
        self.repeating.iter().any(|entry| entry.label == label && entry.until == "PRACK-IN")
    }

    fn set(&mut self, label: &str, state: State) {
        if let Some(call) = self.calls.get_mut(label) {
            call.state = state;
        }
    }
}

fn world_after(world: &World, millis: u64) -> Timestamp {
    world.now() + Duration::from_millis(millis)
}

fn offer(kind: &str) -> Wish {
    Wish { sdp: Some(kind.to_owned()), ..Wish::default() }
}
