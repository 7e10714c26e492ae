//! What an end hears is one stream, in whichever order others and we are heard.

use ::rtp::rtcp::{Report, ReportBlock, SenderInformation, write_report};
use ::rtp::{Numbers, RtpHeader};
use srtp::Profile;

use super::protection::Peer;
use super::*;
use crate::command::RoomId;

/// Whom A hears.
#[derive(Clone, Copy, Debug)]
enum Heard {
    Passing(EndId),
    Converted(EndId),
    Playing,
    Mixing,
}

const ALL: [Heard; 5] =
    [Heard::Passing(B), Heard::Passing(C), Heard::Converted(B), Heard::Playing, Heard::Mixing];

/// A's peer, with what came to it, and peers who talk.
struct Listener {
    bench: Bench,
    peer: Peer,
    talkers: [Numbers; 4],
    heard: Vec<(Timestamp, RtpHeader)>,
}

impl Listener {
    fn new(profile: Option<Profile>) -> Self {
        let mut bench = Bench::with(&[A, B, C]);
        let peer = Peer::of(&mut bench, A, profile);
        bench.command(Command::Speak { end: A, format: format(8) });
        let talkers = [0, 1, 2, 3].map(|n: u16| Numbers {
            ssrc: 100 + u32::from(n),
            sequence: n.wrapping_mul(0x9fff),
            timestamp: u32::from(n).wrapping_mul(0x6fff_ffff),
        });
        Self { bench, peer, talkers, heard: Vec::new() }
    }

    fn command(&mut self, command: Command) {
        self.bench.command(command);
        self.listen(&[]);
    }

    /// A hears somebody for a while.
    fn hears(&mut self, whom: Heard) {
        let law = match whom {
            Heard::Passing(other) => {
                self.command(Command::Join { a: A, b: other });
                8
            }
            Heard::Converted(other) => {
                self.command(Command::Transcode { a: (A, format(8)), b: (other, format(0)) });
                0
            }
            Heard::Playing => {
                self.command(Command::Serve { end: A, source: Source::Milliwatt });
                8
            }
            Heard::Mixing => {
                self.command(Command::Mix { end: A, room: RoomId(7), format: format(8), muted: false });
                8
            }
        };
        for _ in 0..10 {
            if let Heard::Passing(other) | Heard::Converted(other) = whom {
                self.talks(other, law);
            }
            self.wait(20);
        }
    }

    fn talks(&mut self, other: EndId, payload_type: u8) {
        let numbers = &mut self.talkers[other.0 as usize];
        numbers.sequence = numbers.sequence.wrapping_add(1);
        numbers.timestamp = numbers.timestamp.wrapping_add(160);
        let mut packet = vec![0x80, payload_type];
        packet.resize(12 + 160, 0x55);
        numbers.write(false, &mut packet);
        self.bench.packet(socket(other), peer_of(other), &packet);
        self.listen(&packet);
    }

    fn wait(&mut self, ms: u64) {
        let until = self.bench.now + Duration::from_millis(ms);
        while let Some(at) = self.bench.plane.next_timeout().filter(|at| *at <= until) {
            self.bench.now = self.bench.now.max(at);
            self.bench.out.clear();
            self.bench.plane.handle_timeout(self.bench.now, &mut self.bench.out);
            self.listen(&[]);
        }
        self.bench.now = until;
    }

    fn listen(&mut self, received: &[u8]) {
        for action in self.bench.out.list() {
            let Action::Send { to, payload, .. } = *action else { continue };
            if to == peer_of(A) {
                let packet = self.bench.out.bytes(payload, received);
                let opened = self.peer.open(packet, false).expect("sealed as the peer wants it");
                self.heard.push((self.bench.now, RtpHeader::parse(&opened).expect("RTP")));
            }
        }
        self.bench.out.clear();
    }
}

#[test]
fn what_an_end_hears_is_one_stream_in_whichever_order() {
    for profile in [None, Some(Profile::ALL[0])] {
        for first in ALL {
            for second in ALL {
                for third in ALL {
                    let order = [first, second, third, first];
                    let mut listener = Listener::new(profile);
                    order.into_iter().for_each(|whom| listener.hears(whom));
                    assert!(listener.heard.len() >= 30, "{order:?}: {}", listener.heard.len());
                    for pair in listener.heard.windows(2) {
                        let [(then, before), (now, after)] = pair else { unreachable!() };
                        let step = i64::from(after.timestamp.wrapping_sub(before.timestamp).cast_signed());
                        let passed = 8 * now.since(*then).as_millis() as i64;
                        assert_eq!(after.ssrc, before.ssrc, "{order:?}");
                        assert_eq!(after.sequence, before.sequence.wrapping_add(1), "{order:?}");
                        assert!(step > 0 && (step - passed).abs() <= 320, "{order:?}: {step} in {passed}");
                    }
                }
            }
        }
    }
}

