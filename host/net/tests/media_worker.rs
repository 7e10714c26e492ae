//! A real worker on loopback, with every way of moving packets: what is sent arrives, is counted, and closing frees
//! the ports.

// A way that the system refuses is skipped, and said.
#![allow(clippy::print_stderr)]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use codec::Codec;
use media::{Command, Counters, Dtmf, EndId, Event, Format, Latching, OpenFault, Remote, Source};
use net::clock::Clock;
use net::media_loop::{MediaConfig, MediaIo, MediaWorker, Order, PortPair};
use rtp::RtpHeader;
use rtp::g711::Law;

const A: EndId = EndId(1);
const B: EndId = EndId(2);
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// Longer than anything takes on a loaded machine; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(10);

struct Bench {
    worker: MediaWorker,
    events: Receiver<Event>,
}

/// A phone: its socket, and the port of the end that it talks to.
struct Phone {
    socket: UdpSocket,
    end: SocketAddr,
}

/// Runs a test with each way of moving packets that this system has.
fn each(test: impl Fn(Bench)) {
    for io in [MediaIo::Epoll, MediaIo::Uring] {
        for tick in [Duration::ZERO, Duration::from_millis(2)] {
            match Bench::start(MediaConfig { io, tick, ..MediaConfig::default() }) {
                Ok(bench) => test(bench),
                Err(error) => eprintln!("skipped with {io:?}: {error}"),
            }
        }
    }
}

impl Bench {
    fn start(config: MediaConfig) -> std::io::Result<Self> {
        let (told, events) = mpsc::channel();
        let worker = MediaWorker::start(config, Clock::start(), move |event| {
            // The last ones come when the test is over.
            let _ = told.send(event);
        })?;
        Ok(Self { worker, events })
    }

    fn command(&self, command: Command) {
        self.worker.sender().send(command).expect("the queue has room");
    }

    /// Opens an end for a new phone. Ports are free for a moment only, so a port that is taken is no failure.
    fn phone(&self, end: EndId, ip: IpAddr) -> Phone {
        let socket = UdpSocket::bind((ip, 0)).expect("a port for the phone");
        socket.set_read_timeout(Some(LONG)).expect("a timeout");
        let port = free_pair(ip);
        self.command(Command::Open { end, bind: ip, port, inactivity: None });
        let remote = Remote { rtp: socket.local_addr().ok(), ..Remote::of(ip) };
        self.command(Command::Remote { end, remote });
        Phone { socket, end: SocketAddr::new(ip, port) }
    }

    fn close(&self, end: EndId) -> Counters {
        self.command(Command::Close { end });
        loop {
            match self.events.recv_timeout(LONG).expect("an event") {
                Event::Closed { end: closed, counters } if closed == end => return counters,
                Event::Failed { port, error, .. } => panic!("port {port}: {error:?}"),
                Event::Closed { .. }
                | Event::Dialled { .. }
                | Event::Connected { .. }
                | Event::ConsentLost { .. }
                | Event::FingerprintMismatch { .. }
                | Event::FirstPacket { .. }
                | Event::HandshakeFailed { .. }
                | Event::Inactive { .. }
                | Event::Key { .. }
                | Event::Played { .. }
                | Event::Recorded { .. }
                | Event::Talking { .. }
                | Event::Unheard { .. } => {}
            }
        }
    }
}

impl Phone {
    fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.end).expect("sent");
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let (len, from) = self.socket.recv_from(&mut buffer).expect("a packet in time");
        assert_eq!(from, self.end, "symmetric");
        buffer[..len].to_vec()
    }
}

/// A port that is free together with the next one.
fn free_pair(ip: IpAddr) -> u16 {
    (0..100)
        .find_map(|_| {
            let first = UdpSocket::bind((ip, 0)).ok()?;
            let port = first.local_addr().ok()?.port();
            UdpSocket::bind((ip, port.checked_add(1)?)).ok()?;
            Some(port)
        })
        .expect("two free ports in a row")
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    rtp::write_header(false, 8, sequence, u32::from(sequence) * 160, 7, &mut packet);
    packet.extend([sequence as u8; 160]);
    packet
}

