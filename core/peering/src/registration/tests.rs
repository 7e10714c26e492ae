use sip_stack::transport::Protocol;

use super::*;

/// Something that happens, and what must follow.
enum Event {
    /// The time of the last wake-up comes.
    Wake,
    /// The registrar is at these addresses.
    Found(&'static [&'static str]),
    /// It answers; credentials can be made if it challenges.
    Answer(&'static str),
    /// It answers, and no credentials fit.
    Unanswerable(&'static str),
    Timeout,
    Now,
    Leave,
}

use Event::*;

const TERMS: Terms = Terms { expires_s: 300, retry_min_s: 5, retry_max_s: 300 };
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const CONTACT: &str = "sip:00112233aabbccdd@192.0.2.1:5060;tk=00112233aabbccdd";
const CHALLENGE: &str = "401|WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"";
const STALE: &str = "401|WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", stale=true";
const PROXY: &str = "407|Proxy-Authenticate: Digest realm=\"p\", nonce=\"n\"";
const OK: &str = "200|Expires: 300";

/// Plays a script; what follows is written as words: `locate`, `send CSEQ to ADDRESS [+N] [expires E]`, `wake FROM..TO`
/// in seconds, `registered`, …
fn check(what: &str, script: &[(Event, &str)]) -> Registration {
    let mut orders = Vec::new();
    let mut now = START;
    let mut wake = START;
    let mut registration = Registration::new([b'c'; 32], START, &mut orders);
    let mut draw = 0u64;
    orders.clear();
    for (step, (event, expected)) in script.iter().enumerate() {
        draw = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
        if let Wake = event {
            now = wake;
        }
        let moment = Moment { now, draw, terms: TERMS };
        match event {
            Wake => registration.on_timer(moment, &mut orders),
            Found(addresses) => {
                let target = |text: &&str| Target { protocol: Protocol::Udp, address: text.parse().unwrap() };
                let found: Vec<_> = addresses.iter().map(target).collect();
                registration.on_located(&found, moment, &mut orders);
            }
            Answer(text) => hear(&mut registration, text, true, moment, &mut orders),
            Unanswerable(text) => hear(&mut registration, text, false, moment, &mut orders),
            Timeout => registration.on_timeout(moment, &mut orders),
            Now => registration.register_now(now, &mut orders),
            Leave => registration.leave(now, &mut orders),
        }
        let mut words = Vec::new();
        for order in orders.drain(..) {
            words.push(match order {
                Order::Locate(None) => "locate".to_owned(),
                Order::Locate(Some(uri)) => format!("locate {uri}"),
                Order::Wake(at) => {
                    wake = at;
                    format!("wake {}", at.since(now).as_secs_f32().round())
                }
                Order::Send => {
                    let asked = registration.ask(TERMS).expect("something to send");
                    let plus = "+".repeat(asked.credentials.len());
                    let uri = asked.uri.map(|uri| format!(" uri {uri}")).unwrap_or_default();
                    format!("send {}{plus} {} {}{uri}", asked.cseq, asked.target.address, asked.expires_s)
                }
                Order::Tell(News::Registered { expires_s, recovered, .. }) => {
                    format!("{} {expires_s}", if recovered { "recovered" } else { "registered" })
                }
                Order::Tell(News::Refreshed { expires_s, .. }) => format!("refreshed {expires_s}"),
                Order::Tell(News::Failed { why, first, .. }) => {
                    format!("failed {why:?}{}", if first { " first" } else { "" })
                }
                Order::Tell(News::Ended { confirmed }) => format!("ended {confirmed}"),
            });
        }
        assert!(fits(&words.join("; "), expected), "{what}, step {step}: {words:?}, wanted {expected}");
    }
    registration
}

/// Compares word by word; a wanted `A..B` stands for a number in that range.
fn fits(have: &str, wanted: &str) -> bool {
    let (have, wanted) = (have.split(' ').collect::<Vec<_>>(), wanted.split(' ').collect::<Vec<_>>());
    have.len() == wanted.len()
        && have.iter().zip(&wanted).all(|(have, wanted)| match wanted.split_once("..") {
            Some((from, to)) => have
                .parse::<f64>()
                .is_ok_and(|n| n >= from.parse::<f64>().unwrap() && n <= to.parse::<f64>().unwrap()),
            None => have == wanted,
        })
}

fn hear(
    registration: &mut Registration,
    text: &str,
    credentials: bool,
    moment: Moment,
    orders: &mut Vec<Order>,
) {
    let (code, fields) = text.split_once('|').unwrap_or((text, ""));
    let fields = fields.replace('|', "\r\n");
    let via =
        if fields.contains("Via:") { "" } else { "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n" };
    let text = format!("SIP/2.0 {code} X\r\n{via}{fields}{}", if fields.is_empty() { "" } else { "\r\n" });
    let text = format!(
        "{text}From: <sip:u@x>;tag=1\r\nTo: <sip:u@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = Message::parse(text.as_bytes()).unwrap();
    let name = if answer.code() == 401 { Name::Authorization } else { Name::ProxyAuthorization };
    let credentials = credentials.then(|| (name, b"Digest x".to_vec()));
    registration.on_response(&answer, CONTACT, credentials, moment, orders);
}

const A: &str = "198.51.100.1:5060";

#[test]
fn registers_and_refreshes_before_the_grant_runs_out() {
    let registration = check(
        "grant of 300",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer("100"), ""),
            (Answer(CHALLENGE), "send 2+ 198.51.100.1:5060 300"),
            (Answer(OK), "registered 300; wake 255..270"),
            (Wake, "locate"),
            (Found(&[A]), "send 3 198.51.100.1:5060 300"),
            (Answer(OK), "refreshed 300; wake 255..270"),
            (Wake, "locate"),
            (Found(&[A]), "send 4 198.51.100.1:5060 300"),
            (Answer("200|Expires: 60"), "wake 42..45"),
            (Wake, "locate"),
            (Found(&[A]), "send 5 198.51.100.1:5060 300"),
            (Answer("200|Expires: 3600"), "wake 3060..3240"),
            (Now, "locate"),
            (Now, ""),
            (Found(&[A]), "send 6 198.51.100.1:5060 300"),
            (Answer("200|Expires: 20"), "wake 12..14"),
        ],
    );
    assert_eq!(registration.is_registered(), Some(true));
}

