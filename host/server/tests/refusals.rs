//! Every refusal by policy, asked for with a real request: the answer on the wire, what the inbox says it came near to,
//! and that the fix it suggests lets the same request through. `docs/refusals.md` is written from what happened.

mod asking;
mod installation;
mod rows;

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use asking::{Ask, Asking, CALL, HOME, PASSWORD, exchange, facts};
use installation::Installation;
use rows::{Row, SIGNED, TABLE, UNFILED};
use serde_json::{Value, json};
use sip_msg::{Message, Name};

#[test]
fn every_refusal_says_what_it_came_near_to_and_what_mends_it() {
    let here = Installation::new();
    let tls = installation::free_port();
    let running = here.start_with(&["--sip", &format!("tls:127.0.0.1:{tls}")]);
    set_up(&here);
    let mut page = HEAD.to_owned();
    TABLE.iter().for_each(|row| refusal(&here, &mut page, row));
    trust_itself(&here);
    SIGNED.iter().for_each(|row| refusal(&here, &mut page, row));
    for (cause, ask, reason, code) in UNFILED {
        let answer = exchange(&here, ask);
        assert_eq!(facts(&answer).0, *code, "{cause}: {}", String::from_utf8_lossy(&answer));
        line(&mut page, &here, (cause, &answer, reason), &Value::Null, "");
    }
    stories(&here, tls, &mut page);
    let _call = here.call_in_progress();
    running.signal();
    let draining = Ask { source: (9, 45), ..CALL };
    let until = Instant::now() + Duration::from_secs(2);
    let answer = loop {
        let answer = exchange(&here, &draining);
        if facts(&answer).0 == 503 {
            break answer;
        }
        assert!(Instant::now() < until, "it goes on: {}", String::from_utf8_lossy(&answer));
    };
    line(&mut page, &here, ("a call while the server shuts down", &answer, "S-01"), &Value::Null, "");
    written(&page);
}

/// Asks, looks into the inbox, applies the fix, and asks again.
fn refusal(here: &Installation, page: &mut String, (cause, ask, reason, code, action): &Row) {
    let mut asking = Asking::begin(here, ask);
    if let Some(first) = ask.first {
        exchange(here, &Ask { to: (first, HOME), ..*ask });
    }
    let answer = asking.prove();
    let told = facts(&answer);
    assert_eq!(told.0, *code, "{cause}: {}", String::from_utf8_lossy(&answer));
    let row = refused(here, ask, reason);
    let fix =
        row["suggestions"].as_array().and_then(|all| all.iter().find(|s| s["action"] == *action)).cloned();
    let mut mended = String::new();
    if let Some(fix) = fix.filter(|_| !action.is_empty()) {
        let done = post(here, fix["request"]["path"].as_str().expect("a path"), &fix["request"]["body"]);
        assert_eq!(done["applied"], true, "{cause}: {done}");
        let again = facts(&exchange(here, ask));
        assert!(again.0 != *code || again.1 != told.1, "{cause}: the same after {action}");
        mended = format!("`{action}`: {}", fix["label"].as_str().unwrap_or_default());
    } else {
        assert!(action.is_empty(), "{cause}: no {action} in {row:#}");
    }
    line(page, here, (cause, &answer, reason), &row, &mended);
}

/// An authority for signers, so that what is wrong with a signature comes to light.
fn trust_itself(here: &Installation) {
    let certificates = here.data.join("certificates");
    let trusted = certificates.join("stir").join("trusted");
    std::fs::create_dir_all(&trusted).expect("a folder");
    std::fs::copy(certificates.join("self-signed.pem"), trusted.join("own.pem")).expect("a copy");
    post(here, "/system/certificates/reload", &json!({}));
}

