//! The test call with its sockets: one thread that speaks, one that listens, timeouts everywhere.
//!
//! Retransmission as RFC 3261 §17.1.1.2 (timers A and B) and §17.1.2.2 (E and F) over UDP.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rtp::g711::Law;
use sip_msg::Uri;
use sip_stack::transport::{Protocol, Target as Peer};

use super::agent::{Agent, Heard, Identity};
use super::audio::{Ear, FRAME, Mouth};
use super::{AudioReport, Plan, Report};
use crate::probe::{Flow, ProbeFault, Target, io, masked};

/// Places the call and waits for its end.
pub fn place(plan: &Plan) -> Result<Report, ProbeFault> {
    let peer = peer_of(plan)?;
    let mut call = Call::open(plan, peer)?;
    let answer = call.set_up(plan.ring_s)?;
    let mut report = Report {
        target: plan.target.clone(),
        peer: format!("{}:{}", peer.protocol.name(), peer.address),
        sip_code: 0,
        sip_reason: String::new(),
        reasons: Vec::new(),
        challenged: call.agent.challenged,
        first_answer_ms: call.first_answer_ms,
        ringing_ms: call.ringing_ms,
        answered_ms: answer.is_some().then(|| call.elapsed_ms()),
        ended_by: "nobody",
        audio: None,
        ok: false,
        sent: String::new(),
        received: String::new(),
    };
    if let Some(answer) = answer {
        let ended_by_peer;
        (report.audio, ended_by_peer) = call.talk(&answer, plan.seconds)?;
        report.ended_by = if ended_by_peer { "peer" } else { "us" };
        if !ended_by_peer {
            call.hang_up()?;
        }
    }
    report.sent = masked(&call.sent);
    report.received = masked(&call.received);
    let (code, reason) = call.agent.last.clone();
    report.sip_code = code;
    report.sip_reason = if code == 0 { "no answer".to_owned() } else { reason };
    report.reasons = std::mem::take(&mut call.agent.reasons);
    let audio_is_fine = report.audio.as_ref().is_some_and(|audio| audio.both_ways != Some(false));
    report.ok = report.answered_ms.is_some() && audio_is_fine;
    Ok(report)
}

struct Call {
    agent: Agent,
    flow: Flow,
    rtp: UdpSocket,
    began: Instant,
    first_answer_ms: Option<u64>,
    ringing_ms: Option<u64>,
    /// The last INVITE and the last message that came for it.
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// How the wait for the callee ended.
enum Wait {
    Answered(Vec<u8>),
    Refused,
    Challenged,
    TimedOut,
}

impl Call {
    fn open(plan: &Plan, peer: Peer) -> Result<Self, ProbeFault> {
        let until = Instant::now() + TIMER_B;
        let mut flow = Flow::open(peer.protocol, peer.address, until)?;
        match &plan.tls {
            _ if peer.protocol != Protocol::Tls => {}
            Some(tls) => drop(flow.secure(tls, until)?),
            None => return Err(ProbeFault::Transport { transport: peer.protocol.name().to_owned() }),
        }
        let rtp = UdpSocket::bind((flow.local.ip(), 0)).map_err(io("opening a media socket"))?;
        let media = rtp.local_addr().map_err(io("reading our media address"))?;
        let seed = getrandom::u64().map_err(|fault| ProbeFault::Io {
            what: "drawing random numbers",
            source: std::io::Error::other(fault.to_string()),
        })?;
        let identity = Identity {
            target: plan.target.clone(),
            from: plan.from.clone().unwrap_or_else(|| default_from(plan)),
            user: plan.user.clone(),
            password: plan.password.clone(),
            protocol: flow.protocol,
            local: flow.local,
            seed,
        };
        let agent = Agent::new(identity, offer(media, seed >> 32));
        let (began, first_answer_ms, ringing_ms) = (Instant::now(), None, None);
        let (sent, received) = (Vec::new(), Vec::new());
        Ok(Self { agent, flow, rtp, began, first_answer_ms, ringing_ms, sent, received })
    }