#[test]
fn challenges_are_answered_and_a_wrong_password_is_not_repeated() {
    check(
        "stale",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(CHALLENGE), "send 2+ 198.51.100.1:5060 300"),
            (Answer(STALE), "send 3+ 198.51.100.1:5060 300"),
            (Answer(OK), "registered 300; wake 255..270"),
        ],
    );
    check(
        "a proxy, then the registrar",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(PROXY), "send 2+ 198.51.100.1:5060 300"),
            (Answer(CHALLENGE), "send 3++ 198.51.100.1:5060 300"),
            (Answer(OK), "registered 300; wake 255..270"),
        ],
    );
    check(
        "wrong password",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(CHALLENGE), "send 2+ 198.51.100.1:5060 300"),
            (Answer(CHALLENGE), "failed Answer(401) first; wake 300..330"),
            (Wake, "locate"),
            (Found(&[A]), "send 3 198.51.100.1:5060 300"),
            (Unanswerable(CHALLENGE), "failed Answer(401); wake 300..330"),
        ],
    );
    check(
        "stale for ever",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(STALE), "send 2+ 198.51.100.1:5060 300"),
            (Answer(STALE), "send 3+ 198.51.100.1:5060 300"),
            (Answer(STALE), "send 4+ 198.51.100.1:5060 300"),
            (Answer(STALE), "failed Answer(401) first; wake 300..330"),
        ],
    );
}

#[test]
fn answers_that_refuse_are_obeyed() {
    let after = |answer, wanted| {
        let script =
            [(Wake, "locate"), (Found(&[A]), "send 1 198.51.100.1:5060 300"), (Answer(answer), wanted)];
        check(answer, &script);
    };
    after("423|Min-Expires: 600", "send 2 198.51.100.1:5060 600");
    after("423|Min-Expires: 100", "failed Answer(423) first; wake 300..330");
    after("423", "failed Answer(423) first; wake 300..330");
    after("403", "failed Answer(403) first; wake 300..330");
    after("404", "failed Answer(404) first; wake 300..330");
    after("503|Retry-After: 120", "failed Answer(503) first; wake 120..132");
    after("503|Retry-After: 1200 (maintenance);duration=5", "failed Answer(503) first; wake 1200..1320");
    after("403|Retry-After: 20", "failed Answer(403) first; wake 20..22");
    after("503|Retry-After: 1", "failed Answer(503) first; wake 5");
    after("500", "failed Answer(500) first; wake 5");
    after("302", "failed Answer(302) first; wake 300..330");
    after(
        "200|Contact: <sip:00112233aabbccdd@192.0.2.1:5060>;expires=0",
        "failed Answer(200) first; wake 300..330",
    );
}

