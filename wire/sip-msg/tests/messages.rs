//! Whole messages: what is lenient, what is a defect, what is dropped.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use sip_msg::{Malformed, Message, Method, Name, StartLine, scan};

const FIELDS: &str =
    "Via: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=1\nTo: <sip:b@x>\nCall-ID: c\nCSeq: 1 INVITE\n";

/// A message of a first line, the usual fields with some replaced, taken out (`Name-`) or added, and a body.
fn message(first: &str, changes: &str, body: &str) -> String {
    let name = |line: &str| line.split(':').next().map(|name| name.trim_end_matches('-').to_owned());
    let changed = |line: &&str| changes.lines().any(|change| name(change) == name(line));
    let kept: String = FIELDS.lines().filter(|line| !changed(line)).map(|line| format!("{line}\n")).collect();
    let removed = |line: &&str| !line.ends_with('-');
    let added: String = changes.lines().filter(removed).map(|line| format!("{line}\n")).collect();
    format!("{first}\n{kept}{added}\n").replace('\n', "\r\n") + body
}

/// Expects a request with `changes` to be answered by `code`, or taken if 0.
fn check(changes: &str, code: u16) {
    let text = message("INVITE sip:b@x SIP/2.0", changes, "0123456789");
    let defect = Message::parse(text.as_bytes()).unwrap().defect();
    assert_eq!(defect.map_or(0, |d| d.code), code, "{changes}: {defect:?}");
}

#[test]
fn requests() {
    check("", 0);
    for (changes, code) in [
        ("Via-", 400),
        ("From-", 400),
        ("To-", 400),
        ("Call-ID-", 400),
        ("CSeq-", 400),
        ("Call-ID:", 400),
        ("Call-ID: a b", 400),
        ("CSeq: 2147483647 INVITE", 0),
        ("CSeq: 2147483648 INVITE", 400),
        ("CSeq: 1 invite", 400),
        ("CSeq: 1", 400),
        ("CSeq: -1 INVITE", 400),
        ("Max-Forwards: 255", 0),
        ("Max-Forwards: 256", 400),
        ("Max-Forwards: x", 400),
        ("Max-Forwards: 1\nMax-Forwards: 1", 400),
        ("Content-Length: 10", 0),
        ("Content-Length: 4\nl: 4", 0),
        ("Content-Length: 4\nl: 5", 400),
        ("Content-Length: 11", 400),
        ("Content-Length: +1", 400),
        ("Content-Length: 18446744073709551617", 400),
        ("Expires: 4294967295", 0),
        ("Expires: 4294967296", 400),
        ("Expires: soon", 0),
        ("Contact: *", 0),
        ("Contact: <sip:a@h;lr>;q=0.1, <sip:b@h>;expires=60", 0),
        ("Contact: <sip:a@h>;expires=99999999999", 400),
        ("Contact: <sip:a@h>,,<sip:b@h>", 400),
        ("Contact: <sip:a@h>;;q=1", 400),
        ("Contact: sip:a@h?x=y", 400),
        ("Contact: <sip:a@h?x=y>", 0),
        ("Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:0>\";reg-id=1", 0),
        ("From: A, B <sip:a@x>;tag=1", 400),
        ("From: \"A, B\" <sip:a@x>;tag=1", 0),
        ("From: \"A <sip:a@x>;tag=1", 400),
        ("From: < sip:a@x>;tag=1", 400),
        ("From: <sip:a @x>;tag=1", 400),
        ("From: <tel:+4930123>;tag=1", 0),
        ("From: A\n B <sip:a@x>\n ;tag=1", 0),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1;;rport", 400),
        ("Via: SIP/2.0/UDP h;rport;branch=z9hG4bK1, SIP/2.0/TLS [::1]:5061", 0),
        ("no colon here", 400),
        ("X-Lone: a\rb", 400),
        ("X-Empty:", 0),
    ] {
        check(changes, code);
    }
}

