//! Offers and answers as tables.

use sdp::Description;

use super::*;

fn body(formats: &str, attributes: &str) -> String {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    let names = [
        ("96", "opus/48000/2"),
        ("111", "opus/48000/2"),
        ("97", "telephone-event/48000"),
        ("110", "telephone-event/48000"),
        ("101", "telephone-event/8000"),
        ("126", "telephone-event/8000"),
        ("102", "iLBC/8000"),
    ];
    let maps: String = formats
        .split(' ')
        .filter_map(|number| names.iter().find(|(known, _)| *known == number))
        .map(|(number, name)| format!("a=rtpmap:{number} {name}\r\n"))
        .collect();
    format!("{head}m=audio 4000 RTP/AVP {formats}\r\n{maps}{attributes}")
}

const ALL: [&str; 4] = ["opus", "g722", "pcma", "pcmu"];

#[test]
fn an_offer_is_widened_behind_what_it_has() {
    let table: &[(&str, &[&str], &[(u8, &str)])] = &[
        // A desk phone: the browser's codec and its events.
        ("8 0 101", &ALL, &[(111, "opus/48000/2"), (9, "G722/8000"), (110, "telephone-event/48000")]),
        // A browser: nothing is missing, or the phone's.
        ("111 9 8 0 110 126", &ALL, &[]),
        (
            "111 110",
            &ALL,
            &[(9, "G722/8000"), (8, "PCMA/8000"), (0, "PCMU/8000"), (101, "telephone-event/8000")],
        ),
        // A narrow list is obeyed, in its order; names may be anything.
        ("0 101", &["pcma", "g729", "pcma"], &[(8, "PCMA/8000")]),
        // A number that is taken is left alone.
        ("8 96", &["opus"], &[]),
        ("8 0 102", &["opus"], &[(111, "opus/48000/2")]),
        // Nothing of it can be converted.
        ("18 101", &ALL, &[]),
        ("102", &ALL, &[]),
    ];
    for (formats, codecs, wanted) in table {
        let text = body(formats, "");
        let description = Description::parse(text.as_bytes()).expect("well-formed");
        let codecs: Vec<String> = codecs.iter().map(|&codec| codec.to_owned()).collect();
        let added = additions(&description.media()[0], &codecs);
        let added: Vec<(u8, &str)> = added.iter().map(|f| (f.payload_type, f.encoding)).collect();
        assert_eq!(&added, wanted, "{formats}");
    }
    let taken = body("8 101", "")
        .replace("RTP/AVP 8 101", "RTP/AVP 8 101 111")
        .replace("a=rtpmap", "a=rtpmap:111 iLBC/8000\r\na=rtpmap");
    let description = Description::parse(taken.as_bytes()).expect("well-formed");
    let added = additions(&description.media()[0], &["opus".to_owned()]);
    assert_eq!(added.first().map(|format| format.payload_type), Some(96));
}

#[test]
fn who_dials_in_another_way_offers_events_for_it() {
    let table: &[(&str, &[(u8, &str)])] = &[
        ("8 0", &[(101, "telephone-event/8000")]),
        ("111 8", &[(101, "telephone-event/8000"), (110, "telephone-event/48000")]),
        ("8 101", &[]),
        ("18", &[]),
    ];
    for (formats, wanted) in table {
        let text = body(formats, "");
        let description = Description::parse(text.as_bytes()).expect("well-formed");
        let added = event_additions(&description.media()[0]);
        let added: Vec<(u8, &str)> = added.iter().map(|f| (f.payload_type, f.encoding)).collect();
        assert_eq!(&added, wanted, "{formats}");
    }
}

