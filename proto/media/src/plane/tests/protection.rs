//! Protected ends: every pair of protections, both ways, with RTP and RTCP.

use srtp::{Inbound, Keys, OVERHEAD, Outbound, Profile};

use super::*;

/// Keys that differ by `number`.
fn keys(profile: Profile, number: u8) -> Keys {
    Keys::new(profile, &vec![number; profile.key_len() + profile.salt_len()]).expect("the right length")
}

/// The peer of an end, with keys or without.
pub(super) struct Peer {
    end: EndId,
    keys: Option<(Inbound, Outbound)>,
}

impl Peer {
    /// Lets the plane protect an end for its peer.
    pub(super) fn of(bench: &mut Bench, end: EndId, profile: Option<Profile>) -> Self {
        let keys = profile.map(|profile| {
            let (theirs, ours) = (keys(profile, 2 * end.0 as u8), keys(profile, 2 * end.0 as u8 + 1));
            bench.command(Command::Protect { end, inbound: theirs, outbound: ours });
            (Inbound::new(&ours), Outbound::new(&theirs))
        });
        Self { end, keys }
    }

    /// A packet as it leaves the peer.
    fn seal(&mut self, packet: &[u8], report: bool) -> Vec<u8> {
        let Some((_, outbound)) = &mut self.keys else { return packet.to_vec() };
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + OVERHEAD, 0);
        let len = match report {
            true => outbound.protect_rtcp(&mut buffer, packet.len()),
            false => outbound.protect(&mut buffer, packet.len()),
        };
        buffer.truncate(len.expect("protected"));
        buffer
    }

    /// What the peer makes of a packet that came to it.
    pub(super) fn open(&mut self, packet: &[u8], report: bool) -> Option<Vec<u8>> {
        let Some((inbound, _)) = &mut self.keys else { return Some(packet.to_vec()) };
        let mut buffer = packet.to_vec();
        let len = match report {
            true => inbound.unprotect_rtcp(&mut buffer),
            false => inbound.unprotect(&mut buffer),
        };
        buffer.truncate(len.ok()?);
        Some(buffer)
    }

    /// Sends a packet to its end; returns what leaves us: (socket, to, bytes).
    fn sends(
        &mut self,
        bench: &mut Bench,
        packet: &[u8],
        report: bool,
    ) -> Vec<(SocketKey, SocketAddr, Vec<u8>)> {
        let sealed = self.seal(packet, report);
        bench.sends(self.end, &sealed, report)
    }
}

impl Bench {
    fn sends(&mut self, end: EndId, packet: &[u8], report: bool) -> Vec<(SocketKey, SocketAddr, Vec<u8>)> {
        let (socket, from) =
            if report { (rtcp_socket(end), rtcp_of(end)) } else { (socket(end), peer_of(end)) };
        self.packet(socket, from, packet);
        let sent = |action: &Action| match *action {
            Action::Send { socket, to, payload } => {
                Some((socket, to, self.out.bytes(payload, packet).to_vec()))
            }
            _ => None,
        };
        self.out.list().iter().filter_map(sent).collect()
    }
}

