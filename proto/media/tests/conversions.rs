//! Two ends without a codec in common, through the plane: what crosses, what is reported, and that a packet costs no
//! memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use codec::{Codec, Encoder, Rate, Tuning};
use media::{
    Action, Actions, Command, Dtmf, EndId, Event, Format, PayloadMap, Plane, Remote, SocketKey, Unheard,
};
use rtp::RtpHeader;
use rtp::rtcp::{self, Report, ReportBlock};
use timestamp::Timestamp;

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of theirs.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const A: EndId = EndId(0);
const B: EndId = EndId(1);

fn peer(end: EndId) -> SocketAddr {
    SocketAddr::new(LOCAL, 30_000 + 2 * end.0 as u16)
}

fn format(codec: Codec) -> Format {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    let dtmf = Dtmf::Events { payload_type: 101, heard_as: 101, clock: codec.clock() };
    Format { codec, payload_type, heard_as: payload_type, ptime: 20, fec: false, dtmf }
}

/// A plane with two ends, whose peers multiplex RTCP.
struct Bench {
    plane: Plane,
    out: Actions,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let (mut plane, mut out) = (Plane::new(1), Actions::new());
        let now = Timestamp::from_secs(1_800_000_000);
        for end in [A, B] {
            let port = 20_000 + 2 * end.0 as u16;
            plane.handle_command(Command::Open { end, bind: LOCAL, port, inactivity: None }, now, &mut out);
            let remote = Remote { rtp: Some(peer(end)), rtcp: Some(peer(end)), ..Remote::of(LOCAL) };
            plane.handle_command(Command::Remote { end, remote }, now, &mut out);
        }
        out.clear();
        Self { plane, out, now }
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(command, self.now, &mut self.out);
    }

    fn transcode(&mut self, a: Codec, b: Codec) {
        self.command(Command::Transcode { a: (A, format(a)), b: (B, format(b)) });
    }

    /// A packet comes from the peer of an end; what is sent, and to whom.
    fn arrive(&mut self, end: EndId, packet: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.out.clear();
        self.plane.on_packet(SocketKey(2 * end.0 as u32), peer(end), packet, self.now, &mut self.out);
        self.sent(packet)
    }

    /// The digits that signalling is to tell.
    fn told(&self) -> Vec<(EndId, u8, u32)> {
        let digits = self.out.list().iter().filter_map(|action| match *action {
            Action::Emit(Event::Dialled { end, code, ms }) => Some((end, code, ms)),
            _ => None,
        });
        digits.collect()
    }

    fn sent(&self, packet: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let sends = self.out.list().iter().filter_map(|action| match *action {
            Action::Send { to, payload, .. } => Some((to, self.out.bytes(payload, packet).to_vec())),
            Action::Bind { .. } | Action::Emit(_) | Action::Keep(_) | Action::Unbind { .. } => None,
        });
        sends.collect()
    }
}

fn packet(codec: Codec, n: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    rtp::write_header(n == 0, format(codec).payload_type, n as u16, n * codec.clock() / 50, 7, &mut packet);
    packet.extend_from_slice(payload);
    packet
}

fn payload(codec: Codec) -> Vec<u8> {
    let rate = if codec == Codec::G722 { Rate::Wide } else { Rate::Narrow };
    let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a codec");
    let samples: Vec<i16> = (0..20 * rate.per_ms()).map(|n| ((n % 40) * 200) as i16).collect();
    let mut payload = Vec::new();
    encoder.encode(&samples, &mut payload);
    payload
}

