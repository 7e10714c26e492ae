//! Stories of a place: who is slowed, who is asked about, and how it ends.

use super::*;

/// One try: when (ms), which user, whether it waited for its turn.
fn attempt(ms: u64, user: &str, request: u64) -> Attempt {
    Attempt {
        at: Timestamp::from_micros(1_800_000_000_000_000 + ms * 1000),
        source: "203.0.113.7:5060".parse().expect("an address"),
        user: user.into(),
        known: true,
        request,
        user_agent: "phone".into(),
    }
}

/// Plays tries to the end or to the first `Ask`; how many were looked at before that.
fn play(tries: impl Iterator<Item = (u64, String)>) -> (usize, bool) {
    let (mut ledger, mut waits) = (Ledger::default(), HashMap::new());
    let mut looked = 0;
    for (number, (ms, user)) in tries.enumerate() {
        let attempt = attempt(ms, &user, number as u64);
        let until = waits.get(&user).copied().unwrap_or(Timestamp::ZERO);
        let looked_at = until <= attempt.at;
        looked += usize::from(looked_at);
        match ledger.on_attempt(&attempt, looked_at) {
            Verdict::Pass => {}
            Verdict::Wait { until, .. } => {
                waits.insert(user, until);
            }
            Verdict::Ask | Verdict::WaitAll { .. } => return (looked, true),
        }
    }
    (looked, false)
}

#[test]
fn a_saved_password_is_slowed_and_a_guesser_is_convicted() {
    let alice = || "alice".to_owned();
    let hours = 8 * 3600 * 1000;
    // A phone tries every 30 seconds, all day.
    assert!(!play((0..hours / 30_000).map(|i| (i * 30_000, alice()))).1);
    // One that gives up a request after 32 seconds and begins anew at once.
    assert!(!play((0..1000).map(|i| (i * 32_000, alice()))).1);
    // Five phones of an office after a change of passwords.
    let office = |i: u64| (i * 10_000, format!("user{}", i % 5));
    assert!(!play((0..2000).map(office)).1);
    // Passwords of one user, a hundred a second: few are looked at.
    let (looked, convicted) = play((0..1000).map(|i| (i * 10, alice())));
    assert!(convicted && looked <= 4, "{looked}");
    // The same, one in five seconds.
    let (looked, convicted) = play((0..1000).map(|i| (i * 5000, alice())));
    assert!(convicted && looked <= 12, "{looked}");
    // One user after the other, slowly.
    let (looked, convicted) = play((0..20).map(|i| (i * 30_000, format!("user{i}"))));
    assert!(convicted && looked == 8, "{looked}");
}

#[test]
fn retransmissions_are_no_tries() {
    let mut ledger = Ledger::default();
    for i in 0..100 {
        assert_eq!(ledger.on_attempt(&attempt(i * 10, "alice", 1), true), Verdict::Pass);
    }
    assert_eq!(ledger.evidence("203.0.113.7".parse().expect("an address")).expect("tried").tries, 1);
}

#[test]
fn a_place_that_is_vouched_for_is_slowed_only() {
    let mut ledger = Ledger::default();
    let mut last = Verdict::Pass;
    for i in 0..8 {
        last = ledger.on_attempt(&attempt(i * 100, &format!("user{i}"), i), true);
    }
    assert_eq!(last, Verdict::Ask);
    let at = place("203.0.113.7".parse().expect("an address"));
    ledger.on_vouched(at, attempt(800, "", 0).at);
    let next = ledger.on_attempt(&attempt(900, "user9", 9), true);
    assert_eq!(next, Verdict::WaitAll { until: attempt(5900, "", 0).at });
    // Ten minutes later it is asked about again.
    for i in 0..8 {
        last = ledger.on_attempt(&attempt(601_000 + i * 100, &format!("user{i}"), 100 + i), true);
    }
    assert_eq!(last, Verdict::Ask);
}

#[test]
fn a_second_ban_is_longer_and_forgiving_ends_that() {
    let mut ledger = Ledger::default();
    let at = place("203.0.113.7".parse().expect("an address"));
    let mut lengths = Vec::new();
    for round in 0..5u64 {
        let base = round * 3_600_000 * 2;
        if round == 4 {
            ledger.forgive("203.0.113.0/24".parse().expect("a network"));
        }
        for i in 0..8 {
            ledger.on_attempt(&attempt(base + i, &format!("user{i}"), i), true);
        }
        let now = attempt(base + 10, "", 0).at;
        let (evidence, until) = ledger.convict(at, now).expect("evidence");
        assert_eq!((evidence.distinct_users, evidence.tries, evidence.users.len()), (8, 8, 8));
        lengths.push(until.since(now).as_secs() / 3600);
    }
    assert_eq!(lengths, [1, 4, 16, 24, 1]);
}

#[test]
fn the_table_is_bounded_and_the_silent_make_room() {
    let mut ledger = Ledger::default();
    for i in 0..2 * u32::try_from(MOST_PLACES).expect("small") {
        let mut attempt = attempt(u64::from(i), "alice", u64::from(i));
        attempt.source.set_ip(IpAddr::from((0x0a00_0000 + i).to_be_bytes()));
        ledger.on_attempt(&attempt, true);
    }
    assert_eq!((ledger.suspects.len(), ledger.by_silence.len()), (MOST_PLACES, MOST_PLACES));
    assert!(ledger.evidence(IpAddr::from([10, 0, 0, 0])).is_none());
}
