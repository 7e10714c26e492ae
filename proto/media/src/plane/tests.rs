//! The plane from outside: commands and packets in, actions out.

mod protection;
mod splicing;

use codec::Codec;

use super::*;
use crate::command::Source;
use crate::transcode::{Dtmf, Format};

const A: EndId = EndId(1);
const B: EndId = EndId(2);
const C: EndId = EndId(3);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn peer_of(end: EndId) -> SocketAddr {
    SocketAddr::new(addr("192.0.2.0:0").ip(), 40_000 + 2 * end.0 as u16)
}

fn rtcp_of(end: EndId) -> SocketAddr {
    SocketAddr::new(peer_of(end).ip(), peer_of(end).port() + 1)
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    ::rtp::write_header(false, 8, sequence, u32::from(sequence) * 160, 0x5eed, &mut packet);
    packet.extend([0xd5; 160]);
    packet
}

fn rtcp() -> Vec<u8> {
    let mut packet = Vec::new();
    ::rtp::rtcp::write_report(0x5eed, None, &[], &mut packet);
    packet
}

fn remote(end: EndId) -> Remote {
    Remote { rtp: Some(peer_of(end)), rtcp: Some(rtcp_of(end)), ..Remote::of(addr("198.51.100.9:0").ip()) }
}

/// G.711.
fn format(payload_type: u8) -> Format {
    let codec = Codec::of_payload_type(payload_type).expect("static");
    Format { codec, payload_type, heard_as: payload_type, ptime: 20, fec: false, dtmf: Dtmf::None }
}

/// A plane, a clock, and what came of the last input.
struct Bench {
    plane: Plane,
    now: Timestamp,
    out: Actions,
}

impl Bench {
    /// Ends open and described, not joined.
    fn with(ends: &[EndId]) -> Self {
        let mut bench = Self { plane: Plane::new(1), now: Timestamp::from_secs(1000), out: Actions::new() };
        for &end in ends {
            bench.open(end);
            bench.command(Command::Remote { end, remote: remote(end) });
        }
        bench
    }

    fn joined() -> Self {
        let mut bench = Self::with(&[A, B]);
        bench.command(Command::Join { a: A, b: B });
        bench
    }

    fn open(&mut self, end: EndId) -> &[Action] {
        let inactivity = Some(Duration::from_secs(60));
        let port = 20_000 + 2 * end.0 as u16;
        self.command(Command::Open { end, bind: addr("127.0.0.1:0").ip(), port, inactivity })
    }

    fn command(&mut self, command: Command) -> &[Action] {
        self.out.clear();
        self.plane.handle_command(command, self.now, &mut self.out);
        self.out.list()
    }

    /// A packet to the RTP or RTCP socket of an end; returns what was sent: (socket, to).
    fn packet(&mut self, socket: SocketKey, from: SocketAddr, packet: &[u8]) -> Vec<(SocketKey, SocketAddr)> {
        self.out.clear();
        self.plane.on_packet(socket, from, packet, self.now, &mut self.out);
        self.sent()
    }

    fn rtp_from(&mut self, end: EndId) -> Vec<(SocketKey, SocketAddr)> {
        self.packet(socket(end), peer_of(end), &rtp(1))
    }

    /// Lets time pass up to `secs` from now; returns the events told.
    fn pass(&mut self, secs: u64) -> Vec<Event> {
        let until = self.now + Duration::from_secs(secs);
        self.out.clear();
        while let Some(at) = self.plane.next_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.plane.handle_timeout(self.now, &mut self.out);
        }
        self.now = until;
        self.events()
    }

    fn sent(&self) -> Vec<(SocketKey, SocketAddr)> {
        let sent = |action: &Action| match *action {
            Action::Send { socket, to, .. } => Some((socket, to)),
            _ => None,
        };
        self.out.list().iter().filter_map(sent).collect()
    }

    fn events(&self) -> Vec<Event> {
        let told = |action: &Action| match *action {
            Action::Emit(event) => Some(event),
            _ => None,
        };
        self.out.list().iter().filter_map(told).collect()
    }

    fn counters(&self, end: EndId) -> Counters {
        self.plane.counters(end).expect("open")
    }
}

