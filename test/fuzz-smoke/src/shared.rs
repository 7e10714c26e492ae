//! The shared port of a media worker with a browser that really checks and shakes hands, whose datagrams are bent, lost,
//! doubled and mixed with those of strangers.
//!
//! Nothing may panic, nothing may be sent to who has proved nothing, and nothing is left when the end is closed.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::LazyLock;

use media::{Action, Actions, Command, Credentials, EndId, Identity, Peer, Plane, SocketKey};
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
    let mut story =
        Story { plane, out: Actions::new(), browser, now, waiting: Vec::new(), came: 0, moved: false };
    story.command(Command::OpenShared { end: END, credentials: ours(), bundle: None, inactivity: None });
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
}

impl Story {
    fn happen(&mut self, dice: &mut Dice<'_>) {
        match dice.below(8) {
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
            _ => {
                let packet = self.next(dice);
                self.come(self.browser.addr, &packet);
            }
        }
        self.waiting.truncate(MOST);
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
        let mut answers = Vec::new();
        for action in self.out.list() {
            let Action::Send { to, payload, .. } = *action else { continue };
            if to == self.browser.addr {
                let packet = self.out.bytes(payload, &[]);
                if packet.first().is_some_and(|&first| first > 19) && !self.browser.failed {
                    answers.extend(self.browser.hear(packet, self.now));
                }
            } else {
                assert!(Some(to) == from || self.moved, "only who asks is answered");
            }
        }
        self.out.clear();
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
