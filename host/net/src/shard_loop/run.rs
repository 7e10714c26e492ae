//! The loop of one shard's thread.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use engine::{BindingRow, Client, CounterRow, Input, Located, Outbox, Output, Setup, Shard};
use routing::config::Delta;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{RecvFlags, recvfrom};
use sip_stack::transport::{Flow, Protocol};
use timestamp::Timestamp;

use super::Office;
use super::datagrams::Departing;
use super::listen::Bindable;
use super::mail::{Mail, MailBox, Post, Reply};
use super::streams::{Lost, Reading, Streams};
use super::tls::TlsSetup;
use super::web::{WebEnd, WebSockets};
use super::workers::Workers;
use crate::clock::Clock;
use crate::dns::Names;

/// A shard and its sockets.
pub(super) struct ShardThread {
    shard: Shard,
    index: u8,
    clock: Clock,
    poll: OwnedFd,
    udp: Vec<Option<UdpSocket>>,
    tcp: Vec<Option<(TcpListener, Protocol)>>,
    streams: Streams,
    web: WebSockets,
    mailbox: MailBox,
    posts: Vec<Post>,
    workers: Workers,
    office: Arc<dyn Office>,
    names: Names,
    replies: HashMap<u64, Reply>,
    next_reply: u64,
    outbox: Outbox,
    departing: Departing,
    now: Timestamp,
    swept: Timestamp,
    stopping: bool,
}

