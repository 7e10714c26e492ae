//! Rooms from outside: commands and packets in, packets out, each participant with a tone of its own.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use codec::{Codec, Decoder, Encoder, Rate, Resampler, Tuning};
use rtp::RtpHeader;
use timestamp::Timestamp;

use super::TICK;
use crate::sink::tone_detector::tone_share;
use crate::{
    Action, Actions, Announcement, Command, Dtmf, EndId, Event, Format, Plane, Remote, RoomId, SocketKey,
};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ROOM: RoomId = RoomId(7);

/// One who says a tone and remembers what it hears.
struct Talker {
    end: EndId,
    codec: Codec,
    hz: f64,
    amplitude: f64,
    encoder: Encoder,
    decoder: Decoder,
    down: Resampler,
    sent: u32,
    heard: Vec<i16>,
    payloads: Vec<Vec<u8>>,
}

impl Talker {
    fn new(number: u64, codec: Codec, hz: f64) -> Self {
        let rate = codec.rate();
        Self {
            end: EndId(number),
            codec,
            hz,
            amplitude: 4_000.0,
            encoder: Encoder::new(codec, rate, Tuning::default()).expect("a codec"),
            decoder: Decoder::new(codec, rate).expect("a codec"),
            down: Resampler::new(rate, Rate::Narrow),
            sent: 0,
            heard: Vec::new(),
            payloads: Vec::new(),
        }
    }

    fn format(&self) -> Format {
        let payload_type = self.codec.static_payload_type().unwrap_or(111);
        Format {
            codec: self.codec,
            payload_type,
            heard_as: payload_type,
            ptime: 20,
            fec: false,
            dtmf: Dtmf::None,
        }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(LOCAL, 40_000 + 2 * self.end.0 as u16)
    }

    fn say(&mut self) -> Vec<u8> {
        let rate = self.codec.rate();
        let (hz, samples) = (f64::from(rate.hz()), 20 * rate.per_ms());
        let first = self.sent as usize * samples;
        let tone = |n: usize| (self.amplitude * (TAU * self.hz * n as f64 / hz).sin()) as i16;
        let frame: Vec<i16> = (first..first + samples).map(tone).collect();
        let mut packet = Vec::new();
        let timestamp = self.sent * (self.codec.clock() / 50);
        rtp::write_header(false, self.format().payload_type, self.sent as u16, timestamp, 9, &mut packet);
        self.encoder.encode(&frame, &mut packet);
        self.sent += 1;
        packet
    }

    fn hear(&mut self, packet: &[u8]) {
        let header = RtpHeader::parse(packet).expect("RTP");
        assert_eq!(header.payload_type, self.format().payload_type);
        let payload = &packet[header.payload];
        let mut samples = Vec::new();
        assert!(self.decoder.decode(payload, &mut samples));
        self.down.run(&samples, &mut self.heard);
        self.payloads.push(payload.to_vec());
    }

    /// How much of what it heard in the last half second is this tone.
    fn share(&self, hz: f64) -> f64 {
        tone_share(&self.heard[self.heard.len().saturating_sub(4_000)..], hz)
    }
}

struct Bench {
    plane: Plane,
    out: Actions,
    now: Timestamp,
    talkers: Vec<Talker>,
    talking: BTreeMap<EndId, bool>,
}

impl Bench {
    fn with(talkers: &[(Codec, f64)]) -> Self {
        let talkers = talkers.iter().enumerate();
        let talkers = talkers.map(|(at, (codec, hz))| Talker::new(at as u64, *codec, *hz)).collect();
        let (plane, out, now) = (Plane::new(1), Actions::new(), Timestamp::from_secs(1_000));
        let mut bench = Self { plane, out, now, talkers, talking: BTreeMap::new() };
        for at in 0..bench.talkers.len() {
            let talker = &bench.talkers[at];
            let (end, rtp, format) = (talker.end, talker.address(), talker.format());
            let port = 20_000 + 2 * end.0 as u16;
            bench.command(Command::Open { end, bind: LOCAL, port, inactivity: None });
            bench.command(Command::Remote { end, remote: Remote { rtp: Some(rtp), ..Remote::of(LOCAL) } });
            bench.command(Command::Mix { end, room: ROOM, format, muted: false });
        }
        bench
    }