/// Ends opened in the order of their names have slots in that order.
fn socket(end: EndId) -> SocketKey {
    SocketKey::rtp(end.0 as u32 - 1)
}

fn rtcp_socket(end: EndId) -> SocketKey {
    SocketKey::rtcp(end.0 as u32 - 1)
}

#[test]
fn opening_binds_two_ports_and_closing_frees_them() {
    let mut bench = Bench::with(&[]);
    let bound = [
        Action::Bind { socket: SocketKey(0), addr: addr("127.0.0.1:20002") },
        Action::Bind { socket: SocketKey(1), addr: addr("127.0.0.1:20003") },
    ];
    assert_eq!(bench.open(A), bound);
    let closed = [
        Action::Unbind { socket: SocketKey(0) },
        Action::Unbind { socket: SocketKey(1) },
        Action::Emit(Event::Closed { end: A, counters: Counters::default() }),
    ];
    assert_eq!(bench.command(Command::Close { end: A }), closed);
    assert!(bench.plane.is_empty());
    assert_eq!(bench.command(Command::Close { end: A }), &closed[2..]);
}

#[test]
fn what_cannot_be_opened_is_told() {
    let mut bench = Bench::with(&[A]);
    bench.open(A);
    assert_eq!(bench.events(), [Event::Failed { end: A, port: 20_002, error: OpenFault::AlreadyOpen }]);
    let bind = addr("127.0.0.1:0").ip();
    bench.command(Command::Open { end: B, bind, port: u16::MAX, inactivity: None });
    assert_eq!(bench.events(), [Event::Failed { end: B, port: u16::MAX, error: OpenFault::PortTaken }]);

    bench.out.clear();
    bench.plane.on_bind_failed(rtcp_socket(A), OpenFault::PortTaken, &mut bench.out);
    assert_eq!(bench.events(), [Event::Failed { end: A, port: 20_003, error: OpenFault::PortTaken }]);
    assert!(bench.plane.is_empty());
    bench.out.clear();
    bench.plane.on_bind_failed(socket(A), OpenFault::PortTaken, &mut bench.out);
    assert_eq!(bench.out.list(), [], "told once");
}

#[test]
fn packets_cross_both_ways_untouched() {
    let mut bench = Bench::joined();
    assert_eq!(bench.rtp_from(A), [(socket(B), peer_of(B))]);
    assert!(matches!(
        bench.out.list(),
        [Action::Emit(Event::FirstPacket { end: A, .. }), Action::Send { payload: Payload::Received, .. }]
    ));
    assert_eq!(bench.rtp_from(B), [(socket(A), peer_of(A))]);
    assert_eq!(bench.rtp_from(B), [(socket(A), peer_of(A))]);
    assert_eq!(bench.events(), [], "the first packet is told once");
    let (a, b) = (bench.counters(A), bench.counters(B));
    assert_eq!((a.packets_in, a.bytes_in, a.packets_out, a.bytes_out), (1, 172, 2, 344));
    assert_eq!((b.packets_in, b.bytes_in, b.packets_out, b.bytes_out), (2, 344, 1, 172));
    assert_eq!(a.first_packet, Some(bench.now));
}

#[test]
fn a_latched_source_is_where_packets_go() {
    let mut bench = Bench::joined();
    let nat = addr("198.51.100.9:7");
    bench.packet(socket(B), nat, &rtp(1));
    assert_eq!(bench.rtp_from(A), [(socket(B), nat)]);
}

