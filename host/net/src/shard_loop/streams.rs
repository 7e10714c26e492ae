//! Streams of a shard's thread: accepted and opened, read without waiting, written through bounded queues, with TLS
//! or without.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use engine::Client;
use routing::config::Delta;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use sip_stack::transport::{FaultKind, Flow, Protocol, RESERVED, StreamFault, Terms};
use socket2::{Domain, Socket, TcpKeepalive, Type};
use timestamp::Timestamp;

use super::tls::{Secure, Tls, TlsSetup, io_fault};

/// All streams.
pub(super) struct Streams {
    streams: BTreeMap<u32, Stream>,
    /// Streams that anybody's request to the address may take.
    to: HashMap<(Protocol, SocketAddr), u32>,
    next: u32,
    tls: Option<Tls>,
    /// Streams that are being opened or agree on keys, with the time by which that must be over.
    unready: VecDeque<(Timestamp, u32)>,
    half_open: HalfOpen,
    secured: Vec<(Flow, Option<Client>)>,
}

struct Stream {
    socket: TcpStream,
    flow: Flow,
    /// Bytes for the wire.
    waiting: Vec<u8>,
    secure: Option<Box<Secure>>,
    /// It counts among those of others that agree on keys.
    half_open: bool,
    /// The poll tells when it can be written to.
    watched: bool,
    connecting: bool,
    /// We opened it.
    ours: bool,
    /// Bytes of a message were read; silence before that is suspicious.
    spoke: bool,
    /// When it was opened.
    since: Timestamp,
    /// When something was read.
    last: Timestamp,
    /// When something was sent.
    sent: Timestamp,
}

/// What became of reading a stream.
pub(super) enum Reading {
    /// So many bytes are in the buffer.
    Bytes(Flow, usize),
    /// Nothing more for now.
    Empty,
    /// It is closed.
    Closed(Lost),
}

/// A stream that is gone.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    /// Which.
    pub(super) flow: Flow,
    /// What went wrong, if anything did.
    pub(super) fault: Option<StreamFault>,
}

impl Streams {
    pub(super) fn new(tls: Option<&TlsSetup>) -> Self {
        Self {
            streams: BTreeMap::new(),
            to: HashMap::new(),
            next: 1,
            tls: tls.map(Tls::new),
            unready: VecDeque::new(),
            half_open: HalfOpen::default(),
            secured: Vec::new(),
        }
    }

    /// What a change of configuration says of certificates.
    pub(super) fn learn(&mut self, delta: &Delta) {
        if let Some(tls) = &mut self.tls {
            tls.learn(delta);
        }
    }

    /// On what terms the stream of this number is opened.
    pub(super) fn reserve(&mut self, flow: &Flow, terms: Terms) {
        if let Some(tls) = &mut self.tls {
            tls.reserve(flow, terms);
        }
    }

    /// Takes whoever knocks, up to the bounds; beyond them they are let go at once.
    pub(super) fn accept(
        &mut self,
        listener: &TcpListener,
        protocol: Protocol,
        index: u16,
        poll: &OwnedFd,
        now: Timestamp,
    ) {
        for _ in 0..BATCH {
            let Ok((socket, remote)) = listener.accept() else { return };
            if self.streams.len() >= MOST_STREAMS || socket.set_nonblocking(true).is_err() {
                continue;
            }
            let secure = match (&self.tls, protocol) {
                (Some(tls), Protocol::Tls) => {
                    if !self.half_open.has_room(remote.ip()) {
                        continue;
                    }
                    let Ok(secure) = tls.accept() else { continue };
                    self.half_open.enter(remote.ip());
                    Some(Box::new(secure))
                }
                _ => None,
            };
            let _ = socket.set_nodelay(true);
            let flow = Flow { protocol, listener: index, stream: self.number(), remote };
            // Joining the poll fails only without memory; the stream is let go then.
            self.keep(Stream::new(socket, flow, secure, false, now), poll, now);
        }
    }

