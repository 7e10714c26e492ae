//! Plays a ladder: agents send what their arrows say, and what they get is compared with the arrows towards them.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use engine::PassKey;
use engine::control::{Answer, Ask};
use routing::config::Change;
use sip_msg::Message;
use sip_stack::transport::Protocol;

use super::check::differences;
use super::parse::{duration, field, lines};
use super::setup::Scene;
use super::{Line, Word};
use crate::agent::{Dialog, Wish, key_mark};
use crate::draw;
use crate::rows;
use crate::world::{BEGINNING, SECRET, World};

/// Plays the ladder in `text` with this many shards; the error holds the drawing of what happened.
pub fn play(text: &str, shards: u8, seed: u64) -> Result<(), String> {
    let mut scene = Scene::default();
    let mut steps = Vec::new();
    for line in lines(text) {
        let read = scene.read(&line).map_err(|error| format!("line {}: {error}", line.number))?;
        if !read {
            steps.push(line);
        }
    }
    let mut world = World::new(shards, seed);
    world.configure(scene.changes()?);
    world.zone = core::mem::take(&mut scene.zone);
    let agents = scene.agents.len();
    let mut playing =
        Playing { world, scene, mail: vec![VecDeque::new(); agents], heard: vec![Vec::new(); agents], seed };
    playing.run(&steps).map_err(|error| {
        let name = |addr| {
            let known = playing.scene.agents.iter().find(|agent| agent.addr == addr);
            known.map_or_else(|| addr.to_string(), |agent| agent.name.clone())
        };
        let drawing = draw::ladder(&playing.world.seen, BEGINNING, &name);
        format!("{error}\n\n{drawing}\n({shards} shards, seed {seed})")
    })
}

struct Playing {
    world: World,
    scene: Scene,
    mail: Vec<VecDeque<Vec<u8>>>,
    heard: Vec<Vec<Vec<u8>>>,
    seed: u64,
}

impl Playing {
    fn run(&mut self, steps: &[Line]) -> Result<(), String> {
        for index in self.scene.registered.clone() {
            self.register(index)?;
        }
        for line in steps {
            self.step(line).map_err(|error| format!("line {}: {error}", line.number))?;
        }
        self.settle(Duration::from_millis(50));
        self.expect_silence()?;
        self.expect_nothing_left()
    }

    fn step(&mut self, line: &Line) -> Result<(), String> {
        match (line.word(0), line.word(1), line.word(2)) {
            ("us", "->", actor) => self.expect(actor, line, true),
            ("us", "-x", actor) => self.expect(actor, line, false),
            (actor, "->", "us") => self.send(actor, line, true),
            (actor, "-x", "us") => self.send(actor, line, false),
            ("wait", time, _) => {
                self.settle(duration(time)?);
                Ok(())
            }
            ("quiet", time, _) => {
                self.settle(duration(time)?);
                self.expect_silence()
            }
            (word, name, _) => self.order(word, name, line),
        }
    }

    /// Counts what the media plane was told.
    fn media(&mut self, line: &Line) -> Result<(), String> {
        self.settle(Duration::from_millis(20));
        let (waiting, fax) = self.world.media.awaited();
        let protected = self.world.media.protected().count();
        let [waiting, fax, protected, keyed] =
            [waiting, fax, protected, self.world.media.keyed].map(|count| count.to_string());
        let (spoken, pressed) = (self.world.media.spoken(), self.world.media.pressed.clone());
        let playing = self.world.media.playing().to_string();
        let has = [waiting, fax, protected, keyed, spoken, pressed, playing];
        let differs = line.settings(1).iter().any(|(key, value)| {
            let counts =
                ["waiting", "fax", "protected", "keyed", "played", "pressed", "playing"].iter().zip(&has);
            !counts.into_iter().any(|(name, count)| name == key && count == value)
        });
        if differs {
            return Err(format!(
                "ends that wait, of fax, that are protected, keys so far, what is played in, pressed, to how many: {has:?}"
            ));
        }
        Ok(())
    }

