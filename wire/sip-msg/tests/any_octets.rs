//! No octets whatever make a reader panic, and what is written reads back as it was.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use sip_msg::digest::{Algorithm, verify};
use sip_msg::token::Mint;
use sip_msg::{
    Challenge, Credentials, Framed, Message, Name, NameAddr, Params, ReasonValue, StartLine, Uri, Via,
    ViaStamp, Writer, answer, frame, scan,
};

static MESSAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|e| e == "dat"));
    let typical = include_bytes!("typical_invite.sip").to_vec();
    paths.iter().map(|path| fs::read(path).unwrap()).chain([typical]).collect()
});

/// A message of the torture tests with some octets replaced, taken out or put in.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n \t:;,\"\\<>=@?[]/%0*".as_slice())];
    let change = (any::<prop::sample::Index>(), 0..3u8, octet);
    (0..MESSAGES.len(), proptest::collection::vec(change, 0..8)).prop_map(|(which, changes)| {
        let mut bytes = MESSAGES[which].clone();
        for (at, what, octet) in changes {
            // Most of what can go wrong stands in the first few hundred octets.
            let at = at.index(bytes.len().clamp(1, 700));
            match what {
                0 => bytes[at] = octet,
                1 => bytes.insert(at, octet),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

/// Calls everything that reads.
fn read_all(bytes: &[u8]) {
    let _ = scan(bytes);
    let _ = frame::next(bytes, 65_536);
    read_value(bytes);
    let Ok(m) = Message::parse(bytes) else { return };
    let _ = (m.defect(), m.via(), m.from(), m.to(), m.contact(), m.cseq(), m.max_forwards(), m.expires());
    let _ = (m.call_id(), m.content_type(), m.body(), m.has_token(Name::Require, b"100rel"));
    read_value(m.uri());
    for (name, _, value) in m.all() {
        let _ = m.values(name).count();
        read_value(value);
    }
    let mut out = Vec::new();
    answer(&mut out, &m, 200, b"", b"t", ViaStamp { received: Some([1, 2, 3, 4].into()), rport: Some(9) })
        .end();
}

fn read_value(value: &[u8]) {
    if let Some(uri) = Uri::parse(value) {
        assert!(uri.same_as(&uri) || uri.scheme == sip_msg::Scheme::Other);
        let _ = (uri.host_ip(), uri.params.iter().count());
        uri.unescape_user(&mut Vec::new());
    }
    if let Some(address) = NameAddr::parse(value) {
        let _ = (address.tag(), address.q(), address.expires(), address.parsed_uri());
    }
    if let Some(via) = Via::parse(value) {
        let _ = (via.branch(), via.received(), via.rport());
    }
    if let Some(credentials) = Credentials::parse(value) {
        let _ = verify(&credentials, Algorithm::Md5, b"ha1", b"INVITE");
    }
    let _ = (Challenge::parse(value), ReasonValue::parse(value), Params(value).iter().count());
    let _ = Mint::new([0; 16]).open(value);
}

/// The message written anew, field by field.
fn written(m: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = match *m.start() {
        StartLine::Request { token, uri, .. } => Writer::request(&mut out, token, uri),
        StartLine::Response { code, reason } => Writer::response(&mut out, code, reason),
    };
    for (name, spelled, value) in m.all() {
        match name {
            Name::ContentLength | Name::ContentType => {}
            Name::Other => drop(w.named(spelled, value)),
            name => drop(w.field(name, value)),
        }
    }
    w.body(m.field(Name::ContentType).unwrap_or(b"text/plain"), m.body());
    out
}

proptest! {
    #[test]
    fn any_octets(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn any_message_like_text(text in "(INVITE|SIP/2.0) [ -~]{0,40}\r\n((v|To|f|CSeq|m|Content-Length)[ -~]{0,60}\r\n){0,9}\r\n") {
        read_all(text.as_bytes());
    }

    #[test]
    fn damaged_messages(bytes in damaged()) {
        read_all(&bytes);
    }

    #[test]
    fn writing_and_reading_back_is_stable(bytes in damaged()) {
        let Ok(first) = Message::parse(&bytes) else { return Ok(()) };
        let once = written(&first);
        let Ok(second) = Message::parse(&once) else {
            // Without a usable start line or with what made a response unusable, there is nothing to compare.
            prop_assert!(first.defect().is_some(), "{}", String::from_utf8_lossy(&once));
            return Ok(());
        };
        prop_assert_eq!(second.body(), first.body());
        prop_assert_eq!(second.method(), first.method());
        prop_assert_eq!(written(&second), &*once);
        if first.defect().is_none() {
            prop_assert_eq!(second.defect(), None, "{}", String::from_utf8_lossy(&once));
            prop_assert_eq!(second.call_id(), first.call_id());
            prop_assert_eq!(second.cseq(), first.cseq());
            if first.is_request() {
                prop_assert_eq!(second.to().and_then(|to| to.tag()), first.to().and_then(|to| to.tag()));
            }
        }
        // What was written frames to its own length.
        prop_assert_eq!(frame::next(&once, usize::MAX), Framed::Message { len: once.len() });
    }
}
