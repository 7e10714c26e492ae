//! Reading descriptions: the forms devices send, and what makes a body unusable.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use sdp::{AudioOffer, Description, Direction, Flaw, build_audio};

const ASTERISK: &[u8] = include_bytes!("bodies/asterisk.sdp");
const BARESIP: &[u8] = include_bytes!("bodies/baresip.sdp");
const CHROMIUM: &[u8] = include_bytes!("bodies/chromium.sdp");

#[test]
fn asterisk() {
    let d = Description::parse(ASTERISK).unwrap();
    assert_eq!(
        (d.origin().user, d.origin().id, d.origin().addr),
        (&b"-"[..], &b"1852203742"[..], &b"192.0.2.10"[..])
    );
    let [audio] = d.media() else { panic!("one medium") };
    assert_eq!((audio.kind, audio.port, audio.proto), (&b"audio"[..], 14018, &b"RTP/AVP"[..]));
    assert_eq!(audio.formats, b"8 0 9 101");
    assert_eq!(audio.format_list().count(), 4);
    assert_eq!(audio.connection(), Some([192, 0, 2, 10].into()));
    assert_eq!(audio.direction(), Direction::SendRecv);
    assert_eq!(audio.ptime(), Some(20));
    assert_eq!(audio.fmtp(101), Some(&b"0-16"[..]));
    assert!(!audio.is_held());
    assert!(!audio.rtcp_mux());
    assert_eq!(audio.rtcp(), None);
}

#[test]
fn baresip() {
    let d = Description::parse(BARESIP).unwrap();
    assert_eq!(d.attribute(b"tool"), Some(&b"baresip 3.10.1"[..]));
    let audio = d.media()[0];
    assert_eq!(audio.rtcp(), Some((None, 19025)));
    let opus = audio.rtpmaps().next().unwrap();
    assert_eq!((opus.payload_type, opus.name, opus.clock, opus.channels), (96, &b"opus"[..], 48_000, 2));
    assert_eq!(audio.rtpmaps().last().unwrap().channels, 1);
    assert_eq!(audio.attribute(b"rtcp-rsize"), Some(&b""[..]));
}

#[test]
fn chromium() {
    let d = Description::parse(CHROMIUM).unwrap();
    assert_eq!(d.origin().id_number(), 4_611_731_400_430_051_336);
    let audio = d.media()[0];
    assert_eq!((audio.port, audio.proto), (9, &b"UDP/TLS/RTP/SAVPF"[..]));
    assert!(!audio.is_held());
    assert!(audio.rtcp_mux());
    assert_eq!(audio.rtcp(), Some((Some([0, 0, 0, 0].into()), 9)));
    assert_eq!(audio.attributes(b"rtpmap").count(), 8);
}

/// A usable body around some lines.
fn body(lines: &str) -> String {
    format!("v=0\no=a 1 2 IN IP4 192.0.2.1\ns=-\nt=0 0\n{lines}")
}

#[test]
fn odd_but_usable() {
    for lines in [
        "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0",
        "m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::1\n",
        "m=audio 0 RTP/AVP 0\n",
        "c=IN IP4 224.2.1.1/127/3\nm=audio 49170/2 RTP/AVP 31\n",
        "c=IN IP4 host.example.com\nx=what\nnonsense\nm=audio 4000 RTP/AVP 0\nm=image 4002 udptl t38\n",
        "k=clear:x\nr=7d 1h 0 25h\n",
    ] {
        assert!(Description::parse(body(lines).as_bytes()).is_ok(), "{lines}");
    }
    let blanks = "v=0\r\no=Some Device 9 9 IN IP6 ::1\r\nc=IN IP6 ::1\r\n";
    let d = Description::parse(blanks.as_bytes()).unwrap();
    assert_eq!((d.origin().user, d.origin().addr), (&b"Some"[..], &b"::1"[..]));
    assert_eq!(d.connection(), Some("::1".parse().unwrap()));
}