    /// Orders to the world rather than to an agent.
    fn order(&mut self, word: &str, name: &str, line: &Line) -> Result<(), String> {
        match word {
            "ban" | "register-now" | "rehearse" | "status" | "logged" | "announced" | "used" | "waiting"
            | "woken" => {
                return super::peers::order(&mut self.world, word, line);
            }
            "drain" => drop(self.world.ask(&Ask::Drain)),
            "silence" => self.world.silence(),
            "press" => self.press(name, line.word(2))?,
            "hears" => self.hears(name, line.word(2))?,
            "media" => return self.media(line),
            "taken" => self.world.take_ports(name.parse().map_err(|_| "how many ports?")?),
            "restart" => self.world.restart(self.seed),
            "hangup" => {
                let call = self.any_call()?;
                self.world.ask(&Ask::Hangup { call });
            }
            "transfer" => {
                let (call, caller_stays) = (self.any_call()?, name == "caller");
                let to = line.word(2).into();
                let answers = self.world.ask(&Ask::Transfer { call, to, caller_stays });
                if !answers.iter().any(|answer| matches!(answer, Answer::Done)) {
                    return Err(format!("it cannot be handed over: {answers:?}"));
                }
            }
            "close" => {
                let agent =
                    self.scene.agents.iter().find(|agent| agent.name == name).ok_or("nobody of this name")?;
                self.world.close(agent.flow());
            }
            "move" => self.move_agent(name, line)?,
            "set" if name == "account" => self.world.configure(vec![rows::account(&line.settings(2))?]),
            "set" if name == "limits" => self.world.configure(vec![rows::limits(&line.settings(2))?]),
            "set" if name == "person" => self.world.configure(vec![super::setup::person(line, 2)?]),
            "set" => {
                let place = self
                    .scene
                    .connections
                    .iter_mut()
                    .find(|row| row.name == name)
                    .ok_or("no such connection")?;
                let (credentials, outward) = (place.credentials.clone(), place.outward.clone());
                let mut row = serde_json::to_value(&*place).map_err(|error| error.to_string())?;
                rows::apply(&mut row, &line.settings(2));
                *place = serde_json::from_value(row).map_err(|error| error.to_string())?;
                (place.credentials, place.outward) = (credentials, outward);
                let change = Change::Connection(Arc::new(place.clone()));
                self.world.configure(vec![change]);
            }
            "sign-in" => {
                let row =
                    self.scene.connections.iter().find(|row| row.name == name).ok_or("no such connection")?;
                let until = self.world.now() + duration(line.word(2))?;
                let salt = u32::try_from(self.world.now().as_millis() & 0xffff_ffff).unwrap_or_default();
                let pass = PassKey::new(&SECRET).make(row, until, salt);
                let agent = self
                    .scene
                    .agents
                    .iter_mut()
                    .find(|agent| agent.name == name)
                    .ok_or("nobody of this name")?;
                agent.pass = Some((pass.auth_user, pass.password));
            }
            "remove" => self.world.configure(vec![Change::ConnectionGone(rows::id_of(name).as_str().into())]),
            "form" => {
                let mut changes = self.scene.numbers.iter().filter(|row| row.e164 == name);
                let mut row = changes.next().cloned().ok_or("no such number")?;
                row.forms.push(line.word(2).to_owned());
                self.world.configure(vec![Change::Number(Arc::new(row))]);
            }
            "record" => return self.expect_record(line),
            "tape" => {
                let call = self.any_call()?;
                return super::recorded::tape(&mut self.world, call, line);
            }
            "taped" => {
                self.settle(Duration::from_millis(20));
                return super::recorded::taped(&self.world, line);
            }
            "happened" => {
                let mut kinds =
                    self.world.announced.iter().filter_map(|event| serde_json::to_value(event).ok());
                let last = kinds.rfind(|event| event["type"] == name).ok_or("nothing of this type")?;
                for (key, wanted) in line.settings(2) {
                    let have = last[key].as_str().unwrap_or_default().trim_start_matches("con_");
                    if have != wanted {
                        return Err(format!("{key} is {have}, wanted {wanted}"));
                    }
                }
            }
            "refused" => return self.expect_refusal(name, line),
            "bindings" => {
                let id = rows::id_of(name);
                let count = self.world.bindings.keys().filter(|(connection, _)| **connection == *id).count();
                if count.to_string() != line.word(2) {
                    return Err(format!("{count} bindings are stored"));
                }
            }
            other => return Err(format!("what does `{other}` mean?")),
        }
        Ok(())
    }