#[test]
fn every_protection_meets_every_other() {
    let kinds: Vec<_> = [None].into_iter().chain(Profile::ALL.map(Some)).collect();
    for (&at_a, &at_b) in kinds.iter().flat_map(|a| kinds.iter().map(move |b| (a, b))) {
        for join_first in [false, true] {
            let mut bench = if join_first { Bench::joined() } else { Bench::with(&[A, B]) };
            let mut peers = [Peer::of(&mut bench, A, at_a), Peer::of(&mut bench, B, at_b)];
            if !join_first {
                bench.command(Command::Join { a: A, b: B });
            }
            for sequence in [1, 2, 65_535, 3] {
                for _ in 0..2 {
                    let [from, to] = &mut peers;
                    let sent = from.sends(&mut bench, &rtp(sequence), false);
                    let [(socket_to, address, bytes)] = &sent[..] else {
                        panic!("{at_a:?} {at_b:?} {sent:?}")
                    };
                    assert_eq!((*socket_to, *address), (socket(to.end), peer_of(to.end)));
                    assert_eq!(to.open(bytes, false), Some(rtp(sequence)), "{at_a:?} {at_b:?}");

                    let sent = from.sends(&mut bench, &rtcp(), true);
                    let [(socket_to, address, bytes)] = &sent[..] else {
                        panic!("{at_a:?} {at_b:?} {sent:?}")
                    };
                    assert_eq!((*socket_to, *address), (rtcp_socket(to.end), rtcp_of(to.end)));
                    assert_eq!(to.open(bytes, true), Some(rtcp()), "{at_a:?} {at_b:?}");
                    peers.reverse();
                }
            }
            for end in [A, B] {
                let counters = bench.counters(end);
                assert_eq!((counters.packets_in, counters.packets_out, counters.bytes_in), (4, 4, 4 * 172));
                assert_eq!((counters.rtcp_in, counters.rtcp_out), (4, 4));
            }
        }
    }
}

#[test]
fn in_the_clear_nothing_is_copied() {
    let mut bench = Bench::joined();
    bench.command(Command::Demand { end: A });
    bench.command(Command::Clear { end: A });
    bench.rtp_from(A);
    assert!(matches!(bench.out.list(), [_, Action::Send { payload: Payload::Received, .. }]));
    bench.rtp_from(B);
    assert!(matches!(bench.out.list(), [_, Action::Send { payload: Payload::Received, .. }]));
}

#[test]
fn an_end_that_demands_keys_passes_nothing_without_them() {
    let mut bench = Bench::joined();
    bench.command(Command::Demand { end: A });
    for report in [false, true] {
        let packet = if report { rtcp() } else { rtp(1) };
        assert_eq!(bench.sends(A, &packet, report), []);
        assert_eq!(bench.sends(B, &packet, report), []);
    }
    let counters = bench.counters(A);
    assert_eq!((counters.forged_dropped, counters.unprotected_dropped, counters.packets_in), (2, 2, 0));

    let mut peers = [Peer::of(&mut bench, A, Some(Profile::AeadAes128Gcm)), Peer { end: B, keys: None }];
    bench.command(Command::Demand { end: A });
    let [a, b] = &mut peers;
    assert_eq!(a.sends(&mut bench, &rtp(2), false).len(), 1);
    assert_eq!(b.sends(&mut bench, &rtp(2), false).len(), 1);
    assert_eq!(bench.sends(A, &rtp(3), false), [], "in the clear");
}

#[test]
fn replays_and_forgeries_are_dropped_counted_and_move_nothing() {
    let mut bench = Bench::joined();
    let mut peer = Peer::of(&mut bench, A, Some(Profile::AesCm128HmacSha1_80));
    let sealed = peer.seal(&rtp(1), false);
    assert_eq!(bench.sends(A, &sealed, false).len(), 1);
    assert_eq!(bench.sends(A, &sealed, false), [], "again");
    let mut forged = peer.seal(&rtp(2), false);
    forged[20] ^= 1;
    assert_eq!(bench.sends(A, &forged, false), []);
    assert_eq!(bench.sends(A, &[0x80; 8], false), []);

    // From another address of the peer: believed for good packets only.
    bench.now = bench.now + Duration::from_secs(3);
    let elsewhere = SocketAddr::new(peer_of(A).ip(), 9);
    for packet in [&sealed, &forged, &rtp(5)] {
        assert_eq!(bench.packet(socket(A), elsewhere, packet), []);
    }
    assert_eq!(bench.rtp_from(B), [(socket(A), peer_of(A))]);
    let moved = peer.seal(&rtp(3), false);
    assert_eq!(bench.packet(socket(A), elsewhere, &moved).len(), 1);

    let report = peer.seal(&rtcp(), true);
    assert_eq!(bench.sends(A, &report, true).len(), 1);
    assert_eq!(bench.sends(A, &report, true), []);
    let counters = bench.counters(A);
    assert_eq!((counters.replayed_dropped, counters.forged_dropped, counters.invalid_dropped), (3, 3, 1));
    assert_eq!((counters.packets_in, counters.rtcp_in), (2, 1));
}