#[test]
fn a_redirection_is_followed_once() {
    check(
        "302",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer("302|Contact: <sip:b.example.test>"), "locate sip:b.example.test"),
            (Found(&["198.51.100.2:5060"]), "send 2 198.51.100.2:5060 300 uri sip:b.example.test"),
            (Answer(CHALLENGE), "send 3+ 198.51.100.2:5060 300 uri sip:b.example.test"),
            (Answer("301|Contact: <sip:c.example.test>"), "failed Answer(301) first; wake 300..330"),
        ],
    );
}

#[test]
fn the_next_target_then_pauses_that_grow_then_recovery() {
    const BOTH: &[&str] = &[A, "198.51.100.2:5060"];
    let mut script = vec![
        (Wake, "locate"),
        (Found(BOTH), "send 1 198.51.100.1:5060 300"),
        (Timeout, "send 2 198.51.100.2:5060 300"),
        (Answer("503|Retry-After: 60"), "failed Answer(503) first; wake 60..66"),
        (Wake, "locate"),
        (Found(&[]), "failed NameNotFound; wake 5..10"),
        (Wake, "locate"),
        (Found(BOTH), "send 3 198.51.100.1:5060 300"),
        (Timeout, "send 4 198.51.100.2:5060 300"),
        (Timeout, "failed NoAnswer; wake 10..20"),
    ];
    for wanted in ["wake 20..40", "wake 40..80", "wake 80..160", "wake 150..300", "wake 150..300"] {
        script.push((Wake, "locate"));
        script.push((Found(&[]), Box::leak(format!("failed NameNotFound; {wanted}").into_boxed_str())));
    }
    script.push((Wake, "locate"));
    script.push((Found(BOTH), "send 5 198.51.100.1:5060 300"));
    script.push((Timeout, "send 6 198.51.100.2:5060 300"));
    script.push((Answer(OK), "recovered 300; wake 255..270"));
    // The target that serves stays the first as long as the name leads there.
    script.push((Wake, "locate"));
    script.push((Found(BOTH), "send 7 198.51.100.2:5060 300"));
    script.push((Answer(OK), "refreshed 300; wake 255..270"));
    script.push((Wake, "locate"));
    script.push((Found(&[A]), "send 8 198.51.100.1:5060 300"));
    check("down and up", &script);
}

#[test]
fn ending_says_so_once_there_is_something_to_end() {
    check("never registered", &[(Leave, "ended false")]);
    check(
        "registered",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(OK), "registered 300; wake 255..270"),
            (Leave, "send 2 198.51.100.1:5060 0"),
            (Answer(CHALLENGE), "send 3+ 198.51.100.1:5060 0"),
            (Answer("200"), "ended true"),
            (Wake, ""),
        ],
    );
    check(
        "while it registers",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Leave, ""),
            (Answer(OK), "send 2 198.51.100.1:5060 0"),
            (Timeout, "ended false"),
        ],
    );
    check("while it looks", &[(Wake, "locate"), (Leave, ""), (Found(&[A]), "ended false")]);
}

#[test]
fn another_address_of_ours_is_shown_at_once_and_not_for_ever() {
    const MOVED_TO: &str = "200|Via: SIP/2.0/UDP 192.0.2.1:5060;rport=1024;received=203.0.113.9|Expires: 300";
    const AGAIN: &str = "200|Via: SIP/2.0/UDP 192.0.2.1:5060;rport=1025;received=203.0.113.9|Expires: 300";
    let registration = check(
        "behind a translator that changes its mind",
        &[
            (Wake, "locate"),
            (Found(&[A]), "send 1 198.51.100.1:5060 300"),
            (Answer(MOVED_TO), "registered 300; wake 0"),
            (Wake, "locate"),
            (Found(&[A]), "send 2 198.51.100.1:5060 300"),
            (Answer(AGAIN), "refreshed 300; wake 255..270"),
        ],
    );
    assert_eq!(registration.seen(), Some("203.0.113.9:1025".parse().unwrap()));
}
