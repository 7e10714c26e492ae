//! Streams cut into messages and keep-alives.

use super::*;

fn check(text: &str, expected: Framed) {
    assert_eq!(next(text.as_bytes(), 200), expected, "{text:?}");
}

#[test]
fn messages() {
    let head = "OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\n";
    check(head, Framed::Incomplete);
    check(&format!("{head}abc"), Framed::Incomplete);
    check(&format!("{head}abcd"), Framed::Message { len: head.len() + 4 });
    check(&format!("{head}abcdBYE"), Framed::Message { len: head.len() + 4 });
    check("OPTIONS sip:a SIP/2.0\nContent-length : 0\n\n", Framed::Message { len: 42 });
    check("OPTIONS sip:a SIP/2.0\r\nl: 4\r\n", Framed::Incomplete);
    check("OPT", Framed::Incomplete);
}

#[test]
fn keep_alives() {
    check("", Framed::Incomplete);
    check("\r", Framed::Incomplete);
    check("\r\n", Framed::KeepAlivePong { len: 2 });
    check("\r\n\r", Framed::Incomplete);
    check("\r\n\r\n", Framed::KeepAlivePing { len: 4 });
    check("\r\n\r\n\r\n", Framed::KeepAlivePing { len: 4 });
    check("\r\nOPTIONS", Framed::KeepAlivePong { len: 2 });
}

#[test]
fn refused() {
    check("OPTIONS sip:a SIP/2.0\r\n\r\n", Framed::Broken);
    check("OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", Framed::Broken);
    check("OPTIONS sip:a SIP/2.0\r\nl: 1x\r\n\r\n", Framed::Broken);
    check("OPTIONS sip:a SIP/2.0\r\nl: 18446744073709551616\r\n\r\n", Framed::Broken);
    check("OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", Framed::Broken);
    check("OPTIONS sip:a SIP/2.0\r\nl: 1000\r\n\r\n", Framed::TooLarge);
    check("OPTIONS sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n", Framed::TooLarge);
    check(&"x".repeat(201), Framed::TooLarge);
}
