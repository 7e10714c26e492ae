//! Rewriting: what is replaced, what is dropped, what stays.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use std::net::IpAddr;

use proptest::prelude::*;
use sdp::{Description, MediaRewrite, OriginRewrite, rewrite};

const BODIES: [&[u8]; 3] = [
    include_bytes!("bodies/asterisk.sdp"),
    include_bytes!("bodies/baresip.sdp"),
    include_bytes!("bodies/chromium.sdp"),
];

fn ours() -> IpAddr {
    [198, 51, 100, 1].into()
}

fn rewritten(body: &[u8], place: Option<MediaRewrite<'static>>) -> Vec<u8> {
    let d = Description::parse(body).unwrap();
    let mut out = Vec::new();
    let origin = OriginRewrite { user: None, id: 5, version: 6, addr: ours() };
    rewrite(body, &d, &origin, &mut |_| place, &mut out);
    out
}

#[expect(clippy::unnecessary_wraps, reason = "some tests give no place")]
fn at(port: u16, rtcp_port: Option<u16>) -> Option<MediaRewrite<'static>> {
    Some(MediaRewrite { addr: ours(), port, rtcp_port, proto: None, lines: &[] })
}

fn check(before: &str, place: Option<MediaRewrite<'static>>, after: &str) {
    let before = format!("v=0\no=a 1 2 IN IP4 10.0.0.1\ns=x\n{before}");
    let after = format!("v=0\no=- 5 6 IN IP4 198.51.100.1\ns=x\n{after}").replace('\n', "\r\n");
    assert_eq!(str::from_utf8(&rewritten(before.as_bytes(), place)).unwrap(), after);
}

#[test]
fn places_are_replaced() {
    let before = "c=IN IP4 10.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0\na=sendonly\n";
    let after = "c=IN IP4 198.51.100.1\nt=0 0\nm=audio 30000 RTP/AVP 0\na=sendonly\n";
    check(before, at(30_000, None), after);
    check(before, at(30_000, Some(30_001)), after);
    check(before, at(30_000, Some(30_000)), &format!("{after}a=rtcp:30000\n"));
    check(
        "t=0 0\nm=audio 4000/2 RTP/AVP 0\nc=IN IP6 ::1\na=rtcp:4001\n",
        at(30_000, None),
        "t=0 0\nm=audio 30000 RTP/AVP 0\nc=IN IP4 198.51.100.1\n",
    );
}

#[test]
fn media_of_other_addresses_get_a_line_of_their_own() {
    let place = MediaRewrite {
        addr: "2001:db8::5".parse().unwrap(),
        port: 30_000,
        rtcp_port: None,
        proto: None,
        lines: &[],
    };
    check(
        "c=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\ni=title\na=x\nm=video 4002 RTP/AVP 31\n",
        Some(place),
        "c=IN IP4 198.51.100.1\nm=audio 30000 RTP/AVP 0\ni=title\nc=IN IP6 2001:db8::5\na=x\n\
         m=video 30000 RTP/AVP 31\nc=IN IP6 2001:db8::5\n",
    );
}

#[test]
fn refused_media_stay_refused_and_media_without_a_place_become_so() {
    check("m=audio 0 RTP/AVP 0\n", at(30_000, None), "m=audio 0 RTP/AVP 0\n");
    check(
        "c=IN IP4 10.0.0.1\nm=image 4000 udptl t38\nc=IN IP4 10.0.0.2\n",
        None,
        "c=IN IP4 198.51.100.1\nm=image 0 udptl t38\nc=IN IP4 198.51.100.1\n",
    );
}

#[test]
fn keys_do_not_pass_and_others_take_their_place() {
    let before = "c=IN IP4 10.0.0.1\nm=audio 4000 RTP/SAVP 0 8\na=crypto:1 X inline:secret\na=sendrecv\n\
                  m=video 0 RTP/SAVP 31\na=crypto:1 X inline:secret\n";
    check(
        before,
        at(30_000, None),
        "c=IN IP4 198.51.100.1\nm=audio 30000 RTP/SAVP 0 8\na=sendrecv\nm=video 0 RTP/SAVP 31\n",
    );
    let place = MediaRewrite {
        proto: Some("RTP/AVP"),
        lines: b"a=crypto:2 Y inline:ours\r\n",
        ..at(30_000, None).unwrap()
    };
    check(
        before,
        Some(place),
        "c=IN IP4 198.51.100.1\nm=audio 30000 RTP/AVP 0 8\na=sendrecv\na=crypto:2 Y inline:ours\n\
         m=video 0 RTP/AVP 31\n",
    );
    check(
        before,
        Some(MediaRewrite { port: 0, ..place }),
        "c=IN IP4 198.51.100.1\nm=audio 0 RTP/AVP 0 8\na=sendrecv\nm=video 0 RTP/AVP 31\n",
    );
}

#[test]
fn a_hold_by_address_stays_a_hold() {
    check(
        "c=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n",
        at(30_000, None),
        "c=IN IP4 0.0.0.0\nm=audio 30000 RTP/AVP 0\n",
    );
    check(
        "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n",
        at(30_000, None),
        "m=audio 30000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n",
    );
}

#[test]
fn a_browsers_candidates_do_not_pass() {
    let out = rewritten(BODIES[2], at(30_000, Some(30_000)));
    let text = str::from_utf8(&out).unwrap();
    for gone in ["candidate", "a=ice-", "0.0.0.0", "a=rtcp:9 ", "192.0.2.30", "127.0.0.1"] {
        assert!(!text.contains(gone), "{gone}");
    }
    for kept in
        ["a=fingerprint:sha-256 D1:", "a=rtcp-mux\r\n", "a=rtcp:30000\r\n", "c=IN IP4 198.51.100.1\r\n"]
    {
        assert!(text.contains(kept), "{kept}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Description::parse(&body);
    }

    #[test]
    fn damaged_bodies_are_rewritten_into_readable_ones(
        which in 0..BODIES.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        port in 1..=u16::MAX,
        rtcp_port in proptest::option::of(any::<u16>()),
    ) {
        let mut body = BODIES[which].to_vec();
        for (at, octet) in damage {
            let at = at.index(body.len());
            body[at] = octet;
        }
        if let Ok(d) = Description::parse(&body) {
            for medium in d.media() {
                let _ = (medium.connection(), medium.direction(), medium.rtcp(), medium.is_held(), medium.ptime());
                let _ = (medium.rtpmaps().count(), medium.fmtp(101), medium.format_list().count());
            }
            let out = rewritten(&body, at(port, rtcp_port));
            let again = Description::parse(&out).unwrap();
            prop_assert_eq!(again.origin().id, b"5");
            prop_assert_eq!(again.media().len(), d.media().len());
            for (before, after) in d.media().iter().zip(again.media()) {
                prop_assert_eq!(after.port, if before.port == 0 { 0 } else { port });
                prop_assert_eq!(after.kind, before.kind);
                prop_assert_eq!(after.direction(), before.direction());
            }
            prop_assert_eq!(rewritten(&out, at(port, rtcp_port)), &*out);
        }
    }
}
