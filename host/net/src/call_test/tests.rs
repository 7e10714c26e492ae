//! The user agent's words, the ear, and a whole call on loopback.

use std::net::UdpSocket;
use std::time::Duration;

use rtp::g711::Law;
use sip_msg::{Message, Method, Name, StartLine, ViaStamp, answer};

use super::agent::{Agent, Heard as Said, Identity};
use super::audio::{Ear, FRAME, Mouth};
use super::{Heard, Plan, place};

fn agent(password: Option<&str>) -> Agent {
    let identity = Identity {
        target: "sip:echo@example.com".to_owned(),
        from: "sip:alice@example.com".to_owned(),
        user: Some("alice".to_owned()),
        password: password.map(str::to_owned),
        protocol: sip_stack::transport::Protocol::Udp,
        local: "127.0.0.1:5099".parse().expect("an address"),
        seed: 7,
    };
    Agent::new(identity, b"v=0\r\n".to_vec())
}

fn reply(request: &[u8], code: u16, tag: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    let message = Message::parse(request).expect("a request");
    let mut out = Vec::new();
    let mut writer = answer(&mut out, &message, code, b"", tag, ViaStamp::default());
    for (name, value) in more {
        writer.named(name.as_bytes(), value.as_bytes());
    }
    writer.end();
    out
}

fn field(request: &[u8], name: Name) -> String {
    let message = Message::parse(request).expect("a request");
    String::from_utf8_lossy(message.field(name).unwrap_or_default()).into_owned()
}

#[test]
fn a_challenge_is_answered_once_and_by_the_strongest_algorithm() {
    let mut agent = agent(Some("secret"));
    let first = agent.invite();
    let md5 = "Digest realm=\"example.com\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    let sha = "Digest realm=\"example.com\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";
    let challenge = [("Proxy-Authenticate", md5), ("Proxy-Authenticate", sha)];
    assert_eq!(agent.read(&reply(&first, 407, b"x", &challenge)), Said::Challenged);
    let ack = agent.ack();
    assert_eq!(field(&ack, Name::Via), field(&first, Name::Via));
    assert!(field(&ack, Name::To).ends_with(";tag=x"));
    let second = agent.invite();
    assert_ne!(field(&second, Name::Via), field(&first, Name::Via));
    assert_eq!(field(&second, Name::CSeq), "2 INVITE");
    assert!(!field(&second, Name::To).contains("tag="));
    let proof = field(&second, Name::ProxyAuthorization);
    assert!(proof.contains("algorithm=SHA-256") && proof.contains("nonce=\"n2\""), "{proof}");
    let again = [("Proxy-Authenticate", "Digest realm=\"example.com\", nonce=\"n3\", qop=\"auth\"")];
    assert_eq!(agent.read(&reply(&second, 407, b"y", &again)), Said::Refused);
}

#[test]
fn without_a_password_a_challenge_is_the_end() {
    let mut agent = agent(None);
    let invite = agent.invite();
    let challenge = [("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")];
    assert_eq!(agent.read(&reply(&invite, 401, b"x", &challenge)), Said::Refused);
    assert!(agent.challenged);
    assert_eq!(agent.last.0, 401);
}

#[test]
fn the_dialog_follows_contact_and_record_route() {
    let mut agent = agent(None);
    let invite = agent.invite();
    assert_eq!(agent.read(&reply(&invite, 180, b"t", &[])), Said::Provisional { code: 180 });
    let routes = [("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"), ("Contact", "<sip:echo@192.0.2.9:5070>")];
    assert!(matches!(agent.read(&reply(&invite, 200, b"t", &routes)), Said::Answered { .. }));
    for (request, method, cseq) in [(agent.ack(), Method::Ack, "1 ACK"), (agent.bye(), Method::Bye, "2 BYE")]
    {
        let message = Message::parse(&request).expect("a request");
        let StartLine::Request { method: found, uri, .. } = *message.start() else { panic!("no request") };
        assert_eq!((found, uri), (method, b"sip:echo@192.0.2.9:5070".as_slice()));
        let routes: Vec<&[u8]> = message.fields(Name::Route).collect();
        assert_eq!(routes, [b"<sip:p1;lr>".as_slice(), b"<sip:p2;lr>".as_slice()]);
        assert_eq!(field(&request, Name::CSeq), cseq);
        assert_ne!(field(&request, Name::Via), field(&invite, Name::Via));
    }
}

#[test]
fn cancel_takes_branch_and_number_of_the_invite() {
    let mut agent = agent(None);
    let invite = agent.invite();
    agent.read(&reply(&invite, 180, b"t", &[]));
    let cancel = agent.cancel();
    assert_eq!(field(&cancel, Name::Via), field(&invite, Name::Via));
    assert_eq!(field(&cancel, Name::CSeq), "1 CANCEL");
    assert_eq!(field(&cancel, Name::To), field(&invite, Name::To));
}

