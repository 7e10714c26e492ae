//! The shared port of a media worker with a browser that really checks, shakes hands and speaks, whose datagrams are bent,
//! lost, doubled and mixed with those of strangers.
//!
//! Nothing may panic, nothing may be sent to who has proved nothing, nothing is echoed that the browser did not say, or
//! twice, or in the clear, and nothing is left when the end is closed.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use media::{Action, Actions, Command, Credentials, EndId, Identity, Peer, Plane, Remote, SocketKey, Source};
use rtp::{Kind, RtpHeader, classify};
use srtp::{Inbound, OVERHEAD, Outbound};
use stun::Message;
use timestamp::Timestamp;

use crate::dice::{Dice, mutate};

#[path = "../../../proto/media/tests/shared_port/browser.rs"]
mod browser;

use browser::Browser;

/// Plays what the octets say; returns how many datagrams came.
pub fn story(octets: &[u8]) -> u64 {
    let mut dice = Dice::new(octets);
    let now = Timestamp::from_secs(1000);
    let plane = Plane::sharing(1, Some(IDENTITY.clone()));
    let browser = Browser::new(SocketAddr::from(([192, 0, 2, 9], 4000)), now);
    let mut story = Story {
        plane,
        out: Actions::new(),
        browser,
        now,
        waiting: Vec::new(),
        came: 0,
        moved: false,
        voice: None,
    };
    story.command(Command::OpenShared { end: END, credentials: ours(), bundle: None, inactivity: None });
    story.command(Command::Remote { end: END, remote: story.remote() });
    story.command(Command::Serve { end: END, source: Source::Echo });
    let peer = Peer { fingerprint: story.browser.fingerprint(), active: dice.below(4) == 0 };
    if dice.below(4) != 0 {
        story.command(Command::Authenticate { end: END, peer });
    }
    let check = story.browser.check(&ours(), true);
    story.waiting = vec![check];
    while !dice.is_over() {
        story.happen(&mut dice);
    }
    story.command(Command::Close { end: END });
    assert!(story.plane.is_empty(), "nothing is left");
    story.came
}

struct Story {
    plane: Plane,
    out: Actions,
    browser: Browser,
    now: Timestamp,
    /// Datagrams of the browser's on their way.
    waiting: Vec<Vec<u8>>,
    came: u64,
    /// Another address was proved, too.
    moved: bool,
    /// What the browser says and hears, once it has keys.
    voice: Option<Voice>,
}

struct Voice {
    to_us: Outbound,
    from_us: Inbound,
    /// What it said, and whether that was echoed.
    said: BTreeMap<[u8; 4], bool>,
}

impl Story {
    fn happen(&mut self, dice: &mut Dice<'_>) {
        match dice.below(10) {
            0 => {
                self.now = self.now + Duration::from_millis(1 << dice.below(16));
                self.plane.handle_timeout(self.now, &mut self.out);
                self.hear(None);
            }
            1 => {
                let check = self.browser.check(&ours(), dice.below(2) == 0);
                self.waiting.push(check);
            }
            2 => self.waiting.extend(self.browser.begin(self.now)),
            3 => {
                let mut bent = self.next(dice);
                mutate(&mut bent, &self.waiting, dice);
                self.come(self.browser.addr, &bent);
            }
            4 => {
                let packet = self.next(dice);
                // A whole check proves any address it comes from.
                let check = Message::parse(&packet);
                self.moved |= check.is_some_and(|check| check.is_proved(ours().password_text().as_bytes()));
                self.come(SocketAddr::from(([203, 0, 113, 7], 4000)), &packet);
            }
            5 | 6 => self.speak(dice),
            _ => {
                let packet = self.next(dice);
                self.come(self.browser.addr, &packet);
            }
        }
        self.waiting.truncate(MOST);
    }