#[test]
fn a_new_key_takes_over_and_the_same_key_goes_on() {
    let profile = Profile::AesCm128HmacSha1_80;
    let mut bench = Bench::joined();
    let mut old = Peer::of(&mut bench, A, Some(profile));
    let mut plain = Peer { end: B, keys: None };
    assert_eq!(old.sends(&mut bench, &rtp(1), false).len(), 1);
    let first = plain.sends(&mut bench, &rtp(1), false);
    old.open(&first[0].2, false).expect("protected");

    // The same keys again: what was sent before is still a replay, and nothing is sealed twice.
    let again = old.seal(&rtp(2), false);
    assert_eq!(bench.sends(A, &again, false).len(), 1);
    bench.command(Command::Protect { end: A, inbound: keys(profile, 2), outbound: keys(profile, 3) });
    assert_eq!(bench.sends(A, &again, false), []);
    assert_eq!(plain.sends(&mut bench, &rtp(1), false), []);
    assert_eq!(bench.counters(A).unprotected_dropped, 1);

    // New keys of the peer: the former ones do until the first packet under the new ones.
    bench.command(Command::Protect { end: A, inbound: keys(profile, 9), outbound: keys(profile, 3) });
    let mut new =
        Peer { end: A, keys: Some((Inbound::new(&keys(profile, 3)), Outbound::new(&keys(profile, 9)))) };
    assert_eq!(old.sends(&mut bench, &rtp(3), false).len(), 1, "on its way");
    assert_eq!(new.sends(&mut bench, &rtp(4), false).len(), 1);
    assert_eq!(old.sends(&mut bench, &rtp(5), false), []);
    let sent = plain.sends(&mut bench, &rtp(2), false);
    assert_eq!(old.open(&sent[0].2, false), Some(rtp(2)), "our key is the same, and so is its stream");
}

#[test]
fn what_we_make_is_protected() {
    for profile in Profile::ALL {
        let mut bench = Bench::with(&[A]);
        let mut peer = Peer::of(&mut bench, A, Some(profile));
        bench.command(Command::Serve { end: A, source: Source::Echo });
        let sent = peer.sends(&mut bench, &rtp(1), false);
        let [(_, to, bytes)] = &sent[..] else { panic!("{sent:?}") };
        let echoed = peer.open(bytes, false).expect("protected");
        assert_eq!((*to, &echoed[12..]), (peer_of(A), &rtp(1)[12..]));

        bench.command(Command::Speak { end: A, format: format(8) });
        bench.command(Command::Serve { end: A, source: Source::Milliwatt });
        bench.out.clear();
        bench.plane.handle_timeout(bench.now, &mut bench.out);
        let Some(&Action::Send { payload, .. }) = bench.out.list().first() else { panic!("a tone") };
        let bytes = bench.out.bytes(payload, &[]).to_vec();
        assert_eq!(peer.open(&bytes, false).expect("protected").len(), 172);
    }
}

#[test]
fn fax_does_not_leave_an_end_that_is_protected() {
    let mut bench = Bench::joined();
    for end in [A, B] {
        let remote = Remote { udptl: true, rtcp: None, ..remote(end) };
        bench.command(Command::Remote { end, remote });
    }
    assert_eq!(bench.sends(A, b"fax", false).len(), 1);
    bench.command(Command::Demand { end: B });
    assert_eq!(bench.sends(A, b"fax", false), []);
    assert_eq!(bench.sends(B, b"fax", false), []);
    bench.command(Command::Clear { end: B });
    assert_eq!(bench.sends(A, b"fax", false).len(), 1);
}