#[test]
fn flaws() {
    for (text, flaw) in [
        (String::new(), Flaw::Version),
        ("v=1\n".to_owned(), Flaw::Version),
        ("o=a 1 2 IN IP4 1.2.3.4\nv=0\n".to_owned(), Flaw::Version),
        ("v=0\ns=-\n".to_owned(), Flaw::Origin),
        ("v=0\no=a 18446744073709551616 2 IN IP4 1.2.3.4\n".to_owned(), Flaw::Origin),
        ("v=0\no=a 1 -2 IN IP4 1.2.3.4\n".to_owned(), Flaw::Origin),
        ("v=0\no=a 1 2 IN IP4\n".to_owned(), Flaw::Origin),
        ("v=0\no=a 1 2 IN IP7 1.2.3.4\n".to_owned(), Flaw::Origin),
        (body("o=b 1 2 IN IP4 1.2.3.4\n"), Flaw::Origin),
        (body("t=18446744073709551616 0\n"), Flaw::Time),
        (body("t=0\n"), Flaw::Time),
        (body("c=IN IP4\n"), Flaw::Connection),
        (body("m=audio 4000 RTP/AVP 0\n"), Flaw::NoConnection),
        (body("m=audio 4000 RTP/AVP 0\nc=IN IP4 1.2.3.4\nm=audio 4002 RTP/AVP 0\n"), Flaw::NoConnection),
        (body("c=IN IP4 1.2.3.4\nm=audio 65536 RTP/AVP 0\n"), Flaw::Media),
        (body("c=IN IP4 1.2.3.4\nm=audio -1 RTP/AVP 0\n"), Flaw::Media),
        (body("c=IN IP4 1.2.3.4\nm=audio 18446744073709551617 RTP/AVP 0\n"), Flaw::Media),
        (body("c=IN IP4 1.2.3.4\nm=audio 4000/x RTP/AVP 0\n"), Flaw::Media),
        (body("c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP\n"), Flaw::Media),
        (body(&"m=audio 0 RTP/AVP 0\n".repeat(65)), Flaw::Media),
    ] {
        assert_eq!(Description::parse(text.as_bytes()).unwrap_err(), flaw, "{text}");
    }
}

#[test]
fn directions_and_holds() {
    for (lines, direction, held) in [
        ("c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\n", Direction::SendRecv, false),
        ("c=IN IP4 1.2.3.4\na=sendonly\nm=audio 4000 RTP/AVP 0\n", Direction::SendOnly, true),
        ("c=IN IP4 1.2.3.4\na=sendonly\nm=audio 4000 RTP/AVP 0\na=recvonly\n", Direction::RecvOnly, false),
        ("c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\na=inactive\n", Direction::Inactive, true),
        ("c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n", Direction::SendRecv, true),
        ("c=IN IP4 1.2.3.4\nm=audio 4000 RTP/AVP 0\nc=IN IP6 ::\n", Direction::SendRecv, true),
    ] {
        let text = body(lines);
        let audio = Description::parse(text.as_bytes()).unwrap().media()[0];
        assert_eq!((audio.direction(), audio.is_held()), (direction, held), "{lines}");
        assert_eq!(direction.reversed().reversed(), direction);
    }
}

#[test]
fn our_own() {
    let mut out = Vec::new();
    build_audio(
        &mut out,
        &AudioOffer {
            addr: [192, 0, 2, 1].into(),
            port: 30_000,
            proto: "RTP/AVP",
            id: 7,
            version: 8,
            formats: &[(8, "PCMA/8000"), (101, "telephone-event/8000")],
            direction: Direction::SendOnly,
            ptime: Some(20),
            lines: b"a=x\r\n",
        },
    );
    assert_eq!(
        str::from_utf8(&out).unwrap(),
        "v=0\r\no=- 7 8 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-16\r\na=ptime:20\r\na=sendonly\r\na=x\r\n"
    );
    let audio = Description::parse(&out).unwrap().media()[0];
    assert_eq!((audio.direction(), audio.ptime()), (Direction::SendOnly, Some(20)));
}
