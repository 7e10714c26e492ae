//! Every refusal by policy, asked for with a real request: the answer on the wire, what the inbox says it came near to,
//! and that the fix it suggests lets the same request through. `docs/refusals.md` is written from what happened.

mod installation;

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use installation::Installation;
use serde_json::{Value, json};
use sip_msg::{Message, Name};

/// A request and where it comes from.
#[derive(Clone, Copy)]
struct Ask {
    method: &'static str,
    /// User and host called; the host `us` is our address.
    to: (&'static str, &'static str),
    /// User and host of From.
    from: (&'static str, &'static str),
    /// The last two numbers of a loopback address.
    source: (u8, u8),
    /// User and password.
    login: Option<(&'static str, &'static str)>,
    more: &'static str,
    scheme: &'static str,
    hops: u8,
    /// Who is called first, so that a limit is reached.
    first: Option<&'static str>,
}

const CALL: Ask = Ask {
    method: "INVITE",
    to: ("bob", HOME),
    from: ("alice", HOME),
    source: (9, 1),
    login: Some(("alice", PASSWORD)),
    more: "",
    scheme: "sip",
    hops: 70,
    first: None,
};
const HOME: &str = "sip.localhost";
const PASSWORD: &str = "wonderland-7";

/// Cause, request, and what is expected: the reason code, the SIP code, the action of the fix or nothing.
const TABLE: &[(&str, Ask, &str, u16, &str)] = &[
    (
        "a call to a trunk's host from an address outside of its list",
        Ask {
            to: ("+4930123", "north.trunk.localhost"),
            from: ("x", "there.example"),
            source: (1, 40),
            login: None,
            ..CALL
        },
        "R-01",
        403,
        "allow_source",
    ),
    (
        "a call without credentials from beside a trunk's network",
        Ask { to: ("+4930123", "us"), from: ("x", "there.example"), source: (1, 41), login: None, ..CALL },
        "R-01",
        407,
        "allow_source",
    ),
    (
        "a password that is right, from an address outside of the device's list",
        Ask { from: ("office", HOME), login: Some(("office", PASSWORD)), source: (9, 2), ..CALL },
        "R-01",
        403,
        "allow_source",
    ),
    ("a wrong password", Ask { login: Some(("alice", "mistyped")), source: (9, 3), ..CALL }, "A-01", 407, ""),
    (
        "a wrong password in REGISTER",
        Ask {
            method: "REGISTER",
            to: ("alice", HOME),
            login: Some(("alice", "mistyped")),
            source: (9, 4),
            ..CALL
        },
        "A-01",
        401,
        "",
    ),
    (
        "a user that is spelled wrong",
        Ask { from: ("alcie", HOME), login: Some(("alcie", PASSWORD)), source: (9, 5), ..CALL },
        "A-02",
        407,
        "",
    ),
    (
        "a transport that the device may not use",
        Ask { from: ("secure", HOME), login: Some(("secure", PASSWORD)), source: (9, 6), ..CALL },
        "A-04",
        403,
        "allow_transport",
    ),
    (
        "a call from a connection that is disabled",
        Ask { from: ("dave", HOME), login: Some(("dave", PASSWORD)), source: (9, 7), ..CALL },
        "R-05",
        403,
        "enable_connection",
    ),
    (
        "a call to a connection that is disabled",
        Ask { to: ("erin", HOME), source: (9, 8), ..CALL },
        "R-15",
        480,
        "enable_connection",
    ),
    (
        "a host that is not ours",
        Ask { to: ("bob", "sip.locahost"), login: None, source: (9, 9), ..CALL },
        "R-06",
        404,
        "",
    ),
    (
        "an address that two trunks have, and a number that tells nothing",
        Ask { to: ("+4999", "us"), from: ("x", "there.example"), source: (2, 1), login: None, ..CALL },
        "R-13",
        403,
        "",
    ),
    (
        "a number from a trunk, in a form that is not accepted",
        Ask { to: ("4930123", "us"), from: ("x", "there.example"), source: (1, 1), login: None, ..CALL },
        "R-03",
        484,
        "accept_number",
    ),
    (
        "a number that no way out takes",
        Ask { to: ("+33123456789", HOME), source: (9, 10), ..CALL },
        "R-04",
        404,
        "",
    ),
    (
        "a number whose way out is for others",
        Ask { to: ("+4420123456", HOME), source: (9, 11), ..CALL },
        "R-04",
        404,
        "let_use",
    ),
    (
        "a user that is spelled wrong, called",
        Ask { to: ("bbo", HOME), source: (9, 12), ..CALL },
        "R-07",
        404,
        "",
    ),
    (
        "a caller that may not call out",
        Ask {
            to: ("+4989123456", HOME),
            from: ("guest", HOME),
            login: Some(("guest", PASSWORD)),
            source: (9, 13),
            ..CALL
        },
        "R-10",
        404,
        "allow_calling_out",
    ),
    (
        "a caller id that is not allowed",
        Ask {
            to: ("+4989123456", HOME),
            from: ("desk", HOME),
            login: Some(("desk", PASSWORD)),
            source: (9, 14),
            more: "P-Asserted-Identity: <sip:+49301111@there.example>\r\n",
            ..CALL
        },
        "L-06",
        403,
        "allow_caller_id",
    ),
    (
        "a call more at once than the limit has",
        Ask {
            to: ("bob", HOME),
            from: ("single", HOME),
            login: Some(("single", PASSWORD)),
            source: (9, 30),
            first: Some("echo"),
            ..CALL
        },
        "L-01",
        503,
        "",
    ),
    (
        "a call more in a second than the limit has",
        Ask {
            to: ("bob", HOME),
            from: ("slow", HOME),
            login: Some(("slow", PASSWORD)),
            source: (9, 31),
            first: Some("echo"),
            ..CALL
        },
        "L-02",
        503,
        "",
    ),
    (
        "a country that is not allowed",
        Ask {
            to: ("+37120000000", HOME),
            from: ("home", HOME),
            login: Some(("home", PASSWORD)),
            source: (9, 32),
            ..CALL
        },
        "L-03",
        403,
        "allow_country",
    ),
    (
        "a prefix that is not allowed",
        Ask {
            to: ("+4990012345", HOME),
            from: ("dear", HOME),
            login: Some(("dear", PASSWORD)),
            source: (9, 33),
            ..CALL
        },
        "L-05",
        403,
        "allow_prefix",
    ),
    (
        "a call more in an hour than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("hourly", HOME),
            login: Some(("hourly", PASSWORD)),
            source: (9, 34),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-07",
        403,
        "",
    ),
    (
        "a call more in a day than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("daily", HOME),
            login: Some(("daily", PASSWORD)),
            source: (9, 35),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-08",
        403,
        "",
    ),
    (
        "a call more in a week than the limit has",
        Ask {
            to: ("+4989123456", HOME),
            from: ("weekly", HOME),
            login: Some(("weekly", PASSWORD)),
            source: (9, 36),
            first: Some("+4989123456"),
            ..CALL
        },
        "L-09",
        403,
        "",
    ),
    (
        "the first call to a country, which waits for approval",
        Ask {
            to: ("+37120000000", HOME),
            from: ("new", HOME),
            login: Some(("new", PASSWORD)),
            source: (9, 37),
            ..CALL
        },
        "L-10",
        403,
        "approve_country",
    ),
    ("a sips: address over UDP", Ask { scheme: "sips", source: (9, 15), ..CALL }, "R-17", 403, ""),
    (
        "a trunk that has to show a certificate, and does not",
        Ask { to: ("bob", "us"), from: ("x", "there.example"), source: (3, 1), login: None, ..CALL },
        "R-16",
        403,
        "",
    ),
    ("a request that came too far", Ask { hops: 0, source: (9, 16), ..CALL }, "R-12", 483, ""),
    (
        "a user of another account, watched",
        Ask {
            method: "SUBSCRIBE",
            to: ("ann", "other.example"),
            source: (9, 18),
            more: "Event: dialog\r\nExpires: 60\r\n",
            ..CALL
        },
        "A-06",
        403,
        "",
    ),
    (
        "somebody else's messages, watched",
        Ask {
            method: "SUBSCRIBE",
            to: ("bob", HOME),
            source: (9, 17),
            more: "Event: message-summary\r\nExpires: 60\r\n",
            ..CALL
        },
        "A-07",
        403,
        "",
    ),
];

