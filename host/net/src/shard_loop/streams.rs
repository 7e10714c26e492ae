//! Streams of a shard's thread: accepted and opened, read without waiting, written through bounded queues.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use sip_stack::transport::{Flow, Protocol};
use socket2::{Domain, Socket, Type};
use timestamp::Timestamp;

/// All streams.
pub(super) struct Streams {
    streams: BTreeMap<u32, Stream>,
    to: HashMap<SocketAddr, u32>,
    next: u32,
}

struct Stream {
    socket: TcpStream,
    flow: Flow,
    waiting: Vec<u8>,
    connecting: bool,
    /// Bytes of a message were read; silence before that is suspicious.
    spoke: bool,
    last: Timestamp,
}

/// What became of reading a stream.
pub(super) enum Reading {
    /// So many bytes are in the buffer.
    Bytes(Flow, usize),
    /// Nothing more for now.
    Empty,
    /// It is closed.
    Closed(Flow),
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { streams: BTreeMap::new(), to: HashMap::new(), next: 1 }
    }

    /// Takes whoever knocks, up to the bound; beyond it they are let go at once.
    pub(super) fn accept(&mut self, listener: &TcpListener, index: u16, poll: &OwnedFd, now: Timestamp) {
        for _ in 0..BATCH {
            let Ok((socket, remote)) = listener.accept() else { return };
            if self.streams.len() >= MOST_STREAMS || socket.set_nonblocking(true).is_err() {
                continue;
            }
            let _ = socket.set_nodelay(true);
            let flow = Flow { protocol: Protocol::Tcp, listener: index, stream: self.number(), remote };
            // Joining the poll fails only without memory; the stream is let go then.
            let _ = self.keep(socket, flow, false, poll, now);
        }
    }

    /// Sends over a stream, opening one if the flow names none. `Err` tells that the flow is gone.
    pub(super) fn send(
        &mut self,
        flow: &Flow,
        bytes: &[u8],
        poll: &OwnedFd,
        now: Timestamp,
    ) -> Result<(), Flow> {
        let number = match flow.stream {
            0 => match self.to.get(&flow.remote) {
                Some(&number) => number,
                None => self.open(flow, poll, now).map_err(|_| *flow)?,
            },
            number if self.streams.contains_key(&number) => number,
            // The stream of a binding or a dialog is gone: another one to the same address may do.
            _ => *self.to.get(&flow.remote).ok_or(*flow)?,
        };
        let Some(stream) = self.streams.get_mut(&number) else { return Err(*flow) };
        let written = if stream.connecting || !stream.waiting.is_empty() {
            0
        } else {
            write(&mut stream.socket, bytes)
        };
        let rest = bytes.get(written..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        if stream.waiting.len() + rest.len() > MOST_WAITING {
            return Err(self.close(number).unwrap_or(*flow));
        }
        stream.waiting.extend_from_slice(rest);
        watch(poll, stream, number, true);
        Ok(())
    }

    /// A stream can take more.
    pub(super) fn flush(&mut self, number: u32, poll: &OwnedFd) -> Option<Flow> {
        let stream = self.streams.get_mut(&number)?;
        if stream.connecting {
            if stream.socket.take_error().ok().flatten().is_some() || stream.socket.peer_addr().is_err() {
                return self.close(number);
            }
            stream.connecting = false;
        }
        let waiting = core::mem::take(&mut stream.waiting);
        let written = write(&mut stream.socket, &waiting);
        stream.waiting.extend_from_slice(waiting.get(written..).unwrap_or_default());
        if stream.waiting.is_empty() {
            watch(poll, stream, number, false);
        }
        None
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, number: u32, buffer: &mut [u8], now: Timestamp) -> Reading {
        let Some(stream) = self.streams.get_mut(&number) else { return Reading::Empty };
        match stream.socket.read(buffer) {
            Ok(0) => self.close(number).map_or(Reading::Empty, Reading::Closed),
            Ok(len) => {
                stream.last = now;
                stream.spoke = true;
                Reading::Bytes(stream.flow, len)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Reading::Empty
            }
            Err(_) => self.close(number).map_or(Reading::Empty, Reading::Closed),
        }
    }

    /// Lets a stream go.
    pub(super) fn close(&mut self, number: u32) -> Option<Flow> {
        let stream = self.streams.remove(&number)?;
        if self.to.get(&stream.flow.remote) == Some(&number) {
            self.to.remove(&stream.flow.remote);
        }
        Some(stream.flow)
    }

    /// Lets go of streams that never said anything, and of those that fell silent for long.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<Flow> {
        let idle = |stream: &Stream| {
            let patience = if stream.spoke { SILENCE } else { FIRST_WORD };
            now.since(stream.last) > patience
        };
        let idle: Vec<u32> = self.streams.iter().filter(|(_, s)| idle(s)).map(|(n, _)| *n).collect();
        let mut gone = Vec::new();
        for number in idle {
            gone.extend(self.close(number));
        }
        gone
    }

    fn open(&mut self, flow: &Flow, poll: &OwnedFd, now: Timestamp) -> io::Result<u32> {
        let socket = Socket::new(Domain::for_address(flow.remote), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&flow.remote.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let flow = Flow { stream: self.number(), ..*flow };
        self.keep(socket.into(), flow, true, poll, now)?;
        Ok(flow.stream)
    }

    fn keep(
        &mut self,
        socket: TcpStream,
        flow: Flow,
        connecting: bool,
        poll: &OwnedFd,
        now: Timestamp,
    ) -> io::Result<()> {
        let flags = if connecting { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        epoll::add(poll, socket.as_fd(), data(flow.stream), flags)?;
        self.to.insert(flow.remote, flow.stream);
        let stream = Stream { socket, flow, waiting: Vec::new(), connecting, spoke: connecting, last: now };
        self.streams.insert(flow.stream, stream);
        Ok(())
    }

    fn number(&mut self) -> u32 {
        loop {
            self.next = self.next.wrapping_add(1).max(1);
            if !self.streams.contains_key(&self.next) {
                return self.next;
            }
        }
    }
}

fn data(number: u32) -> EventData {
    EventData::new_u64(super::run::STREAM | u64::from(number))
}

fn watch(poll: &OwnedFd, stream: &Stream, number: u32, writing: bool) {
    let flags = if writing { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
    let _ = epoll::modify(poll, stream.socket.as_fd(), data(number), flags);
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
const MOST_WAITING: usize = 1 << 20;
/// Connections taken before other work is looked at again.
const BATCH: usize = 64;
/// How long a new stream may say nothing.
const FIRST_WORD: Duration = Duration::from_secs(30);
/// How long any stream may say nothing: longer than the longest registration.
const SILENCE: Duration = Duration::from_secs(4000);