    /// Sends over a stream, opening one if the flow's is not open. `Err` tells that the flow is gone.
    pub(super) fn send(
        &mut self,
        flow: &Flow,
        bytes: &[u8],
        poll: &OwnedFd,
        now: Timestamp,
    ) -> Result<(), Lost> {
        let gone = || Lost { flow: *flow, fault: None };
        let known = self.streams.contains_key(&flow.stream);
        let shared = self.to.get(&(flow.protocol, flow.remote));
        let number = match (flow.stream, shared) {
            (number, _) if known => number,
            (0, None) | (RESERVED.., _) => {
                self.open(flow, poll, now).map_err(|fault| Lost { flow: *flow, fault: Some(fault) })?
            }
            // The stream of a binding or a dialog is gone: another one to the same address may do.
            (_, Some(&number)) => number,
            (_, None) => return Err(gone()),
        };
        let Some(stream) = self.streams.get_mut(&number) else { return Err(gone()) };
        stream.sent = now;
        if !stream.put(bytes) {
            return Err(self.close(number, None).unwrap_or_else(gone));
        }
        stream.watch(poll);
        Ok(())
    }

    /// A stream can take more.
    pub(super) fn flush(&mut self, number: u32, poll: &OwnedFd) -> Option<Lost> {
        let stream = self.streams.get_mut(&number)?;
        if stream.connecting {
            let error = stream.socket.take_error().ok().flatten();
            let error = error.or_else(|| stream.socket.peer_addr().err());
            if let Some(error) = error {
                let fault = io_fault(&error, &stream.flow.remote.to_string());
                return self.close(number, Some(fault));
            }
            stream.connecting = false;
        }
        stream.push();
        stream.watch(poll);
        None
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, number: u32, buffer: &mut [u8], poll: &OwnedFd, now: Timestamp) -> Reading {
        let Some(stream) = self.streams.get_mut(&number) else { return Reading::Empty };
        let outcome = match &mut stream.secure {
            None => match stream.socket.read(buffer) {
                Ok(0) => Err(None),
                Ok(len) => Ok(len),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
                Err(error) => {
                    Err(stream.connecting.then(|| io_fault(&error, &stream.flow.remote.to_string())))
                }
            },
            Some(secure) => match secure.take(&mut stream.socket, &mut stream.waiting) {
                // A reset of a stream that was up is an end like any other.
                Err(fault) if secure.is_ready() && !fault.kind.is_tls() => Err(None),
                Err(fault) => Err(Some(fault)),
                Ok(more) => {
                    if secure.became_ready() {
                        let client = self.tls.as_ref().and_then(|tls| tls.other_end(secure));
                        self.secured.push((stream.flow, client));
                        self.half_open.leave(stream);
                    }
                    let secure = stream.secure.as_mut();
                    match secure.and_then(|secure| secure.read(buffer)) {
                        Some(0) if !more => Err(None),
                        Some(len) => Ok(len),
                        None => Err(None),
                    }
                }
            },
        };
        match outcome {
            Ok(len) => {
                if stream.secure.is_some() {
                    stream.push();
                    stream.watch(poll);
                }
                if len == 0 {
                    return Reading::Empty;
                }
                stream.last = now;
                stream.spoke = true;
                Reading::Bytes(stream.flow, len)
            }
            Err(fault) => {
                if let (Some(fault), Some(tls), false) = (&fault, &mut self.tls, stream.ours) {
                    tls.note(stream.flow.remote.ip(), fault, now);
                }
                self.close(number, fault).map_or(Reading::Empty, Reading::Closed)
            }
        }
    }

    /// Streams that agreed on keys since this was asked last, with who their clients proved to be.
    pub(super) fn secured(&mut self) -> Vec<(Flow, Option<Client>)> {
        core::mem::take(&mut self.secured)
    }