impl ShardThread {
    pub(super) fn new(
        setup: Setup,
        clock: Clock,
        sockets: Vec<Option<Bindable>>,
        mailbox: MailBox,
        posts: Vec<Post>,
        workers: Workers,
        office: Arc<dyn Office>,
        names: Names,
    ) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, mailbox.wake.as_fd(), EventData::new_u64(BELL), EventFlags::IN)?;
        let (mut udp, mut tcp) = (Vec::new(), Vec::new());
        for (index, socket) in sockets.into_iter().enumerate() {
            let key = EventData::new_u64(index as u64);
            let (datagrams, listener) = match socket {
                Some(Bindable::Udp(socket)) => {
                    epoll::add(&poll, socket.as_fd(), key, EventFlags::IN)?;
                    (Some(socket), None)
                }
                Some(Bindable::Tcp(listener, protocol)) => {
                    epoll::add(&poll, listener.as_fd(), key, EventFlags::IN)?;
                    (None, Some((listener, protocol)))
                }
                None => (None, None),
            };
            udp.push(datagrams);
            tcp.push(listener);
        }
        let now = clock.now();
        Ok(Self {
            index: setup.index,
            shard: Shard::new(setup, now),
            clock,
            poll,
            udp,
            tcp,
            streams: Streams::new(None),
            web: WebSockets::default(),
            mailbox,
            posts,
            workers,
            office,
            names,
            replies: HashMap::new(),
            next_reply: 0,
            outbox: Outbox::default(),
            departing: Departing::default(),
            now,
            swept: now,
            stopping: false,
        })
    }

    /// TLS for the streams, before there are any.
    pub(super) fn secure(&mut self, tls: &TlsSetup) {
        self.streams = Streams::new(Some(tls));
    }

    /// Configuration, bindings and counters, before the first packet is looked at.
    pub(super) fn restore(&mut self, rows: &Arc<Delta>, bindings: &[BindingRow], counters: &[CounterRow]) {
        self.streams.learn(rows);
        self.shard.handle(Input::Config { id: 0, delta: Arc::clone(rows) }, self.now, &mut self.outbox);
        self.shard.handle(Input::Restore(bindings.to_vec()), self.now, &mut self.outbox);
        self.shard.handle(Input::Recount(counters.to_vec()), self.now, &mut self.outbox);
        self.outbox.clear();
    }

    pub(super) fn run(mut self) {
        let mut ready = Vec::with_capacity(BATCH);
        let mut buffer = vec![0; LARGEST];
        while !self.stopping {
            ready.clear();
            let patience = self.patience();
            // An interrupted wait finds nothing ready, which is harmless.
            let _ = epoll::wait(&self.poll, spare_capacity(&mut ready), Some(&patience));
            self.now = self.clock.now();
            for event in &ready {
                let (key, flags) = (event.data.u64(), event.flags);
                match key {
                    BELL => self.read_mail(),
                    key if key & STREAM != 0 => {
                        self.serve_stream((key & 0xffff_ffff) as u32, flags, &mut buffer)
                    }
                    key => self.serve_listener(key as usize, &mut buffer),
                }
            }
            self.shard.handle_timeout(self.now, &mut self.outbox);
            self.flush();
            self.close_overdue();
            self.sweep();
        }
    }

    fn patience(&self) -> Timespec {
        let until = self.shard.next_timeout().map_or(LONGEST_SLEEP, |at| at.since(self.clock.now()));
        let until =
            until.min(if self.workers.are_behind() { Duration::from_millis(1) } else { LONGEST_SLEEP });
        // epoll counts in milliseconds: rounding up keeps timers from spinning.
        let millis = i64::try_from(until.as_micros().div_ceil(1000)).unwrap_or(1000);
        Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
    }

    fn serve_listener(&mut self, index: usize, buffer: &mut [u8]) {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(Some((listener, protocol))) = self.tcp.get(index) {
            self.streams.accept(listener, *protocol, number, &self.poll, self.now);
            return;
        }
        for _ in 0..BATCH {
            let Some(Some(socket)) = self.udp.get(index) else { return };
            let Ok((len, _, remote)) = recvfrom(socket, &mut *buffer, RecvFlags::DONTWAIT) else { break };
            let Some(Ok(remote)) = remote.map(SocketAddr::try_from) else { continue };
            let flow = Flow { protocol: Protocol::Udp, listener: number, stream: 0, remote };
            let bytes = buffer.get(..len).unwrap_or_default();
            self.shard.handle(Input::Datagram { flow, bytes }, self.now, &mut self.outbox);
        }
        self.flush();
    }

    fn serve_stream(&mut self, number: u32, flags: EventFlags, buffer: &mut [u8]) {
        if flags.contains(EventFlags::OUT)
            && let Some(lost) = self.streams.flush(number, &self.poll)
        {
            self.lost(lost);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            let reading = self.streams.read(number, buffer, &self.poll, self.now);
            for (flow, client) in self.streams.secured() {
                self.secured(flow, client);
            }
            match reading {
                Reading::Bytes(flow, len) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    self.shard.handle(Input::StreamBytes { flow, bytes }, self.now, &mut self.outbox);
                }
                Reading::Closed(lost) => self.lost(lost),
                Reading::Empty => {}
            }
        }
        self.flush();
    }

    fn serve_frame(&mut self, flow: Flow, bytes: &[u8]) {
        if self.web.heard(flow.stream, self.now) {
            self.shard.handle(Input::Frame { flow, bytes }, self.now, &mut self.outbox);
        }
        if self.outbox.outputs.len() >= BATCH {
            self.flush();
        }
    }

    /// A stream of ours is gone; contacts that lived by it may be at home in any shard.
    fn lost(&mut self, Lost { flow, fault }: Lost) {
        for post in self.posts.iter().skip(1) {
            post.send(Mail::Closed(Lost { flow, fault: fault.clone() }));
        }
        self.shard.handle(Input::StreamClosed { flow, fault }, self.now, &mut self.outbox);
    }

    /// Keys are agreed on; who the client proved to be concerns every shard, its requests may belong to any.
    fn secured(&mut self, flow: Flow, client: Option<Client>) {
        if client.is_some() {
            for post in self.posts.iter().skip(1) {
                post.send(Mail::Secured(flow, client.clone()));
            }
        }
        self.shard.handle(Input::StreamSecured { flow, client }, self.now, &mut self.outbox);
    }

    fn read_mail(&mut self) {
        self.mailbox.wake.acknowledge();
        while let Ok(mail) = self.mailbox.mail.try_recv() {
            let input = match mail {
                Mail::Ask(ask, reply) => Input::Control { id: self.expect(reply), ask },
                Mail::Apply(delta, reply) => {
                    self.streams.learn(&delta);
                    Input::Config { id: self.expect(reply), delta }
                }
                Mail::Media(event) => Input::Media(event),
                Mail::Closed(Lost { flow, fault }) => Input::StreamClosed { flow, fault },
                Mail::Secured(flow, client) => Input::StreamSecured { flow, client },
                Mail::Reserve(flow, terms) => {
                    self.streams.reserve(&flow, terms);
                    continue;
                }
                Mail::Opened(socket) => {
                    self.web.take(socket, self.now);
                    continue;
                }
                Mail::Frame(flow, bytes) => {
                    self.serve_frame(flow, &bytes);
                    continue;
                }
                Mail::Lost(number) => {
                    if let Some(lost) = self.web.lost(number) {
                        self.lost(lost);
                    }
                    continue;
                }
                Mail::Located(id, targets) => Input::Located(Located { id, targets }),
                Mail::Brought(call, number, brought) => Input::Brought { call, number, brought },
                Mail::Vouched(call, vouched) => Input::Vouched { call, vouched },
                Mail::FromShard(message) => Input::FromShard(message),
                Mail::Send(flow, bytes) => {
                    self.send_stream(&flow, &bytes);
                    continue;
                }
                Mail::Stop => {
                    self.stopping = true;
                    continue;
                }
            };
            self.shard.handle(input, self.now, &mut self.outbox);
            if self.outbox.outputs.len() >= BATCH {
                self.flush();
            }
        }
        self.flush();
    }

    fn expect(&mut self, reply: Reply) -> u64 {
        self.next_reply += 1;
        self.replies.insert(self.next_reply, reply);
        self.next_reply
    }

    /// Does what the shard asked for.
    fn flush(&mut self) {
        self.workers.catch_up();
        // Sending may close a stream, and hearing of that may ask for more.
        while !self.outbox.outputs.is_empty() {
            let mut outbox = core::mem::take(&mut self.outbox);
            for output in outbox.outputs.drain(..) {
                self.perform(output, &outbox.bytes);
            }
            self.departing.send(&self.udp, &outbox.bytes);
            outbox.bytes.clear();
            if self.outbox.outputs.is_empty() {
                self.outbox = outbox;
            }
        }
        self.workers.forget_claims();
    }

    fn perform(&mut self, output: Output, bytes: &[u8]) {
        match output {
            Output::Send { flow, start, end } => match flow.protocol {
                Protocol::Udp => self.departing.push(&flow, start, end),
                Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss => {
                    self.send_stream(&flow, bytes.get(start..end).unwrap_or_default());
                }
            },
            Output::Reserve { flow, terms } => match self.posts.first() {
                Some(post) if self.index != 0 => post.send(Mail::Reserve(flow, terms)),
                _ => self.streams.reserve(&flow, terms),
            },
            Output::Locate { id, query } => {
                let post = self.mailbox.post();
                self.names.locate(query, move |targets| post.send(Mail::Located(id, targets)));
            }
            Output::Errand { call, errand } => {
                let (post, number) = (self.mailbox.post(), errand.number);
                let reply = move |brought| post.send(Mail::Brought(call, number, brought));
                self.office.errand(*errand, Box::new(reply));
            }
            Output::Vouch { call, question } => {
                let post = self.mailbox.post();
                let reply = move |vouched| post.send(Mail::Vouched(call, vouched));
                self.office.vouch(*question, Box::new(reply));
            }
            Output::Media(command) => self.workers.command(command),
            Output::Persist(persist) => self.office.persist(persist),
            Output::Announce(event) => self.office.announce(event),
            Output::Answer { id, answer } => {
                if let Some(reply) = self.replies.remove(&id) {
                    reply(answer);
                }
            }
            Output::ToShard { shard, message } => {
                if let Some(post) = self.posts.get(usize::from(shard)) {
                    post.send(Mail::FromShard(message));
                }
            }
            Output::Disconnect { flow } => {
                self.disconnect(&flow);
            }
        }
    }

    fn disconnect(&mut self, flow: &Flow) {
        if self.index != 0 {
            return;
        }
        let lost = match flow.protocol.is_web() {
            true => self.web.close(flow.stream, WebEnd::Refused),
            false => self.streams.close(flow.stream, None),
        };
        if let Some(lost) = lost {
            self.lost(lost);
        }
    }

    fn send_stream(&mut self, flow: &Flow, message: &[u8]) {
        if self.index != 0 {
            if let Some(post) = self.posts.first() {
                post.send(Mail::Send(*flow, message.into()));
            }
            return;
        }
        let sent = match flow.protocol.is_web() {
            true => self.web.send(flow, message),
            false => self.streams.send(flow, message, &self.poll, self.now),
        };
        if let Err(lost) = sent {
            self.lost(lost);
        }
    }

    fn close_overdue(&mut self) {
        let overdue = self.streams.overdue(self.now);
        if overdue.is_empty() {
            return;
        }
        for lost in overdue {
            self.lost(lost);
        }
        self.flush();
    }

    fn sweep(&mut self) {
        if self.now.since(self.swept) < SWEEP {
            return;
        }
        self.swept = self.now;
        let mut gone = self.streams.sweep(&self.poll, self.now);
        gone.extend(self.web.sweep(self.now));
        let patience = Timestamp::from_micros(self.now.as_micros().saturating_sub(SLOW_MESSAGE_US));
        for flow in self.shard.stale_streams(patience) {
            gone.extend(self.streams.close(flow.stream, None));
        }
        for lost in gone {
            self.lost(lost);
        }
        self.flush();
    }
}

/// Key of the bell in the poll.
const BELL: u64 = u64::MAX;
/// Bit that marks a stream's key.
pub(super) const STREAM: u64 = 1 << 32;
/// Events and datagrams taken at a time.
const BATCH: usize = 64;
/// Largest datagram.
const LARGEST: usize = 65_536;
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long a message may take to arrive on a stream.
const SLOW_MESSAGE_US: u64 = 30_000_000;
const SWEEP: Duration = Duration::from_secs(5);
