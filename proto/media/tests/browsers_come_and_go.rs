//! What browsers leave behind in a plane when they are gone: nothing.

// A global allocator can only be written with `unsafe`; this one counts and passes on.
#![allow(unsafe_code)]

#[path = "shared_port/browser.rs"]
mod browser;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use codec::Codec;
use media::{
    Action, Actions, Command, Credentials, Dtmf, EndId, Event, Format, Peer, Plane, Remote, SocketKey, Source,
};
use timestamp::Timestamp;

use browser::{Browser, identity};

struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn count(octets: i64) {
    // Threads that end give back more than they may count.
    let _ = LIVE.try_with(|live| live.set(live.get() + octets));
}

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is also that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn what_browsers_took_is_given_back() {
    let mut plane = Plane::sharing(1, Some(identity()));
    let mut out = Actions::new();
    let mut now = Timestamp::from_secs(1_000);
    let mut after = [0; 2];
    for (round, after) in after.iter_mut().enumerate() {
        for n in 0..BROWSERS {
            call(&mut plane, &mut out, round as u64 * BROWSERS + n, now);
            now = now + Duration::from_secs(5);
        }
        // What waits for a time of a browser that is gone waits two minutes at most.
        now = now + Duration::from_secs(200);
        plane.handle_timeout(now, &mut out);
        out.clear();
        assert!(plane.is_empty() && plane.next_timeout().is_none());
        *after = LIVE.get();
    }
    assert!(after[1] - after[0] < 4_096, "{after:?} octets are held");
}

/// One that comes, shakes hands, hears a tone and goes.
fn call(plane: &mut Plane, out: &mut Actions, n: u64, now: Timestamp) {
    let end = EndId(n);
    let mut browser = Browser::new(SocketAddr::from(([192, 0, 2, 9], 4_000 + (n % 50_000) as u16)), now);
    let credentials = Credentials::from_numbers([n, 2, 3, 4]);
    let codec = Codec::Opus;
    let format = Format { codec, payload_type: 111, heard_as: 111, ptime: 20, fec: true, dtmf: Dtmf::None };
    let peer = Peer { fingerprint: browser.fingerprint(), active: false };
    for command in [
        Command::OpenShared { end, credentials, bundle: None, inactivity: Some(Duration::from_secs(60)) },
        Command::Authenticate { end, peer },
        Command::Remote { end, remote: Remote::of(browser.addr.ip()) },
        Command::Speak { end, format },
        Command::Serve { end, source: Source::Milliwatt },
    ] {
        plane.handle_command(command, now, out);
    }
    out.clear();
    let mut queue = VecDeque::from([browser.check(&credentials, true)]);
    queue.extend(browser.begin(now));
    while let Some(packet) = queue.pop_front() {
        plane.on_packet(SocketKey::SHARED, browser.addr, &packet, now, out);
        for action in out.list() {
            if let Action::Send { payload, .. } = *action {
                queue.extend(browser.hear(out.bytes(payload, &packet), now));
            }
        }
        out.clear();
    }
    assert!(browser.keys.is_some(), "both sides are done");
    for tick in 0..50 {
        plane.handle_timeout(now + Duration::from_millis(20 * tick), out);
        out.clear();
    }
    plane.handle_command(Command::Close { end }, now + Duration::from_secs(1), out);
    assert!(
        matches!(out.list(), [Action::Emit(Event::Closed { counters, .. })] if counters.packets_out > 40)
    );
    out.clear();
}

const BROWSERS: u64 = 25;