    /// Lets a stream go.
    pub(super) fn close(&mut self, number: u32, fault: Option<StreamFault>) -> Option<Lost> {
        let mut stream = self.streams.remove(&number)?;
        self.half_open.leave(&mut stream);
        if let Some(secure) = &mut stream.secure {
            secure.close(&mut stream.waiting);
            stream.push();
        }
        let flow = stream.flow;
        let key = (flow.protocol, flow.remote);
        if self.to.get(&key) == Some(&number) {
            self.to.remove(&key);
        }
        Some(Lost { flow, fault })
    }

    /// Lets go of streams that took too long to be opened or to agree on keys.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Vec<Lost> {
        let mut gone = Vec::new();
        while self.unready.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, number)) = self.unready.pop_front() else { break };
            let Some(stream) = self.streams.get(&number) else { continue };
            if stream.is_ready() || now.since(stream.since) < OPENING {
                continue;
            }
            let what = if stream.connecting { "does not answer" } else { "does not agree on TLS in time" };
            let text = format!("{} {what}", stream.flow.remote).into();
            let fault = StreamFault { kind: FaultKind::TimedOut, text };
            gone.extend(self.close(number, Some(fault)));
        }
        gone
    }

    /// Lets go of streams that never said anything, and of those that fell silent for long; keeps those that we
    /// opened alive in the tables of NATs (RFC 5626 §3.5.1).
    pub(super) fn sweep(&mut self, poll: &OwnedFd, now: Timestamp) -> Vec<Lost> {
        let idle = |stream: &Stream| {
            let patience = if stream.spoke { SILENCE } else { FIRST_WORD };
            now.since(stream.last) > patience
        };
        let idle: Vec<u32> = self.streams.iter().filter(|(_, s)| idle(s)).map(|(n, _)| *n).collect();
        let mut gone = Vec::new();
        for number in idle {
            gone.extend(self.close(number, None));
        }
        let quiet = |stream: &Stream| {
            stream.ours && stream.is_ready() && now.since(stream.sent.max(stream.last)) >= PING_AFTER
        };
        let quiet: Vec<Flow> = self.streams.values().filter(|s| quiet(s)).map(|s| s.flow).collect();
        for flow in quiet {
            gone.extend(self.send(&flow, b"\r\n\r\n", poll, now).err());
        }
        gone
    }

    fn open(&mut self, flow: &Flow, poll: &OwnedFd, now: Timestamp) -> Result<u32, StreamFault> {
        let secure = match (&self.tls, flow.protocol) {
            (Some(tls), Protocol::Tls) => Some(Box::new(tls.connect(flow)?)),
            (None, Protocol::Tls) => {
                return Err(StreamFault { kind: FaultKind::TlsProtocol, text: "TLS is not set up".into() });
            }
            _ => None,
        };
        let socket = connect(flow.remote).map_err(|error| io_fault(&error, &flow.remote.to_string()))?;
        let stream = if flow.stream >= RESERVED { flow.stream } else { self.number() };
        let flow = Flow { stream, ..*flow };
        self.keep(Stream::new(socket, flow, secure, true, now), poll, now);
        Ok(stream)
    }

    fn keep(&mut self, mut stream: Stream, poll: &OwnedFd, now: Timestamp) {
        let flow = stream.flow;
        let flags = if stream.connecting { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        if epoll::add(poll, stream.socket.as_fd(), data(flow.stream), flags).is_err() {
            self.half_open.leave(&mut stream);
            return;
        }
        if !stream.is_ready() {
            self.unready.push_back((now + OPENING, flow.stream));
        }
        // Streams on terms are for those only who asked for these terms.
        if flow.stream < RESERVED {
            self.to.insert((flow.protocol, flow.remote), flow.stream);
        }
        self.streams.insert(flow.stream, stream);
    }

    fn number(&mut self) -> u32 {
        loop {
            self.next = if self.next + 1 < RESERVED { self.next + 1 } else { 1 };
            if !self.streams.contains_key(&self.next) {
                return self.next;
            }
        }
    }
}

