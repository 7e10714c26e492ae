//! The whole system under chance: phones that do anything at any time over a network that loses, doubles and
//! reorders. Whatever happens, every call ends and nothing stays behind.

use sim::phone::State;
use sim::town::Town;
use sim::world::Faults;

fn play(shards: u8, seed: u64, faults: Faults) -> (usize, usize) {
    let (unanswered, calls, _) = live_in(Town::new(shards, seed, faults), seed, shards);
    (unanswered, calls)
}

fn live_in(mut town: Town, seed: u64, shards: u8) -> (usize, usize, usize) {
    town.switch_on();
    town.live(60);
    town.go_to_bed();
    for index in 0..town.phones.len() {
        for (label, call) in &town.phones[index].calls {
            assert!(call.state != State::Trying || !call.outgoing, "seed {seed}: {label} never ended");
        }
    }
    if let Err(error) = town.check().and_then(|()| town.check_history()) {
        panic!("{error} (seed {seed}, {shards} shards)");
    }
    let (unanswered, calls) = town.unanswered();
    (unanswered, calls, town.handed_over())
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

#[test]
fn where_every_call_is_handed_over_nothing_stays_behind() {
    for seed in seeds(200..=211) {
        let shards = 1 + u8::try_from(seed % 3).expect("few");
        let faults = if seed % 2 == 0 { Faults { loss: 20, ..Faults::default() } } else { Faults::default() };
        let mut town = Town::new(shards, seed, faults);
        town.handing_over = true;
        let (unanswered, calls, moved) = live_in(town, seed, shards);
        assert!(moved > 5, "seed {seed}: {moved} of {calls} calls were handed over");
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
