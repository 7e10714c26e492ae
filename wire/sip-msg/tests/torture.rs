//! The messages of RFC 4475 and RFC 5118: every one is taken or refused as `torture/expect.tsv` says.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sip_msg::{Message, Method, Name, Scheme, Uri, scan};

#[test]
fn every_message_is_taken_or_refused_as_expected() {
    let messages = messages();
    let table = fs::read_to_string(directory().join("expect.tsv")).unwrap();
    let mut rows = 0;
    for row in table.lines().filter(|row| !row.starts_with('#')) {
        let [file, valid, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let found = match Message::parse(&messages[file]) {
            Err(_) => "drop".to_owned(),
            Ok(message) => message.defect().map_or_else(|| "-".to_owned(), |defect| defect.code.to_string()),
        };
        let text = Message::parse(&messages[file]).ok().and_then(|m| m.defect());
        assert_eq!(found, expected, "{file}: {text:?}");
        assert_eq!(valid == "yes", expected == "-", "{file}");
        rows += 1;
    }
    assert_eq!(rows, messages.len());
}

#[test]
fn scan_and_parse_agree() {
    for (file, bytes) in messages() {
        let (Ok(message), Some(scan)) = (Message::parse(&bytes), scan(&bytes)) else { continue };
        assert_eq!(scan.request, message.is_request().then_some(message.method()), "{file}");
        assert_eq!(scan.branch, message.via().and_then(|via| via.branch()).unwrap_or_default(), "{file}");
        if message.defect().is_none() {
            assert_eq!(scan.call_id, message.call_id(), "{file}");
            assert_eq!(Some(scan.to_uri), message.to().map(|to| to.uri), "{file}");
            assert_eq!(scan.to_tag, message.to().unwrap().tag().unwrap_or_default(), "{file}");
        }
    }
}

#[test]
fn a_short_tortuous_invite() {
    let bytes = &messages()["wsinv.dat"];
    let m = Message::parse(bytes).unwrap();
    assert_eq!(m.method(), Method::Invite);
    assert_eq!(m.to().unwrap().tag(), Some(&b"1918181833n"[..]));
    assert_eq!(m.from().unwrap().display, b"J Rosenberg \\\\\\\"");
    assert_eq!(m.from().unwrap().tag(), Some(&b"98asjd8"[..]));
    assert_eq!(m.max_forwards(), Some(68));
    assert_eq!(m.cseq(), Some((9, &b"INVITE"[..])));
    assert_eq!(m.values(Name::Via).count(), 3);
    let via = m.via().unwrap();
    assert_eq!((via.transport, via.host, via.port), (&b"UDP"[..], &b"192.0.2.2"[..], None));
    assert_eq!(via.branch(), Some(&b"390skdjuw"[..]));
    assert_eq!(m.field(Name::Subject), Some(&b""[..]));
    assert_eq!(m.named(b"unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
    let contact = m.contact().unwrap();
    assert_eq!(contact.q(), Some(330));
    assert_eq!(contact.param(b"newparam"), Some(&b"newvalue"[..]));
    assert_eq!(contact.params.get(b"secondparam"), Some(None));
    assert_eq!(m.body().len(), 150);
}

#[test]
fn an_unusual_method_keeps_its_token() {
    let bytes = &messages()["intmeth.dat"];
    let m = Message::parse(bytes).unwrap();
    assert_eq!(m.method(), Method::Unknown);
    assert_eq!(m.cseq().unwrap().1, b"!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(m.from().unwrap().display, b"token1~` token2'+_ token3*%!.-");
    let uri = Uri::parse(m.uri()).unwrap();
    assert_eq!(uri.host, b"example.com");
    assert_eq!(uri.user, Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
}

#[test]
fn escapes_and_separators_in_user_parts() {
    let messages = messages();
    let m = Message::parse(&messages["esc01.dat"]).unwrap();
    let (uri, mut user) = (Uri::parse(m.uri()).unwrap(), Vec::new());
    uri.unescape_user(&mut user);
    assert_eq!(
        (uri.scheme, &user[..], uri.host),
        (Scheme::Sip, &b"sips:user@example.com"[..], &b"example.net"[..])
    );
    let m = Message::parse(&messages["escnull.dat"]).unwrap();
    let contacts: Vec<_> = m.values(Name::Contact).collect();
    assert_eq!(contacts.len(), 2);
    let uri = |n: usize| Uri::parse(sip_msg::NameAddr::parse(contacts[n]).unwrap().uri).unwrap();
    assert!(!uri(0).same_as(&uri(1)));
    let m = Message::parse(&messages["cparam01.dat"]).unwrap();
    assert_eq!(m.contact().unwrap().params.get(b"unknownparam"), Some(None));
    let m = Message::parse(&messages["cparam02.dat"]).unwrap();
    assert_eq!(m.contact().unwrap().params.get(b"unknownparam"), None);
}

#[test]
fn octets_behind_the_body_are_ignored() {
    let messages = messages();
    let m = Message::parse(&messages["dblreq.dat"]).unwrap();
    assert_eq!((m.method(), m.body()), (Method::Register, &b""[..]));
    let m = Message::parse(&messages["mpart01.dat"]).unwrap();
    assert_eq!(m.body().len(), 553);
    let m = Message::parse(&messages["longreq.dat"]).unwrap();
    assert_eq!(m.values(Name::Via).count(), 34);
    let m = Message::parse(&messages["bext01.dat"]).unwrap();
    assert!(m.has_token(Name::Require, b"NothingSupportsThisEither"));
}

#[test]
fn both_forms_of_an_ipv6_received() {
    let messages = messages();
    for (file, received) in [
        ("via-received-param-no-delim.dat", &b"2001:db8::9:255"[..]),
        ("via-received-param-with-delim.dat", b"[2001:db8::9:255]"),
    ] {
        let m = Message::parse(&messages[file]).unwrap();
        assert_eq!(m.via().unwrap().received(), Some(received));
        assert_eq!(m.via().unwrap().host, b"[2001:db8::9:1]");
    }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

fn messages() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "dat"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}