#[test]
fn nothing_goes_to_an_end_without_address_or_on_hold() {
    let mut bench = Bench::joined();
    for silent in [
        Remote { rtp: None, ..remote(B) },
        Remote { receives: false, ..remote(B) },
        Remote { rtp: None, rtcp: None, ..remote(B) },
    ] {
        bench.command(Command::Remote { end: B, remote: silent });
        assert_eq!(bench.rtp_from(A), []);
    }
    bench.command(Command::Remote { end: B, remote: remote(B) });
    assert_eq!(bench.rtp_from(A).len(), 1);
    assert_eq!(bench.counters(B).packets_out, 1);

    bench.open(C);
    bench.command(Command::Join { a: A, b: C });
    assert_eq!(bench.rtp_from(A), [], "never described");
    assert_eq!(bench.rtp_from(C), [], "nor believed");
    assert_eq!(bench.counters(C).foreign_dropped, 1);
}

#[test]
fn joining_again_retargets() {
    let mut bench = Bench::with(&[A, B, C]);
    bench.command(Command::Join { a: A, b: B });
    bench.command(Command::Join { a: A, b: B });
    assert_eq!(bench.rtp_from(A), [(socket(B), peer_of(B))]);
    assert_eq!(bench.rtp_from(B), [(socket(A), peer_of(A))]);
    bench.command(Command::Join { a: A, b: C });
    assert_eq!(bench.rtp_from(A), [(socket(C), peer_of(C))]);
    assert_eq!(bench.rtp_from(C), [(socket(A), peer_of(A))]);
    assert_eq!(bench.rtp_from(B), [], "the loser of the fork is heard by nobody");
    bench.command(Command::Close { end: B });
    assert_eq!(bench.rtp_from(A), [(socket(C), peer_of(C))]);
    bench.command(Command::Close { end: C });
    assert_eq!(bench.rtp_from(A), []);
    bench.open(C);
    assert_eq!(bench.rtp_from(A), [], "a new end in an old slot inherits nothing");
}

#[test]
fn joining_an_end_to_itself_or_to_nobody_does_nothing() {
    let mut bench = Bench::with(&[A]);
    bench.command(Command::Join { a: A, b: A });
    bench.command(Command::Join { a: A, b: B });
    assert_eq!(bench.rtp_from(A), []);
}

#[test]
fn what_is_no_rtp_is_counted_and_dropped() {
    let mut bench = Bench::joined();
    let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    for junk in [&[][..], &stun, &[22, 254, 253], &[0x80, 0], &[0xff; 40], &[0x80, 200, 0, 9]] {
        assert_eq!(bench.packet(socket(A), peer_of(A), junk), []);
    }
    assert_eq!(bench.counters(A).invalid_dropped, 6);
    assert_eq!(bench.packet(rtcp_socket(A), peer_of(A), &[0x80]), []);
    assert_eq!(bench.packet(SocketKey(77), peer_of(A), &rtp(1)), []);
}

#[test]
fn rtcp_crosses_on_its_own_port_or_muxed_as_the_peer_wants_it() {
    let mut bench = Bench::joined();
    assert_eq!(bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp()), [(rtcp_socket(B), rtcp_of(B))]);
    assert_eq!(bench.packet(socket(A), peer_of(A), &rtcp()), [(rtcp_socket(B), rtcp_of(B))]);
    let muxed = Remote { rtcp: Some(peer_of(B)), ..remote(B) };
    bench.command(Command::Remote { end: B, remote: muxed });
    assert_eq!(bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp()), [(socket(B), peer_of(B))]);
    bench.command(Command::Remote { end: B, remote: Remote { rtcp: None, ..remote(B) } });
    assert_eq!(bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp()), []);
    assert_eq!((bench.counters(A).rtcp_in, bench.counters(B).rtcp_out), (4, 3));
    assert_eq!(bench.packet(rtcp_socket(A), addr("203.0.113.66:1"), &rtcp()), []);
    assert_eq!(bench.counters(A).foreign_dropped, 1);
}

#[test]
fn rtcp_goes_where_it_came_from() {
    let mut bench = Bench::joined();
    let nat = addr("198.51.100.9:7777");
    bench.packet(rtcp_socket(B), nat, &rtcp());
    assert_eq!(bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp()), [(rtcp_socket(B), nat)]);
    bench.rtp_from(B);
    assert_eq!(bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp()), [(rtcp_socket(B), rtcp_of(B))]);
}