#[test]
fn who_comes_back_after_silence_passes_as_before() {
    let mut bench = Bench::joined();
    bench.packet(socket(B), peer_of(B), &rtp(1));
    bench.command(Command::Serve { end: A, source: Source::Silence });
    bench.command(Command::Join { a: A, b: B });
    for sequence in [5, 6, 7] {
        let packet = rtp(sequence);
        assert_eq!(bench.packet(socket(B), peer_of(B), &packet), [(socket(A), peer_of(A))]);
        let Some(Action::Send { payload, .. }) = bench.out.list().last() else { panic!("nothing was sent") };
        assert_eq!(bench.out.bytes(*payload, &packet), packet);
        assert_eq!(*payload == Payload::Received, sequence > 5, "it is looked at once");
    }
}

#[test]
fn reports_name_the_stream_that_is_heard_and_the_source_that_made_it() {
    let mut listener = Listener::new(None);
    listener.hears(Heard::Playing);
    listener.hears(Heard::Passing(B));
    let (_, last) = listener.heard.last().cloned().expect("something was heard");
    let source = listener.talkers[B.0 as usize];
    let Listener { mut bench, .. } = listener;
    let mut told = |from: EndId, compound: &[u8]| {
        bench.packet(rtcp_socket(from), rtcp_of(from), compound);
        let Some(Action::Send { payload, .. }) = bench.out.list().last() else { panic!("nothing was sent") };
        bench.out.bytes(*payload, compound).to_vec()
    };

    let sender = SenderInformation { ntp: 9, rtp: source.timestamp, packets: 1, octets: 2 };
    let mut compound = Vec::new();
    write_report(source.ssrc, Some(&sender), &[], &mut compound);
    compound.extend([0x81, ::rtp::rtcp::SOURCE_DESCRIPTION, 0, 2]);
    compound.extend(source.ssrc.to_be_bytes());
    compound.extend([0; 4]);
    let compound = told(B, &compound);
    let report = Report::parse(&compound).expect("a report");
    assert_eq!(report.ssrc, last.ssrc);
    assert_eq!(report.sender, Some(SenderInformation { rtp: last.timestamp, ..sender }));
    assert_eq!(compound[28 + 4..28 + 8], last.ssrc.to_be_bytes());

    let block =
        ReportBlock { ssrc: last.ssrc, highest_sequence: u32::from(last.sequence), ..ReportBlock::default() };
    let stranger = ReportBlock { ssrc: 5, highest_sequence: 6, ..ReportBlock::default() };
    let mut compound = Vec::new();
    write_report(1, None, &[stranger, block], &mut compound);
    let compound = told(A, &compound);
    let blocks: Vec<_> = Report::parse(&compound).expect("a report").blocks().collect();
    let about = ReportBlock {
        ssrc: source.ssrc,
        highest_sequence: u32::from(source.sequence),
        ..ReportBlock::default()
    };
    assert_eq!(blocks, [stranger, about]);
}

#[test]
fn fax_and_video_are_no_such_streams() {
    let mut listener = Listener::new(None);
    listener.hears(Heard::Playing);
    let Listener { mut bench, .. } = listener;
    for end in [A, B] {
        bench.command(Command::Remote { end, remote: Remote { udptl: true, ..remote(end) } });
    }
    bench.command(Command::Join { a: A, b: B });
    let fax = rtp(1);
    assert_eq!(bench.packet(socket(B), peer_of(B), &fax), [(socket(A), peer_of(A))]);
    let Some(Action::Send { payload, .. }) = bench.out.list().last() else { panic!("nothing was sent") };
    assert_eq!(bench.out.bytes(*payload, &fax), fax);

    let mut bench = Bench::with(&[A, B, C]);
    for end in [A, B, C] {
        bench.command(Command::Remote { end, remote: Remote { clock_rate: 90_000, ..remote(end) } });
    }
    for other in [B, C] {
        bench.command(Command::Join { a: A, b: other });
        bench.rtp_from(other);
        let Some(Action::Send { payload, .. }) = bench.out.list().last() else { panic!("nothing was sent") };
        assert_eq!(*payload, Payload::Received);
    }
}

#[test]
fn fax_in_packets_shorter_than_a_header_of_rtp_leaves_nothing_behind() {
    let mut bench = Bench::with(&[A, B, C]);
    bench.command(Command::Join { a: A, b: B });
    bench.packet(socket(B), peer_of(B), &rtp(1));
    for end in [A, B] {
        bench.command(Command::Remote { end, remote: Remote { udptl: true, ..remote(end) } });
    }
    for _ in 0..50 {
        assert_eq!(bench.packet(socket(B), peer_of(B), &[0; 6]), [(socket(A), peer_of(A))]);
    }
    bench.command(Command::Join { a: A, b: C });
    assert_eq!(bench.rtp_from(C), [(socket(A), peer_of(A))]);
}