    /// The browser sends a packet or a report; without keys, in the clear.
    fn speak(&mut self, dice: &mut Dice<'_>) {
        if let (None, Some((theirs, ours))) = (&self.voice, &self.browser.keys) {
            let said = BTreeMap::new();
            self.voice = Some(Voice { to_us: Outbound::new(theirs), from_us: Inbound::new(ours), said });
        }
        let report = dice.below(4) == 1;
        let mut number = 1;
        let mut packet = Vec::new();
        if let Some(voice) = &mut self.voice {
            number = voice.said.len() as u32 + 1;
            if !report {
                voice.said.insert(number.to_be_bytes(), false);
            }
        }
        match report {
            true => rtp::rtcp::write_report(7, None, &[], &mut packet),
            false => {
                rtp::write_header(false, 8, number as u16, number * 160, 7, &mut packet);
                packet.extend(number.to_be_bytes());
            }
        }
        let len = packet.len();
        if let Some(voice) = &mut self.voice {
            packet.resize(len + OVERHEAD, 0);
            let sealed = match report {
                true => voice.to_us.protect_rtcp(&mut packet, len),
                false => voice.to_us.protect(&mut packet, len),
            };
            packet.truncate(sealed.expect("a sound packet is protected"));
        }
        self.waiting.push(packet);
    }

    /// What is sent to the browser as media is an echo of what it said, protected, and the first one.
    fn hears(&mut self, packet: &[u8]) {
        let voice = self.voice.as_mut().expect("nothing is echoed before it can be protected");
        let mut packet = packet.to_vec();
        if classify(&packet) == Kind::Rtcp {
            voice.from_us.unprotect_rtcp(&mut packet).expect("reports are protected");
            return;
        }
        let len = voice.from_us.unprotect(&mut packet).expect("an echo is protected");
        let packet = packet.get(..len).unwrap_or_default();
        let payload = RtpHeader::parse(packet).and_then(|header| packet.get(header.payload));
        let payload: &[u8; 4] = payload.and_then(|payload| payload.try_into().ok()).expect("four octets");
        let echoed = voice.said.insert(*payload, true);
        assert_eq!(echoed, Some(false), "it was said, and is echoed once");
    }

    /// What its description says.
    fn remote(&self) -> Remote {
        Remote::of(self.browser.addr.ip())
    }

    /// One that waits, which may stay to come again.
    fn next(&mut self, dice: &mut Dice<'_>) -> Vec<u8> {
        let at = dice.below(self.waiting.len());
        match self.waiting.get(at) {
            Some(packet) if dice.below(4) == 0 => packet.clone(),
            Some(_) => self.waiting.remove(at),
            None => (0..dice.below(64)).map(|_| dice.octet()).collect(),
        }
    }

    fn come(&mut self, from: SocketAddr, packet: &[u8]) {
        self.came += 1;
        self.plane.on_packet(SocketKey::SHARED, from, packet, self.now, &mut self.out);
        self.hear(Some(from));
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(command, self.now, &mut self.out);
        self.hear(None);
    }

    /// What is for the browser comes to it; the check it may have sent from elsewhere is answered there.
    fn hear(&mut self, from: Option<SocketAddr>) {
        let (mut answers, mut media) = (Vec::new(), Vec::new());
        for action in self.out.list() {
            let Action::Send { to, payload, .. } = *action else { continue };
            if to == self.browser.addr {
                let packet = self.out.bytes(payload, &[]);
                match classify(packet) {
                    Kind::Dtls if !self.browser.failed => answers.extend(self.browser.hear(packet, self.now)),
                    Kind::Rtp | Kind::Rtcp => media.push(packet.to_vec()),
                    Kind::Dtls | Kind::Stun | Kind::Other => {}
                }
            } else {
                assert!(Some(to) == from || self.moved, "only who asks is answered");
            }
        }
        self.out.clear();
        for packet in media {
            self.hears(&packet);
        }
        self.waiting.extend(answers);
    }
}

fn ours() -> Credentials {
    Credentials::from_numbers([1, 2, 3, 4])
}

const END: EndId = EndId(1);

/// More are forgotten.
const MOST: usize = 32;

static IDENTITY: LazyLock<Identity> = LazyLock::new(browser::identity);