fn cross(bench: Bench, ip_a: IpAddr, ip_b: IpAddr) {
    let (a, b) = (bench.phone(A, ip_a), bench.phone(B, ip_b));
    bench.command(Command::Join { a: A, b: B });
    // Until the worker has done the commands packets are lost; a phone does not know either.
    a.socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let mut buffer = [0; 2048];
    while a.socket.recv_from(&mut buffer).is_err() {
        b.send(&packet(0));
    }
    a.socket.set_read_timeout(Some(LONG)).expect("a timeout");
    for sequence in 0..100 {
        a.send(&packet(sequence));
        assert_eq!(b.receive(), packet(sequence));
        b.send(&packet(sequence + 1));
        while a.receive() != packet(sequence + 1) {}
    }
    let (a_counters, b_counters) = (bench.close(A), bench.close(B));
    assert_eq!((a_counters.packets_in, a_counters.bytes_in, a_counters.lost), (100, 17_200, 0));
    assert_eq!(b_counters.packets_out, 100);
    // What came between the description and the join was believed and had nowhere to go.
    assert!((101..=b_counters.packets_in).contains(&a_counters.packets_out));
    assert_eq!((a_counters.foreign_dropped, a_counters.send_errors), (0, 0));
    bench.worker.stop();
}

#[test]
fn packets_cross_both_ways() {
    each(|bench| cross(bench, V4, V4));
}

#[test]
fn packets_cross_between_the_address_families() {
    match UdpSocket::bind((V6, 0)) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {}
        _ => each(|bench| cross(bench, V4, V6)),
    }
}

#[test]
fn an_echo_echoes() {
    each(|bench| {
        let phone = bench.phone(A, V4);
        bench.command(Command::Serve { end: A, source: Source::Echo });
        phone.socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let mut buffer = [0; 2048];
        let len = loop {
            phone.send(&packet(5));
            if let Ok((len, _)) = phone.socket.recv_from(&mut buffer) {
                break len;
            }
        };
        assert_eq!(buffer[12..len], packet(5)[12..]);
        assert_ne!(buffer[8..12], packet(5)[8..12]);
    });
}

#[test]
fn a_milliwatt_is_heard() {
    each(|bench| {
        let phone = bench.phone(A, V4);
        let (codec, dtmf) = (Codec::Pcmu, Dtmf::None);
        let format = Format { codec, payload_type: 0, heard_as: 0, ptime: 20, fec: false, dtmf };
        bench.command(Command::Speak { end: A, format });
        bench.command(Command::Serve { end: A, source: Source::Milliwatt });
        let first = RtpHeader::parse(&phone.receive()).expect("well-formed");
        for n in 1..25 {
            let packet = phone.receive();
            let header = RtpHeader::parse(&packet).expect("well-formed");
            assert_eq!(header.sequence, first.sequence.wrapping_add(n));
            let loudest = packet[header.payload].iter().map(|&octet| Law::Mu.decode(octet)).max();
            assert!((21_500..23_200).contains(&loudest.expect("samples")), "{loudest:?}");
        }
        assert!(bench.close(A).packets_out >= 25);
    });
}

#[test]
fn a_taken_port_is_told_and_a_closed_one_is_free() {
    each(|bench| {
        let port = free_pair(V4);
        let taken = UdpSocket::bind((V4, port + 1)).expect("it was free");
        let open = Command::Open { end: A, bind: V4, port, inactivity: None };
        bench.command(open.clone());
        let failed = Event::Failed { end: A, port: port + 1, error: OpenFault::PortTaken };
        assert_eq!(bench.events.recv_timeout(LONG), Ok(failed));

        drop(taken);
        bench.command(open);
        assert_eq!(bench.close(A), Counters::default());
        UdpSocket::bind((V4, port)).expect("the RTP port is free");
        UdpSocket::bind((V4, port + 1)).expect("the RTCP port is free");
    });
}

#[test]
fn ports_that_were_claimed_are_opened_and_left() {
    each(|bench| {
        let port = free_pair(V4);
        let pair = PortPair::bind(V4, port).expect("they were free");
        assert_eq!(PortPair::bind(V4, port).err(), Some(OpenFault::PortTaken));
        let command = Command::Open { end: A, bind: V4, port, inactivity: None };
        bench.worker.sender().send(Order { command, ports: Some(pair) }).expect("room");
        let serve = Command::Serve { end: A, source: Source::Silence };
        bench.command(serve);
        assert_eq!(bench.close(A), Counters::default());
        PortPair::bind(V4, port).expect("they are free again");
    });
}

#[test]
fn a_foreign_address_is_told() {
    each(|bench| {
        let bind = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        bench.command(Command::Open { end: A, bind, port: 20_000, inactivity: None });
        let failed = Event::Failed { end: A, port: 20_000, error: OpenFault::AddressNotOurs };
        assert_eq!(bench.events.recv_timeout(LONG), Ok(failed));
    });
}

#[test]
fn silence_is_told() {
    each(|bench| {
        let inactivity = Some(Duration::from_millis(50));
        bench.command(Command::Open { end: A, bind: V4, port: free_pair(V4), inactivity });
        let remote = Remote {
            rtp: Some(SocketAddr::new(V4, 9)),
            rtcp: None,
            signalling: V4,
            latch: Latching::Never,
            clock_rate: 0,
            sends: true,
            receives: false,
            renegotiated: false,
            udptl: false,
        };
        bench.command(Command::Remote { end: A, remote });
        assert_eq!(bench.events.recv_timeout(LONG), Ok(Event::Inactive { end: A }));
    });
}