#[test]
fn request_lines() {
    for (line, code) in [
        ("INVITE sip:b@x SIP/2.0", 0),
        ("INVITE sip:b@x sip/2.0", 0),
        ("INVITE tel:+123 SIP/2.0", 0),
        ("INVITE urn:service:sos SIP/2.0", 0),
        ("INVITE sip:b@x SIP/3.0", 505),
        ("INVITE  sip:b@x SIP/2.0", 400),
        ("INVITE sip:b@x  SIP/2.0", 400),
        ("INVITE sip:b@x SIP/2.0 ", 400),
        ("INVITE sip:b@x;a b SIP/2.0", 400),
        ("INVITE <sip:b@x> SIP/2.0", 400),
        ("INVITE sip:b@x?Route=y SIP/2.0", 400),
        ("INVITE b SIP/2.0", 400),
        ("INVITE sip:::1 SIP/2.0", 400),
    ] {
        let text = message(line, "", "");
        let found = Message::parse(text.as_bytes()).unwrap().defect().map_or(0, |d| d.code);
        assert_eq!(found, code, "{line}");
    }
    for line in
        ["INVITE", "INVITE sip:b@x", "INV(TE sip:b@x SIP/2.0", "GET / HTTP/1.1", "\u{0}\u{0}", "hello world"]
    {
        assert_eq!(
            Message::parse(message(line, "", "").as_bytes()).unwrap_err(),
            Malformed::StartLine,
            "{line}"
        );
    }
    assert_eq!(Message::parse(b"").unwrap_err(), Malformed::Empty);
    assert_eq!(Message::parse(b"\r\n\r\n").unwrap_err(), Malformed::Empty);
}

#[test]
fn responses() {
    for (line, changes, expected) in [
        ("SIP/2.0 200 OK", "", Ok((200, "OK"))),
        ("SIP/2.0 699 ", "", Ok((699, ""))),
        ("SIP/2.0 100", "", Ok((100, ""))),
        ("SIP/2.0 700 X", "", Err(Malformed::StatusLine)),
        ("SIP/2.0 099 X", "", Err(Malformed::StatusLine)),
        ("SIP/2.0 4294967496 X", "", Err(Malformed::StatusLine)),
        ("SIP/2.1 200 OK", "", Err(Malformed::StatusLine)),
        ("SIP/2.0 200 OK", "Via-", Err(Malformed::Response)),
        ("SIP/2.0 200 OK", "Via: nonsense", Err(Malformed::Response)),
        ("SIP/2.0 200 OK", "CSeq: 4294967296 INVITE", Err(Malformed::Response)),
        ("SIP/2.0 200 OK", "To: a\nTo: b", Err(Malformed::Response)),
        ("SIP/2.0 200 OK", "Content-Length: 5", Err(Malformed::Response)),
        ("SIP/2.0 200 OK", "Retry-After: 949302838503028349304023988", Ok((200, "OK"))),
    ] {
        let text = message(line, changes, "");
        let found = Message::parse(text.as_bytes()).map(|m| match *m.start() {
            StartLine::Response { code, reason } => (code, str::from_utf8(reason).unwrap()),
            StartLine::Request { .. } => panic!("{line} is a response"),
        });
        assert_eq!(found, expected, "{line} {changes}");
    }
    let text = message("SIP/2.0 200 OK", "CSeq: 7 BYE", "");
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!((m.method(), m.code(), m.uri(), m.defect()), (Method::Bye, 200, &b""[..], None));
    // RFC 3261 §7.1: the version is case-insensitive.
    let text = message("sIP/2.0 200 OK", "CSeq: 7 BYE", "");
    assert_eq!(Message::parse(text.as_bytes()).map(|m| m.code()), Ok(200));
    assert_eq!(scan(text.as_bytes()).unwrap().request, None);
}

#[test]
fn line_ends() {
    let text = message("INVITE sip:b@x SIP/2.0", "", "body");
    let unix = format!("\n\n{text}").replace('\r', "");
    let m = Message::parse(unix.as_bytes()).unwrap();
    assert_eq!((m.defect(), m.body(), m.call_id()), (None, &b"body"[..], &b"c"[..]));
    assert_eq!(scan(unix.as_bytes()).unwrap().branch, b"z9hG4bK1");
    let open = text.strip_suffix("\r\nbody").unwrap();
    assert_eq!(Message::parse(open.as_bytes()).unwrap().defect().unwrap().code, 400);
}

#[test]
fn fields_by_name() {
    let text =
        message("INVITE sip:b@x SIP/2.0", "k: a, B\nSupported: c\nX-Y: 1\nc: text/plain ; charset=x", "");
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(m.fields(Name::Supported).collect::<Vec<_>>(), [&b"a, B"[..], b"c"]);
    assert_eq!(m.values(Name::Supported).collect::<Vec<_>>(), [b"a", b"B", b"c"]);
    assert!(m.has_token(Name::Supported, b"b") && !m.has_token(Name::Supported, b"d"));
    assert_eq!((m.named(b"x-y"), m.named(b"K")), (Some(&b"1"[..]), Some(&b"a, B"[..])));
    assert_eq!(m.content_type(), Some(&b"text/plain"[..]));
    assert_eq!(m.all().count(), 9);
}
