//! What a second of converted audio costs: the codecs alone, the same through the plane, and the codecs of fifty calls that
//! take turns, as they do in a server, where each finds its state out of the cache; in milliseconds of CPU.
//!
//! `cargo run --release -p cost --example conversions`. The plane's figure has everything in it but the sockets: RTP,
//! order, codecs, the packet that is made. Speech is imitated by a voice of harmonics that swells and pauses; Opus runs
//! at the complexity that few conversions get, with 24 kbit/s beside G.711 and 48 kbit/s beside G.722. With a folder as its
//! argument it also writes that voice there, CODEC.packets each: two octets of length and a payload, again and again.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use codec::{Codec, Decoder, Encoder, Rate, Resampler, Tuning};
use media::{Actions, Command, Dtmf, EndId, Format, Plane, Remote, SocketKey};
use timestamp::Timestamp;

const SECONDS: usize = 60;
const CALLS: usize = 50;
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[allow(clippy::print_stdout)]
fn main() {
    if let Some(folder) = std::env::args().nth(1) {
        for codec in Codec::ALL {
            let packets = payloads(codec, if codec == Codec::G722 { Codec::Opus } else { Codec::Pcma });
            let told = |packet: &Vec<u8>| [&(packet.len() as u16).to_be_bytes()[..], packet].concat();
            let bytes: Vec<u8> = packets.iter().flat_map(told).collect();
            std::fs::write(format!("{folder}/{}.packets", codec.name()), bytes)
                .expect("a folder to write to");
        }
    }
    let relayed = through_plane(Codec::Pcma, Codec::Pcma, true);
    println!("a relayed stream costs the plane {relayed:.3} ms a second");
    println!(
        "{:<16} {:>10} {:>10} {:>8} {:>12}",
        "direction", "codecs ms", "plane ms", "ratio", "in turn ms"
    );
    for from in Codec::ALL {
        for to in Codec::ALL.into_iter().filter(|to| *to != from) {
            let (bare, whole) = (codecs_alone(from, to, usual(from, to), 1), through_plane(from, to, false));
            let (name, ratio) = (format!("{} -> {}", from.name(), to.name()), whole / (bare + relayed));
            let in_turn = codecs_alone(from, to, usual(from, to), CALLS);
            println!("{name:<16} {bare:>10.3} {whole:>10.3} {ratio:>8.3} {in_turn:>12.3}");
        }
    }
    for complexity in 0..=10 {
        let tuning = Tuning { complexity, fec: false };
        let [narrow, wide] =
            [Codec::Pcma, Codec::G722].map(|from| codecs_alone(from, Codec::Opus, tuning, 1));
        println!("pcma and g722 -> opus at complexity {complexity}: {narrow:.3} and {wide:.3} ms");
    }
}

/// The codecs of a direction without anything around them, in so many calls that take turns packet by packet.
fn codecs_alone(from: Codec, to: Codec, tuning: Tuning, calls: usize) -> f64 {
    let packets = payloads(from, to);
    let (rate, other) = (from.rate_towards(to), to.rate_towards(from));
    let mut states: Vec<_> = (0..calls)
        .map(|_| {
            let decoder = Decoder::new(from, rate).expect("a codec");
            (decoder, Resampler::new(rate, other), Encoder::new(to, other, tuning).expect("a codec"))
        })
        .collect();
    let (mut linear, mut converted, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let spoken = &packets[..packets.len() / calls];
    let began = Instant::now();
    for payload in spoken {
        for (decoder, resampler, encoder) in &mut states {
            linear.clear();
            converted.clear();
            out.clear();
            decoder.decode(payload, &mut linear);
            resampler.run(&linear, &mut converted);
            encoder.encode(&converted, &mut out);
            black_box(&out);
        }
    }
    began.elapsed().as_secs_f64() * 1000.0 / SECONDS as f64
}

/// The same from packet to packet.
fn through_plane(from: Codec, to: Codec, relayed: bool) -> f64 {
    let packets: Vec<Vec<u8>> = (0..)
        .zip(payloads(from, to))
        .map(|(n, payload): (u32, _)| {
            let mut packet = Vec::new();
            rtp::write_header(
                n == 0,
                format(from).payload_type,
                n as u16,
                n * from.clock() / 50,
                7,
                &mut packet,
            );
            packet.extend(payload);
            packet
        })
        .collect();
    let (mut plane, mut out, mut now) = (Plane::new(1), Actions::new(), Timestamp::from_secs(1_800_000_000));
    let peer = |end: EndId| SocketAddr::new(LOCAL, 30_000 + 2 * end.0 as u16);
    let ends = [EndId(0), EndId(1)];
    for end in ends {
        let port = 20_000 + 2 * end.0 as u16;
        plane.handle_command(Command::Open { end, bind: LOCAL, port, inactivity: None }, now, &mut out);
        let remote = Remote { rtp: Some(peer(end)), clock_rate: from.clock(), ..Remote::of(LOCAL) };
        plane.handle_command(Command::Remote { end, remote }, now, &mut out);
    }
    let [a, b] = ends;
    plane.handle_command(
        if relayed {
            Command::Join { a, b }
        } else {
            Command::Transcode { a: (a, format(from)), b: (b, format(to)) }
        },
        now,
        &mut out,
    );
    let began = Instant::now();
    for packet in &packets {
        out.clear();
        plane.on_packet(SocketKey(0), peer(a), packet, now, &mut out);
        now = now + Duration::from_millis(20);
        if plane.next_timeout().is_some_and(|at| at <= now) {
            plane.handle_timeout(now, &mut out);
        }
        black_box(out.list());
    }
    began.elapsed().as_secs_f64() * 1000.0 / SECONDS as f64
}

fn format(codec: Codec) -> Format {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    Format { codec, payload_type, heard_as: payload_type, ptime: 20, fec: false, dtmf: Dtmf::None }
}

/// What the plane chooses while conversions are few.
fn usual(from: Codec, to: Codec) -> Tuning {
    Tuning { complexity: if to.rate_towards(from) == Rate::Wide { 3 } else { 5 }, fec: true }
}

/// A minute of something like a voice, as packets of 20 ms.
fn payloads(codec: Codec, other: Codec) -> Vec<Vec<u8>> {
    let rate = codec.rate_towards(other);
    let hz = f64::from(rate.hz());
    let mut encoder = Encoder::new(codec, rate, Tuning::default()).expect("a codec");
    let mut phase = 0.0f64;
    let samples: Vec<i16> = (0..SECONDS * rate.hz() as usize)
        .map(|n| {
            let at = n as f64 / hz;
            phase += (140.0 + 30.0 * (at * 2.1).sin()) / hz;
            let swell = ((at * 9.0).sin().max(0.0) * (at * 0.9).cos().abs()).sqrt();
            let voice: f64 =
                (1..24).map(|k| (f64::from(k) * phase * std::f64::consts::TAU).sin() / f64::from(k)).sum();
            (4000.0 * swell * voice) as i16
        })
        .collect();
    samples
        .chunks_exact(20 * rate.per_ms())
        .map(|frame| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            payload
        })
        .collect()
}
