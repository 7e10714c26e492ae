//! Ends that the plane itself talks to, and twenty milliseconds of them: one that hears a sound, one that is recorded, a
//! room where all talk at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use codec::{Codec, Rate};
use media::{
    Actions, Command, Dtmf, EndId, Format, Plane, Recorded, Recording, RecordingId, Remote, RoomId, SocketKey,
};
use timestamp::Timestamp;

/// A plane with ends that speak G.711, and what their peers send.
#[derive(Debug)]
pub struct Served {
    plane: Plane,
    out: Actions,
    now: Timestamp,
    packets: Vec<Vec<u8>>,
    number: u16,
}

impl Served {
    /// One end that hears a sound again and again; its peer is silent.
    pub fn played() -> Self {
        let mut served = Self::new(1);
        let audio: Arc<[i16]> = (0..8_000).map(|n| (n % 40 - 20) * 100).collect();
        let end = EndId(0);
        served.ask(Command::Speak { end, format: FORMAT });
        served.ask(Command::Play { end, audio, times: None, serial: 0 });
        served.packets.clear();
        served
    }

    /// One end that is recorded.
    pub fn recorded() -> Self {
        let mut served = Self::new(1);
        let track = Recorded { end: Some(EndId(0)), codecs: [(PCMA, Codec::Pcma)].into_iter().collect() };
        let (id, rate, tracks) = (RecordingId(1), Rate::Narrow, [track].into_iter().collect());
        served.ask(Command::Record(Box::new(Recording { id, rate, tracks, longest: None, silence: None })));
        served
    }

    /// A room of five.
    pub fn mixed() -> Self {
        let mut served = Self::new(5);
        for id in 0..5 {
            served.ask(Command::Mix { end: EndId(id), room: RoomId(1), format: FORMAT, muted: false });
        }
        served
    }

    fn new(ends: u64) -> Self {
        let now = Timestamp::from_secs(1);
        let mut served =
            Self { plane: Plane::new(1), out: Actions::new(), now, packets: Vec::new(), number: 0 };
        for id in 0..ends {
            let (end, port) = (EndId(id), PORTS + 2 * id as u16);
            served.ask(Command::Open { end, bind: HERE, port, inactivity: None });
            served.ask(Command::Remote { end, remote: Remote { rtp: Some(peer(id)), ..Remote::of(HERE) } });
            let mut packet = Vec::new();
            rtp::write_header(false, PCMA, 0, 0, id as u32, &mut packet);
            packet.extend((0..160).map(|n: u8| 0x80 | ((n.wrapping_mul(7) ^ id as u8) & 0x3f)));
            served.packets.push(packet);
        }
        served
    }

    fn ask(&mut self, command: Command) {
        self.plane.handle_command(command, self.now, &mut self.out);
    }

    /// Twenty milliseconds: a packet of each peer, and what is due.
    pub fn tick(&mut self) -> Result<(), String> {
        self.number = self.number.wrapping_add(1);
        self.now = self.now + Duration::from_millis(20);
        let (number, time) = (self.number.to_be_bytes(), (u32::from(self.number) * 160).to_be_bytes());
        for packet in &mut self.packets {
            for (octet, value) in packet.iter_mut().skip(2).zip(number.into_iter().chain(time)) {
                *octet = value;
            }
        }
        self.out.clear();
        counted_work(&mut self.plane, &self.packets, self.now, &mut self.out);
        Ok(())
    }
}

/// One tick in the plane. Not inlined, so that valgrind knows where to count.
#[inline(never)]
fn counted_work(plane: &mut Plane, packets: &[Vec<u8>], now: Timestamp, out: &mut Actions) {
    for (id, packet) in (0..).zip(packets) {
        plane.on_packet(SocketKey(2 * id), peer(u64::from(id)), packet, now, out);
    }
    plane.handle_timeout(now, out);
}

fn peer(id: u64) -> SocketAddr {
    SocketAddr::new(HERE, 40_000 + 2 * id as u16)
}

const PCMA: u8 = 8;
const FORMAT: Format = Format {
    codec: Codec::Pcma,
    payload_type: PCMA,
    heard_as: PCMA,
    ptime: 20,
    fec: false,
    dtmf: Dtmf::None,
};
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// First of our ports.
const PORTS: u16 = 20_000;