    /// INVITE until somebody answers or nobody does; the SDP answer if the call is up.
    fn set_up(&mut self, ring_s: u32) -> Result<Option<Vec<u8>>, ProbeFault> {
        loop {
            let invite = self.agent.invite();
            match self.await_answer(&invite, Duration::from_secs(u64::from(ring_s)))? {
                Wait::Answered(body) => return Ok(Some(body)),
                Wait::Challenged => {}
                Wait::Refused => return Ok(None),
                Wait::TimedOut => return self.give_up(),
            }
        }
    }

    fn await_answer(&mut self, invite: &[u8], patience: Duration) -> Result<Wait, ProbeFault> {
        let start = Instant::now();
        let (mut interval, mut heard_of) = (T1, false);
        self.send(invite)?;
        self.sent = invite.to_vec();
        let lossy = self.flow.is_lossy();
        let mut resend_at = start + if lossy { interval } else { patience };
        loop {
            let now = Instant::now();
            let limit = if heard_of { patience } else { TIMER_B.min(patience) };
            if now >= start + limit {
                return Ok(Wait::TimedOut);
            }
            if lossy && !heard_of && now >= resend_at {
                self.send(invite)?;
                interval *= 2;
                resend_at = now + interval;
            }
            let wake = if heard_of { start + limit } else { resend_at.min(start + limit) };
            match self.receive(wake)? {
                Some(Heard::Provisional { code }) => {
                    heard_of = true;
                    self.note(code);
                }
                Some(Heard::Answered { body }) => {
                    self.note(200);
                    self.acknowledge()?;
                    return Ok(Wait::Answered(body));
                }
                Some(Heard::Challenged) => {
                    self.note(401);
                    self.acknowledge()?;
                    return Ok(Wait::Challenged);
                }
                Some(Heard::Refused) => {
                    self.note(300);
                    self.acknowledge()?;
                    return Ok(Wait::Refused);
                }
                Some(Heard::Foreign | Heard::Settled | Heard::Ended { .. } | Heard::Asked { .. }) | None => {}
            }
        }
    }

    /// Nobody answered in time: CANCEL, if anybody was heard of at all; an answer that crosses it is ended.
    fn give_up(&mut self) -> Result<Option<Vec<u8>>, ProbeFault> {
        if self.first_answer_ms.is_none() {
            return Ok(None);
        }
        let cancel = self.agent.cancel();
        let until = Instant::now() + Duration::from_secs(4);
        let mut resend_at = Instant::now();
        let mut interval = self.interval();
        while Instant::now() < until {
            if Instant::now() >= resend_at {
                self.send(&cancel)?;
                resend_at = Instant::now() + interval;
                interval *= 2;
            }
            match self.receive(resend_at.min(until))? {
                Some(Heard::Refused | Heard::Challenged) => {
                    self.acknowledge()?;
                    break;
                }
                Some(Heard::Answered { .. }) => {
                    self.acknowledge()?;
                    self.hang_up()?;
                    break;
                }
                Some(Heard::Settled) => resend_at = until,
                _ => {}
            }
        }
        Ok(None)
    }