#[test]
fn every_command_of_every_thread_is_done() {
    each(|bench| {
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let sender = bench.worker.sender();
                std::thread::spawn(move || {
                    for n in 0..2000 {
                        sender.send(Command::Close { end: EndId(thread * 10_000 + n) }).expect("room");
                        if n % 7 == 0 {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..8000 {
            bench.events.recv_timeout(LONG).expect("an answer to each");
        }
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

#[test]
fn a_stopped_worker_says_so() {
    each(|bench| {
        let sender = bench.worker.sender();
        bench.worker.stop();
        assert!(sender.send(Command::Close { end: A }).is_err());
    });
}

#[test]
fn a_flood_starves_neither_commands_nor_other_ports() {
    each(|bench| {
        let (victim, a, b) = (bench.phone(EndId(3), V4), bench.phone(A, V4), bench.phone(B, V4));
        bench.command(Command::Join { a: A, b: B });
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let stranger = UdpSocket::bind((V4, 0)).expect("a port");
                while !over.load(Ordering::Relaxed) {
                    let _ = stranger.send_to(&packet(1), victim.end);
                }
            });
            let mut buffer = [0; 2048];
            a.socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
            let crossed = (0..100).any(|n| {
                b.send(&packet(n));
                a.socket.recv_from(&mut buffer).is_ok()
            });
            let answered = (10..60).all(|end| bench.close(EndId(end)) == Counters::default());
            over.store(true, Ordering::Relaxed);
            assert!(crossed && answered);
        });
        bench.close(EndId(3));
    });
}

#[test]
fn what_the_kernel_drops_is_counted() {
    for io in [MediaIo::Epoll, MediaIo::Uring] {
        let (told, events) = mpsc::channel();
        let (go_on, pause) = mpsc::channel::<()>();
        let config = MediaConfig { io, ..MediaConfig::default() };
        let started = MediaWorker::start(config, Clock::start(), move |event| {
            let _ = told.send(event);
            // While it waits here it does not read: no worker of ours does that.
            if matches!(event, Event::FirstPacket { .. }) {
                let _ = pause.recv();
            }
        });
        let worker = match started {
            Ok(worker) => worker,
            Err(error) => {
                eprintln!("skipped with {io:?}: {error}");
                continue;
            }
        };
        let bench = Bench { worker, events };
        let phone = bench.phone(A, V4);
        bench.command(Command::Serve { end: A, source: Source::Silence });
        let mut sent = 0;
        while !matches!(bench.events.try_recv(), Ok(Event::FirstPacket { .. })) {
            sent += u64::from(phone.socket.send_to(&packet(1), phone.end).is_ok());
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..5000 {
            sent += u64::from(phone.socket.send_to(&packet(1), phone.end).is_ok());
        }
        go_on.send(()).expect("it waits");
        let counters = bench.close(A);
        let dropped = bench.worker.figures().kernel_drops.get();
        let passed = counters.packets_in + counters.invalid_dropped + counters.foreign_dropped;
        assert!(dropped > 0 && passed + dropped <= sent, "{passed} passed and {dropped} dropped of {sent}");
    }
}

#[test]
fn the_shared_port_is_one_of_the_worker_and_strangers_are_counted_there() {
    for io in [MediaIo::Epoll, MediaIo::Uring] {
        let config = MediaConfig { io, shared: Some(SocketAddr::new(V4, 0)), ..MediaConfig::default() };
        let bench = match Bench::start(config) {
            Ok(bench) => bench,
            Err(error) => {
                eprintln!("skipped with {io:?}: {error}");
                continue;
            }
        };
        let shared = bench.worker.shared().expect("it was asked for");
        let stranger = UdpSocket::bind((V4, 0)).expect("a port");
        stranger.send_to(&packet(1), shared).expect("sent");
        let deadline = Instant::now() + LONG;
        while bench.worker.figures().strays.get() == 0 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(bench.worker.figures().strays.get(), 1);
    }
}

#[test]
fn the_portable_way_is_there_when_asked_for() {
    let bench = Bench::start(MediaConfig { io: MediaIo::Epoll, ..MediaConfig::default() }).expect("a worker");
    assert_eq!((bench.worker.io(), bench.worker.refusal()), (MediaIo::Epoll, None));
    let auto = Bench::start(MediaConfig::default()).expect("a worker");
    assert_eq!(auto.worker.io() == MediaIo::Epoll, auto.worker.refusal().is_some(), "a refusal is told");
}