#[test]
fn every_refusal_says_what_it_came_near_to_and_what_mends_it() {
    let here = Installation::new();
    let _running = here.start();
    set_up(&here);
    let mut page = HEAD.to_owned();
    for (cause, ask, reason, code, action) in TABLE {
        if let Some(first) = ask.first {
            exchange(&here, &Ask { to: (first, HOME), ..*ask });
        }
        let answer = exchange(&here, ask);
        let (status, told, warning) = facts(&answer);
        assert_eq!(status, *code, "{cause}: {}", String::from_utf8_lossy(&answer));
        let row = refused(&here, ask, reason);
        let miss = row["near_misses"][0]["text"].as_str().unwrap_or_default().to_owned();
        let miss = miss.replace(&format!(":{}", here.sip), "").replace('|', "\\|");
        let fix = row["suggestions"]
            .as_array()
            .and_then(|all| all.iter().find(|s| s["action"] == *action))
            .cloned();
        let mut mended = String::new();
        if let Some(fix) = fix.filter(|_| !action.is_empty()) {
            let done = post(&here, fix["request"]["path"].as_str().expect("a path"), &fix["request"]["body"]);
            assert_eq!(done["applied"], true, "{cause}: {done}");
            let again = facts(&exchange(&here, ask));
            assert!(again.0 != *code || again.1 != told, "{cause}: the same after {action}");
            mended = format!("`{action}`: {}", fix["label"].as_str().unwrap_or_default());
        } else {
            assert!(action.is_empty(), "{cause}: no {action} in {row:#}");
        }
        let dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        let phrase = row["reason_text"].as_str().unwrap_or_default();
        let fixed =
            if mended.is_empty() { row["fix"].as_str().unwrap_or_default().to_owned() } else { mended };
        let _ = writeln!(
            page,
            "| {cause} | {status} | {} | {} | {reason} {phrase} | {} | {fixed} |",
            dash(&told),
            dash(&warning),
            dash(&miss)
        );
    }
    written(&page);
}

