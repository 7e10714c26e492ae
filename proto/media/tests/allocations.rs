//! A relayed packet allocates nothing, whatever its kind, once its call is up.

// A global allocator can only be written with `unsafe`; this one counts and passes on.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use codec::{Codec, Encoder, Rate, Tuning};
use media::{
    Actions, Command, Dtmf, EndId, Format, PayloadTypes, Plane, Recorded, Recording, RecordingId, Remote,
    RoomId, SocketKey, Source,
};
use srtp::{Keys, OVERHEAD, Outbound, Profile};
use timestamp::Timestamp;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches no memory it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is also that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn peer(end: u64) -> SocketAddr {
    SocketAddr::new(LOCAL, 40_000 + 2 * end as u16)
}

/// Opens an end whose peer has said where it is.
fn open(plane: &mut Plane, id: u64, rtcp: Option<SocketAddr>, now: Timestamp, out: &mut Actions) -> EndId {
    let (end, port, inactivity) = (EndId(id), 20_000 + 2 * id as u16, Some(Duration::from_secs(60)));
    plane.handle_command(Command::Open { end, bind: LOCAL, port, inactivity }, now, out);
    let remote = Remote { rtp: Some(peer(id)), rtcp, ..Remote::of(LOCAL) };
    plane.handle_command(Command::Remote { end, remote }, now, out);
    end
}

fn format(codec: Codec, dtmf: Dtmf) -> Format {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    Format { codec, payload_type, heard_as: payload_type, ptime: 20, fec: false, dtmf }
}

#[test]
fn a_relayed_packet_allocates_nothing() {
    relay(10_000, &[], false);
}

#[test]
fn a_recorded_packet_allocates_nothing() {
    relay(1_000, &[], true);
    relay(300, &[1].map(|end| (end, Profile::ALL[0])), true);
}

#[test]
fn a_protected_packet_allocates_nothing() {
    for profile in Profile::ALL {
        relay(300, &[1].map(|end| (end, profile)), false);
        relay(300, &[0, 1].map(|end| (end, profile)), false);
    }
}

/// Relays this many packets each way between two ends, some of them protected, and records both if that is wanted.
fn relay(packets: u32, protected: &[(u64, Profile)], recorded: bool) {
    let (mut plane, mut out) = (Plane::new(1), Actions::new());
    let mut now = Timestamp::from_secs(1);
    for id in 0..2 {
        open(&mut plane, id, Some(peer(id)), now, &mut out);
    }
    plane.handle_command(Command::Join { a: EndId(0), b: EndId(1) }, now, &mut out);
    if recorded {
        let tracks = [0, 1]
            .map(|id| Recorded { end: Some(EndId(id)), codecs: [(8, Codec::Pcma)].into_iter().collect() });
        let (id, rate) = (RecordingId(1), Rate::Narrow);
        let recording =
            Recording { id, rate, tracks: tracks.into_iter().collect(), longest: None, silence: None };
        plane.handle_command(Command::Record(Box::new(recording)), now, &mut out);
    }
    let mut senders = [None, None];
    for &(id, profile) in protected {
        let keys = Keys::new(profile, &vec![7; profile.key_len() + profile.salt_len()]).expect("the length");
        let protect = Command::Protect { end: EndId(id), inbound: keys, outbound: keys };
        plane.handle_command(protect, now, &mut out);
        senders[id as usize] = Some(Outbound::new(&keys));
    }

    let mut packet = Vec::new();
    rtp::write_header(false, 8, 0, 0, 7, &mut packet);
    packet.extend([0xd5; 160]);
    let mut report = Vec::new();
    rtp::rtcp::write_report(7, None, &[], &mut report);

    let (mut sent, mut before, mut buffer) = (0, 0, Vec::with_capacity(2000));
    for n in 0..=packets {
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(n * 160).to_be_bytes());
        for (end, bytes, reports) in [(0, &packet, false), (1, &packet, false), (0, &report, true)] {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            if let Some(sender) = &mut senders[end as usize] {
                buffer.resize(bytes.len() + OVERHEAD, 0);
                let len = match reports {
                    true => sender.protect_rtcp(&mut buffer, bytes.len()),
                    false => sender.protect(&mut buffer, bytes.len()),
                };
                buffer.truncate(len.expect("protected"));
            }
            out.clear();
            plane.on_packet(SocketKey(2 * end), peer(u64::from(end)), &buffer, now, &mut out);
            sent += out.list().len();
        }
        now = now + Duration::from_millis(20);
        if plane.next_timeout().is_some_and(|at| at <= now) {
            out.clear();
            plane.handle_timeout(now, &mut out);
        }
        // The first packets of a call may: its sources are remembered; so may the first piece of a recording.
        if n == if recorded { 150 } else { 0 } {
            before = ALLOCATIONS.with(Cell::get);
        }
    }
    assert_eq!(sent, 3 * packets as usize + 5, "every packet, and two events");
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
}

