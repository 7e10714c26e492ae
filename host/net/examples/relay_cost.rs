//! What relaying costs: streams of fifty packets a second through a real worker on loopback.
//!
//! ```text
//! cargo run --release -p net --example relay_cost [STREAMS [SECONDS [epoll|uring [TICK_MS]]]]
//! ```
//!
//! Prints the CPU time of the worker's thread per packet relayed, and the latency from before the send to after
//! the receive, beside the same with nothing in between. On loopback the receive path of a packet is charged to
//! whoever sends it, so the worker pays for the delivery of what it sends and for nothing of what it gets.

// A program for the terminal: it prints.
#![allow(clippy::print_stdout)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use media::{Command, EndId, Remote};
use net::clock::Clock;
use net::media_loop::{MediaConfig, MediaIo, MediaWorker};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FIRST_PORT: u16 = 40_000;
const THREAD: &str = "media-bench";

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse::<u16>().ok());
    let streams = number(0).unwrap_or(500).min(5000);
    let seconds = number(1).unwrap_or(5);
    let io = match arguments.get(2).map(String::as_str) {
        Some("epoll") => MediaIo::Epoll,
        Some("uring") => MediaIo::Uring,
        _ => MediaIo::Auto,
    };
    let tick = Duration::from_millis(u64::from(number(3).unwrap_or(0)));
    let descriptors = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: descriptors, maximum: descriptors });

    let source = UdpSocket::bind((LOCAL, 0))?;
    let sink = UdpSocket::bind((LOCAL, 0))?;
    let config = MediaConfig { name: THREAD.to_owned(), io, tick, ..MediaConfig::default() };
    let worker = MediaWorker::start(config, Clock::start(), |_| ())?;
    for stream in 0..streams {
        open(&worker, stream, source.local_addr()?, sink.local_addr()?);
    }
    thread::sleep(Duration::from_secs(1));

    let direct = Run::of(&source, &sink, &[sink.local_addr()?], streams, seconds)?;
    let before = cpu_time()?;
    let ends: Vec<_> = (0..streams).map(|stream| SocketAddr::new(LOCAL, FIRST_PORT + 4 * stream)).collect();
    let relayed = Run::of(&source, &sink, &ends, streams, seconds)?;
    let cpu = cpu_time()? - before;
    let per_packet = cpu.as_secs_f64() * 1e6 / relayed.received() as f64;
    println!(
        "{streams} streams, {seconds} s, {:?}, tick {tick:?}: {} of {} packets",
        worker.io(),
        relayed.received(),
        relayed.sent
    );
    println!("worker CPU {per_packet:.2} µs per packet");
    println!("latency p50 {} µs, p99 {} µs", relayed.latency(50), relayed.latency(99));
    println!("direct  p50 {} µs, p99 {} µs", direct.latency(50), direct.latency(99));
    worker.stop();
    Ok(())
}

/// Opens a call whose caller is `source` and whose callee is `sink`.
fn open(worker: &MediaWorker, stream: u16, source: SocketAddr, sink: SocketAddr) {
    let sender = worker.sender();
    let ends = [0, 1].map(|side| EndId(2 * u64::from(stream) + side));
    for (end, peer) in ends.into_iter().zip([source, sink]) {
        let port = FIRST_PORT + 2 * end.0 as u16;
        let inactivity = Some(Duration::from_secs(60));
        let remote = Remote { rtp: Some(peer), ..Remote::of(LOCAL) };
        sender.send(Command::Open { end, bind: LOCAL, port, inactivity }).expect("room in the queue");
        sender.send(Command::Remote { end, remote }).expect("room in the queue");
    }
    let [a, b] = ends;
    sender.send(Command::Join { a, b }).expect("room in the queue");
}

/// What a run of the generator saw.
struct Run {
    sent: usize,
    /// Microseconds, sorted.
    latencies: Vec<u32>,
}

impl Run {
    /// Sends fifty packets a second for each of `streams`, evenly spread, to `targets` in turn.
    fn of(
        source: &UdpSocket,
        sink: &UdpSocket,
        targets: &[SocketAddr],
        streams: u16,
        seconds: u16,
    ) -> std::io::Result<Self> {
        sink.set_read_timeout(Some(Duration::from_millis(100)))?;
        let started = Instant::now();
        let done = Arc::new(AtomicBool::new(false));
        let (listener, finished) = (sink.try_clone()?, done.clone());
        let receiver = thread::spawn(move || receive(&listener, started, &finished));
        let total = usize::from(streams) * 50 * usize::from(seconds);
        let gap = Duration::from_secs(u64::from(seconds)) / total as u32;
        for n in 0..total {
            let due = started + gap * n as u32;
            if let Some(wait) =
                due.checked_duration_since(Instant::now()).filter(|wait| wait.as_micros() > 60)
            {
                thread::sleep(wait);
            }
            let turn = n / usize::from(streams);
            let mut packet = Vec::with_capacity(172);
            rtp::write_header(false, 8, turn as u16, turn as u32 * 160, 7, &mut packet);
            packet.extend((started.elapsed().as_micros() as u64).to_be_bytes());
            packet.resize(172, 0xd5);
            source.send_to(&packet, targets[n % targets.len()])?;
        }
        thread::sleep(Duration::from_millis(300));
        done.store(true, Ordering::Release);
        let mut latencies = receiver.join().map_err(|_| std::io::Error::other("the receiver panicked"))?;
        latencies.sort_unstable();
        Ok(Self { sent: total, latencies })
    }

    fn received(&self) -> usize {
        self.latencies.len()
    }

    fn latency(&self, percent: usize) -> u32 {
        self.latencies.get(self.latencies.len() * percent / 100).copied().unwrap_or_default()
    }
}

fn receive(sink: &UdpSocket, started: Instant, done: &AtomicBool) -> Vec<u32> {
    let (mut latencies, mut buffer) = (Vec::new(), [0; 2048]);
    while !done.load(Ordering::Acquire) {
        if sink.recv(&mut buffer).is_ok()
            && let Some(stamp) = buffer[12..].first_chunk()
        {
            let sent = u64::from_be_bytes(*stamp);
            latencies.push((started.elapsed().as_micros() as u64).saturating_sub(sent) as u32);
        }
    }
    latencies
}

/// CPU time of the worker's thread so far.
fn cpu_time() -> std::io::Result<Duration> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == THREAD {
            let schedstat = std::fs::read_to_string(task.join("schedstat"))?;
            let nanos = schedstat.split(' ').next().and_then(|field| field.parse().ok());
            return Ok(Duration::from_nanos(nanos.unwrap_or_default()));
        }
    }
    Err(std::io::Error::other("the worker's thread is gone"))
}
