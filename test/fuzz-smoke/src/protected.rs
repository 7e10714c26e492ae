//! Packets of SRTP and SRTCP under a key that nobody else has: lost, doubled, late, bent, and one taken for the other.
//!
//! What is let in was sealed, comes in as it was before, and once; nothing that is refused keeps a sound one out.

use std::collections::BTreeMap;

use srtp::{Inbound, Keys, OVERHEAD, Outbound, Profile};

use crate::dice::{Dice, mutate};

/// Plays what the octets say; returns how many packets came.
pub fn story(octets: &[u8]) -> u64 {
    let mut dice = Dice::new(octets);
    let mut story = Story::new(&mut dice);
    while !dice.is_over() && story.came < MOST {
        story.happen(&mut dice);
    }
    story.end();
    story.came
}

struct Story {
    sender: Outbound,
    receiver: Inbound,
    /// Sequence numbers of the sources.
    sequences: [u16; SOURCES],
    /// Whatever was sealed.
    sealed: BTreeMap<Packet, Plain>,
    /// Packets on their way.
    waiting: Vec<Packet>,
    came: u64,
}

/// What is on the wire.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    rtcp: bool,
    octets: Vec<u8>,
}

/// What it was before.
struct Plain {
    octets: Vec<u8>,
    came_in: bool,
}

impl Story {
    fn new(dice: &mut Dice<'_>) -> Self {
        let profile = dice.pick(&Profile::ALL).copied().unwrap_or(Profile::AeadAes128Gcm);
        let material = vec![0x5a; profile.key_len() + profile.salt_len()];
        let keys = Keys::new(profile, &material).expect("as long as the profile says");
        let mut story = Self {
            sender: Outbound::new(&keys),
            receiver: Inbound::new(&keys),
            sequences: [0; SOURCES].map(|_| u16::from_be_bytes([dice.octet(), dice.octet()])),
            sealed: BTreeMap::new(),
            waiting: Vec::new(),
            came: 0,
        };
        story.meet();
        story
    }

    /// Who begins in the upper half is heard at once: a receiver that hears nothing until the numbers have rolled over cannot
    /// know that they have, which is why a sender should begin in the lower half (RFC 3711 §3.3.1).
    fn meet(&mut self) {
        for source in 0..SOURCES {
            if self.sequences[source] > u16::MAX / 2 {
                let first = self.sound(source, &mut Dice::new(&[]));
                assert!(self.come(&first), "the first one is let in");
            }
        }
    }

    fn happen(&mut self, dice: &mut Dice<'_>) {
        match dice.below(4) {
            0 => {
                let source = dice.below(SOURCES);
                let packet =
                    if dice.below(4) == 0 { self.report(source, dice) } else { self.sound(source, dice) };
                self.waiting.push(packet);
            }
            1 => {
                let others: Vec<Vec<u8>> = self.waiting.iter().map(|packet| packet.octets.clone()).collect();
                let mut packet = self.next(dice);
                mutate(&mut packet.octets, &others, dice);
                self.come(&packet);
            }
            2 => {
                let mut packet = self.next(dice);
                packet.rtcp ^= true;
                self.come(&packet);
            }
            _ => {
                let packet = self.next(dice);
                self.come(&packet);
            }
        }
        let old = self.waiting.len().saturating_sub(16);
        drop(self.waiting.drain(..old));
    }

    /// One that waits, which may stay to come again.
    fn next(&mut self, dice: &mut Dice<'_>) -> Packet {
        let at = dice.below(self.waiting.len());
        match self.waiting.get(at) {
            Some(packet) if dice.below(4) == 0 => packet.clone(),
            Some(_) => self.waiting.remove(at),
            None => Packet {
                rtcp: dice.below(2) == 0,
                octets: (0..dice.below(64)).map(|_| dice.octet()).collect(),
            },
        }
    }

    /// A packet of RTP, with contributing sources and an extension or without.
    fn sound(&mut self, source: usize, dice: &mut Dice<'_>) -> Packet {
        let (contributing, words) = (dice.below(3), dice.below(3));
        self.sequences[source] = self.sequences[source].wrapping_add(1 + dice.below(16) as u16);
        let flags = 0x80 | u8::from(words > 0) << 4 | contributing as u8;
        let mut plain = vec![flags, dice.octet() & 0x7f];
        plain.extend(self.sequences[source].to_be_bytes());
        plain.extend([0, 0, 0, 160, 0, 0, 0, source as u8]);
        plain.extend([7; 4].repeat(contributing));
        if words > 0 {
            plain.extend([0xbe, 0xde, 0, words as u8]);
            plain.extend([9; 4].repeat(words));
        }
        plain.extend((0..dice.below(32)).map(|_| dice.octet()));
        self.seal(false, plain)
    }

    fn report(&mut self, source: usize, dice: &mut Dice<'_>) -> Packet {
        let mut plain = vec![0x80, 201, 0, 1, 0, 0, 0, source as u8];
        plain.extend([dice.octet(); 4].repeat(dice.below(8)));
        self.seal(true, plain)
    }

    fn seal(&mut self, rtcp: bool, plain: Vec<u8>) -> Packet {
        let mut octets = plain.clone();
        octets.resize(plain.len() + OVERHEAD, 0);
        let len = match rtcp {
            true => self.sender.protect_rtcp(&mut octets, plain.len()),
            false => self.sender.protect(&mut octets, plain.len()),
        };
        octets.truncate(len.expect("a sound packet with a number of its own is protected"));
        let packet = Packet { rtcp, octets };
        self.sealed.insert(packet.clone(), Plain { octets: plain, came_in: false });
        packet
    }

    /// A packet comes; whether it was let in.
    fn come(&mut self, packet: &Packet) -> bool {
        self.came += 1;
        let mut octets = packet.octets.clone();
        let taken = match packet.rtcp {
            true => self.receiver.unprotect_rtcp(&mut octets),
            false => self.receiver.unprotect(&mut octets),
        };
        let Ok(len) = taken else { return false };
        let opened = octets.get(..len).expect("a packet does not grow");
        let plain = self.sealed.get_mut(packet).expect("only what was sealed is let in");
        assert_eq!(opened, plain.octets, "it comes in as it was");
        assert!(!plain.came_in, "it comes in once");
        plain.came_in = true;
        true
    }

    /// Whatever came before, the next packet of everybody is let in.
    fn end(&mut self) {
        for source in 0..SOURCES {
            let (packet, report) =
                (self.sound(source, &mut Dice::new(&[])), self.report(source, &mut Dice::new(&[])));
            assert!(self.come(&packet) && self.come(&report), "sound packets are let in");
        }
        assert!(self.receiver.streams().count() <= SOURCES, "strangers are not remembered");
    }
}

const SOURCES: usize = 4;

/// Packets of one story: fewer than sequence numbers roll over in.
const MOST: u64 = 1000;
