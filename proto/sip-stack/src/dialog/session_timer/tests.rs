use super::*;

fn message(start: &str, fields: &str) -> Vec<u8> {
    let text = format!(
        "{start}\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=1\nTo: <sip:b@x>\nCall-ID: 1\n\
         CSeq: 1 INVITE\nMax-Forwards: 70\n{fields}\nContent-Length: 0\n\n"
    );
    text.replace("\n\n", "\n").replace('\n', "\r\n").into_bytes().into_iter().chain(*b"\r\n").collect()
}

fn start() -> Timestamp {
    Timestamp::from_secs(1000)
}

/// RFC 4028 §9, table 2, for somebody who wants 1800 s and accepts 90 s.
#[test]
fn what_a_request_leads_to() {
    let us = |seconds, mutual| Ok(Agreement { seconds, refresher: Refresher::Us, mutual });
    let them = |seconds| Ok(Agreement { seconds, refresher: Refresher::Them, mutual: true });
    let table: &[(&str, Result<Agreement, u32>)] = &[
        ("", us(1800, false)),
        ("Session-Expires: 600", us(600, false)),
        ("Session-Expires: 60", us(90, false)),
        ("Supported: timer", them(1800)),
        ("k: 100rel,timer", them(1800)),
        ("Supported: timer\nx: 600;refresher=uas", us(600, true)),
        ("Supported: timer\nSession-Expires: 600 ; Refresher=UAC", them(600)),
        ("Require: timer\nSession-Expires: 3600", them(1800)),
        ("Supported: timer\nSession-Expires: 3600\nMin-SE: 2400", them(2400)),
        ("Supported: timer\nSession-Expires: 89", Err(90)),
        ("Supported: timer\nSession-Expires: nonsense", them(1800)),
    ];
    for (fields, wanted) in table {
        let bytes = message("INVITE sip:b@x SIP/2.0", fields);
        let request = Message::parse(&bytes).expect("a request");
        assert_eq!(SessionTimer::new(1800, 90).propose(&request), *wanted, "{fields}");
    }
}

#[test]
fn what_an_answer_settles() {
    let table: &[(&str, Refresher, u32, bool)] = &[
        ("", Refresher::Us, 1800, false),
        ("Session-Expires: 1200;refresher=uas\nRequire: timer", Refresher::Them, 1200, true),
        ("Session-Expires: 1200;refresher=uac", Refresher::Us, 1200, true),
        ("Session-Expires: 1200", Refresher::Us, 1200, true),
    ];
    for &(fields, refresher, seconds, mutual) in table {
        let bytes = message("SIP/2.0 200 OK", fields);
        let response = Message::parse(&bytes).expect("an answer");
        let settled = SessionTimer::new(1800, 90).settled_by(&response);
        assert_eq!(settled, Agreement { seconds, refresher, mutual }, "{fields}");
    }
}

#[test]
fn when_what_is_due() {
    use RefreshDue::{Expired, Nothing, Refresh};
    let table: &[(Refresher, bool, bool, &[(u64, RefreshDue)])] = &[
        // Ours to refresh: at half; if the refresh stays without success, the end before the end.
        (Refresher::Us, true, false, &[(449, Nothing), (450, Refresh), (867, Refresh), (868, Expired)]),
        (Refresher::Us, true, true, &[(450, Nothing), (867, Nothing), (868, Expired)]),
        // Theirs: 900 - min(32, 300).
        (Refresher::Them, true, false, &[(450, Nothing), (867, Nothing), (868, Expired)]),
        // A peer without timers is asked, never ended.
        (Refresher::Us, false, true, &[(450, Nothing), (868, Nothing), (9000, Nothing)]),
    ];
    for &(refresher, mutual, asking, times) in table {
        let mut timer = SessionTimer::new(1800, 90);
        timer.start(Agreement { seconds: 900, refresher, mutual }, start());
        if asking {
            timer.asking();
        }
        for &(after, due) in times {
            assert_eq!(timer.on_timer(start() + Duration::from_secs(after)), due, "{refresher:?} {after}");
        }
    }
}

#[test]
fn a_short_session_ends_a_third_before_its_end() {
    let mut timer = SessionTimer::new(90, 90);
    timer.start(Agreement { seconds: 90, refresher: Refresher::Them, mutual: true }, start());
    assert_eq!(timer.next_timeout(), Some(start() + Duration::from_secs(60)));
}

#[test]
fn too_small_is_asked_again_once_per_raise() {
    let mut timer = SessionTimer::new(1800, 90);
    let check = |timer: &mut SessionTimer, min_se: &str, again: bool| {
        let bytes = message("SIP/2.0 422 Session Interval Too Small", min_se);
        assert_eq!(timer.on_too_small(&Message::parse(&bytes).expect("a 422")), again, "{min_se}");
    };
    check(&mut timer, "", false);
    check(&mut timer, "Min-SE: 2000", true);
    check(&mut timer, "Min-SE: 2000", false);
    check(&mut timer, "Min-SE: 4000000000", false);
    let mut written = Vec::new();
    let mut writer = Writer::request(&mut written, b"INVITE", b"sip:b@x");
    timer.write_request(&mut writer);
    writer.end();
    let text = String::from_utf8(written).expect("text");
    assert!(text.contains("Session-Expires: 2000\r\nMin-SE: 2000\r\n"), "{text}");
}

#[test]
fn a_refusal_counts_as_life_only_of_a_peer_without_timers() {
    for (mutual, next) in [(true, 868), (false, 950)] {
        let mut timer = SessionTimer::new(1800, 90);
        timer.start(Agreement { seconds: 900, refresher: Refresher::Us, mutual }, start());
        timer.asking();
        timer.refused(start() + Duration::from_secs(500));
        assert_eq!(timer.next_timeout(), Some(start() + Duration::from_secs(next)), "{mutual}");
    }
}
