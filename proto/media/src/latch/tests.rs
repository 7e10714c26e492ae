//! The latch as a table: who sends when, and what becomes of it.

use super::*;

const SDP: &str = "192.0.2.1:4000";
const SDP_OTHER_PORT: &str = "192.0.2.1:61000";
const NAT: &str = "198.51.100.9:61000";
const NAT_OTHER_PORT: &str = "198.51.100.9:62000";
const STRANGER: &str = "203.0.113.66:4000";

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + ms * 1000)
}

fn remote(rtp: Option<&str>, latch: Latching, renegotiated: bool) -> Remote {
    Remote {
        rtp: rtp.map(addr),
        rtcp: None,
        signalling: addr(NAT).ip(),
        latch,
        clock_rate: 0,
        sends: true,
        receives: true,
        renegotiated,
        udptl: false,
    }
}

/// Runs packets, each (milliseconds, source, SSRC, accepted), and checks where the end sends afterwards.
fn check(latch: &mut Latch, packets: &[(u64, &str, u32, bool)], target: &str) {
    for &(ms, source, ssrc, accepted) in packets {
        let verdict = latch.judge(addr(source), ssrc, at(ms));
        assert_eq!(verdict != Verdict::Foreign, accepted, "{source} at {ms} ms: {verdict:?}");
    }
    assert_eq!(latch.target(), Some(addr(target)));
}

fn described(latch: Latching) -> Latch {
    let mut fresh = Latch::default();
    fresh.describe(&remote(Some(SDP), latch, false), at(0));
    fresh
}

#[test]
fn nobody_is_believed_before_a_description() {
    let mut latch = Latch::default();
    assert_eq!(latch.judge(addr(SDP), 1, at(0)), Verdict::Foreign);
    assert_eq!(latch.target(), None);
    assert!(!latch.believes_ip(addr(SDP).ip()));
}

#[test]
fn each_policy_believes_as_far_as_it_says() {
    use Latching::{Always, Auto, Never};
    for (policy, source, accepted) in [
        (Never, SDP, true),
        (Never, SDP_OTHER_PORT, false),
        (Never, NAT, false),
        (Never, STRANGER, false),
        (Auto, SDP, true),
        (Auto, SDP_OTHER_PORT, true),
        (Auto, NAT, true),
        (Auto, STRANGER, false),
        (Always, SDP, true),
        (Always, SDP_OTHER_PORT, true),
        (Always, NAT, true),
        (Always, STRANGER, true),
    ] {
        let target = if accepted { source } else { SDP };
        check(&mut described(policy), &[(0, source, 1, accepted)], target);
    }
}

#[test]
fn a_locked_end_believes_one_source() {
    let packets =
        [(0, SDP, 1, true), (20, NAT, 1, false), (40, SDP_OTHER_PORT, 1, false), (60, SDP, 1, true)];
    check(&mut described(Latching::Auto), &packets, SDP);
    check(&mut described(Latching::Always), &[(0, NAT, 1, true), (20, STRANGER, 1, false)], NAT);
}

#[test]
fn a_better_source_wins_within_300_ms_of_the_lock() {
    check(
        &mut described(Latching::Auto),
        &[(0, NAT, 1, true), (300, SDP, 1, true), (320, NAT, 1, false)],
        SDP,
    );
    check(
        &mut described(Latching::Auto),
        &[(0, NAT, 1, true), (290, NAT, 1, true), (301, SDP, 1, false)],
        NAT,
    );
    check(
        &mut described(Latching::Always),
        &[(0, STRANGER, 1, true), (20, NAT, 1, true), (40, SDP, 1, true)],
        SDP,
    );
    check(&mut described(Latching::Auto), &[(0, SDP, 1, true), (20, SDP_OTHER_PORT, 1, false)], SDP);
}

#[test]
fn after_two_seconds_of_silence_the_same_ssrc_may_come_from_elsewhere() {
    let start = [(0, NAT, 7, true), (20, NAT, 7, true)];
    for (ms, source, ssrc, accepted) in [
        (2019, NAT_OTHER_PORT, 7, false),
        (2020, NAT_OTHER_PORT, 7, true),
        (2020, NAT_OTHER_PORT, 8, false),
        (2020, STRANGER, 7, false),
    ] {
        let mut latch = described(Latching::Auto);
        check(&mut latch, &start, NAT);
        check(&mut latch, &[(ms, source, ssrc, accepted)], if accepted { source } else { NAT });
    }
}

#[test]
fn a_new_described_address_opens_the_latch() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, SDP, 1, true)], SDP);
    latch.describe(&remote(Some(SDP_OTHER_PORT), Latching::Auto, true), at(1000));
    assert_eq!(latch.target(), Some(addr(SDP_OTHER_PORT)));
    check(&mut latch, &[(1020, SDP, 1, true), (1040, SDP_OTHER_PORT, 2, true)], SDP_OTHER_PORT);
}

#[test]
fn a_renegotiation_to_the_same_address_lets_another_source_take_over_once() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, NAT, 1, true)], NAT);
    latch.describe(&remote(Some(SDP), Latching::Auto, true), at(5000));
    assert_eq!(latch.target(), Some(addr(NAT)), "until then the old source is served");
    check(&mut latch, &[(5020, NAT, 1, true), (5040, NAT_OTHER_PORT, 2, true)], NAT_OTHER_PORT);
    check(&mut latch, &[(5400, NAT, 1, false)], NAT_OTHER_PORT);
}

#[test]
fn the_door_of_a_renegotiation_closes_when_the_old_source_speaks_on() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, NAT, 1, true)], NAT);
    latch.describe(&remote(Some(SDP), Latching::Auto, true), at(5000));
    check(&mut latch, &[(6000, NAT, 1, true), (7500, NAT_OTHER_PORT, 2, false)], NAT);
}

#[test]
fn the_door_of_a_renegotiation_stays_open_while_the_old_source_is_silent() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, NAT, 1, true)], NAT);
    latch.describe(&remote(Some(SDP), Latching::Auto, true), at(5000));
    check(&mut latch, &[(60_000, STRANGER, 2, false), (60_000, NAT_OTHER_PORT, 2, true)], NAT_OTHER_PORT);
}

#[test]
fn a_hold_without_address_keeps_the_lock() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, NAT, 1, true)], NAT);
    latch.describe(&remote(None, Latching::Auto, true), at(1000));
    latch.describe(&remote(Some(SDP), Latching::Auto, true), at(2000));
    assert_eq!(latch.target(), Some(addr(NAT)));
}

#[test]
fn a_stricter_policy_drops_a_lock_that_it_does_not_allow() {
    let mut latch = described(Latching::Auto);
    check(&mut latch, &[(0, NAT, 1, true)], NAT);
    latch.describe(&remote(Some(SDP), Latching::Never, false), at(1000));
    check(&mut latch, &[(1020, NAT, 1, false)], SDP);
}

#[test]
fn rtcp_is_believed_by_the_ip_of_the_rtp() {
    let mut latch = described(Latching::Never);
    assert!(latch.believes_ip(addr(SDP).ip()));
    assert!(!latch.believes_ip(addr(NAT).ip()));
    latch.describe(&remote(Some(SDP), Latching::Auto, false), at(0));
    assert!(latch.believes_ip(addr(NAT).ip()));
    check(&mut latch, &[(0, SDP, 1, true)], SDP);
    assert!(!latch.believes_ip(addr(NAT).ip()));
}