#[test]
fn an_echo_comes_back_under_our_ssrc() {
    let mut bench = Bench::with(&[A]);
    bench.command(Command::Serve { end: A, source: Source::Echo });
    let sent = rtp(9);
    assert_eq!(bench.packet(socket(A), peer_of(A), &sent), [(socket(A), peer_of(A))]);
    let Some(Action::Send { payload, .. }) = bench.out.list().last() else { panic!("nothing was sent") };
    let echoed = bench.out.bytes(*payload, &[]);
    assert_eq!((&echoed[..8], &echoed[12..]), (&sent[..8], &sent[12..]));
    assert_ne!(echoed[8..12], sent[8..12]);
    assert_eq!(bench.counters(A).packets_out, 1);
}

#[test]
fn a_milliwatt_plays_every_20_ms_until_another_path() {
    let mut bench = Bench::with(&[A, B]);
    let played = |bench: &Bench| bench.sent().iter().filter(|(socket, _)| !socket.is_rtcp()).count();
    bench.command(Command::Serve { end: A, source: Source::Milliwatt });
    bench.pass(1);
    assert_eq!(bench.sent(), [], "nobody knows what it hears");
    bench.command(Command::Speak { end: A, format: format(0) });
    bench.command(Command::Serve { end: A, source: Source::Milliwatt });
    bench.command(Command::Serve { end: A, source: Source::Milliwatt });
    bench.pass(1);
    assert_eq!(bench.sent().len(), 51);
    assert_eq!(bench.counters(A).bytes_out, 51 * 172);
    bench.command(Command::Remote { end: A, remote: Remote { receives: false, ..remote(A) } });
    bench.pass(1);
    assert_eq!(played(&bench), 0);
    bench.command(Command::Remote { end: A, remote: remote(A) });
    bench.pass(1);
    assert_eq!(played(&bench), 50);
    bench.command(Command::Join { a: A, b: B });
    bench.pass(1);
    assert_eq!(bench.sent(), []);
    bench.command(Command::Serve { end: B, source: Source::Silence });
    assert_eq!(bench.rtp_from(A), []);
    assert_eq!(bench.rtp_from(B), []);
}

#[test]
fn an_end_that_is_served_is_reported_on_whether_something_plays_or_not() {
    let mut bench = Bench::with(&[A]);
    bench.command(Command::Speak { end: A, format: format(8) });
    bench.command(Command::Serve { end: A, source: Source::Silence });
    let (mut reports, mut stood) = (0, Vec::new());
    for second in 0..18 {
        if second == 9 {
            bench.command(Command::Serve { end: A, source: Source::Milliwatt });
        }
        bench.pass(1);
        for action in bench.out.list() {
            if let Action::Send { socket, to, payload } = *action
                && socket.is_rtcp()
            {
                assert_eq!((socket, to), (rtcp_socket(A), rtcp_of(A)));
                let report = ::rtp::rtcp::Report::parse(bench.out.bytes(payload, &[])).expect("a report");
                let sender = report.sender.expect("of a sender");
                stood.push((sender.rtp, sender.packets));
                reports += 1;
            }
        }
    }
    assert_eq!((reports, bench.counters(A).rtcp_out), (4, 4), "after 1.5 seconds, then every 5");
    // Its time goes on while nothing is sent.
    let passed: Vec<u32> = stood.windows(2).map(|pair| pair[1].0.wrapping_sub(pair[0].0)).collect();
    assert!(passed.iter().all(|units| (39_800..=40_200).contains(units)), "{passed:?}");
    assert_eq!((stood[0].1, stood[1].1, stood[3].1 > 300), (0, 0, true));
}

#[test]
fn silence_of_an_end_that_should_speak_is_told_once() {
    let mut bench = Bench::joined();
    assert_eq!(bench.pass(59), []);
    bench.rtp_from(A);
    assert_eq!(bench.pass(30), [Event::Inactive { end: B }]);
    assert_eq!(bench.pass(29), []);
    assert_eq!(bench.pass(1), [Event::Inactive { end: A }]);
    bench.rtp_from(A);
    assert_eq!(bench.pass(600), []);
}

