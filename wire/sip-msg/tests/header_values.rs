//! Single header field values through their views.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use sip_msg::header::{list, unescape};
use sip_msg::{Challenge, Credentials, NameAddr, Params, ReasonValue, Via, is_star};

#[test]
fn lists_split_outside_quotes_and_brackets() {
    for (value, elements) in [
        ("a,b , c", &["a", "b", "c"][..]),
        ("", &[]),
        (",, ,", &[]),
        ("\"a,b\" <sip:x,y@z>;p=\"q,\\\"r\", <sip:n>", &["\"a,b\" <sip:x,y@z>;p=\"q,\\\"r\"", "<sip:n>"]),
        ("\"never closed, x", &["\"never closed, x"]),
        ("<sip:never, closed", &["<sip:never, closed"]),
    ] {
        let found: Vec<_> = list(value.as_bytes()).map(|e| str::from_utf8(e).unwrap()).collect();
        assert_eq!(found, elements, "{value}");
    }
}

#[test]
fn addresses() {
    for (value, display, uri, params) in [
        ("sip:a@b;tag=1", "", "sip:a@b", ";tag=1"),
        ("<sip:a@b;lr>", "", "sip:a@b;lr", ""),
        ("<sip:a@b> ; tag = 1", "", "sip:a@b", "; tag = 1"),
        ("Bob Smith <sip:a@b>;q=0.5", "Bob Smith", "sip:a@b", ";q=0.5"),
        ("Bob<sip:a@b>", "Bob", "sip:a@b", ""),
        ("\"B, \\\"x\\\" <y>\"<sip:a@b>;tag=\"a;b\"", "B, \\\"x\\\" <y>", "sip:a@b", ";tag=\"a;b\""),
        ("tel:+123;phone-context=x", "", "tel:+123", ";phone-context=x"),
    ] {
        let found = NameAddr::parse(value.as_bytes()).unwrap();
        let text = |s| str::from_utf8(s).unwrap();
        assert_eq!(
            (text(found.display), text(found.uri), text(found.params.0)),
            (display, uri, params),
            "{value}"
        );
    }
    for value in ["", "\"open <sip:a@b>", "\"x\" sip:a@b", "<sip:a@b", "<>", "<sip:a@b> tag=1", "\"x\""] {
        assert_eq!(NameAddr::parse(value.as_bytes()), None, "{value}");
    }
    assert!(is_star(b" * ") && !is_star(b"**"));
}

#[test]
fn preferences_and_lifetimes() {
    let q = |q: &str| NameAddr::parse(format!("<sip:a>;q={q}").as_bytes()).unwrap().q();
    for (text, value) in [
        ("1", Some(1000)),
        ("1.000", Some(1000)),
        ("0", Some(0)),
        ("0.7", Some(700)),
        (".33", Some(330)),
        ("0.1239", Some(123)),
        ("7", Some(1000)),
        ("x", None),
        ("0.x", None),
        ("-1", None),
    ] {
        assert_eq!(q(text), value, "{text}");
    }
    let expires = |e: &str| NameAddr::parse(format!("<sip:a>;expires={e}").as_bytes()).unwrap().expires();
    assert_eq!((expires("60"), expires("99999999999"), expires("never")), (Some(60), Some(u32::MAX), None));
}

#[test]
fn params_of_all_kinds() {
    let params = Params(b"; A = 1;b;c=\"x;y=z\" ;;d=;lr");
    let found: Vec<_> = params.iter().map(|(n, v)| (n, v.map(|v| str::from_utf8(v).unwrap()))).collect();
    let expected: [(&[u8], _); 5] =
        [(b"A", Some("1")), (b"b", None), (b"c", Some("x;y=z")), (b"d", Some("")), (b"lr", None)];
    assert_eq!(found, expected);
    assert_eq!(params.get(b"a"), Some(Some(&b"1"[..])));
    assert_eq!((params.get(b"LR"), params.get(b"x")), (Some(None), None));
}

#[test]
fn vias() {
    let via =
        Via::parse(b"SIP/2.0/TLS [2001:db8::1]:5061 ;rport=99;branch=z9hG4bKa;received=::1, x").unwrap();
    assert_eq!((via.transport, via.host, via.port), (&b"TLS"[..], &b"[2001:db8::1]"[..], Some(5061)));
    assert_eq!(
        (via.branch(), via.received(), via.rport()),
        (Some(&b"z9hG4bKa"[..]), Some(&b"::1"[..]), Some(Some(99)))
    );
    let via = Via::parse(b"SIP / 2.0 / UDP first.example.com: 4000;rport").unwrap();
    assert_eq!(
        (via.host, via.port, via.rport(), via.branch()),
        (&b"first.example.com"[..], Some(4000), Some(None), None)
    );
    for value in
        ["", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=1", "SIP/2.0 UDP host", "SIP/2.0/UDP a b", "SIP/2.0/UDP a:b"]
    {
        assert_eq!(Via::parse(value.as_bytes()), None, "{value}");
    }
}

#[test]
fn digests_of_others() {
    let value =
        b"digest  username=\"a\\\"b\",realm = \"r, s\" , NC=00000001,qop=auth,uri=\"sip:x\",opaque=\"\"";
    let c = Credentials::parse(value).unwrap();
    assert_eq!(
        (c.realm, c.nc, c.qop, c.opaque),
        (Some(&b"r, s"[..]), Some(&b"00000001"[..]), Some(&b"auth"[..]), Some(&b""[..]))
    );
    let mut user = Vec::new();
    unescape(c.username.unwrap(), &mut user);
    assert_eq!(user, b"a\"b");
    assert_eq!(Credentials::parse(b"Basic QWxhZGRpbg=="), None);
    assert_eq!(Credentials::parse(b"Digest"), None);
    let c = Challenge::parse(
        b"Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", stale=TRUE, algorithm=SHA-256",
    )
    .unwrap();
    assert!(c.stale && c.offers_auth());
    assert_eq!(c.algorithm, Some(&b"SHA-256"[..]));
    assert!(!Challenge::parse(b"Digest realm=\"r\", qop=\"auth-int\"").unwrap().offers_auth());
}

#[test]
fn reasons() {
    let reason = ReasonValue::parse(b"Q.850 ;cause=16 ;text=\"Normal; clearing\"").unwrap();
    assert_eq!(reason, ReasonValue { protocol: b"Q.850", cause: Some(16), text: b"Normal; clearing" });
    assert_eq!(ReasonValue::parse(b"SIP;cause=99999").unwrap().cause, None);
    assert_eq!(ReasonValue::parse(b""), None);
}