impl Stream {
    fn new(socket: TcpStream, flow: Flow, secure: Option<Box<Secure>>, ours: bool, now: Timestamp) -> Self {
        Self {
            socket,
            flow,
            waiting: Vec::new(),
            half_open: secure.is_some() && !ours,
            secure,
            watched: ours,
            connecting: ours,
            ours,
            spoke: ours,
            since: now,
            last: now,
            sent: now,
        }
    }

    /// Whether messages can be exchanged.
    fn is_ready(&self) -> bool {
        !self.connecting && self.secure.as_ref().is_none_or(|secure| secure.is_ready())
    }

    /// Sends, or keeps for later; `false` when too much waits.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let taken = match &mut self.secure {
            Some(secure) => secure.seal(bytes, &mut self.waiting),
            None => {
                let at_once = !self.connecting && self.waiting.is_empty();
                let written = if at_once { write(&mut self.socket, bytes) } else { 0 };
                self.waiting.extend_from_slice(bytes.get(written..).unwrap_or_default());
                true
            }
        };
        self.push();
        taken && self.waiting.len() <= MOST_WAITING
    }

    /// Asks the poll for what is needed: to read always, to write while something waits.
    fn watch(&mut self, poll: &OwnedFd) {
        let writing = self.connecting || !self.waiting.is_empty();
        if self.watched != writing {
            self.watched = writing;
            let flags = if writing { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            let _ = epoll::modify(poll, self.socket.as_fd(), data(self.flow.stream), flags);
        }
    }

    /// Writes as much of what waits as the socket takes.
    fn push(&mut self) {
        if self.connecting || self.waiting.is_empty() {
            return;
        }
        let written = write(&mut self.socket, &self.waiting);
        self.waiting.drain(..written);
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = Vec::new();
        }
    }
}

/// Streams of others that agree on keys.
#[derive(Default)]
struct HalfOpen {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
}

impl HalfOpen {
    fn has_room(&self, source: IpAddr) -> bool {
        let of_source = self.by_source.get(&source).copied().unwrap_or_default();
        self.all < MOST_HALF_OPEN && of_source < MOST_OF_SOURCE
    }

    fn enter(&mut self, source: IpAddr) {
        self.all += 1;
        *self.by_source.entry(source).or_default() += 1;
    }

    /// A stream is ready, or gone.
    fn leave(&mut self, stream: &mut Stream) {
        if !core::mem::take(&mut stream.half_open) {
            return;
        }
        self.all -= 1;
        let source = stream.flow.remote.ip();
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

fn connect(remote: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY))?;
    match socket.connect(&remote.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        Ok(()) | Err(_) => Ok(socket.into()),
    }
}

fn data(number: u32) -> EventData {
    EventData::new_u64(super::run::STREAM | u64::from(number))
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(0) | Err(_) => break,
            Ok(len) => written += len,
        }
    }
    written
}

/// Streams at once; a descriptor each.
const MOST_STREAMS: usize = 50_000;
/// Bytes that may wait for a slow reader.
pub(super) const MOST_WAITING: usize = 1 << 20;
/// Room that an empty queue keeps.
const KEPT: usize = 4096;
/// Connections taken before other work is looked at again.
const BATCH: usize = 64;
/// How long opening a stream may take, agreement on keys included.
const OPENING: Duration = Duration::from_secs(10);
/// Streams of others that agree on keys at once; beyond it nobody is taken who wants TLS.
const MOST_HALF_OPEN: usize = 4000;
/// The same for one source.
const MOST_OF_SOURCE: usize = 500;
/// How long a new stream may say nothing.
pub(super) const FIRST_WORD: Duration = Duration::from_secs(30);
/// How long any stream may say nothing: longer than the longest registration.
pub(super) const SILENCE: Duration = Duration::from_secs(4000);
/// Quiet time after which a stream of ours is pinged: below the two minutes of RFC 5626 §4.4.1.
const PING_AFTER: Duration = Duration::from_secs(95);
/// Quiet time after which TCP asks whether the other end is there.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