#[test]
fn hold_turns_inactivity_off_and_resuming_starts_it_anew() {
    let mut bench = Bench::with(&[A]);
    bench.pass(50);
    let held = Remote { sends: false, renegotiated: true, ..remote(A) };
    bench.command(Command::Remote { end: A, remote: held });
    assert_eq!(bench.pass(3600), []);
    bench.command(Command::Remote { end: A, remote: Remote { renegotiated: true, ..remote(A) } });
    assert_eq!(bench.pass(59), []);
    assert_eq!(bench.pass(1), [Event::Inactive { end: A }]);
    bench.command(Command::Remote { end: A, remote: Remote { renegotiated: true, ..remote(A) } });
    assert_eq!(bench.pass(60), [Event::Inactive { end: A }]);
}

#[test]
fn a_short_hold_does_not_shorten_the_patience() {
    let mut bench = Bench::with(&[A]);
    bench.pass(50);
    bench.command(Command::Remote { end: A, remote: Remote { sends: false, ..remote(A) } });
    bench.pass(5);
    bench.command(Command::Remote { end: A, remote: remote(A) });
    assert_eq!(bench.pass(59), []);
    assert_eq!(bench.pass(1), [Event::Inactive { end: A }]);
}

#[test]
fn rtcp_alone_keeps_an_end_alive() {
    let mut bench = Bench::with(&[A]);
    for _ in 0..20 {
        assert_eq!(bench.pass(30), []);
        bench.packet(rtcp_socket(A), rtcp_of(A), &rtcp());
    }
}

#[test]
fn timers_of_a_closed_end_do_not_reach_its_successor() {
    let mut bench = Bench::with(&[A]);
    bench.command(Command::Speak { end: A, format: format(8) });
    bench.command(Command::Serve { end: A, source: Source::Milliwatt });
    bench.command(Command::Close { end: A });
    bench.command(Command::Open { end: B, bind: addr("127.0.0.1:0").ip(), port: 2, inactivity: None });
    bench.command(Command::Remote { end: B, remote: remote(B) });
    assert_eq!(bench.pass(600), []);
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.plane.next_timeout(), None);
}

#[test]
fn failed_sends_are_counted() {
    let mut bench = Bench::joined();
    bench.rtp_from(A);
    bench.plane.on_send_failed(socket(B));
    assert_eq!(bench.counters(B).send_errors, 1);
}

#[test]
fn fax_passes_whatever_its_packets_look_like_and_audio_comes_back() {
    let mut bench = Bench::joined();
    bench.rtp_from(A);
    for end in [A, B] {
        let fax = Remote { udptl: true, rtcp: None, sends: false, renegotiated: true, ..remote(end) };
        bench.command(Command::Remote { end, remote: fax });
    }
    // The sequence number of UDPTL comes first: it may look like STUN, DTLS, RTP or RTCP.
    for packet in
        [&[0, 1, 2][..], &[22, 254, 253, 0], &[0x80, 8, 1, 2], &[0x80, 200, 0, 1, 2, 3, 4, 5], &[0xff]]
    {
        assert_eq!(bench.packet(socket(A), peer_of(A), packet), [(socket(B), peer_of(B))], "{packet:?}");
        assert_eq!(bench.packet(socket(B), peer_of(B), packet), [(socket(A), peer_of(A))], "{packet:?}");
    }
    let stranger = addr("203.0.113.5:4000");
    assert!(bench.packet(socket(A), stranger, &[0, 2, 1]).is_empty());
    assert!(bench.pass(120).is_empty(), "nobody waits for a fax to speak");
    for end in [A, B] {
        bench.command(Command::Remote { end, remote: Remote { renegotiated: true, ..remote(end) } });
    }
    assert!(bench.packet(socket(A), peer_of(A), &[0, 1, 2]).is_empty());
    assert_eq!(bench.rtp_from(A), [(socket(B), peer_of(B))]);
}
