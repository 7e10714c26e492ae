//! Two ends of a call whose media is relayed, and a packet from one to the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use media::{Actions, Command, EndId, Plane, Remote, SocketKey};
use timestamp::Timestamp;

/// A plane with two ends joined, and what is sent through them.
#[derive(Debug)]
pub struct Relay {
    plane: Plane,
    out: Actions,
    now: Timestamp,
    packet: Vec<u8>,
    number: u16,
}

impl Relay {
    /// Two ends that know where their peers are.
    pub fn new() -> Self {
        let (mut plane, mut out, now) = (Plane::new(1), Actions::new(), Timestamp::from_secs(1));
        for id in 0..2 {
            let (end, port) = (EndId(id), PORTS + 2 * id as u16);
            let inactivity = Some(Duration::from_secs(60));
            plane.handle_command(Command::Open { end, bind: HERE, port, inactivity }, now, &mut out);
            let remote = Remote { rtp: Some(peer(end)), rtcp: Some(peer(end)), ..Remote::of(HERE) };
            plane.handle_command(Command::Remote { end, remote }, now, &mut out);
        }
        plane.handle_command(Command::Join { a: EndId(0), b: EndId(1) }, now, &mut out);
        let mut packet = Vec::new();
        rtp::write_header(false, 8, 0, 0, 7, &mut packet);
        packet.extend([0xd5; 160]);
        Self { plane, out, now, packet, number: 0 }
    }

    /// The next packet of G.711, from the first end's peer to the second's.
    pub fn packet(&mut self) -> Result<(), String> {
        self.number = self.number.wrapping_add(1);
        self.now = self.now + Duration::from_millis(20);
        let (number, time) = (self.number.to_be_bytes(), (u32::from(self.number) * 160).to_be_bytes());
        for (octet, value) in self.packet.iter_mut().skip(2).zip(number.into_iter().chain(time)) {
            *octet = value;
        }
        self.out.clear();
        counted_work(&mut self.plane, &self.packet, self.now, &mut self.out);
        if self.out.list().is_empty() { Err("a packet was not relayed".to_owned()) } else { Ok(()) }
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

/// One packet in the plane. Not inlined, so that valgrind knows where to count.
#[inline(never)]
fn counted_work(plane: &mut Plane, packet: &[u8], now: Timestamp, out: &mut Actions) {
    plane.on_packet(SocketKey(0), peer(EndId(0)), packet, now, out);
}

fn peer(end: EndId) -> SocketAddr {
    SocketAddr::new(HERE, 40_000 + 2 * end.0 as u16)
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// First of our ports.
const PORTS: u16 = 20_000;
