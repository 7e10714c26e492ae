//! WebRTC descriptions of browsers: read, taken off for telephones, put on for browsers.
#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

use std::net::IpAddr;

use proptest::prelude::*;
use sdp::Description;
use sdp::webrtc::{self, Ours, Setup};

const CHROMIUM: &[u8] = include_bytes!("bodies/chromium.sdp");
const FIREFOX: &[u8] = include_bytes!("bodies/firefox.sdp");
const BARESIP: &[u8] = include_bytes!("bodies/baresip.sdp");

fn plain(body: &[u8], streams: bool) -> String {
    String::from_utf8(webrtc::plain(body, &Description::parse(body).unwrap(), streams)).unwrap()
}

fn written(body: &[u8], setup: Setup, mids: &[Vec<u8>]) -> String {
    let candidates: [(IpAddr, u16); 2] =
        [([198, 51, 100, 1].into(), 20000), ("2001:db8::1".parse().unwrap(), 20000)];
    let ours = Ours {
        ufrag: "ourname1",
        password: "ourpassword",
        fingerprint: &[0xab; 32],
        setup,
        candidates: &candidates,
        streams: true,
        mids,
        proto: b"UDP/TLS/RTP/SAVPF",
    };
    String::from_utf8(webrtc::write(body, &Description::parse(body).unwrap(), &ours)).unwrap()
}

fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|l| l.starts_with(line)).count()
}

#[test]
fn transports_are_read_at_the_medium_and_at_the_session() {
    let table: [(&[u8], &[&str]); 2] = [(CHROMIUM, &["EsAw"]), (FIREFOX, &["5c1fd2a9"])];
    for (body, ufrags) in table {
        let description = Description::parse(body).unwrap();
        assert!(webrtc::is_webrtc(&description));
        for (medium, ufrag) in description.media().iter().zip(ufrags) {
            let transport = webrtc::transport(medium).unwrap();
            assert_eq!(transport.ufrag, ufrag.as_bytes());
            assert_eq!(transport.setup, Setup::ActPass);
            assert!(transport.fingerprint.starts_with(b"sha-256 "));
        }
    }
    assert!(!webrtc::is_webrtc(&Description::parse(BARESIP).unwrap()));
}

#[test]
fn of_several_fingerprints_one_by_a_sound_hash_is_taken() {
    let line = |hash: &str| format!("a=fingerprint:{hash} AB:CD\r\n");
    let table = [
        (line("sha-1") + &line("SHA-256"), "SHA-256 AB:CD"),
        (line("sha-384") + &line("sha-256"), "sha-384 AB:CD"),
        (line("sha-1"), "sha-1 AB:CD"),
    ];
    for (lines, taken) in table {
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:abcd\r\n{lines}"
        );
        let description = Description::parse(body.as_bytes()).unwrap();
        assert_eq!(webrtc::transport(&description.media()[0]).unwrap().fingerprint, taken.as_bytes());
    }
}

#[test]
fn a_telephone_sees_nothing_of_a_browser() {
    for body in [CHROMIUM, FIREFOX] {
        let text = plain(body, false);
        let foreign = [
            "group",
            "mid",
            "ice-",
            "fingerprint",
            "setup",
            "candidate",
            "end-of-",
            "rtcp",
            "extmap",
            "msid",
            "ssrc",
            "bundle",
        ];
        for name in foreign {
            assert_eq!(count(&text, &format!("a={name}")), 0, "{name} in\n{text}");
        }
        assert!(text.contains(" RTP/AVP ") && !text.contains("SAVPF"));
        assert!(!text.contains(".local"));
    }
    let text = plain(CHROMIUM, false);
    assert!(text.contains("m=audio 9 RTP/AVP 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"));
    // A medium that shares the port of another is in use like it.
    assert!(plain(FIREFOX, false).contains("m=video 9 RTP/AVP 120 124\r\n"));
}

