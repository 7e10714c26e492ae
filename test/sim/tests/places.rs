//! Places and counters under chance: a thousand connections at their limits, and whenever somebody looks, the homes count
//! as many calls as there are.

use std::collections::BTreeMap;

use engine::control::{Answer, Ask, Usage};
use routing::config::ConnectionId;
use sim::rows;
use sim::town::Town;
use sim::world::Faults;

/// Calls that homes count, by limit: of the installation, of the account, of all connections.
fn counted(town: &mut Town) -> [BTreeMap<&'static str, u32>; 3] {
    let sum = |usage: Vec<Usage>| {
        let mut sum = BTreeMap::new();
        for part in usage {
            *sum.entry(part.limit).or_default() += part.used;
        }
        sum
    };
    let limits = |answers: Vec<Answer>| {
        let parts = answers.into_iter().flat_map(|answer| match answer {
            Answer::LimitsUsed(found) => found.into_iter().flat_map(|(_, usage)| usage).collect(),
            Answer::Status(views) => views.into_iter().flat_map(|view| view.limits).collect(),
            _ => Vec::new(),
        });
        sum(parts.collect())
    };
    let connections: Vec<ConnectionId> =
        (0..town.phones.len()).map(|index| rows::id_of(&format!("phone{index}")).as_str().into()).collect();
    [
        limits(town.world.ask(&Ask::LimitsUsed { accounts: Vec::new(), installation: true })),
        limits(town.world.ask(&Ask::LimitsUsed { accounts: vec!["acc_main".into()], installation: false })),
        limits(town.world.ask(&Ask::Status { connections })),
    ]
}

/// Compares what homes count with the calls that are there.
fn check(town: &mut Town) -> Option<usize> {
    if !town.world.is_settled() {
        return None;
    }
    let answers = town.world.ask(&Ask::Calls);
    let calls: Vec<_> = answers
        .into_iter()
        .flat_map(|answer| if let Answer::Calls(calls) = answer { calls } else { Vec::new() })
        .collect();
    let live = u32::try_from(calls.len()).expect("few");
    let reached = calls.iter().filter(|call| !call.connection_out.is_empty()).count();
    let [all, account, connections] = counted(town);
    assert_eq!(all["concurrent"], live, "calls of the installation");
    assert_eq!(account["concurrent"], live, "calls of the account");
    assert_eq!(connections["concurrent_from"], live, "calls from connections");
    assert_eq!(connections["concurrent_to"] as usize, reached, "calls to connections");
    Some(calls.len())
}

fn play(shards: u8, seed: u64, faults: Faults) {
    let limits = [
        ("limits.concurrent", "2"),
        ("limits.concurrent_from", "1"),
        ("limits.concurrent_to", "1"),
        ("limits.per_hour", "3"),
        ("dialled.ring_s", "4"),
    ];
    let mut town = Town::of(1_000, &limits, shards, seed, faults);
    let account = rows::account(&[("limits.concurrent", "150"), ("limits.per_day", "100000")]);
    let all = rows::limits(&[("concurrent", "140"), ("per_second", "90")]);
    town.world.configure([account, all].into_iter().flatten().collect());
    town.switch_on();
    let (mut samples, mut most) = (0, 0);
    for tick in 0..600 {
        town.tick();
        for _ in 0..2 {
            let caller = usize::try_from(town.random.below(1_000)).expect("an index");
            let target = format!("phone{}", town.random.below(1_000));
            town.phones[caller].call(&target, false, &mut town.world);
        }
        if let Some(live) = (tick % 4 == 0).then(|| check(&mut town)).flatten() {
            (samples, most) = (samples + 1, most.max(live));
        }
    }
    assert!(samples > 60, "seed {seed}: {samples} samples");
    assert!((100..=140).contains(&most), "seed {seed}: {most} calls at once");
    // What was refused says why: every limit was reached.
    let refused: std::collections::BTreeSet<_> =
        town.world.refusals.iter().map(|refusal| refusal.reason.code()).collect();
    assert!(refused.contains("L-01") && refused.contains("L-02"), "seed {seed}: {refused:?}");

    // Nothing new, and time to write down what was counted.
    town.world.ask(&Ask::Drain);
    town.run(1);
    let before = counted(&mut town);
    town.world.restart(seed + 1);
    let after = counted(&mut town);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after["concurrent"], 0, "places end with the process");
        for period in ["per_hour", "per_day"] {
            let of = |counts: &BTreeMap<&str, u32>| counts.get(period).copied();
            assert_eq!(of(after), of(before), "seed {seed}: {period} after a restart");
        }
    }
}

#[test]
fn a_thousand_connections_at_their_limits() {
    play(1, 1, Faults::default());
    play(3, 2, Faults::default());
}

#[test]
fn a_thousand_connections_at_their_limits_on_a_bad_network() {
    play(2, 3, Faults { loss: 15, twice: 10, jitter_ms: 40 });
}