#[test]
fn a_packet_that_goes_on_with_what_was_played_allocates_nothing() {
    let (mut plane, mut out) = (Plane::new(1), Actions::new());
    let mut now = Timestamp::from_secs(1);
    let [a, b] = [0, 1].map(|id| open(&mut plane, id, None, now, &mut out));
    plane.handle_command(Command::Speak { end: a, format: format(Codec::Pcma, Dtmf::None) }, now, &mut out);
    plane.handle_command(Command::Serve { end: a, source: Source::Milliwatt }, now, &mut out);
    now = now + Duration::from_millis(20);
    plane.handle_timeout(now, &mut out);
    plane.handle_command(Command::Join { a, b }, now, &mut out);
    let (mut packet, mut before) = (vec![0x80, 8], 0);
    packet.resize(172, 0x55);
    for n in 0..1_000u16 {
        out.clear();
        packet[2..4].copy_from_slice(&n.to_be_bytes());
        plane.on_packet(SocketKey(2), peer(1), &packet, now, &mut out);
        assert!(!out.list().is_empty());
        if n == 10 {
            before = ALLOCATIONS.with(Cell::get);
        }
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
}

#[test]
fn a_room_allocates_nothing_once_everybody_was_heard() {
    let (mut plane, mut out) = (Plane::new(1), Actions::new());
    let mut now = Timestamp::from_secs(1);
    let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    let mut packets = Vec::new();
    for (id, codec) in (0u64..).zip(codecs) {
        let format = format(codec, Dtmf::None);
        let end = open(&mut plane, id, None, now, &mut out);
        plane.handle_command(Command::Mix { end, room: RoomId(1), format, muted: false }, now, &mut out);
        let (rate, payload_type) = (codec.rate(), format.payload_type);
        let frame: Vec<i16> = (0..20 * rate.per_ms()).map(|n| (n as i16 % 40 - 20) * 100).collect();
        let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a codec");
        let mut packet = Vec::new();
        rtp::write_header(false, payload_type, 0, 0, 7, &mut packet);
        encoder.encode(&frame, &mut packet);
        packets.push((codec, packet));
    }
    let mut before = 0;
    for n in 0..500u32 {
        out.clear();
        for (id, (codec, packet)) in (0u64..).zip(&mut packets) {
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(n * codec.clock() / 50).to_be_bytes());
            plane.on_packet(SocketKey(2 * id as u32), peer(id), packet, now, &mut out);
        }
        now = now + Duration::from_millis(20);
        plane.handle_timeout(now, &mut out);
        // The first ticks may: memory of the output grows.
        if n == 100 {
            before = ALLOCATIONS.with(Cell::get);
        }
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
}

#[test]
fn what_is_played_and_what_tones_are_listened_for_allocate_nothing() {
    let (mut plane, mut out) = (Plane::new(1), Actions::new());
    let mut now = Timestamp::from_secs(1);
    for (id, codec) in (0u64..).zip(Codec::ALL) {
        let format = format(codec, Dtmf::Inband);
        let end = open(&mut plane, id, None, now, &mut out);
        plane.handle_command(Command::Speak { end, format }, now, &mut out);
        plane.handle_command(Command::Serve { end, source: Source::Milliwatt }, now, &mut out);
        let events = PayloadTypes::default();
        plane.handle_command(Command::Listen { end, events, tones: Some(format) }, now, &mut out);
    }
    let mut packet = Vec::new();
    rtp::write_header(false, 8, 0, 0, 7, &mut packet);
    packet.extend([0xd5; 160]);
    let (mut before, mut sent) = (0, 0);
    for n in 0..300u16 {
        out.clear();
        packet[2..4].copy_from_slice(&n.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(n) * 160).to_be_bytes());
        (0..4u32)
            .for_each(|end| plane.on_packet(SocketKey(2 * end), peer(end.into()), &packet, now, &mut out));
        plane.handle_timeout(now, &mut out);
        sent += out.list().len();
        now = now + Duration::from_millis(20);
        if n == 20 {
            before = ALLOCATIONS.with(Cell::get);
        }
    }
    assert_eq!(sent, 4 * 300 + 4, "every packet, and four events");
    assert_eq!(ALLOCATIONS.with(Cell::get), before);
}