/// What takes more than one request.
fn stories(here: &Installation, tls: u16, page: &mut String) {
    let register = Ask {
        method: "REGISTER",
        to: ("carl", HOME),
        from: ("carl", HOME),
        login: Some(("carl", PASSWORD)),
        source: (9, 42),
        ..CALL
    };
    let mut asking = Asking::begin(here, &register);
    assert_eq!(facts(&asking.prove()).0, 200);
    let answer = asking.again();
    assert_eq!(facts(&answer).0, 401, "{}", String::from_utf8_lossy(&answer));
    let row = refused(here, &register, "A-05");
    line(page, here, ("credentials that came before, word for word", &answer, "A-05"), &row, "");

    let secure = Ask { to: ("carl", HOME), scheme: "sips", ..CALL };
    let answer = Asking::over_tls(here, &secure, tls).prove();
    assert_eq!(facts(&answer).0, 480, "{}", String::from_utf8_lossy(&answer));
    let cause = "a sips: address, of somebody who registered over UDP";
    line(page, here, (cause, &answer, "R-18"), &Value::Null, "");

    let peer = UdpSocket::bind(("127.0.4.1", 5070)).expect("the address of a peer");
    peer.set_read_timeout(Some(Duration::from_secs(8))).expect("a time");
    let answer = std::thread::scope(|scope| {
        let login = Some(("sales", PASSWORD));
        let call = Ask { to: ("+4989777", HOME), from: ("sales", HOME), login, source: (9, 43), ..CALL };
        scope.spawn(move || exchange(here, &call));
        let mut buffer = vec![0; 4_096];
        let from = loop {
            let length = peer.recv(&mut buffer).expect("our own call");
            let message = Message::parse(&buffer[..length]).expect("a message");
            if message.uri().starts_with(b"sip:+4989777@") {
                break String::from_utf8_lossy(message.field(Name::From).expect("a caller")).into_owned();
            }
        };
        let back = Ask { to: ("+4989777", "us"), source: (4, 1), login: None, ..CALL };
        let sent_back = |request: String| {
            let lines = request.split_inclusive("\r\n");
            let lines = lines.map(|line| match line.starts_with("From:") {
                true => format!("From: {from}\r\n"),
                false => line.to_owned(),
            });
            lines.collect()
        };
        Asking::over_udp(here, &back, peer, sent_back).prove()
    });
    assert_eq!(facts(&answer).0, 482, "{}", String::from_utf8_lossy(&answer));
    let row = refused(here, &Ask { source: (4, 1), ..CALL }, "R-11");
    line(page, here, ("our own call, sent back by the peer that got it", &answer, "R-11"), &row, "");
}

/// Writes down what was answered, and what the inbox has of it, if that keeps it.
fn line(
    page: &mut String,
    here: &Installation,
    (cause, answer, reason): (&str, &[u8], &str),
    row: &Value,
    mended: &str,
) {
    let (status, told, warning) = facts(answer);
    let known = routing::reason::Reason::ALL.iter().find(|known| known.code() == reason);
    let known = known.expect("a reason of the list");
    let miss = row["near_misses"][0]["text"].as_str().unwrap_or_default().to_owned();
    let miss = miss.replace(&format!(":{}", here.sip), "").replace('|', "\\|");
    let fix = row["fix"].as_str().unwrap_or_else(|| known.fix());
    let fix = if mended.is_empty() { fix } else { mended };
    let dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    let (told, warning, miss, phrase) = (dash(&told), dash(&warning), dash(&miss), known.text());
    let _ =
        writeln!(page, "| {cause} | {status} | {told} | {warning} | {reason} {phrase} | {miss} | {fix} |");
}