/// What these come to: how the two legs are spoken with, and what the asking one sees.
fn come_to(asked: &str, listed: &str, answer: &str, convertible: bool) -> String {
    let texts =
        [asked, listed, answer].map(|formats| body(formats, "a=fmtp:111 useinbandfec=1\r\na=ptime:30\r\n"));
    let parsed = texts.each_ref().map(|text| Description::parse(text.as_bytes()).expect("well-formed"));
    let [asked, listed, answer] = parsed.each_ref().map(|description| &description.media()[0]);
    let settled = settle(asked, listed, answer, convertible, [DtmfMode::Auto; 2]);
    let Some(settled) = settled else { return "nothing".into() };
    let name = |format: Format| format!("{} {}", format.codec.name(), format.payload_type);
    match (settled.reshape(0, asked, answer), settled.asking, settled.answering) {
        (Reshape::Replace(..), Some(asking), Some(answering)) => {
            format!("{} to {}", name(asking), name(answering))
        }
        (Reshape::Renumber(_, numbers, None), ..) => format!("renumbered {numbers:?}"),
        (Reshape::Renumber(_, numbers, Some(events)), ..) => {
            format!("renumbered {numbers:?} with {} {}", events.payload_type, events.encoding)
        }
        (Reshape::Keep, ..) => "relayed".into(),
        other => format!("{other:?}"),
    }
}

fn agree(asked: &str, listed: &str, answer: &str, modes: [DtmfMode; 2]) -> (Format, Format) {
    let texts =
        [asked, listed, answer].map(|formats| body(formats, "a=fmtp:111 useinbandfec=1\r\na=ptime:30\r\n"));
    let parsed = texts.each_ref().map(|text| Description::parse(text.as_bytes()).expect("well-formed"));
    let [asked, listed, answer] = parsed.each_ref().map(|description| &description.media()[0]);
    let settled = settle(asked, listed, answer, true, modes).expect("something");
    (settled.asking.expect("known"), settled.answering.expect("known"))
}

#[test]
fn the_answer_decides() {
    let table = [
        ("8 0 101", "8 0 101 111 9 110", "8 101", "relayed"),
        ("8 0 101", "8 0 101 111 9 110", "0 8 101", "relayed"),
        ("8 0 101", "8 0 101 111 9 110", "111 110", "pcma 8 to opus 111"),
        ("8 0 101", "8 0 101 111 9 110", "9 101", "pcma 8 to g722 9"),
        ("111 110", "111 110 9 8 0 101", "0 101", "opus 111 to pcmu 0"),
        ("18 8 101", "18 8 101 111", "18 101", "relayed"),
        // Numbers of its own.
        ("111 8 110 126", "111 8 110 126", "96 97", "renumbered [(96, Some(111)), (97, Some(110))]"),
        ("8 126", "8 126 111", "8 101", "renumbered [(101, Some(126))]"),
        ("8 126", "8 126 111", "8 111 126", "renumbered [(111, None)]"),
        // Events of another clock are heard as its own.
        ("111 101", "111 101", "111 110", "renumbered [(110, None)] with 101 telephone-event/8000"),
        ("111 101", "111 101", "111 101 110", "renumbered [(110, None)]"),
        // Nothing in common and nothing to be done.
        ("18 101", "18 101", "8 101", "nothing"),
        ("102", "102", "102", "relayed"),
        // Numbers without a name are nobody's business.
        ("8 101", "8 101", "99", "relayed"),
        ("8 101", "8 101", "101", "relayed"),
    ];
    for (asked, listed, answer, wanted) in table {
        assert_eq!(come_to(asked, listed, answer, true), wanted, "{asked} / {answer}");
    }
    assert_eq!(come_to("8 0 101", "8 0 101", "111 110", false), "nothing");
    assert_eq!(come_to("8 0 101", "8 0 101", "0 101", false), "relayed");
}

#[test]
fn formats_know_their_numbers_clocks_and_wishes() {
    let (asking, answering) = agree("8 0 101", "8 0 101 111 9 110", "96 97", [DtmfMode::Auto; 2]);
    assert_eq!(asking.dtmf, Dtmf::Events { payload_type: 101, heard_as: 101, clock: 8_000 });
    assert_eq!(answering.dtmf, Dtmf::Events { payload_type: 97, heard_as: 110, clock: 48_000 });
    assert_eq!(
        (answering.payload_type, answering.heard_as, answering.ptime, answering.fec),
        (96, 111, 30, false)
    );
    let (asking, _) = agree("111 110", "111 110 8 101", "8 101", [DtmfMode::Auto; 2]);
    assert!(asking.fec);
    let text = body("111 110", "");
    let media = Description::parse(text.as_bytes()).expect("well-formed");
    let shown: Vec<(u8, &str)> =
        listed(&asking, &media.media()[0]).iter().map(|f| (f.payload_type, f.encoding)).collect();
    assert_eq!(shown, [(111, "opus/48000/2"), (110, "telephone-event/48000")]);
}

