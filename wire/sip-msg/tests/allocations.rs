//! A typical INVITE is scanned, parsed and answered without touching the heap.
#![allow(
    unsafe_code,
    reason = "counting allocations takes a global allocator, and GlobalAlloc is an unsafe trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sip_msg::{Message, Name, ViaStamp, answer, scan};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
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

#[test]
fn a_typical_invite_costs_no_allocation() {
    let bytes = include_bytes!("typical_invite.sip");
    let mut out = Vec::with_capacity(2048);
    let before = COUNT.with(Cell::get);
    let scanned = scan(bytes).unwrap();
    let message = Message::parse(bytes).unwrap();
    assert!(message.defect().is_none());
    assert_eq!(scanned.call_id, message.call_id());
    assert_eq!(message.values(Name::Allow).count(), 12);
    let stamp = ViaStamp { received: Some([192, 0, 2, 9].into()), rport: Some(40_000) };
    let mut w = answer(&mut out, &message, 200, b"", b"tag1", stamp);
    w.copy(&message, Name::RecordRoute).field(Name::Contact, b"<sip:192.0.2.1>");
    w.body(b"application/sdp", message.body());
    assert_eq!(COUNT.with(Cell::get) - before, 0);
}
