//! Protection by tables: what a setting makes of an offer, of an answer, and what it offers itself.

use sdp::Description;

use super::*;
use srtp::Profile;

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const SHA80: &str = "AES_CM_128_HMAC_SHA1_80";
const SHA32: &str = "AES_CM_128_HMAC_SHA1_32";

fn body(proto: &str, lines: &[String]) -> Vec<u8> {
    let lines: String = lines.iter().map(|line| format!("a={line}\r\n")).collect();
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 {proto} 0\r\n{lines}"
    )
    .into_bytes()
}

fn crypto(tag: u32, suite: &str) -> String {
    format!("crypto:{tag} {suite} inline:{KEY}|2^31")
}

fn random() -> Random {
    Random::new([7; 16])
}

/// One description, heard or asked about.
fn with<T>(body: &[u8], act: impl FnOnce(&[Media<'_>]) -> T) -> T {
    act(Description::parse(body).expect("a description").media())
}

/// Protocol, and tags and suites of the keys.
fn shown(written: &Written) -> String {
    let lines = String::from_utf8_lossy(&written.lines);
    let keys = lines.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
    let keys = keys.map(|line| line.split(" inline:").next().unwrap_or_default().to_owned());
    [written.proto.unwrap_or("as it is").to_owned()].into_iter().chain(keys).collect::<Vec<_>>().join(", ")
}

fn keys(protection: &Protection) -> Option<(Keys, Keys)> {
    match protection.media.first()?.method {
        Method::Sdes { inbound, outbound, .. } => Some((inbound, outbound)),
        Method::None | Method::Dtls => None,
    }
}

#[test]
fn what_is_made_of_an_offer() {
    use Srtp::{Auto, Dtls, Off, Sdes, SdesOptional};
    let all = [Auto, Off, SdesOptional, Sdes, Dtls];
    let offers = [
        ("RTP/AVP", vec![]),
        ("RTP/AVP", vec![crypto(3, SHA80)]),
        ("RTP/AVPF", vec![crypto(9, "AES_256_CM_HMAC_SHA1_80"), crypto(2, SHA32)]),
        ("RTP/SAVP", vec![crypto(1, "UNKNOWN"), crypto(2, SHA80), crypto(3, SHA32)]),
        ("RTP/SAVP", vec![]),
        ("RTP/SAVP", vec![format!("{} UNENCRYPTED_SRTP", crypto(1, SHA80))]),
        ("RTP/SAVP", vec![format!("crypto:1 {SHA80} inline:{KEY}|2^20|1:4")]),
        ("udptl", vec![]),
    ];
    let no = || None;
    let yes = |text: &str| Some(text.to_owned());
    let sdes = |text: &str| [yes(text), no(), yes(text), yes(text), no()];
    let optional = |clear: &str, text: &str| [yes(text), yes(clear), yes(text), yes(text), no()];
    let table = [
        [yes("RTP/AVP"), yes("RTP/AVP"), yes("RTP/AVP"), no(), no()],
        optional("RTP/AVP", &format!("RTP/AVP, 3 {SHA80}")),
        optional("RTP/AVPF", &format!("RTP/AVPF, 2 {SHA32}")),
        sdes(&format!("RTP/SAVP, 2 {SHA80}")),
        [no(), no(), no(), no(), no()],
        [no(), no(), no(), no(), no()],
        [no(), no(), no(), no(), no()],
        [yes("as it is"), yes("as it is"), yes("as it is"), no(), no()],
    ];
    for ((proto, lines), wanted) in offers.iter().zip(table) {
        for (setting, wanted) in all.into_iter().zip(wanted) {
            let body = body(proto, lines);
            let mut protection = Protection::default();
            let (taken, written) = with(&body, |media| {
                let taken = protection.hear_offer(media, setting, &mut random());
                (taken[0], protection.answer(0, &media[0]))
            });
            assert_eq!(taken.then(|| shown(&written)), wanted, "{setting:?} {proto} {lines:?}");
            let Some((inbound, outbound)) = keys(&protection) else { continue };
            assert_ne!(inbound, outbound);
            assert!(!String::from_utf8_lossy(&written.lines).contains(KEY), "their key never comes back");
        }
    }
}

#[test]
fn what_is_offered_and_what_answers_do() {
    let everything = format!("1 {SHA80}, 2 {SHA32}, 3 AEAD_AES_128_GCM, 4 AEAD_AES_256_GCM");
    let (optional, mandatory) = (format!("RTP/AVP, {everything}"), format!("RTP/SAVP, {everything}"));
    let table: [(Wanted, &str, &str, &[String], Result<&str, ()>, String); 11] = [
        (Wanted::Clear, "RTP/AVP", "RTP/AVP", &[], Ok("none"), "RTP/AVP".to_owned()),
        (Wanted::Optional, &optional, "RTP/AVP", &[], Ok("none"), "RTP/AVP".to_owned()),
        (
            Wanted::Optional,
            &optional,
            "RTP/AVP",
            &[crypto(1, SHA80)],
            Ok("sdes"),
            format!("RTP/AVP, 1 {SHA80}"),
        ),
        (
            Wanted::Optional,
            &optional,
            "RTP/SAVP",
            &[crypto(2, SHA32)],
            Ok("sdes"),
            format!("RTP/AVP, 2 {SHA32}"),
        ),
        (Wanted::Optional, &optional, "RTP/AVP", &[crypto(5, SHA80)], Err(()), String::new()),
        (Wanted::Optional, &optional, "RTP/AVP", &[crypto(2, SHA80)], Err(()), String::new()),
        (
            Wanted::Mandatory,
            &mandatory,
            "RTP/SAVP",
            &[crypto(1, SHA80)],
            Ok("sdes"),
            format!("RTP/SAVP, 1 {SHA80}"),
        ),
        (Wanted::Mandatory, &mandatory, "RTP/SAVP", &[], Err(()), String::new()),
        (Wanted::Mandatory, &mandatory, "RTP/AVP", &[], Err(()), String::new()),
        (Wanted::Mandatory, &mandatory, "RTP/SAVP", &[crypto(9, SHA80)], Err(()), String::new()),
        (Wanted::Mandatory, &mandatory, "RTP/SAVP", &[crypto(3, SHA80)], Err(()), String::new()),
    ];
    for (wanted, offer, proto, lines, outcome, again) in table {
        let (mut protection, mut random) = (Protection::default(), random());
        let source = body("RTP/AVP", &[]);
        let offered = with(&source, |media| protection.offer(0, &media[0], wanted, &mut random));
        assert_eq!(shown(&offered), offer);
        let heard = with(&body(proto, lines), |media| protection.hear_answer(media));
        assert_eq!(
            heard.map(|()| protection.name()).map_err(|_| ()),
            outcome,
            "{wanted:?} {proto} {lines:?}"
        );
        if outcome.is_ok() {
            let later = with(&source, |media| protection.offer(0, &media[0], wanted, &mut random));
            assert_eq!(shown(&later), again, "what holds is offered again, with the same key");
            assert!(
                String::from_utf8_lossy(&offered.lines).contains(&*String::from_utf8_lossy(&later.lines))
            );
        }
    }
}

#[test]
fn keys_stay_until_the_peer_changes_its_own() {
    let (mut protection, mut random) = (Protection::default(), random());
    let mut hear = |lines: &[String]| {
        let taken =
            with(&body("RTP/SAVP", lines), |media| protection.hear_offer(media, Srtp::Auto, &mut random));
        assert!(taken[0]);
        keys(&protection).expect("protected")
    };
    let first = hear(&[crypto(1, SHA80), crypto(2, SHA32)]);
    assert_eq!(hear(&[crypto(1, SHA80), crypto(2, SHA32)]), first);
    assert_eq!(hear(&[crypto(2, SHA32), crypto(1, SHA80)]), first, "the line agreed on, wherever it stands");
    let changed = hear(&[format!("crypto:1 {SHA80} inline:{OTHER}")]);
    assert_ne!(changed.0, first.0);
    assert_eq!(changed.1, first.1, "ours is no worse for that");
    let (inbound, outbound) = hear(&[crypto(2, SHA32)]);
    assert_eq!(inbound.profile(), Profile::AesCm128HmacSha1_32);
    assert_ne!(outbound.material(), first.1.material());
}

#[test]
fn an_answer_shows_only_the_key_that_was_taken() {
    let (mut protection, mut random) = (Protection::default(), random());
    let source = body("RTP/AVP", &[]);
    with(&source, |media| protection.offer(0, &media[0], Wanted::Mandatory, &mut random));
    assert!(!protection.shows_more(), "nothing was taken yet");
    with(&body("RTP/SAVP", &[crypto(2, SHA32)]), |media| protection.hear_answer(media)).expect("agreed");
    assert!(protection.shows_more());
    let written = with(&source, |media| protection.answer(0, &media[0]));
    assert_eq!(shown(&written), format!("RTP/SAVP, 2 {SHA32}"));
    protection.settle();
    assert!(!protection.shows_more());
    let again = with(&source, |media| protection.answer(0, &media[0]));
    assert_eq!(again.lines, written.lines);
}

#[test]
fn dtls_passes_as_it_is() {
    let fingerprint = || "fingerprint:sha-256 AA".to_owned();
    for (proto, lines) in [("UDP/TLS/RTP/SAVPF", vec![]), ("RTP/SAVP", vec![fingerprint()])] {
        let mut protection = Protection::default();
        let offer = body(proto, &lines);
        let taken = with(&offer, |media| protection.hear_offer(media, Srtp::Auto, &mut random()));
        assert!(taken[0]);
        let passed =
            with(&offer, |media| Protection::default().offer(0, &media[0], Wanted::Clear, &mut random()));
        assert_eq!((shown(&passed), passed.refused), ("as it is".to_owned(), false));
        assert_eq!(protection.name(), "dtls");
    }
}