#[test]
fn packets_are_renumbered_both_ways() {
    let (asking, answering) = agree("111 8 110 126", "111 8 110 126", "96 97", [DtmfMode::Auto; 2]);
    let mut there = PayloadMap::default();
    there.insert(111, 96);
    there.insert(110, 97);
    assert_eq!(numbers(&asking, &answering), there);
    let mut back = PayloadMap::default();
    back.insert(96, 111);
    back.insert(97, 110);
    assert_eq!(numbers(&answering, &asking), back);

    let (asking, answering) = agree("111 101", "111 101", "111 110", [DtmfMode::Auto; 2]);
    let mut there = PayloadMap::default();
    there.insert(101, 110);
    there.scale(101, 8_000, 48_000);
    assert_eq!(numbers(&asking, &answering), there);
    let mut back = PayloadMap::default();
    back.insert(110, 101);
    back.scale(110, 48_000, 8_000);
    assert_eq!(numbers(&answering, &asking), back);
}

#[test]
fn digits_that_go_another_way_need_a_conversion() {
    let of = |modes| {
        let (asking, answering) = agree("8 101", "8 101", "8 101", modes);
        turns(asking.dtmf, answering.dtmf, modes)
    };
    assert!(!of([DtmfMode::Auto, DtmfMode::Rfc4733]));
    assert!(of([DtmfMode::Auto, DtmfMode::Inband]));
    assert!(of([DtmfMode::Info, DtmfMode::Auto]));
    assert!(of([DtmfMode::Info, DtmfMode::Inband]));
    assert!(!of([DtmfMode::Info, DtmfMode::Info]));
}

#[test]
fn an_asking_leg_keeps_the_events_that_become_something_else() {
    let texts = ["8 0 101", "8 0 101", "8"].map(|formats| body(formats, ""));
    let parsed = texts.each_ref().map(|text| Description::parse(text.as_bytes()).expect("well-formed"));
    let [asked, sent, answer] = parsed.each_ref().map(|description| &description.media()[0]);
    for (modes, convertible, wanted) in [
        ([DtmfMode::Auto, DtmfMode::Info], true, Some(vec![8, 101])),
        ([DtmfMode::Auto, DtmfMode::Inband], true, Some(vec![8, 101])),
        ([DtmfMode::Info, DtmfMode::Auto], true, Some(vec![8])),
        ([DtmfMode::Auto, DtmfMode::Info], false, None),
        ([DtmfMode::Auto, DtmfMode::Auto], true, None),
    ] {
        let settled = settle(asked, sent, answer, convertible, modes).expect("PCMA");
        let seen: Option<Vec<u8>> = match settled.reshape(0, asked, answer) {
            Reshape::Replace(_, formats) => Some(formats.iter().map(|f| f.payload_type).collect()),
            Reshape::Keep | Reshape::Add(..) | Reshape::Renumber(..) => None,
        };
        assert_eq!(seen, wanted, "{modes:?}");
    }
}

#[test]
fn an_answer_shows_what_was_asked_for() {
    let texts = ["111 8 110 126", "96 97 9 102"].map(|formats| body(formats, ""));
    let [asked, answer] =
        texts.each_ref().map(|text| Description::parse(text.as_bytes()).expect("well-formed"));
    let (asked, answer) = (&asked.media()[0], &answer.media()[0]);
    let seen: Vec<Option<u8>> = [96, 97, 9, 102].map(|number| seen_as(number, asked, answer)).to_vec();
    assert_eq!(seen, [Some(111), Some(110), None, Some(102)]);
}