/// What the table calls from and to.
fn set_up(here: &Installation) {
    let device = |user: &str, more: Value| {
        let mut body = json!({"kind": "device", "name": user, "user": user, "password": PASSWORD});
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

/// The final answer to a request, credentials given where they are asked for.
fn exchange(here: &Installation, ask: &Ask) -> Vec<u8> {
    let (third, fourth) = ask.source;
    let socket =
        UdpSocket::bind((format!("127.0.{third}.{fourth}").as_str(), 0)).expect("a loopback address");
    socket.connect(("127.0.0.1", here.sip)).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(8))).expect("a time");
    let call_id = format!("{third}-{fourth}-{:?}", Instant::now());
    let call_id = call_id.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "");
    let first = answered(&socket, &request(here, ask, &socket, &call_id, 1, ""), ask);
    let message = Message::parse(&first).expect("an answer");
    let Some((user, password)) = ask.login.filter(|_| matches!(message.code(), 401 | 407)) else {
        return first;
    };
    let uri = uri(here, ask);
    let proof =
        sip_stack::auth::answer(&message, user, password, ask.method.as_bytes(), uri.as_bytes(), b"abc");
    let (name, value) = proof.expect("a challenge that can be answered");
    let line = format!("{}: {}\r\n", name.as_str(), String::from_utf8_lossy(&value));
    answered(&socket, &request(here, ask, &socket, &call_id, 2, &line), ask)
}

fn uri(here: &Installation, ask: &Ask) -> String {
    let (user, host) = ask.to;
    let host = if host == "us" { format!("127.0.0.1:{}", here.sip) } else { host.to_owned() };
    match ask.method {
        "REGISTER" => format!("{}:{host}", ask.scheme),
        _ => format!("{}:{user}@{host}", ask.scheme),
    }
}

fn request(
    here: &Installation,
    ask: &Ask,
    socket: &UdpSocket,
    call_id: &str,
    cseq: u32,
    more: &str,
) -> String {
    let local = socket.local_addr().expect("an address");
    let (to, (from, from_host)) = (ask.to, ask.from);
    let to_host = if to.1 == "us" { "127.0.0.1" } else { to.1 };
    let mut text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call_id}{cseq};rport\r\nMax-Forwards: {hops}\r\n\
         From: <sip:{from}@{from_host}>;tag={call_id}\r\nTo: <sip:{to}@{to_host}>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:{from}@{local}>\r\n{added}{more}",
        method = ask.method,
        uri = uri(here, ask),
        hops = ask.hops,
        to = to.0,
        added = ask.more,
    );
    let body = match ask.method {
        "INVITE" => {
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
        }
        _ => "",
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let _ = write!(text, "{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

/// Sends, and acknowledges what comes back in the end.
fn answered(socket: &UdpSocket, request: &str, ask: &Ask) -> Vec<u8> {
    socket.send(request.as_bytes()).expect("sent");
    loop {
        let mut buffer = vec![0; 4_096];
        let length = socket.recv(&mut buffer).expect("an answer in time");
        buffer.truncate(length);
        let message = Message::parse(&buffer).expect("a message");
        if message.is_request() || message.code() < 200 {
            continue;
        }
        if ask.method == "INVITE" {
            let to = String::from_utf8_lossy(message.field(Name::To).unwrap_or_default()).into_owned();
            let ack: String = request
                .split("\r\n")
                .take_while(|line| !line.is_empty())
                .filter(|line| !line.starts_with("Content-"))
                .map(|line| match line {
                    line if line.starts_with("INVITE ") => line.replacen("INVITE", "ACK", 1) + "\r\n",
                    line if line.starts_with("CSeq:") => line.replace("INVITE", "ACK") + "\r\n",
                    line if line.starts_with("To:") => format!("To: {to}\r\n"),
                    line => format!("{line}\r\n"),
                })
                .collect();
            socket.send(format!("{ack}Content-Length: 0\r\n\r\n").as_bytes()).expect("sent");
        }
        return buffer;
    }
}

/// Code, text of Reason and Warning of an answer.
fn facts(answer: &[u8]) -> (u16, String, String) {
    let message = Message::parse(answer).expect("a message");
    let text = |name| String::from_utf8_lossy(message.field(name).unwrap_or_default()).into_owned();
    (message.code(), text(Name::Reason), text(Name::Warning))
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
    before the caller is known tells nothing on the wire. [reasons.md](reasons.md) has every code.\n\n\
    | what was asked | SIP | Reason | Warning | reason | near miss | what mends it |\n|---|---|---|---|---|---|---|\n";