    /// Sends and hears audio for some seconds; whether the peer ended it before.
    fn talk(&mut self, answer: &[u8], seconds: u32) -> Result<(Option<AudioReport>, bool), ProbeFault> {
        let Some((remote, law)) = media_of(answer) else {
            return Ok((None, false));
        };
        let (rtp, over) =
            (self.rtp.try_clone().map_err(io("sharing the media socket"))?, AtomicBool::new(false));
        let (heard, packets) = mpsc::channel();
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| listen(&rtp, start, &over, heard));
            let ended = self.speak(remote, law, seconds, start);
            over.store(true, Ordering::Relaxed);
            let (sent, ended_by_peer) = ended?;
            let mut ear = Ear::default();
            sent.into_iter().for_each(|at_ms| ear.sent(at_ms));
            packets.iter().for_each(|(packet, at_ms): (Vec<u8>, f64)| ear.hear(&packet, at_ms));
            Ok((Some(ear.report(law, remote.to_string())), ended_by_peer))
        })
    }

    /// A frame every 20 ms; when each was sent, and whether the peer ended the call.
    fn speak(
        &mut self,
        remote: SocketAddr,
        law: Law,
        seconds: u32,
        start: Instant,
    ) -> Result<(Vec<f64>, bool), ProbeFault> {
        let mut mouth = Mouth::default();
        let mut sent = Vec::new();
        let mut packet = Vec::with_capacity(PACKET);
        for frame in 0..seconds.saturating_mul(FRAMES_PER_SECOND) {
            packet.clear();
            let timestamp = frame.wrapping_mul(FRAME as u32);
            rtp::write_header(frame == 0, law.payload_type(), frame as u16, timestamp, SSRC, &mut packet);
            mouth.speak(law, &mut packet);
            sent.push(ms_since(start));
            // A port that is closed is a finding, not a fault.
            drop(self.rtp.send_to(&packet, remote));
            if self.attend()? {
                return Ok((sent, true));
            }
            // A sleep ends on time; the timeout of a socket is as coarse as the scheduler's tick.
            std::thread::sleep((start + FRAME_TIME * (frame + 1)).saturating_duration_since(Instant::now()));
        }
        // What is still under way.
        std::thread::sleep(Duration::from_millis(300));
        Ok((sent, self.attend()?))
    }

    /// Answers what the peer has said meanwhile; whether it ended the call.
    fn attend(&mut self) -> Result<bool, ProbeFault> {
        loop {
            match self.receive(Instant::now())? {
                Some(Heard::Ended { answer }) => {
                    self.send(&answer)?;
                    return Ok(true);
                }
                Some(Heard::Answered { .. }) => self.acknowledge()?,
                Some(Heard::Asked { answer }) => self.send(&answer)?,
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }

    /// BYE until it is answered.
    fn hang_up(&mut self) -> Result<(), ProbeFault> {
        let last = (self.agent.last.clone(), self.agent.reasons.clone());
        let mut bye = self.agent.bye();
        let until = Instant::now() + Duration::from_secs(4);
        let (mut interval, mut resend_at) = (self.interval(), Instant::now());
        while Instant::now() < until {
            if Instant::now() >= resend_at {
                self.send(&bye)?;
                resend_at = Instant::now() + interval;
                interval = (interval * 2).min(T2.max(interval));
            }
            match self.receive(resend_at.min(until))? {
                Some(Heard::Settled) => break,
                Some(Heard::Ended { answer }) => self.send(&answer)?,
                Some(Heard::Answered { .. }) => self.acknowledge()?,
                Some(Heard::Challenged) => {
                    bye = self.agent.bye();
                    resend_at = Instant::now();
                }
                _ => {}
            }
        }
        (self.agent.last, self.agent.reasons) = last;
        Ok(())
    }

    /// What was the first to come, what rang.
    fn note(&mut self, code: u16) {
        let now = self.elapsed_ms();
        self.first_answer_ms.get_or_insert(now);
        if (180..190).contains(&code) {
            self.ringing_ms.get_or_insert(now);
        }
    }

    /// Until a request is sent again: never on a stream.
    fn interval(&self) -> Duration {
        if self.flow.is_lossy() { T1 } else { TIMER_B }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn acknowledge(&mut self) -> Result<(), ProbeFault> {
        let ack = self.agent.ack();
        self.send(&ack)
    }

    fn send(&mut self, message: &[u8]) -> Result<(), ProbeFault> {
        self.flow.send(message)
    }

    /// The next message for this call, or none until then.
    fn receive(&mut self, until: Instant) -> Result<Option<Heard>, ProbeFault> {
        loop {
            match self.flow.receive(until) {
                Ok(None) => return Ok(None),
                Ok(Some(message)) => match self.agent.read(&message) {
                    Heard::Foreign => {}
                    heard => {
                        if matches!(heard, Heard::Answered { .. } | Heard::Refused | Heard::Challenged) {
                            self.received = message;
                        }
                        return Ok(Some(heard));
                    }
                },
                // A peer that has spoken may speak again; what an ICMP message says of its port is old.
                Err(fault) if fault.is_refused() && self.first_answer_ms.is_some() => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// Passes on audio with the time it came, until it is over.
fn listen(rtp: &UdpSocket, start: Instant, over: &AtomicBool, heard: mpsc::Sender<(Vec<u8>, f64)>) {
    let mut buffer = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        if let Ok(Some(len)) = receive(rtp, &mut buffer, Instant::now() + Duration::from_millis(50)) {
            let packet = buffer.get(..len).unwrap_or_default().to_vec();
            drop(heard.send((packet, ms_since(start))));
        }
    }
}

fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// A datagram, or none until then.
fn receive(socket: &UdpSocket, buffer: &mut [u8], until: Instant) -> std::io::Result<Option<usize>> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let wait = (!left.is_zero()).then_some(left);
        socket.set_nonblocking(wait.is_none())?;
        socket.set_read_timeout(wait)?;
        match socket.recv(buffer) {
            Ok(len) => return Ok(Some(len)),
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if Instant::now() >= until {
                    return Ok(None);
                }
            }
            Err(fault) if matches!(fault.kind(), ErrorKind::Interrupted) => {}
            // The peer's host says that nobody listens; wait all the same, it may start to.
            Err(fault) if fault.kind() == ErrorKind::ConnectionRefused => {
                if Instant::now() >= until {
                    return Ok(None);
                }
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Where the plan says, else where the target's name leads, IPv4 first.
fn peer_of(plan: &Plan) -> Result<Peer, ProbeFault> {
    if let Some(peer) = plan.peer {
        return Ok(peer);
    }
    let target = Target::parse(&plan.target)?;
    let address = target.resolve()?;
    let address = address.first().copied().ok_or_else(|| ProbeFault::Uri { uri: plan.target.clone() })?;
    Ok(Peer { protocol: target.protocol, address })
}

/// `sip:USER@HOST-OF-THE-TARGET`.
fn default_from(plan: &Plan) -> String {
    let host = Uri::parse(plan.target.as_bytes()).map(|uri| String::from_utf8_lossy(uri.host).into_owned());
    format!("sip:{}@{}", plan.user.as_deref().unwrap_or("call-test"), host.unwrap_or_default())
}

fn offer(media: SocketAddr, id: u64) -> Vec<u8> {
    let mut body = Vec::new();
    let audio = sdp::AudioOffer {
        addr: media.ip(),
        port: media.port(),
        proto: "RTP/AVP",
        id,
        version: 1,
        formats: &[(8, "PCMA/8000"), (0, "PCMU/8000")],
        direction: sdp::Direction::SendRecv,
        ptime: Some(20),
        lines: &[],
    };
    sdp::build_audio(&mut body, &audio);
    body
}

/// Where the answer wants audio and in which law.
fn media_of(answer: &[u8]) -> Option<(SocketAddr, Law)> {
    let description = sdp::Description::parse(answer).ok()?;
    let audio = description.media().iter().find(|media| media.kind == b"audio" && media.port != 0)?;
    let address = audio.connection().or_else(|| description.connection())?;
    let law = audio.payload_types().find_map(Law::of_payload_type)?;
    Some((SocketAddr::new(address, audio.port), law))
}

/// RFC 3261 §17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// Timer B is 32 s; nobody at a terminal waits that long for a host that is silent.
const TIMER_B: Duration = Duration::from_secs(8);
const FRAME_TIME: Duration = Duration::from_millis(20);
const FRAMES_PER_SECOND: u32 = 50;
const PACKET: usize = rtp::RtpHeader::LEN + FRAME;
const SSRC: u32 = 0x7463_616c;