#[test]
fn browsers_keep_what_they_tell_each_other_of_streams_but_no_names() {
    let text = plain(FIREFOX, true);
    for kept in [
        "a=rtcp-fb:120 nack pli",
        "a=ssrc-group:FID",
        "a=extmap:1 ",
        "a=extmap:5 ",
        "a=msid:",
        "a=rtcp-rsize",
    ] {
        assert!(count(&text, kept) > 0, "{kept} in\n{text}");
    }
    for dropped in ["a=extmap:3", "a=mid", "a=ice-", "a=candidate", "a=fingerprint", "a=group"] {
        assert_eq!(count(&text, dropped), 0, "{dropped} in\n{text}");
    }
}

#[test]
fn a_telephone_looks_like_a_browser() {
    let body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
        a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\nm=video 0 RTP/AVP 96\r\n";
    let wanted = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio\r\na=ice-lite\r\n\
        m=audio 20000 UDP/TLS/RTP/SAVPF 8 101\r\nc=IN IP4 198.51.100.1\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\na=mid:audio\r\na=rtcp-mux\r\na=ice-ufrag:ourname1\r\n\
        a=ice-pwd:ourpassword\r\na=fingerprint:sha-256 FP\r\na=setup:passive\r\n\
        a=candidate:1 1 udp 2130706431 198.51.100.1 20000 typ host\r\n\
        a=candidate:2 1 udp 2130706175 2001:db8::1 20000 typ host\r\n\
        a=candidate:3 1 tcp 1520435199 198.51.100.1 20000 typ host tcptype passive\r\n\
        a=candidate:4 1 tcp 1520434943 2001:db8::1 20000 typ host tcptype passive\r\na=end-of-candidates\r\n\
        a=msid:trunkline trunkline-0\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 198.51.100.1\r\na=mid:1\r\n";
    let text = written(body, Setup::Passive, &[b"audio".to_vec()]);
    assert_eq!(text, wanted.replace("FP", &vec!["AB"; 32].join(":")));
}

#[test]
fn what_is_put_on_is_read_and_comes_off_again() {
    for body in [CHROMIUM, FIREFOX, BARESIP] {
        let bare = plain(body, true);
        let names = webrtc::mids(&Description::parse(body).unwrap());
        let text = written(bare.as_bytes(), Setup::ActPass, &names);
        let description = Description::parse(text.as_bytes()).unwrap();
        assert!(webrtc::is_webrtc(&description));
        assert_eq!(webrtc::mids(&description), names);
        assert_eq!(count(&text, "a=ice-lite"), 1);
        let again = plain(text.as_bytes(), true);
        let mut is_voice = false;
        for line in bare.lines() {
            is_voice = line.strip_prefix("m=").map_or(is_voice, |kind| kind.starts_with("audio"));
            // Of these, tested below.
            let is_source = is_voice && line.starts_with("a=ssrc");
            assert!(
                line.starts_with("c=") || line.starts_with("m=") || is_source || again.contains(line),
                "{line} is gone from\n{again}"
            );
        }
    }
}

#[test]
fn a_browser_is_told_no_source_of_a_voice_that_may_become_ours() {
    let sources = |body: &[u8]| {
        let text = written(body, Setup::Passive, &[]);
        let video = text.find("m=video").unwrap_or(text.len());
        (count(&text[..video], "a=ssrc"), count(&text[video..], "a=ssrc"))
    };
    assert!(count(&plain(BARESIP, true), "a=ssrc:") > 0);
    assert_eq!(sources(BARESIP), (0, 0));
    let (voice, video) = sources(FIREFOX);
    assert!(voice == 0 && video > 0, "those of a video pass as they are");
}

proptest! {
    #[test]
    fn whatever_is_a_description_stays_one(lines in prop::collection::vec("(a=(mid|setup|ice-ufrag|extmap|group|msid|bundle-only|fingerprint)(:[ -~]{0,20})?|m=audio [0-9] RTP/AVP 0|c=IN IP4 192.0.2.1)", 0..12)) {
        let body = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(description) = Description::parse(body.as_bytes()) {
            for streams in [true, false] {
                prop_assert!(Description::parse(&webrtc::plain(body.as_bytes(), &description, streams)).is_ok());
            }
            let text = written(body.as_bytes(), Setup::Active, &webrtc::mids(&description));
            prop_assert!(Description::parse(text.as_bytes()).is_ok());
        }
    }
}
