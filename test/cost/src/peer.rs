//! Two users and the wire between them and a shard, as plain text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use engine::{Bounds, Input, Outbox, Output, Setup, Shard};
use routing::config::{Change, Delta};
use sim::rows;
use sip_msg::digest::{Algorithm, Qop, ha1, response};
use sip_msg::{Challenge, Message, Name};
use sip_stack::transport::{AddressBook, Flow, Listener, Listeners, Protocol};
use timestamp::Timestamp;

/// A shard with two users, and whoever plays them.
#[expect(missing_debug_implementations, reason = "holds a shard, which holds secrets")]
pub struct Peer {
    shard: Shard,
    outbox: Outbox,
    now: Timestamp,
    number: u64,
    /// Messages that the shard sent and nobody has looked at.
    mail: Vec<Vec<u8>>,
    /// A call that rings, for as long as wanted.
    ringing: Option<Ringing>,
    meter: fn() -> u64,
    /// What the shard took for each event so far, by the meter: the first line of the message, or nothing for a timer.
    pub readings: Vec<(String, u64)>,
}

/// A call whose callee has answered 180.
struct Ringing {
    number: u64,
    /// The INVITE of the caller, as it was sent.
    asked: String,
    /// The INVITE that the callee got.
    invite: Vec<u8>,
}

struct Book;

impl AddressBook for Book {
    fn shown_to(&mut self, _remote: IpAddr) -> IpAddr {
        US.ip()
    }

    fn media_for(&mut self, _remote: IpAddr) -> (IpAddr, IpAddr) {
        (US.ip(), US.ip())
    }
}

