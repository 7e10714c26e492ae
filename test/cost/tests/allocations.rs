//! How often each message of an established call path touches the heap.
#![allow(
    unsafe_code,
    reason = "counting allocations takes a global allocator, and GlobalAlloc is an unsafe trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cost::Peer;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the ones `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` through `alloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rows are the messages of one piece of work, after the first thousand pieces, and the most that each may take.
fn check(act: fn(&mut Peer) -> Result<(), String>, rows: &[(&str, u64)]) {
    let mut peer = Peer::new().expect("two users");
    for _ in 0..1000 {
        act(&mut peer).expect("done");
    }
    peer.measure(|| COUNT.with(Cell::get));
    act(&mut peer).expect("done");
    let read: Vec<_> = peer.readings.iter().map(|(line, taken)| (line.as_str(), *taken)).collect();
    let fits = read.len() == rows.len()
        && read
            .iter()
            .zip(rows)
            .all(|((line, taken), (start, most))| line.starts_with(start) && taken <= most);
    assert!(fits, "{read:#?}");
}

#[test]
fn options_and_retransmissions_allocate_nothing() {
    check(Peer::options, &[("OPTIONS", 0), ("", 0)]);
    check(Peer::retransmission, &[("INVITE", 0)]);
}

#[test]
fn a_challenge_and_a_refreshed_registration_allocate_nothing() {
    check(Peer::register, &[("REGISTER", 0), ("REGISTER", 0), ("", 0)]);
}

#[test]
fn messages_of_a_call() {
    check(
        Peer::call,
        &[
            ("INVITE", 6),
            ("ACK", 0),
            // What a call keeps: its two dialogs, the INVITE, the decision, its record and markers.
            ("INVITE", 63),
            ("SIP/2.0 180", 3),
            ("SIP/2.0 200", 12),
            ("ACK", 0),
            ("BYE", 8),
            ("SIP/2.0 200", 0),
            ("", 0),
        ],
    );
}