    fn command(&mut self, command: Command) {
        self.plane.handle_command(command, self.now, &mut self.out);
    }

    /// Everybody says something for so many ticks.
    fn talk(&mut self, ticks: usize) {
        for _ in 0..ticks {
            for at in 0..self.talkers.len() {
                let talker = &mut self.talkers[at];
                let (socket, from) = (SocketKey(2 * talker.end.0 as u32), talker.address());
                if talker.amplitude > 0.0 {
                    let packet = talker.say();
                    self.plane.on_packet(socket, from, &packet, self.now, &mut self.out);
                }
            }
            self.now = self.now + TICK;
            self.plane.handle_timeout(self.now, &mut self.out);
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        for action in self.out.list() {
            match action {
                Action::Send { to, payload, .. } => {
                    let talker = self.talkers.iter_mut().find(|talker| talker.address() == *to);
                    let bytes = self.out.bytes(*payload, &[]);
                    if let Some(talker) = talker {
                        talker.hear(bytes);
                    }
                }
                Action::Emit(Event::Talking { end, talks }) => drop(self.talking.insert(*end, *talks)),
                Action::Bind { .. } | Action::Emit(_) | Action::Keep(_) | Action::Unbind { .. } => {}
            }
        }
        self.out.clear();
    }

    /// Each hears these of the others, by number, and nobody else.
    fn expect(&self, name: &str, audible: &[usize]) {
        for (at, talker) in self.talkers.iter().enumerate() {
            let heard: Vec<usize> = (0..self.talkers.len())
                .filter(|&other| talker.share(self.talkers[other].hz) > 0.08)
                .collect();
            let others: Vec<usize> = audible.iter().copied().filter(|&other| other != at).collect();
            assert_eq!(heard, others, "{name}: what {at} hears");
            let own = talker.share(talker.hz);
            assert!(own < 0.01, "{name}: {at} hears itself: {own}");
        }
    }
}

const TONES: [f64; 5] = [440.0, 620.0, 980.0, 1_340.0, 1_900.0];

#[test]
fn five_hear_each_other_and_not_themselves_whatever_they_speak() {
    use Codec::{G722, Opus, Pcma, Pcmu};
    for codecs in [[Pcma; 5], [Pcmu, Pcma, G722, G722, Pcma], [G722; 5], [Opus, Pcma, G722, Pcmu, Opus]] {
        let talkers: Vec<_> = codecs.into_iter().zip(TONES).collect();
        let mut bench = Bench::with(&talkers);
        bench.talk(100);
        bench.expect(&format!("{codecs:?}"), &[0, 1, 2, 3, 4]);
        assert_eq!(bench.talking.values().filter(|talks| **talks).count(), 5);
    }
}

#[test]
fn who_is_muted_is_not_heard_and_hears() {
    let mut bench = Bench::with(&TONES.map(|hz| (Codec::Pcma, hz)));
    bench.talk(60);
    bench.command(Command::Mute { end: EndId(2), muted: true });
    bench.talk(60);
    bench.expect("muted", &[0, 1, 3, 4]);
    assert!(!bench.talking[&EndId(2)]);
    bench.command(Command::Mute { end: EndId(2), muted: false });
    bench.talk(60);
    bench.expect("heard again", &[0, 1, 2, 3, 4]);
}

#[test]
fn who_leaves_is_gone_and_the_last_one_closes_the_room() {
    let mut bench = Bench::with(&TONES.map(|hz| (Codec::Pcma, hz)));
    bench.talk(60);
    bench.command(Command::Close { end: EndId(4) });
    bench.talkers[4].amplitude = 0.0;
    bench.talk(60);
    for talker in &bench.talkers[..4] {
        assert!(talker.share(TONES[4]) < 0.01 && talker.share(TONES[0]) < 0.5);
    }
    (0..4).for_each(|end| bench.command(Command::Close { end: EndId(end) }));
    assert!(bench.plane.rooms_are_closed());
}

#[test]
fn who_only_listens_hears_the_same_packet() {
    let mut bench = Bench::with(&[
        (Codec::Opus, 440.0),
        (Codec::Opus, 0.0),
        (Codec::Opus, 0.0),
        (Codec::Pcma, 0.0),
        (Codec::Pcma, 0.0),
    ]);
    bench.talkers[1..].iter_mut().for_each(|talker| talker.amplitude = 0.0);
    bench.talk(100);
    for [a, b] in [[1, 2], [3, 4]] {
        assert_eq!(bench.talkers[a].payloads, bench.talkers[b].payloads);
        assert!(bench.talkers[a].share(440.0) > 0.8);
    }
    assert!(bench.talkers[0].share(440.0) < 0.01);
    // A quiet room is no dead line.
    let rest = &bench.talkers[0].heard[8_000..];
    let loudest = rest.iter().map(|sample| sample.unsigned_abs()).max().expect("samples");
    assert!((1..200).contains(&loudest), "{loudest}");
}

#[test]
fn all_hear_an_announcement_and_who_comes() {
    let mut bench = Bench::with(&[(Codec::Pcma, 0.0), (Codec::G722, 0.0)]);
    bench.talkers.iter_mut().for_each(|talker| talker.amplitude = 0.0);
    bench.talk(10);
    let audio: Arc<[i16]> =
        (0..8_000).map(|n| (3_000.0 * (TAU * 700.0 * f64::from(n) / 8_000.0).sin()) as i16).collect();
    bench.command(Command::Announce { end: EndId(0), announcement: Announcement::Audio(audio) });
    bench.talk(40);
    assert!(bench.talkers.iter().all(|talker| talker.share(700.0) > 0.9));
    bench.talk(40);
    bench.command(Command::Announce { end: EndId(1), announcement: Announcement::Entered });
    bench.talk(14);
    let chime = |talker: &Talker| talker.share(620.0) > 0.05 && talker.share(830.0) > 0.05;
    assert!(bench.talkers.iter().all(chime));
}

#[test]
fn many_who_shout_are_not_cut_off() {
    let mut bench = Bench::with(&TONES.map(|hz| (Codec::Pcma, hz)));
    bench.talkers.iter_mut().for_each(|talker| talker.amplitude = 30_000.0);
    bench.talk(100);
    bench.expect("loud", &[0, 1, 2, 3, 4]);
    for talker in &bench.talkers {
        // Cutting off makes tones that nobody said.
        let known: f64 = TONES.iter().map(|&hz| talker.share(hz)).sum();
        assert!(known > 0.97, "{known}");
    }
}

#[test]
fn of_many_the_loudest_are_heard() {
    let pitches: Vec<f64> = (0..12).map(|n| 400.0 + 240.0 * f64::from(n)).collect();
    let mut bench = Bench::with(&pitches.iter().map(|&hz| (Codec::Pcma, hz)).collect::<Vec<_>>());
    bench.talkers.iter_mut().take(4).for_each(|talker| talker.amplitude = 400.0);
    bench.talk(100);
    bench.expect("the loudest eight", &[4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn loss_and_jitter_leave_the_tone() {
    let mut bench = Bench::with(&[(Codec::Pcma, 440.0), (Codec::Pcma, 0.0)]);
    bench.talkers[1].amplitude = 0.0;
    let mut late: Vec<(u32, Vec<u8>)> = Vec::new();
    for tick in 0..400u32 {
        let packet = bench.talkers[0].say();
        // Two per cent are lost, the others come up to 40 ms late and overtake each other.
        if tick % 50 != 7 {
            late.push((tick + tick * 7 % 3, packet));
        }
        let from = bench.talkers[0].address();
        for (_, packet) in late.extract_if(.., |(due, _)| *due <= tick) {
            bench.plane.on_packet(SocketKey(0), from, &packet, bench.now, &mut bench.out);
        }
        bench.now = bench.now + TICK;
        bench.plane.handle_timeout(bench.now, &mut bench.out);
        bench.deliver();
    }
    let heard = &bench.talkers[1].heard;
    let good = heard[8_000..].chunks_exact(400).filter(|part| tone_share(part, 440.0) > 0.9).count();
    let all = heard[8_000..].len() / 400;
    assert!(good * 100 >= all * 90, "{good} of {all}");
}