/// What the table calls from and to.
fn set_up(here: &Installation) {
    let device = |user: &str, more: Value| {
        let mut body = json!({"kind": "device", "name": user, "user": user, "password": PASSWORD,
            "dialled": {"voicemail": false}});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        id(&post(here, "/connections", &body))
    };
    let trunk = |name: &str, sources: &str, more: Value| {
        let mut body = json!({"kind": "trunk", "name": name, "allowed_sources": [sources]});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        id(&post(here, "/connections", &body))
    };
    let bob = device("bob", json!({}));
    device("alice", json!({}));
    device("carl", json!({}));
    device("sales", json!({"caller_ids": ["+49301235"]}));
    let menu = json!({"kind": "virtual", "name": "menu", "user": "menu", "dialled": {"voicemail": false}});
    post(here, "/connections", &menu);
    let other = id(&post(here, "/accounts", &json!({"name": "other"})));
    post(here, "/domains", &json!({"host": "other.example", "account": other}));
    device("ann", json!({"account": other, "domain": "other.example"}));
    device("office", json!({"allowed_sources": ["127.0.8.0/24"]}));
    device("secure", json!({"transports": ["tls"]}));
    device("dave", json!({"enabled": false}));
    device("erin", json!({"enabled": false}));
    device("guest", json!({"may_call_out": false}));
    let desk = device("desk", json!({"on_bad_caller_id": "refuse", "caller_ids": ["+49301234"]}));
    for (user, limits) in [
        ("single", json!({"concurrent": 1})),
        ("slow", json!({"per_second": 1})),
        ("home", json!({"countries": {"allow": ["DE"]}})),
        ("dear", json!({"prefixes": {"deny": ["+49900"]}})),
        ("hourly", json!({"per_hour": 1})),
        ("daily", json!({"per_day": 1})),
        ("weekly", json!({"per_week": 1})),
        ("new", json!({"countries": {"on_first": "hold"}})),
    ] {
        device(user, json!({"limits": limits}));
    }
    trunk("north", "127.0.1.0/28", json!({"number_format": {"from": "e164_plus", "to": "auto"}}));
    trunk("west", "127.0.5.1", json!({"may_call_out": false}));
    for last in 1..=5 {
        let required = json!({"stir": {"verify": "require"}});
        trunk(&format!("carrier-{last}"), &format!("127.0.6.{last}"), required);
    }
    trunk("south", "127.0.2.1", json!({}));
    trunk("east", "127.0.2.1", json!({}));
    let (peer, timers) = (json!([{"host": "127.0.4.1", "port": 5070}]), json!({"no_provisional_s": 1}));
    trunk("out", "127.0.4.1", json!({"peers": peer, "timers": timers, "dial_pattern": "^\\+(49|371)"}));
    trunk(
        "far",
        "127.0.4.2",
        json!({"peers": peer, "timers": timers, "dial_pattern": "^\\+44", "used_by": [desk]}),
    );
    let certified = json!({"tls": {"require_client_certificate": true}, "peers": [{"host": "peer.example"}]});
    trunk("certified", "127.0.3.1", certified);
    post(here, "/numbers", &json!({"e164": "+4930123", "target": {"connection": bob}}));
}

/// The row that the inbox has of it.
fn refused(here: &Installation, ask: &Ask, reason: &str) -> Value {
    let (third, fourth) = ask.source;
    let path = format!("/refused?source=127.0.{third}.{fourth}&reason={reason}");
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        let found = here.json(&["api", "GET", &path]);
        if let Some(row) = found["data"].as_array().and_then(|rows| rows.first()) {
            return row.clone();
        }
        assert!(
            Instant::now() < until,
            "{reason} is not in the inbox: {}",
            here.json(&["api", "GET", "/refused"])
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn post(here: &Installation, path: &str, body: &Value) -> Value {
    here.json(&["api", "POST", path, &body.to_string()])
}

fn id(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

/// Holds the page against what happened, or writes it.
fn written(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        old == page,
        "docs/refusals.md is not what happens: UPDATE_DOCS=1 cargo test -p server --test refusals\n{page}"
    );
}

const HEAD: &str = "# Refusals\n\n\
    Written by a test that sends each request to a running server, reads the answer, looks into `/refused`, applies the fix\n\
    that it suggests there, and sends the request again: `UPDATE_DOCS=1 cargo test -p server --test refusals`. What refuses\n\
    before the caller is known tells nothing on the wire; a number or user that nobody has is no business of policy, and not in\n\
    `/refused`. [reasons.md](reasons.md) has every code.\n\n\
    | what was asked | SIP | Reason | Warning | reason | near miss | what mends it |\n|---|---|---|---|---|---|---|\n";
