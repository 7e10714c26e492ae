//! The steps against peers on loopback: one that works, and some that do not.

use std::net::UdpSocket;

use sip_msg::{Message, Method, Name, StartLine, ViaStamp, answer};
use sip_stack::transport::{Protocol, Query, Target};

use super::{Login, Place, Plan, State, Step, run};
use crate::dns::Trace;

/// What a peer on loopback answers: code and further fields for a request.
type Script = fn(&Message<'_>, Method) -> Option<(u16, Vec<(&'static str, String)>)>;

/// A peer that answers by the script; its port.
fn peer(script: Script) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let message = Message::parse(&buffer[..len]).expect("a request");
            let StartLine::Request { method, .. } = *message.start() else { continue };
            let Some((code, fields)) = script(&message, method) else { continue };
            let mut out = Vec::new();
            let mut writer = answer(&mut out, &message, code, b"", b"peer", ViaStamp::default());
            for (name, value) in fields {
                writer.named(name.as_bytes(), value.as_bytes());
            }
            writer.end();
            socket.send_to(&out, from).expect("sent");
        }
    });
    port
}

fn plan(port: u16, registers: bool) -> Plan {
    Plan {
        places: vec![Place { host: "127.0.0.1".to_owned(), port: Some(port), protocol: Some(Protocol::Udp) }],
        domain: "pbx.example.com".to_owned(),
        authority: format!("pbx.example.com:{port}"),
        route: None,
        tls: None,
        user: Some("1001".to_owned()),
        login: Some(Login { user: "1001".to_owned(), password: "secret".to_owned() }),
        registers,
        call_to: None,
    }
}

fn tested(plan: &Plan, trace: fn(Query) -> Trace) -> Vec<Step> {
    let mut steps = Vec::new();
    run(plan, trace, |step| {
        if step.state != State::Running {
            steps.push(step);
        }
    });
    steps
}

fn states(steps: &[Step]) -> Vec<(&'static str, State)> {
    steps.iter().map(|step| (step.name, step.state)).collect()
}

/// What a registrar answers that wants the password `secret` and knows two contacts.
fn registrar(message: &Message<'_>, method: Method) -> (u16, Vec<(&'static str, String)>) {
    if method != Method::Register {
        return (200, Vec::new());
    }
    assert!(message.contact().is_none(), "a test binds nothing");
    if message.field(Name::Authorization).is_none() {
        let challenge = "Digest realm=\"pbx\", nonce=\"n\", qop=\"auth\"".to_owned();
        return (401, vec![("WWW-Authenticate", challenge)]);
    }
    let contact = |port: u16| ("Contact", format!("<sip:1001@192.0.2.1:{port}>;expires=60"));
    (200, vec![contact(5060), contact(5070)])
}

#[test]
fn a_registrar_that_works_passes_every_step_without_being_changed() {
    let steps =
        tested(&plan(peer(|message, method| Some(registrar(message, method))), true), |_| Trace::default());
    use State::{Passed, Skipped};
    let expected = [
        ("dns", Passed),
        ("reach", Passed),
        ("tls", Skipped),
        ("options", Passed),
        ("register", Passed),
        ("call", Skipped),
        ("audio", Skipped),
    ];
    assert_eq!(states(&steps), expected, "{steps:#?}");
    assert!(steps[4].detail.contains("2 registered for 1001"), "{}", steps[4].detail);
    assert!(steps[4].sent.contains("response=\"***\""), "{}", steps[4].sent);
    assert!(steps[4].received.starts_with("SIP/2.0 200"), "{}", steps[4].received);
}

#[test]
fn a_wrong_password_is_told_from_a_wrong_user() {
    let never: Script = |_, method| match method {
        Method::Register => {
            Some((401, vec![("WWW-Authenticate", "Digest realm=\"pbx\", nonce=\"n\"".to_owned())]))
        }
        _ => Some((200, Vec::new())),
    };
    let steps = tested(&plan(peer(never), true), |_| Trace::default());
    let register = steps.iter().find(|step| step.name == "register").expect("a step");
    assert_eq!(register.state, State::Failed);
    assert!(register.detail.contains("password of 1001 in its realm pbx"), "{}", register.detail);
    let unknown: Script = |_, method| Some((if method == Method::Register { 404 } else { 200 }, Vec::new()));
    let steps = tested(&plan(peer(unknown), true), |_| Trace::default());
    assert!(steps[4].detail.contains("does not know 1001"), "{}", steps[4].detail);
    assert_eq!(steps[5].detail, "a call would fail the same way");
}

#[test]
fn a_peer_that_is_silent_to_options_may_still_register() {
    let deaf: Script = |message, method| (method == Method::Register).then(|| registrar(message, method));
    let steps = tested(&plan(peer(deaf), true), |_| Trace::default());
    let found: Vec<State> = steps.iter().map(|step| step.state).collect();
    use State::{Passed, Skipped, Warning};
    assert_eq!(found, [Passed, Warning, Skipped, Warning, Passed, Skipped, Skipped], "{steps:#?}");
}

#[test]
fn a_closed_port_ends_the_test_at_once() {
    let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let steps = tested(&plan(port, true), |_| Trace::default());
    assert_eq!(steps[1].state, State::Failed);
    assert!(steps[1].detail.contains("nobody listens"), "{}", steps[1].detail);
    assert!(steps[2..].iter().all(|step| step.state == State::Skipped), "{steps:#?}");
}

#[test]
fn a_name_that_leads_nowhere_is_where_it_ends() {
    let mut plan = plan(5060, false);
    plan.places[0].host = "nowhere.example.com".to_owned();
    let steps = tested(&plan, |_| Trace::default());
    assert_eq!((steps[0].name, steps[0].state), ("dns", State::Failed));
    assert!(steps[0].detail.contains("neither SRV records nor addresses"), "{}", steps[0].detail);
    assert!(!steps[0].fix.is_empty());
    assert_eq!(steps.len(), 7);
}

#[test]
fn the_next_address_is_tried_and_the_first_is_named() {
    let mut plan = plan(peer(|_, _| Some((200, Vec::new()))), false);
    let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let closed = free.local_addr().expect("an address");
    drop(free);
    plan.places.insert(
        0,
        Place { host: "127.0.0.1".into(), port: Some(closed.port()), protocol: Some(Protocol::Udp) },
    );
    let steps = tested(&plan, |_| Trace::default());
    assert_eq!(steps[1].state, State::Warning);
    assert!(steps[1].detail.contains(&closed.to_string()), "{}", steps[1].detail);
    assert_eq!(steps[3].state, State::Passed);
    let target = Target { protocol: Protocol::Udp, address: closed };
    assert!(steps[0].detail.contains(&target.address.to_string()));
}
