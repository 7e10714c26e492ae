//! URIs taken apart and compared.

use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a URI"))
}

#[test]
fn parts() {
    let u = uri("sips:alice:secret@atlanta.com:5061;transport=tcp;lr?subject=x&priority=urgent");
    assert_eq!(u.scheme, Scheme::Sips);
    assert_eq!(u.user, Some(&b"alice"[..]));
    assert_eq!(u.password, Some(&b"secret"[..]));
    assert_eq!(u.host, b"atlanta.com");
    assert_eq!(u.port, Some(5061));
    assert_eq!(u.params.get(b"Transport"), Some(Some(&b"tcp"[..])));
    assert_eq!(u.params.get(b"lr"), Some(None));
    assert_eq!(u.params.get(b"ob"), None);
    assert_eq!(u.headers, b"subject=x&priority=urgent");
    let u = uri("sip:user;par=u%40example.net@example.com");
    assert_eq!((u.user, u.params.0), (Some(&b"user;par=u%40example.net"[..]), &b""[..]));
    let u = uri("tel:+1-201-555-0123;ext=7");
    assert_eq!((u.scheme, u.user), (Scheme::Tel, Some(&b"+1-201-555-0123"[..])));
    assert_eq!(uri("soap.beep://192.0.2.103:3002").scheme, Scheme::Other);
}

#[test]
fn addresses() {
    assert_eq!(uri("sip:[2001:db8::10]:5070").host, b"[2001:db8::10]");
    assert_eq!(uri("sip:[2001:db8::10]:5070").port, Some(5070));
    assert_eq!(uri("sip:[2001:db8::10:5070]").port, None);
    for (text, ip) in [
        ("sip:[2001:db8::10]", Some("2001:db8::10")),
        ("sip:a@[2001:db8:::192.0.2.1]", Some("2001:db8::192.0.2.1")),
        ("sip:[::ffff:192.0.2.2]", Some("::ffff:192.0.2.2")),
        ("sip:192.0.2.1", Some("192.0.2.1")),
        ("sip:example.com", None),
    ] {
        assert_eq!(uri(text).host_ip(), ip.map(|ip| ip.parse().unwrap()), "{text}");
    }
}

#[test]
fn not_uris() {
    for text in [
        "",
        "sip",
        "sip:",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@c",
        "sip:2001:db8::10",
        "sip:a@host:port",
        "sip:a@host:70000",
        "sip:a@host name",
        "sip:a@[2001:db8::1",
        "sip:a@[x]",
        "<sip:a@b>",
        "sip:a>b@c",
        "1sip:a@b",
        "tel:",
    ] {
        assert_eq!(Uri::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn equality() {
    for (a, b, same) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true),
        ("sip:a%3Bb@x", "sip:a;b@x", false),
        ("sip:null-%00-null@x", "sip:null-@x", false),
        ("sip:a@x", "sips:a@x", false),
        ("sip:a@x", "sip:x", false),
        ("tel:+1-201-555-0123", "tel:+12015550123", true),
        ("tel:7042;phone-context=example.com", "tel:7042", false),
    ] {
        assert_eq!(uri(a).same_as(&uri(b)), same, "{a} {b}");
        assert_eq!(uri(b).same_as(&uri(a)), same, "{b} {a}");
    }
}

#[test]
fn unescaping() {
    let mut out = Vec::new();
    uri("sip:sips%3Auser%40example.com%zz%4@example.net").unescape_user(&mut out);
    assert_eq!(out, b"sips:user@example.com%zz%4");
}

#[test]
fn header_fields_of_a_uri() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("sip:a@x", &[]),
        (
            "sip:a@x?Replaces=1%40b%3Bto-tag%3Dx%3Bfrom-tag%3Dy&Subject=a%20b",
            &[("Replaces", "1@b;to-tag=x;from-tag=y"), ("Subject", "a b")],
        ),
        ("sip:a@x?Subject=a%0D%0AVia:%20b&&=c&flag", &[("flag", "")]),
    ];
    for (text, wanted) in table {
        let got: Vec<_> = uri(text).header_fields().collect();
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect();
        assert_eq!(got, wanted, "{text}");
    }
}