impl Peer {
    /// Two registered users at a shard that knows nobody else.
    pub fn new() -> Result<Self, String> {
        let now = Timestamp::from_secs(1_800_000_000);
        let setup = Setup {
            index: 0,
            shards: 1,
            secret: [1; 16],
            seed: [2; 16],
            base_domain: "localhost".to_owned(),
            own_addresses: vec![US.ip()],
            listeners: Listeners(vec![Listener { protocol: Protocol::Udp, bound: US }]),
            book: Box::new(Book),
            media_ports: (20000, 29999),
            media_workers: 1,
            bounds: Bounds::default(),
            nonce_life: Duration::from_secs(600),
            vapid: "key".into(),
        };
        let mut peer = Self {
            shard: Shard::new(setup, now),
            outbox: Outbox::default(),
            now,
            number: 0,
            mail: Vec::new(),
            ringing: None,
            meter: || 0,
            readings: Vec::new(),
        };
        let bypass = [("media", r#"{"mode":"bypass"}"#)];
        let caller = rows::device("caller", "secret", &bypass)?;
        let callee = rows::device("callee", "secret", &bypass)?;
        let changes = vec![
            rows::account(&[])?,
            rows::domain(&[])?,
            Change::Connection(Arc::new(caller)),
            Change::Connection(Arc::new(callee)),
        ];
        let delta = Arc::new(Delta { revision: 1, changes });
        peer.shard.handle(Input::Config { id: 1, delta }, now, &mut peer.outbox);
        peer.outbox.clear();
        peer.registration("callee", "192.0.2.30:5070")?;
        peer.registration("caller", "192.0.2.20:5061")?;
        Ok(peer)
    }

    /// REGISTER, 401, REGISTER with digest, 200.
    pub fn register(&mut self) -> Result<(), String> {
        self.registration("caller", "192.0.2.20:5061")?;
        self.pass(Duration::from_millis(1));
        Ok(())
    }

    /// OPTIONS, 200.
    pub fn options(&mut self) -> Result<(), String> {
        let n = self.next();
        self.give(format!(
            "OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5061;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
             From: <sip:x@example.test>;tag={n}\r\nTo: <sip:192.0.2.1>\r\nCall-ID: {n}@192.0.2.20\r\nCSeq: 1 OPTIONS\r\n\
             Accept: application/sdp\r\nUser-Agent: cost\r\nContent-Length: 0\r\n\r\n"
        ));
        self.expect("SIP/2.0 200")?;
        // No more than what is answered to one stranger in a second.
        self.pass(Duration::from_millis(20));
        Ok(())
    }

    /// INVITE, 407, ACK, INVITE with digest, 180, 200, ACK, BYE, 200; on both legs.
    pub fn call(&mut self) -> Result<(), String> {
        let call = self.ring()?;
        self.answer(&call.invite, 200, "OK", Some(&body("192.0.2.30", 47000)))?;
        let mut ok = None;
        for _ in 0..2 {
            let message = self.mail_in()?;
            if message.starts_with(b"SIP/2.0 200") {
                ok = Some(message);
            }
        }
        let ok = ok.ok_or("no 200 for the caller")?;
        let (tag, contact) = (format!(";tag={}", tag_of(&ok)?), contact_of(&ok)?);
        self.give(request(call.number, "ACK", (5, 2), &contact, &tag, NOTHING));
        self.give(request(call.number, "BYE", (6, 3), &contact, &tag, NOTHING));
        self.expect("SIP/2.0 200")?;
        let bye = self.expect("BYE ")?;
        self.answer(&bye, 200, "OK", None)?;
        self.pass(Duration::from_millis(1));
        Ok(())
    }

    /// An INVITE that comes again while the callee rings, and is answered by the 180 again.
    pub fn retransmission(&mut self) -> Result<(), String> {
        let call = match self.ringing.take() {
            Some(call) => call,
            None => self.ring()?,
        };
        self.give(call.asked.clone());
        self.expect("SIP/2.0 180")?;
        self.ringing = Some(call);
        Ok(())
    }

    /// From now on `meter` is read before and after the work for each event, and the differences are kept.
    pub fn measure(&mut self, meter: fn() -> u64) {
        self.meter = meter;
        self.readings.clear();
    }

    /// INVITE, 407, ACK, INVITE with digest, 180; on both legs.
    fn ring(&mut self) -> Result<Ringing, String> {
        let (number, target) = (self.next(), "sip:callee@example.test");
        let sdp = body("192.0.2.20", 46000);
        let with = |more: &str| {
            format!("{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
        };
        self.give(request(number, "INVITE", (1, 1), target, "", &with("")));
        let challenge = self.expect("SIP/2.0 407")?;
        let tag = format!(";tag={}", tag_of(&challenge)?);
        self.give(request(number, "ACK", (1, 1), target, &tag, NOTHING));
        let proof = credentials(&challenge, "INVITE", target, "caller")?;
        let proof = format!("Proxy-Authorization: {proof}\r\n");
        let asked = request(number, "INVITE", (2, 2), target, "", &with(&proof));
        self.give(asked.clone());
        self.expect("SIP/2.0 100")?;
        let invite = self.expect("INVITE ")?;
        self.answer(&invite, 180, "Ringing", None)?;
        self.expect("SIP/2.0 180")?;
        Ok(Ringing { number, asked, invite })
    }

    fn registration(&mut self, user: &str, contact: &str) -> Result<(), String> {
        let n = self.next();
        let message = |cseq: u32, proof: &str| {
            format!(
                "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP {contact};branch=z9hG4bK{n}.{cseq}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{user}@example.test>;tag={n}\r\nTo: <sip:{user}@example.test>\r\n\
                 Call-ID: {n}@cost\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{contact}>\r\nExpires: 3600\r\n{proof}\
                 User-Agent: cost\r\nContent-Length: 0\r\n\r\n"
            )
        };
        self.give(message(1, ""));
        let challenge = self.expect("SIP/2.0 401")?;
        let proof = credentials(&challenge, "REGISTER", "sip:example.test", user)?;
        self.give(message(2, &format!("Authorization: {proof}\r\n")));
        self.expect("SIP/2.0 200").map(drop)
    }

    /// The callee answers a request of ours.
    fn answer(&mut self, request: &[u8], code: u16, phrase: &str, sdp: Option<&str>) -> Result<(), String> {
        let message = Message::parse(request).map_err(|error| format!("{error:?}"))?;
        let text = |name| String::from_utf8_lossy(message.field(name).unwrap_or_default()).into_owned();
        let (via, from, to) = (text(Name::Via), text(Name::From), text(Name::To));
        let (call_id, cseq) = (text(Name::CallId), text(Name::CSeq));
        let tag = if to.contains("tag=") { "" } else { ";tag=callee" };
        let rest = match sdp {
            Some(sdp) => {
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
            }
            None => "Content-Length: 0\r\n\r\n".to_owned(),
        };
        self.give(format!(
            "SIP/2.0 {code} {phrase}\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\nContact: <sip:callee@192.0.2.30:5070>\r\n{rest}"
        ));
        Ok(())
    }

    fn give(&mut self, message: String) {
        let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 20)), 5061);
        let flow = Flow { protocol: Protocol::Udp, listener: 0, stream: 0, remote };
        let before = (self.meter)();
        let input = Input::Datagram { flow, bytes: message.as_bytes() };
        counted_work(&mut self.shard, Some(input), self.now, &mut self.outbox);
        self.read(before, &message);
        self.collect();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let before = (self.meter)();
        counted_work(&mut self.shard, None, self.now, &mut self.outbox);
        self.read(before, "");
        self.collect();
    }