    fn expect_refusal(&self, name: &str, line: &Line) -> Result<(), String> {
        let codes: Vec<_> = self.world.refusals.iter().map(|refusal| refusal.reason.code()).collect();
        if codes.last() != Some(&name) {
            return Err(format!("refusals so far: {codes:?}"));
        }
        if let Some(field) = line.after("near") {
            let misses = self.world.refusals.last().map_or(&[][..], |refusal| &refusal.near_misses);
            let (have, want) = (line.after("have"), line.after("want"));
            let fits = |text: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| text == wanted);
            let fits = misses.iter().any(|m| m.field == field && fits(&m.have, have) && fits(&m.want, want));
            if !fits {
                return Err(format!("near misses: {misses:?}"));
            }
        }
        Ok(())
    }

    /// Whoever a flow listens to presses these keys, or the one of this name.
    fn press(&mut self, keys: &str, actor: &str) -> Result<(), String> {
        self.settle(Duration::from_millis(20));
        for key in keys.bytes() {
            let key = if key == b'p' { b'#' } else { key };
            match actor {
                "" => self.world.press(key),
                actor => self.world.press_at(self.port_of(actor)?, key),
            }
            self.settle(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Checks whom somebody hears who is in a room.
    fn hears(&mut self, actor: &str, wanted: &str) -> Result<(), String> {
        self.settle(Duration::from_millis(20));
        let heard = self.world.media.heard_at(self.port_of(actor)?);
        let mut names: Vec<_> = self.scene.agents.iter().map(|agent| agent.name.clone()).collect();
        names.retain(|name| self.port_of(name).is_ok_and(|port| heard.contains(&port)));
        names.sort();
        let mut wanted: Vec<_> = wanted.split(',').filter(|name| *name != "nobody").collect();
        wanted.sort_unstable();
        if names == wanted { Ok(()) } else { Err(format!("{actor} hears {names:?}")) }
    }

    /// Our audio port, as an actor knows it.
    fn port_of(&self, actor: &str) -> Result<u16, String> {
        let agent =
            self.scene.agents.iter().find(|agent| agent.name == actor).ok_or("nobody of this name")?;
        self.world.port_of(agent.flow().remote).ok_or_else(|| format!("{actor} has no audio of ours"))
    }

    fn any_call(&mut self) -> Result<Arc<str>, String> {
        let calls = self.world.ask(&Ask::Calls);
        let found = calls.into_iter().find_map(|answer| match answer {
            Answer::Calls(views) => views.into_iter().next(),
            _ => None,
        });
        Ok(found.ok_or("there is no call")?.id)
    }

    fn send(&mut self, actor: &str, line: &Line, arrives: bool) -> Result<(), String> {
        let (index, label) = self.actor(actor)?;
        let mut wished = wish(line, 4);
        for (name, value) in &mut wished.fields {
            *value = self.named_dialog(name, value)?;
        }
        let agent = self.scene.agents.get_mut(index).ok_or("nobody of this name")?;
        let what = line.word(3);
        let method = Some(line.word(4)).filter(|word| is_method(word));
        let bytes = if line.has("again") {
            agent.sent_before(&label, what, method).ok_or("this was not sent before")?
        } else if let Ok(code) = what.parse::<u16>() {
            agent.answer(&label, code, method, &wished)?
        } else {
            agent.request(&label, what, &wished)?
        };
        let mut flow = agent.flow();
        if let Some(from) = line.after("source") {
            flow.remote = from.parse().map_err(|_| "source is an address with a port")?;
        }
        if arrives {
            self.world.send(flow, bytes);
        }
        Ok(())
    }

    /// A value with `{ACTOR#LABEL}` in it: the dialog as Replaces names it, escaped where it stands in a URI.
    fn named_dialog(&self, name: &str, value: &str) -> Result<String, String> {
        let Some((before, rest)) = value.split_once('{') else { return Ok(value.to_owned()) };
        let (who, after) = rest.split_once('}').ok_or("{ without }")?;
        let (index, label) = self.actor(who)?;
        let named = self.scene.agents.get(index).and_then(|agent| agent.replaces(&label));
        let named = named.ok_or_else(|| format!("{who} is in no dialog"))?;
        let uri = name.eq_ignore_ascii_case("Refer-To");
        let named =
            if uri { named.replace('@', "%40").replace(';', "%3B").replace('=', "%3D") } else { named };
        Ok(format!("{before}{named}{after}"))
    }

    fn expect(&mut self, actor: &str, line: &Line, arrives: bool) -> Result<(), String> {
        let (index, label) = self.actor(actor)?;
        let limit = line.after("within").map_or(Ok(Duration::from_millis(100)), duration)?;
        let until = self.world.now() + limit;
        let bytes = loop {
            if let Some(bytes) = self.next_mail(index, &label, line) {
                break bytes;
            }
            if !self.world.run_until_mail(until) {
                return Err(format!("{actor} got nothing like it{}", self.waiting(index)));
            }
            self.sort_mail();
        };
        differences(line, 3, &bytes)?;
        self.hidden(index, &bytes)?;
        if let Some(known) = self.heard.get_mut(index) {
            known.push(bytes.clone());
        }
        if let Some(agent) = self.scene.agents.get_mut(index).filter(|_| arrives) {
            agent.hear(&label, &bytes);
        }
        Ok(())
    }

    /// The oldest unread message for this label; repetitions and 100 Trying are skipped unless asked for.
    fn next_mail(&mut self, index: usize, label: &str, line: &Line) -> Option<Vec<u8>> {
        let (agent, heard, mail) =
            (self.scene.agents.get(index)?, self.heard.get(index)?, self.mail.get_mut(index)?);
        let again = line.has("again");
        let trying = line.word(3) == "100";
        mail.retain(|bytes| {
            (again || !heard.contains(bytes)) && (trying || !bytes.starts_with(b"SIP/2.0 100 "))
        });
        let place = mail.iter().position(|bytes| {
            let Ok(message) = Message::parse(bytes) else { return true };
            let repeated = !again || heard.contains(bytes);
            repeated
                && match agent.label_of(message.call_id()) {
                    Some(known) => known == label,
                    None => agent.dialogs.get(label).is_none_or(Dialog::is_registration),
                }
        })?;
        mail.remove(place)
    }

    /// An agent has another address, and another stream.
    fn move_agent(&mut self, name: &str, line: &Line) -> Result<(), String> {
        let addr = line.after("to").and_then(|at| at.parse().ok()).ok_or("to which ADDRESS:PORT?")?;
        let agents = &mut self.scene.agents;
        let agent = agents.iter_mut().find(|agent| agent.name == name).ok_or("nobody of this name")?;
        agent.addr = addr;
        agent.stream += 100;
        Ok(())
    }

    fn actor(&self, name: &str) -> Result<(usize, String), String> {
        let (name, label) = name.split_once('#').unwrap_or((name, "1"));
        let index = self.scene.agents.iter().position(|agent| agent.name == name);
        Ok((index.ok_or_else(|| format!("nobody is called {name}"))?, label.to_owned()))
    }

    fn settle(&mut self, time: Duration) {
        let until = self.world.now() + time;
        self.world.run_until(until);
        self.sort_mail();
    }

    fn sort_mail(&mut self) {
        for (flow, bytes) in core::mem::take(&mut self.world.inbox) {
            let to = self.scene.agents.iter().position(|agent| {
                agent.addr == flow.remote
                    && (agent.protocol == Protocol::Udp) == (flow.protocol == Protocol::Udp)
            });
            if let Some(mail) = to.and_then(|index| self.mail.get_mut(index)) {
                mail.push_back(bytes);
            } else if let Some(mail) = self.mail.first_mut() {
                // A message for nobody is somebody's surprise.
                mail.push_back(bytes);
            }
        }
    }

    fn register(&mut self, index: usize) -> Result<(), String> {
        let words = |text: &str| Line {
            number: 0,
            words: text.split(' ').map(|w| Word::Plain(w.to_owned())).collect(),
        };
        let name = self.scene.agents.get(index).map(|agent| agent.name.clone()).unwrap_or_default();
        let actor = format!("{name}#register");
        for text in ["-> us REGISTER", "<- us 401", "-> us REGISTER auth", "<- us 200"] {
            let line = match text.strip_prefix("<- us ") {
                Some(code) => words(&format!("us -> {actor} {code}")),
                None => words(&format!("{actor} {text}")),
            };
            self.step(&line).map_err(|error| format!("registering {name}: {error}"))?;
        }
        Ok(())
    }

    /// Topology hiding: nobody is shown the address of somebody else.
    fn hidden(&self, index: usize, bytes: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(bytes);
        // The list of contacts is the registrar's business.
        if Message::parse(bytes)
            .is_ok_and(|message| message.cseq().is_some_and(|(_, method)| method == b"REGISTER"))
        {
            return Ok(());
        }
        let Some(own) = self.scene.agents.get(index) else { return Ok(()) };
        if let Some(other) = self.scene.agents.iter().find(|agent| text.contains(&key_mark(agent.addr))) {
            return Err(format!("{} sees a key of {}:\n{text}", own.name, other.name));
        }
        let others = self.scene.agents.iter().filter(|agent| agent.addr.ip() != own.addr.ip());
        for other in others.filter(|_| !self.scene.open) {
            let shown = other.addr.ip().to_string();
            let at = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_digit() && c != '.');
            let whole = text.match_indices(&shown).any(|(start, found)| {
                at(text.get(..start).and_then(|t| t.chars().next_back()))
                    && at(text.get(start + found.len()..).and_then(|t| t.chars().next()))
            });
            if whole {
                return Err(format!("{} sees the address of {}:\n{text}", own.name, other.name));
            }
        }
        Ok(())
    }

    fn waiting(&self, index: usize) -> String {
        let mail = self.mail.get(index).into_iter().flatten();
        mail.map(|bytes| format!("\n  unread: {}", draw::summary(bytes))).collect()
    }

    fn expect_silence(&mut self) -> Result<(), String> {
        for (index, agent) in self.scene.agents.iter().enumerate() {
            let heard = self.heard.get(index).cloned().unwrap_or_default();
            let unread = self.mail.get(index).into_iter().flatten();
            let surprise = unread
                .filter(|bytes| !bytes.starts_with(b"SIP/2.0 100 "))
                .find(|bytes| !heard.contains(bytes));
            if let Some(bytes) = surprise {
                return Err(format!("{} did not expect {}", agent.name, draw::summary(bytes)));
            }
        }
        Ok(())
    }

    fn expect_record(&mut self, line: &Line) -> Result<(), String> {
        self.settle(Duration::from_millis(20));
        if self.world.records.is_empty() {
            return Err("no record was written".to_owned());
        }
        let record = self.world.records.remove(0);
        let word = |value: serde_json::Result<serde_json::Value>| {
            value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        for (key, wanted) in line.settings(1) {
            let have = match key {
                "signature" => record.signature.as_ref().map_or("", |signature| signature.verdict).to_owned(),
                "signed" => record.signed.unwrap_or_default().to_owned(),
                "outcome" => word(serde_json::to_value(record.outcome)),
                "code" => record.sip_code.to_string(),
                "reason" => record.reason_code.to_string(),
                "q850" => record.q850.to_string(),
                "by" => word(serde_json::to_value(record.ended_by)),
                "out" => record.connection_out.trim_start_matches("con_").to_owned(),
                "in" => record.connection_in.trim_start_matches("con_").to_owned(),
                "dialled" => record.dialled.to_string(),
                "legs" => {
                    let legs = record.legs.iter().map(|leg| leg.connection.trim_start_matches("con_"));
                    legs.collect::<Vec<_>>().join(",")
                }
                "protections" => record.legs.iter().map(|leg| leg.protection).collect::<Vec<_>>().join(","),
                "transcoded" => {
                    let legs = record.legs.iter().map(|leg| if leg.transcoded { "yes" } else { "no" });
                    legs.collect::<Vec<_>>().join(",")
                }
                "attempts" => record.attempts.iter().map(attempt).collect::<Vec<_>>().join(","),
                "flow" => record.flow.iter().map(step).collect::<Vec<_>>().join(","),
                "proof" => record.proof.to_string(),
                _ => return Err(format!("a record has no `{key}`")),
            };
            if have != wanted {
                return Err(format!("{key} is {have}, wanted {wanted}: {record:?}"));
            }
        }
        Ok(())
    }

    /// Whatever is still going on is ended; after all timers nothing may be left anywhere.
    fn expect_nothing_left(&mut self) -> Result<(), String> {
        self.world.ask(&Ask::EndAll);
        self.settle(Duration::from_secs(200));
        let figures = self.world.figures();
        for (shard, f) in figures.iter().enumerate() {
            let left = [f.calls_active, f.transactions, f.incidents, f.media_ports_used];
            if left != [0; 4] {
                return Err(format!("shard {shard} keeps calls, transactions, incidents, ports: {left:?}"));
            }
        }
        if self.world.call_count() > 0 {
            return Err("a call is left in its slot".to_owned());
        }
        let places: Vec<_> = self.scene.connections.iter().map(|row| row.id.clone()).collect();
        for answer in self.world.ask(&Ask::Status { connections: places }) {
            let Answer::Status(views) = answer else { continue };
            if let Some(view) = views.iter().find(|view| view.active_calls > 0) {
                return Err(format!("a place among the calls of {} is not given back", view.connection));
            }
        }
        match self.world.media.faults.first() {
            Some(fault) => Err(format!("media: {fault}")),
            None if self.world.media.open().next().is_some() => Err("a media end is left open".to_owned()),
            None => Ok(()),
        }
    }
}

/// `NODE:OUTCOME`, and nothing behind it where the call ended there.
fn step(step: &engine::FlowStep) -> String {
    match &step.outcome {
        Some(outcome) => format!("{}:{outcome}", step.node),
        None => step.node.to_string(),
    }
}

/// An attempt in three words: where, what came back, what followed.
fn attempt(attempt: &engine::AttemptRecord) -> String {
    let (code, why) = (attempt.sip_code, &attempt.reason_code);
    let came = if code == 0 { why.to_string() } else { code.to_string() };
    let then = serde_json::to_value(attempt.then).ok();
    let then = then.as_ref().and_then(|then| then.as_str()).unwrap_or_default();
    format!("{}:{came}:{then}", attempt.connection.trim_start_matches("con_"))
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase())
}

/// What the words of an arrow ask of a message.
fn wish(line: &Line, from: usize) -> Wish {
    let mut wish = Wish::default();
    for (index, word) in line.words.iter().enumerate().skip(from) {
        match word {
            Word::Quoted(text) => wish.fields.push(field(text)),
            Word::Plain(word) => {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                match (key, value) {
                    ("auth", "") => wish.auth = Some("first".to_owned()),
                    ("auth", kind) => wish.auth = Some(kind.to_owned()),
                    ("sdp", "") => wish.sdp = Some("sdp".to_owned()),
                    ("sdp", kind) => wish.sdp = Some(kind.to_owned()),
                    ("savp", "") => wish.savp = true,
                    ("crypto", "") => wish.crypto = vec![(1, "AES_CM_128_HMAC_SHA1_80".to_owned())],
                    ("crypto", lines) => {
                        let line = |line: &str| {
                            let (tag, suite) = line.split_once(':')?;
                            Some((tag.parse().ok()?, suite.to_owned()))
                        };
                        wish.crypto = lines.split(',').filter_map(line).collect();
                    }
                    ("key", number) => wish.key = number.parse().unwrap_or_default(),
                    ("from", user) => wish.from = Some(user.to_owned()),
                    ("tag", tag) => wish.tag = Some(tag.to_owned()),
                    ("expires", seconds) => wish.fields.push(("Expires".to_owned(), seconds.to_owned())),
                    ("sipfrag", code) => {
                        let kind = "message/sipfrag;version=2.0".to_owned();
                        wish.body = Some((kind, format!("SIP/2.0 {code} As It Goes\r\n")));
                    }
                    ("body", text) => wish.body = Some(("text/plain".to_owned(), text.to_owned())),
                    ("dtmf", digit) => {
                        let kind = "application/dtmf-relay".to_owned();
                        wish.body = Some((kind, format!("Signal={digit}\r\nDuration=160\r\n")));
                    }
                    ("pidf", basic) => wish.body = Some(("application/pidf+xml".to_owned(), pidf(basic))),
                    ("if-match", "") => wish.if_match = true,
                    ("sends-back", "") => wish.sends_back = true,
                    ("again" | "source", _) => {}
                    (name, _) if name.starts_with('!') => {
                        wish.without.push(name.trim_start_matches('!').to_owned())
                    }
                    (target, _) if index == from && !is_method(target) => wish.target = Some(word.clone()),
                    _ => {}
                }
            }
        }
    }
    wish
}

/// What a phone publishes; `busy` is open with an activity.
fn pidf(basic: &str) -> String {
    let (basic, activity) = if basic == "busy" { ("open", "<rpid:busy/>") } else { (basic, "") };
    format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"sip:me@example.test\"><tuple id=\"1\"><status><basic>{basic}</basic></status></tuple>\
         <dm:person id=\"2\"><rpid:activities>{activity}</rpid:activities></dm:person></presence>"
    )
}
