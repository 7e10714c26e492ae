//! Arrivals in any order, and what is played.

use std::time::Duration;

use rtp::RtpHeader;
use timestamp::Timestamp;

use super::{JitterBuffer, Turn};

/// Plays `arrivals`, each a number and a time in milliseconds; what is played and lost, in order.
fn played(arrivals: &[(u16, u64)]) -> (Vec<u16>, u32, JitterBuffer) {
    let start = Timestamp::from_secs(100);
    let mut buffer = JitterBuffer::new(8000);
    let (mut played, mut lost) = (Vec::new(), 0);
    for &(sequence, ms) in arrivals {
        let now = start + Duration::from_millis(ms);
        while let Some(missing) = buffer.give_up(now) {
            lost += u32::from(missing);
            while let Some(held) = buffer.take_next() {
                played.push(held.sequence);
                buffer.give_back(held);
            }
        }
        let header = RtpHeader {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp: u32::from(sequence.wrapping_sub(arrivals[0].0)) * 160,
            ssrc: 1,
            payload: 0..0,
        };
        match buffer.on_packet(&header, &[0; 160], now) {
            Turn::Anew | Turn::Now => played.push(sequence),
            Turn::Late | Turn::Waits => {}
        }
        while let Some(held) = buffer.take_next() {
            played.push(held.sequence);
            buffer.give_back(held);
        }
    }
    (played, lost, buffer)
}

#[test]
fn what_is_in_order_passes_at_once_across_the_wrap() {
    let arrivals: Vec<(u16, u64)> =
        (0..100).map(|n| (65_500u16.wrapping_add(n), u64::from(n) * 20)).collect();
    let (heard, lost, buffer) = played(&arrivals);
    assert_eq!(heard, arrivals.iter().map(|&(n, _)| n).collect::<Vec<_>>());
    assert_eq!((lost, buffer.late, buffer.next_timeout()), (0, 0, None));
}

#[test]
fn orders_losses_and_duplicates() {
    let table: &[(&[(u16, u64)], &[u16], u32, u64)] = &[
        // Overtaken by a millisecond.
        (&[(1, 0), (3, 20), (2, 21), (4, 60)], &[1, 2, 3, 4], 0, 0),
        // Lost: the one behind waits five milliseconds, not for the next.
        (&[(1, 0), (3, 20), (4, 40)], &[1, 3, 4], 1, 0),
        // Late: played without, dropped when it comes.
        (&[(1, 0), (3, 20), (4, 40), (2, 41), (5, 60)], &[1, 3, 4, 5], 1, 1),
        // Twice, in order and while waiting.
        (&[(1, 0), (1, 1), (2, 20), (4, 40), (4, 41), (3, 42), (2, 43)], &[1, 2, 3, 4], 0, 3),
        // Three lost in a row.
        (&[(1, 0), (5, 80), (6, 100)], &[1, 5, 6], 3, 0),
        // A stray number is ignored; two in a row are a new stream, and nothing is missing before it.
        (&[(1, 0), (9000, 20), (2, 21), (3, 40)], &[1, 2, 3], 0, 0),
        (&[(1, 0), (9000, 20), (9001, 40), (9002, 60)], &[1, 9001, 9002], 0, 0),
        // The same backwards.
        (&[(9000, 0), (17, 20), (18, 40), (19, 60)], &[9000, 18, 19], 0, 0),
    ];
    for (arrivals, wanted, missing, late) in table {
        let (heard, lost, buffer) = played(arrivals);
        assert_eq!(&heard, wanted, "{arrivals:?}");
        assert_eq!((lost, buffer.late), (*missing, *late), "{arrivals:?}");
    }
}

#[test]
fn one_that_came_too_late_makes_the_next_gap_wait_longer() {
    let (_, _, buffer) = played(&[(1, 0), (3, 20), (4, 40), (2, 50)]);
    assert!(buffer.patience() >= Duration::from_millis(15), "{:?}", buffer.patience());
    assert!(buffer.patience() <= Duration::from_millis(80));
}

#[test]
fn a_flood_of_numbers_holds_little() {
    let arrivals: Vec<(u16, u64)> = (0..2000u16).map(|n| (n.wrapping_mul(7919), 0)).collect();
    let (_, _, buffer) = played(&arrivals);
    assert!(buffer.held.len() <= 32 && buffer.spare.len() <= 32);
}