    fn read(&mut self, before: u64, message: &str) {
        let taken = (self.meter)() - before;
        self.readings.push((message.lines().next().unwrap_or_default().to_owned(), taken));
    }

    fn collect(&mut self) {
        for output in &self.outbox.outputs {
            if let Output::Send { start, end, .. } = output {
                self.mail.push(self.outbox.bytes.get(*start..*end).unwrap_or_default().to_vec());
            }
        }
        self.outbox.clear();
    }

    fn mail_in(&mut self) -> Result<Vec<u8>, String> {
        if self.mail.is_empty() { Err("nothing was sent".to_owned()) } else { Ok(self.mail.remove(0)) }
    }

    fn expect(&mut self, start: &str) -> Result<Vec<u8>, String> {
        let message = self.mail_in()?;
        if message.starts_with(start.as_bytes()) {
            return Ok(message);
        }
        Err(format!("expected {start}, got {}", String::from_utf8_lossy(&message)))
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

/// One event in the shard, or its timers. Not inlined, so that valgrind knows where to count.
#[inline(never)]
fn counted_work(shard: &mut Shard, input: Option<Input<'_>>, now: Timestamp, out: &mut Outbox) {
    match input {
        Some(input) => shard.handle(input, now, out),
        None => shard.handle_timeout(now, out),
    }
}

/// A request of the caller in its call; `rest` is what follows its common fields.
fn request(n: u64, method: &str, (step, cseq): (u32, u32), uri: &str, tag: &str, rest: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5061;branch=z9hG4bK{n}.{step}\r\nMax-Forwards: 70\r\n\
         From: <sip:caller@example.test>;tag={n}\r\nTo: <sip:callee@example.test>{tag}\r\nCall-ID: {n}@192.0.2.20\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:caller@192.0.2.20:5061>\r\nUser-Agent: cost\r\n{rest}"
    )
}

fn credentials(challenge: &[u8], method: &str, uri: &str, user: &str) -> Result<String, String> {
    let message = Message::parse(challenge).map_err(|error| format!("{error:?}"))?;
    let name = if message.code() == 401 { Name::WwwAuthenticate } else { Name::ProxyAuthenticate };
    let asked = message.fields(name).find_map(Challenge::parse).ok_or("no challenge")?;
    let nonce = asked.nonce.ok_or("no nonce")?;
    let secret = ha1(Algorithm::Md5, user.as_bytes(), rows::DOMAIN.as_bytes(), b"secret");
    let qop = Qop { nc: b"00000001", cnonce: b"c", qop: b"auth" };
    let proof =
        response(Algorithm::Md5, secret.as_ref(), nonce, Some(qop), method.as_bytes(), uri.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(format!(
        "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{}\", algorithm=MD5, \
         qop=auth, nc=00000001, cnonce=\"c\"",
        rows::DOMAIN,
        text(nonce),
        text(proof.as_ref())
    ))
}

fn tag_of(message: &[u8]) -> Result<String, String> {
    let message = Message::parse(message).map_err(|error| format!("{error:?}"))?;
    let tag = message.to().and_then(|to| to.tag()).ok_or("no tag")?;
    Ok(String::from_utf8_lossy(tag).into_owned())
}

fn contact_of(message: &[u8]) -> Result<String, String> {
    let message = Message::parse(message).map_err(|error| format!("{error:?}"))?;
    let contact = message.contact().ok_or("no Contact")?;
    Ok(String::from_utf8_lossy(contact.uri).into_owned())
}

fn body(address: &str, port: u16) -> String {
    format!(
        "v=0\r\no=cost 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Our address.
const US: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);

const NOTHING: &str = "Content-Length: 0\r\n\r\n";
