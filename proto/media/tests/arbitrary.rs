//! Whatever comes in whatever order, the plane neither panics nor sends to where nobody asked it to.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use codec::{Codec, Rate};
use media::{
    Action, Actions, Announcement, Command, Dtmf, EndId, Event, Format, Latching, OpenFault, Plane, Recorded,
    Recording, RecordingId, Remote, RoomId, SocketKey, Source,
};
use proptest::prelude::*;
use srtp::{Keys, Profile};
use timestamp::Timestamp;

#[derive(Clone, Debug)]
enum Step {
    BindFailed(SocketKey),
    Command(Command),
    Packet(SocketKey, SocketAddr, Vec<u8>),
    Pass(Duration),
    SendFailed(SocketKey),
}

fn end() -> impl Strategy<Value = EndId> {
    (0..5u64).prop_map(EndId)
}

fn socket() -> impl Strategy<Value = SocketKey> {
    (0..12u32).prop_map(SocketKey)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (1..4u8, 1..4u16).prop_map(|(host, port)| SocketAddr::from((Ipv4Addr::new(192, 0, 2, host), port)))
}

fn remote() -> impl Strategy<Value = Remote> {
    let latch = prop_oneof![Just(Latching::Always), Just(Latching::Auto), Just(Latching::Never)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let addresses = (proptest::option::of(address()), proptest::option::of(address()), address());
    (addresses, latch, any::<u32>(), flags).prop_map(
        |((rtp, rtcp, signalling), latch, clock_rate, (sends, receives, renegotiated, udptl))| {
            let signalling = signalling.ip();
            Remote { rtp, rtcp, signalling, latch, clock_rate, sends, receives, renegotiated, udptl }
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let source = prop_oneof![Just(Source::Echo), Just(Source::Milliwatt), Just(Source::Silence),];
    let inactivity = proptest::option::of((0..3000u64).prop_map(Duration::from_millis));
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    prop_oneof![
        (end(), any::<u16>(), inactivity).prop_map(move |(end, port, inactivity)| Command::Open {
            end,
            bind,
            port,
            inactivity
        }),
        (end(), remote()).prop_map(|(end, remote)| Command::Remote { end, remote }),
        (end(), end()).prop_map(|(a, b)| Command::Join { a, b }),
        (end(), source).prop_map(|(end, source)| Command::Serve { end, source }),
        (end(), format()).prop_map(|(end, format)| Command::Speak { end, format }),
        (end(), any::<u8>(), proptest::option::of(format())).prop_map(|(end, events, tones)| {
            Command::Listen { end, events: [events].into_iter().collect(), tones }
        }),
        end().prop_map(|end| Command::Close { end }),
        end().prop_map(|end| Command::Demand { end }),
        end().prop_map(|end| Command::Clear { end }),
        (end(), keys(), keys()).prop_map(|(end, inbound, outbound)| Command::Protect {
            end,
            inbound,
            outbound
        }),
        (end(), format(), end(), format())
            .prop_map(|(a, f, b, g)| Command::Transcode { a: (a, f), b: (b, g) }),
        end().prop_map(|end| Command::Await { end }),
        (0..3u64, end(), proptest::option::of(end()), proptest::option::of(0..5u64)).prop_map(
            |(id, one, other, longest)| {
                let codecs =
                    Codec::ALL.into_iter().filter_map(|codec| Some((codec.static_payload_type()?, codec)));
                let recorded = |end| Recorded {
                    end: Some(end),
                    codecs: codecs.clone().chain([(96, Codec::Opus)]).collect(),
                };
                Command::Record(Box::new(Recording {
                    id: RecordingId(id),
                    rate: if id == 0 { Rate::Narrow } else { Rate::Wide },
                    tracks: [Some(one), other].into_iter().flatten().map(recorded).collect(),
                    longest: longest.map(Duration::from_secs),
                    silence: longest.map(Duration::from_secs),
                }))
            }
        ),
        (end(), 0..3u64).prop_map(|(end, id)| Command::StopRecording { end, recording: RecordingId(id) }),
        (end(), 0..3u64, format(), any::<bool>()).prop_map(|(end, room, format, muted)| Command::Mix {
            end,
            room: RoomId(room),
            format,
            muted
        }),
        (end(), any::<bool>()).prop_map(|(end, muted)| Command::Mute { end, muted }),
        end().prop_map(|end| Command::Announce { end, announcement: Announcement::Entered }),
        (end(), 0..20u8, 0..400u32).prop_map(|(end, code, ms)| Command::Dial { end, code, ms }),
    ]
}

fn format() -> impl Strategy<Value = Format> {
    let dtmf = prop::sample::select(vec![
        Dtmf::Events { payload_type: 101, heard_as: 101, clock: 8000 },
        Dtmf::Info,
        Dtmf::Inband,
        Dtmf::None,
    ]);
    (prop::sample::select(Codec::ALL.to_vec()), any::<u8>(), any::<u8>(), dtmf).prop_map(
        |(codec, payload_type, ptime, dtmf)| Format {
            codec,
            payload_type,
            heard_as: payload_type,
            ptime,
            fec: false,
            dtmf,
        },
    )
}

fn keys() -> impl Strategy<Value = Keys> {
    (prop::sample::select(Profile::ALL.to_vec()), 0..2u8).prop_map(|(profile, octet)| {
        Keys::new(profile, &vec![octet; profile.key_len() + profile.salt_len()]).expect("the right length")
    })
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let rtp = (any::<u8>(), any::<u16>(), any::<u32>(), 0..2u32).prop_map(
        |(payload_type, sequence, timestamp, ssrc)| {
            let mut packet = Vec::new();
            rtp::write_header(false, payload_type, sequence, timestamp, ssrc, &mut packet);
            packet
        },
    );
    let anything = proptest::collection::vec(any::<u8>(), 0..40);
    let nearly = (0x80..0xc0u8, any::<u8>(), proptest::collection::vec(0..9u8, 0..40))
        .prop_map(|(first, second, rest)| [vec![first, second], rest].concat());
    prop_oneof![rtp, anything, nearly]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => command().prop_map(Step::Command),
        6 => (socket(), address(), packet()).prop_map(|(socket, from, packet)| Step::Packet(socket, from, packet)),
        2 => (0..5000u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        1 => socket().prop_map(Step::BindFailed),
        1 => socket().prop_map(Step::SendFailed),
    ]
}

proptest! {
    #[test]
    fn the_plane_holds(steps in proptest::collection::vec(step(), 0..200)) {
        let (mut plane, mut out) = (Plane::new(7), Actions::new());
        let mut now = Timestamp::from_secs(1);
        let (mut bound, mut ends, mut kept) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for step in steps {
            out.clear();
            match step {
                Step::BindFailed(socket) => plane.on_bind_failed(socket, OpenFault::PortTaken, &mut out),
                Step::Command(command) => {
                    if let Command::Open { end, port, .. } = command && port < u16::MAX {
                        ends.insert(end);
                    }
                    plane.handle_command(command, now, &mut out);
                }
                Step::Packet(socket, from, packet) => plane.on_packet(socket, from, &packet, now, &mut out),
                Step::Pass(by) => {
                    now = now + by;
                    plane.handle_timeout(now, &mut out);
                    prop_assert!(plane.next_timeout().is_none_or(|at| at > now));
                }
                Step::SendFailed(socket) => plane.on_send_failed(socket),
            }
            for action in out.list() {
                match *action {
                    Action::Bind { socket, .. } => prop_assert!(bound.insert(socket.0)),
                    Action::Unbind { socket } => prop_assert!(bound.remove(&socket.0)),
                    Action::Send { socket, payload, .. } => {
                        prop_assert!(bound.contains(&socket.0));
                        prop_assert!(!out.bytes(payload, b"received").is_empty());
                    }
                    Action::Keep(chunk) => {
                        prop_assert_eq!(out.samples(&chunk).len() % usize::from(chunk.channels), 0);
                        prop_assert!(chunk.at <= chunk.total);
                        if chunk.last { kept.remove(&chunk.recording) } else { kept.insert(chunk.recording) };
                    }
                    Action::Emit(Event::Closed { end, .. }) => {
                        ends.remove(&end);
                    }
                    Action::Emit(Event::Failed { end, error, .. }) => {
                        if error != OpenFault::AlreadyOpen {
                            ends.remove(&end);
                        }
                    }
                    Action::Emit(
                        Event::Connected { .. }
                        | Event::ConsentLost { .. }
                        | Event::Dialled { .. }
                        | Event::FingerprintMismatch { .. }
                        | Event::FirstPacket { .. }
                        | Event::HandshakeFailed { .. }
                        | Event::Inactive { .. }
                        | Event::Key { .. }
                        | Event::Played { .. }
                        | Event::Recorded { .. }
                        | Event::Talking { .. }
                        | Event::Unheard { .. },
                    ) => {}
                }
            }
            prop_assert_eq!(plane.len(), ends.len());
            prop_assert_eq!(bound.len(), 2 * ends.len());
        }
        for end in ends {
            out.clear();
            plane.handle_command(Command::Close { end }, now, &mut out);
            for action in out.list() {
                if let Action::Keep(chunk) = action {
                    prop_assert!(chunk.last);
                    kept.remove(&chunk.recording);
                }
            }
        }
        out.clear();
        plane.handle_timeout(now + Duration::from_secs(3), &mut out);
        for action in out.list() {
            if let Action::Keep(chunk) = action {
                kept.remove(&chunk.recording);
            }
        }
        prop_assert!(kept.is_empty(), "a recording whose ends are gone goes on");
    }
}
