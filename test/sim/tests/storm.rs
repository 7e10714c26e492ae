//! Broken messages among live calls: the torture corpus and mutations of what was really said, from strangers and
//! under the addresses of our own phones. Nothing panics, nothing stays behind, and calls go on working.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use sim::phone::State;
use sim::random::Random;
use sim::town::Town;
use sim::world::Faults;
use sip_stack::transport::{Flow, Protocol};

#[test]
fn calls_survive_a_storm_of_broken_messages() {
    let corpus = torture();
    assert!(corpus.len() > 40, "the corpus is there");
    for seed in seeds(1..=8) {
        let shards = 1 + u8::try_from(seed % 2).expect("few");
        let mut town = Town::new(shards, seed, Faults::default());
        town.switch_on();
        for _ in 0..30 {
            town.live(1);
            for _ in 0..60 {
                throw(&mut town, &corpus);
            }
        }
        let panics: u64 = town.world.figures().iter().map(|figures| figures.incidents).sum();
        assert_eq!(panics, 0, "seed {seed}");
        town.run(60);
        town.phones[0].call("echo", false, &mut town.world);
        town.run(1);
        let (_, call) = town.phones[0].calls.iter().next_back().expect("the call just made");
        let last =
            town.phones[0].calls.values().filter(|call| call.outgoing && call.state == State::Up).count();
        assert!(last > 0, "seed {seed}: the echo does not answer: {call:?}");
        town.go_to_bed();
        town.run(200);
        if let Err(error) = town.check() {
            panic!("{error} (seed {seed}, {shards} shards)");
        }
    }
}

/// Sends one broken message.
fn throw(town: &mut Town, corpus: &[Vec<u8>]) {
    let mut random = Random::new(town.random.number());
    let said: Vec<usize> =
        (0..town.world.seen.len()).rev().filter(|&index| town.world.seen[index].inward).take(200).collect();
    let bytes = match random.pick(&said).filter(|_| random_is_mild(&town.random)) {
        Some(&index) => town.world.seen[index].bytes.clone(),
        None => random.pick(corpus).cloned().unwrap_or_default(),
    };
    let mut bytes = bytes;
    for _ in 0..random.below(4) {
        mutate(&mut bytes, corpus, &mut random);
    }
    let stranger = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), 5060);
    let remote = if random.chance(50) { town.phones[0].agent.addr } else { stranger };
    town.world.send(Flow { protocol: Protocol::Udp, listener: 0, stream: 0, remote }, bytes);
}

fn random_is_mild(random: &Random) -> bool {
    random.clone().chance(70)
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = usize::try_from(random.below(bytes.len() as u64)).expect("an index");
    match random.below(6) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..bytes.len().min(at + 7))),
        3 => {
            let piece: Vec<u8> = bytes.iter().skip(at).take(40).copied().collect();
            bytes.splice(at..at, piece);
        }
        4 => {
            let other = random.pick(corpus).cloned().unwrap_or_default();
            let cut = usize::try_from(random.below(other.len() as u64)).expect("an index");
            bytes.truncate(at);
            bytes.extend_from_slice(other.get(cut..).unwrap_or_default());
        }
        _ => {
            let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
            let gone = usize::try_from(random.below(lines.len() as u64)).expect("an index");
            let kept: Vec<&[u8]> =
                lines.iter().enumerate().filter(|(n, _)| *n != gone).map(|(_, l)| *l).collect();
            *bytes = kept.join(&b'\n');
        }
    }
}

fn torture() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wire/sip-msg/tests/torture");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the torture corpus")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "dat"))
        .collect();
    files.sort();
    files.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// `SEED=n` plays that seed alone.
fn seeds(range: core::ops::RangeInclusive<u64>) -> Vec<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => range.collect(),
    }
}
