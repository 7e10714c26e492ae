//! Written messages, octet by octet.

use super::*;

const REQUEST: &[u8] = b"INVITE sip:bob@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK1;received=9.9.9.9, SIP/2.0/TCP x;branch=z9hG4bK0\r\n\
    v: SIP/2.0/UDP y;branch=z9hG4bK9\r\n\
    From: <sip:a@example.com>;tag=1\r\n\
    To: Bob\r\n <sip:bob@example.com>\r\n\
    Call-ID: c1\r\n\
    Timestamp: 54\r\n\
    X-One: 1\r\n\
    CSeq: 7 INVITE\r\n\
    Content-Length: 0\r\n\r\n";

fn answered(code: u16, tag: &[u8], via: ViaStamp) -> String {
    let request = Message::parse(REQUEST).unwrap();
    let mut out = Vec::new();
    answer(&mut out, &request, code, b"", tag, via).end();
    String::from_utf8(out).unwrap()
}

#[test]
fn answers_copy_what_they_must() {
    let stamp = ViaStamp { received: Some("192.0.2.77".parse().unwrap()), rport: Some(1024) };
    assert_eq!(
        answered(180, b"t9", stamp),
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5070;rport=1024;branch=z9hG4bK1;received=192.0.2.77\
         , SIP/2.0/TCP x;branch=z9hG4bK0\r\n\
         Via: SIP/2.0/UDP y;branch=z9hG4bK9\r\n\
         From: <sip:a@example.com>;tag=1\r\n\
         To: Bob <sip:bob@example.com>;tag=t9\r\n\
         Call-ID: c1\r\n\
         CSeq: 7 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_100_has_the_timestamp_and_no_tag() {
    let text = answered(100, b"t9", ViaStamp::default());
    assert!(text.contains("Timestamp: 54\r\n"));
    assert!(text.contains("To: Bob <sip:bob@example.com>\r\n"));
    assert!(text.contains(";rport;branch=z9hG4bK1;received=9.9.9.9, SIP"));
}

#[test]
fn line_ends_in_a_value_do_not_reach_the_wire() {
    let mut out = Vec::new();
    let mut w = Writer::request(&mut out, b"INFO", b"sip:a\r\nX: y");
    w.field(Name::Subject, b"one\r\n two\nEvil: yes\r")
        .named(b"X\r\nY", b"")
        .parts(Name::Reason, &[b"a\n", b"b"]);
    w.number(Name::Expires, u64::MAX);
    w.body(b"text/plain", b"1\r\n2");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "INFO sip:a X: y SIP/2.0\r\nSubject: one two Evil: yes \r\nX Y: \r\nReason: a b\r\n\
         Expires: 18446744073709551615\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n1\r\n2"
    );
}

#[test]
fn copies_keep_the_spelling_of_unknown_names() {
    let request = Message::parse(REQUEST).unwrap();
    let mut out = Vec::new();
    Writer::response(&mut out, 299, b"").copy(&request, Name::Other).copy(&request, Name::Via);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "SIP/2.0 299 OK\r\nX-One: 1\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK1;received=9.9.9.9, SIP/2.0/TCP x;branch=z9hG4bK0\r\n\
         Via: SIP/2.0/UDP y;branch=z9hG4bK9\r\n"
    );
}