#[test]
fn every_direction_allocates_nothing() {
    for from in Codec::ALL {
        for to in Codec::ALL {
            let mut bench = Bench::new();
            bench.transcode(from, to);
            let voice = payload(from);
            let mut bytes = packet(from, 0, &voice);
            let (mut before, mut sent) = (0, 0);
            for n in 0..600u32 {
                bytes[2..4].copy_from_slice(&(n as u16).to_be_bytes());
                bytes[4..8].copy_from_slice(&(n * from.clock() / 50).to_be_bytes());
                bench.out.clear();
                // Every fiftieth is lost, and its successor waits a moment.
                if n % 50 != 49 {
                    bench.plane.on_packet(SocketKey(0), peer(A), &bytes, bench.now, &mut bench.out);
                }
                bench.now = bench.now + Duration::from_millis(20);
                bench.plane.handle_timeout(bench.now, &mut bench.out);
                sent += bench.out.list().len();
                if n == 100 {
                    before = ALLOCATIONS.with(Cell::get);
                }
            }
            assert!(sent >= 600, "{from:?} to {to:?}: {sent}");
            assert_eq!(ALLOCATIONS.with(Cell::get), before, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_conversion_ends_where_a_codec_is_common_again() {
    let mut bench = Bench::new();
    bench.transcode(Codec::Pcma, Codec::Opus);
    let pcma = payload(Codec::Pcma);
    let first = bench.arrive(A, &packet(Codec::Pcma, 0, &pcma));
    let (to, made) = &first[0];
    let header = RtpHeader::parse(made).expect("well-formed");
    assert_eq!((*to, header.payload_type, header.marker), (peer(B), 111, true));
    assert_ne!(header.ssrc, 7);
    // Another codec: the same stream goes on.
    bench.transcode(Codec::Pcma, Codec::G722);
    let second = bench.arrive(A, &packet(Codec::Pcma, 1, &pcma));
    let next = RtpHeader::parse(&second[0].1).expect("well-formed");
    assert_eq!(
        (next.payload_type, next.ssrc, next.sequence),
        (9, header.ssrc, header.sequence.wrapping_add(1))
    );
    bench.command(Command::Join { a: A, b: B });
    let third = bench.arrive(A, &packet(Codec::Pcma, 2, &pcma));
    let last = RtpHeader::parse(&third[0].1).expect("well-formed");
    assert_eq!(
        (last.payload_type, last.ssrc, last.sequence),
        (8, header.ssrc, header.sequence.wrapping_add(2))
    );
    assert_eq!(third[0].1[last.payload], pcma, "as it came");
}

#[test]
fn a_relayed_packet_is_renumbered() {
    let mut bench = Bench::new();
    bench.command(Command::Join { a: A, b: B });
    let mut map = PayloadMap::default();
    map.insert(111, 96);
    bench.command(Command::Renumber { end: A, map });
    let voice = packet(Codec::Opus, 5, b"voice");
    let sent = bench.arrive(A, &voice);
    let mut wanted = voice.clone();
    wanted[1] = 96;
    assert_eq!(sent, [(peer(B), wanted)]);
    assert_eq!(bench.arrive(B, &voice), [(peer(A), voice)], "not the other way");
}

#[test]
fn reports_are_our_own_and_measure_the_round_trip() {
    let mut bench = Bench::new();
    bench.transcode(Codec::Pcma, Codec::Opus);
    let pcma = payload(Codec::Pcma);
    let mut reports = Vec::new();
    for n in 0..400 {
        if n % 10 != 3 {
            bench.arrive(A, &packet(Codec::Pcma, n, &pcma));
        }
        bench.now = bench.now + Duration::from_millis(20);
        bench.out.clear();
        bench.plane.handle_timeout(bench.now, &mut bench.out);
        let compounds = bench.sent(&[]).into_iter().filter(|(_, bytes)| bytes[1] == rtcp::SENDER_REPORT);
        reports.extend(compounds.map(|(to, bytes)| (to, bytes, bench.now)));
    }
    let to_a: Vec<_> = reports.iter().filter(|(to, ..)| *to == peer(A)).collect();
    assert_eq!((to_a.len(), reports.len()), (2, 4), "after a moment, then every five seconds");
    let block = Report::parse(&to_a[1].1).and_then(|report| report.blocks().next()).expect("A was heard");
    assert_eq!(block.ssrc, 7);
    assert!((20..32).contains(&block.fraction_lost), "a tenth is lost: {}", block.fraction_lost);

    let (_, compound, at) = reports.iter().rfind(|(to, ..)| *to == peer(B)).expect("B is reported to");
    let report = Report::parse(compound).expect("well-formed");
    let sender = report.sender.expect("a sender report");
    assert!(sender.packets > 300);
    let answer = ReportBlock {
        ssrc: report.ssrc,
        last_sender_report: (sender.ntp >> 16) as u32,
        ..ReportBlock::default()
    };
    let mut bytes = Vec::new();
    rtcp::write_report(9, None, &[answer], &mut bytes);
    bench.now = *at + Duration::from_millis(80);
    assert!(bench.arrive(B, &bytes).is_empty(), "and goes no further");
    let round_trip = bench.plane.counters(B).expect("open").round_trip_us;
    assert!(round_trip.abs_diff(80_000) < 100, "{round_trip}");
}

#[test]
fn digits_are_told_and_taken_by_signalling() {
    let mut bench = Bench::new();
    let info = Format { dtmf: Dtmf::Info, ..format(Codec::Pcma) };
    bench.command(Command::Transcode { a: (A, info), b: (B, format(Codec::Opus)) });
    let mut event = Vec::new();
    rtp::write_header(true, 101, 1, 0, 9, &mut event);
    event.extend([5, 0x80, 0x12, 0xc0]);
    bench.arrive(B, &event);
    assert_eq!(bench.told(), [(A, 5, 100)]);
    bench.out.clear();
    bench.now = bench.now + Duration::from_millis(200);
    bench.command(Command::Dial { end: A, code: 5, ms: 100 });
    assert_eq!(bench.told(), [], "its phone tells of it in both ways");
    bench.command(Command::Dial { end: B, code: 7, ms: 100 });
    let sent = bench.sent(&[]);
    assert_eq!(sent[0].0, peer(B));
    assert_eq!((sent[0].1[1], sent[0].1[12]), (0x80 | 101, 7));
    bench.out.clear();
    bench.command(Command::Dial { end: A, code: 7, ms: 100 });
    assert!(bench.sent(&[]).is_empty(), "whoever is told by INFO is not told by media");
    assert_eq!(bench.told(), [(A, 7, 100)]);
}

#[test]
fn an_end_that_is_not_heard_is_told_after_five_seconds() {
    let mut bench = Bench::new();
    bench.command(Command::Join { a: A, b: B });
    bench.command(Command::Await { end: A });
    bench.command(Command::Await { end: B });
    bench.arrive(B, &packet(Codec::Pcma, 0, &[0x10; 160]));
    bench.arrive(A, &packet(Codec::Pcma, 0, &[0xd5; 160]));
    bench.now = bench.now + Duration::from_secs(5);
    bench.out.clear();
    bench.plane.handle_timeout(bench.now, &mut bench.out);
    assert_eq!(bench.out.list(), [Action::Emit(Event::Unheard { end: A, why: Unheard::Silence })]);
}