/// Feeds the ear what the mouth says, as a line with delay and loss would.
fn echo(
    delay_ms: f64,
    start_at: usize,
    loses: impl Fn(usize) -> bool,
    sound: impl Fn(usize, Vec<u8>) -> Vec<u8>,
) -> super::AudioReport {
    let (mut mouth, mut ear) = (Mouth::default(), Ear::default());
    for frame in 0..200usize {
        let at = frame as f64 * 20.0;
        ear.sent(at);
        let mut payload = Vec::new();
        mouth.speak(Law::A, &mut payload);
        if frame < start_at || loses(frame) {
            continue;
        }
        let mut packet = Vec::new();
        let (sequence, timestamp) = (65_500u16.wrapping_add(frame as u16), (frame * FRAME) as u32);
        rtp::write_header(false, 8, sequence, timestamp.wrapping_sub(99), 1, &mut packet);
        packet.extend(sound(frame, payload));
        ear.hear(&packet, at + delay_ms);
    }
    ear.report(Law::A, String::new())
}

#[test]
fn the_ear_finds_its_own_tone_and_the_way_it_took() {
    let report = echo(83.0, 0, |_| false, |_, payload| payload);
    assert_eq!((report.heard, report.both_ways), (Heard::OwnTone, Some(true)));
    assert_eq!(report.round_trip_ms, Some(83.0));
    assert_eq!((report.packets_lost, report.jitter_ms), (0, 0.0));
    assert_eq!(report.level_dbm0, Some(-10.0));
}

#[test]
fn loss_and_a_late_start_do_not_hide_the_tone() {
    let report = echo(40.0, 17, |frame| frame % 10 == 3, |_, payload| payload);
    assert_eq!(report.heard, Heard::OwnTone);
    assert_eq!(report.round_trip_ms, Some(40.0));
    assert_eq!(report.packets_lost, 18);
}

#[test]
fn other_sounds_are_told_apart() {
    let silence = echo(1.0, 0, |_| false, |_, _| vec![0xd5; FRAME]);
    assert_eq!((silence.heard, silence.both_ways), (Heard::Silence, Some(false)));
    assert_eq!(silence.level_dbm0, None);
    let nothing = echo(1.0, 0, |_| true, |_, payload| payload);
    assert_eq!((nothing.heard, nothing.packets_received), (Heard::Nothing, 0));
    let noise = echo(
        1.0,
        0,
        |_| false,
        |frame, _| (0..FRAME).map(|n| ((frame * 7919 + n * 104_729) % 251) as u8).collect(),
    );
    assert_eq!((noise.heard, noise.both_ways), (Heard::Audio, None));
    let mut milliwatt = Mouth::default();
    let mut tone = Vec::new();
    milliwatt.speak(Law::A, &mut tone);
    let steady = echo(1.0, 0, |_| false, |_, _| tone.clone());
    assert_eq!((steady.heard, steady.both_ways), (Heard::Tone, None));
}

#[test]
fn a_whole_call_on_loopback() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let media = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = server.local_addr().expect("an address").port();
    let media_port = media.local_addr().expect("an address").port();
    for socket in [&server, &media] {
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    }
    let far_end = std::thread::spawn(move || far_end(&server, port, media_port));
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = media.recv_from(&mut buffer) {
            drop(media.send_to(&buffer[..len], from));
        }
    });
    let plan = Plan {
        target: format!("sip:echo@127.0.0.1:{port}"),
        peer: None,
        tls: None,
        from: None,
        user: None,
        password: None,
        seconds: 2,
        ring_s: 5,
    };
    let report = place(&plan).expect("a call");
    assert!(report.ok, "{report:?}");
    assert_eq!((report.sip_code, report.ended_by), (200, "us"));
    assert!(report.ringing_ms.is_some());
    let audio = report.audio.expect("audio");
    assert_eq!((audio.heard, audio.both_ways, audio.packets_lost), (Heard::OwnTone, Some(true), 0));
    assert_eq!(far_end.join().expect("the far end"), [Method::Invite, Method::Ack, Method::Bye]);
}

/// Rings, answers, and tells which requests came.
fn far_end(server: &UdpSocket, port: u16, media_port: u16) -> Vec<Method> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok((len, from)) = server.recv_from(&mut buffer) {
        let request = Message::parse(&buffer[..len]).expect("a request");
        let StartLine::Request { method, .. } = *request.start() else { panic!("no request") };
        seen.push(method);
        let send = |code: u16, body: &str| {
            let mut out = Vec::new();
            let mut writer = answer(&mut out, &request, code, b"", b"far", ViaStamp::default());
            writer.field(Name::Contact, format!("<sip:echo@127.0.0.1:{port}>").as_bytes());
            if body.is_empty() {
                writer.end()
            } else {
                writer.body(b"application/sdp", body.as_bytes())
            }
            server.send_to(&out, from).expect("sent");
        };
        match method {
            Method::Invite => {
                send(180, "");
                let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
                send(200, &format!("{sdp}m=audio {media_port} RTP/AVP 8\r\n"));
            }
            Method::Bye => {
                send(200, "");
                return seen;
            }
            _ => {}
        }
    }
    seen
}
