//! Loss and jitter as tables.

use super::*;

fn at(us: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000 + us)
}

/// Feeds sequence numbers 20 ms apart.
fn lost(sequences: impl IntoIterator<Item = u16>) -> u64 {
    let mut quality = Quality::default();
    for (n, sequence) in (0..).zip(sequences) {
        quality.on_packet(1, sequence, n as u32 * 160, at(n * 20_000));
    }
    quality.lost()
}

#[test]
fn loss_is_expected_less_received() {
    assert_eq!(lost([]), 0);
    assert_eq!(lost([5, 6, 7]), 0);
    assert_eq!(lost([5, 7, 10]), 3);
    assert_eq!(lost([5, 7, 6, 8]), 0, "reordered is not lost");
    assert_eq!(lost([5, 6, 6, 8]), 0, "a duplicate hides a loss, as in A.3");
    assert_eq!(lost([5, 6, 6, 6]), 0, "never below zero");
}

#[test]
fn the_sequence_wraps_around() {
    assert_eq!(lost([65_534, 65_535, 0, 1]), 0);
    assert_eq!(lost([65_534, 1, 2]), 2);
    assert_eq!(lost([65_535, 1, 0]), 0, "reordered across the wrap");
    assert_eq!(lost((0..200_000u32).filter(|n| n % 100 != 50).map(|n| n as u16)), 2000);
}

#[test]
fn a_jump_is_a_new_run_and_a_stray_packet_is_not() {
    assert_eq!(lost([10, 11, 13, 40_000, 40_001, 40_003]), 2);
    assert_eq!(lost([10, 11, 40_000, 12, 13]), 0);
    assert_eq!(lost([10, 11, 3010]), 2998, "within the dropout limit");
}

#[test]
fn a_new_source_is_a_new_run() {
    let mut quality = Quality::default();
    for (ssrc, sequence) in [(1, 10), (1, 12), (2, 50_000), (2, 50_001), (1, 9)] {
        quality.on_packet(ssrc, sequence, 0, at(0));
    }
    assert_eq!(quality.lost(), 1);
}

/// Feeds packets of (arrival in µs, timestamp) and returns the jitter in µs.
fn jitter(clock_rate: u32, packets: impl IntoIterator<Item = (u64, u32)>) -> u32 {
    let mut quality = Quality::default();
    quality.set_clock_rate(clock_rate);
    for (n, (arrival, timestamp)) in (0..).zip(packets) {
        quality.on_packet(1, n, timestamp, at(arrival));
    }
    quality.jitter_us()
}

#[test]
fn a_steady_stream_has_no_jitter() {
    assert_eq!(jitter(0, (0..500).map(|n| (n * 20_000, n as u32 * 160))), 0);
    assert_eq!(jitter(48_000, (0..500).map(|n| (n * 20_000, n as u32 * 960))), 0);
    let wrapping = (0..500).map(|n| (n * 20_000, 0xffff_f000u32.wrapping_add(n as u32 * 160)));
    assert_eq!(jitter(0, wrapping), 0);
}

#[test]
fn alternating_delay_converges_to_its_step() {
    // Every other packet 4 ms late: |D| is 4 ms each time, and so is the estimate in the end.
    let late = |n: u64| if n % 2 == 1 { 4000 } else { 0 };
    for (clock_rate, step) in [(8000, 160), (48_000, 960)] {
        let estimate = jitter(clock_rate, (0..500).map(|n| (n * 20_000 + late(n), n as u32 * step)));
        assert!((3700..=4000).contains(&estimate), "{clock_rate}: {estimate}");
    }
}

#[test]
fn one_late_packet_weighs_a_sixteenth_of_each_step() {
    let packets = [(0, 0), (20_000, 160), (56_000, 320)];
    assert_eq!(jitter(8000, packets), 1000);
}

#[test]
fn an_event_of_one_timestamp_and_a_jump_are_no_jitter() {
    let event = (0..50).map(|n| (n * 20_000, if n < 10 { n as u32 * 160 } else { 1600 }));
    assert_eq!(jitter(8000, event), 0);
    let jump = (0..50).map(|n| (n * 20_000, n as u32 * 160 + if n < 10 { 0 } else { 1_000_000 }));
    assert_eq!(jitter(8000, jump), 0);
}

#[test]
fn a_nonsensical_clock_rate_does_no_harm() {
    assert_eq!(
        jitter(u32::MAX, (0..50).map(|n| (n * 20_000, n as u32))),
        jitter(MAX_CLOCK_RATE, (0..50).map(|n| (n * 20_000, n as u32)))
    );
}
