//! Checks and what becomes of them.

use std::net::SocketAddr;

use stun::{Class, Message, Writer, attribute};
use timestamp::Timestamp;

use super::{Agent, MOST_PROVEN};
use crate::credentials::Credentials;
use crate::output::{News, Output};

const NOW: Timestamp = Timestamp::from_secs(1000);

fn ours() -> Credentials {
    Credentials::from_numbers([1, 2, 3, 4])
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], port))
}

fn check(to: &Credentials, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Class::Request, stun::BINDING, &[5; 12]);
    writer.attribute(attribute::USERNAME, format!("{}:them", to.ufrag_text()).as_bytes());
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    writer.seal(to.password());
    bytes
}

/// Whether it was taken, the class and code of the answer, the news.
fn feed(agent: &mut Agent, bytes: &[u8], from: u16) -> (bool, Option<(Class, u16)>, Vec<News>) {
    let mut out = Output::default();
    let taken = agent.on_check(&Message::parse(bytes).unwrap(), addr(from), NOW, &mut out);
    let answer = out.datagrams().next().map(|(to, bytes)| {
        assert_eq!(to, addr(from));
        let answer = Message::parse(bytes).unwrap();
        assert!(answer.has_fingerprint() && answer.is_proved(ours().password()));
        let code =
            answer.attribute(attribute::ERROR_CODE).map_or(0, |v| u16::from(v[2]) * 100 + u16::from(v[3]));
        (answer.class, code)
    });
    (taken, answer, out.news().to_vec())
}

#[test]
fn checks_are_judged_and_answered() {
    const USE: (u16, &[u8]) = (attribute::USE_CANDIDATE, &[]);
    const CONTROLLING: (u16, &[u8]) = (attribute::ICE_CONTROLLING, &[0; 8]);
    const CONTROLLED: (u16, &[u8]) = (attribute::ICE_CONTROLLED, &[0; 8]);
    const PRIORITY: (u16, &[u8]) = (attribute::PRIORITY, &[0; 4]);
    const STRANGE: (u16, &[u8]) = (0x1234, &[1]);
    let success = Some((Class::Success, 0));
    let proven = News::Proven(addr(1));
    let nominated = News::Nominated(addr(1));
    let table: [(&str, &[(u16, &[u8])], _, &[News]); 5] = [
        ("plain", &[PRIORITY, CONTROLLING], success, &[proven]),
        ("nominating", &[PRIORITY, CONTROLLING, USE], success, &[proven, nominated]),
        ("of a peer that thinks it is controlled", &[CONTROLLED, USE], Some((Class::Error, 487)), &[]),
        ("with an unknown attribute", &[STRANGE], Some((Class::Error, 420)), &[]),
        ("with an optional unknown attribute", &[(0xc057, &[0; 4])], success, &[proven]),
    ];
    for (name, attributes, answer, news) in table {
        let mut agent = Agent::new(ours());
        assert_eq!(feed(&mut agent, &check(&ours(), attributes), 1), (true, answer, news.to_vec()), "{name}");
    }
}

#[test]
fn who_does_not_know_the_password_gets_no_answer() {
    let mut agent = Agent::new(ours());
    let other = Credentials::from_numbers([1, 9, 9, 9]);
    assert_eq!(feed(&mut agent, &check(&other, &[]), 1), (false, None, Vec::new()));
    let unknown = Credentials::from_numbers([7, 2, 3, 4]);
    assert_eq!(feed(&mut agent, &check(&unknown, &[]), 1), (false, None, Vec::new()));
    assert_eq!((agent.target(), agent.consent_ends()), (None, None));
}

#[test]
fn the_last_nomination_counts_and_old_addresses_make_room() {
    let mut agent = Agent::new(ours());
    let nominate = check(&ours(), &[(attribute::USE_CANDIDATE, &[])]);
    feed(&mut agent, &nominate, 1);
    for port in 2..=MOST_PROVEN as u16 {
        feed(&mut agent, &check(&ours(), &[]), port);
    }
    assert_eq!(agent.target(), Some(addr(1)));
    let (_, _, news) = feed(&mut agent, &check(&ours(), &[]), 100);
    assert_eq!(news, [News::Dropped(addr(2)), News::Proven(addr(100))]);
    assert!(agent.is_proven(addr(1)) && !agent.is_proven(addr(2)));
    let (_, _, news) = feed(&mut agent, &nominate, 100);
    assert_eq!(news, [News::Nominated(addr(100))]);
    assert_eq!(agent.target(), Some(addr(100)));
}

#[test]
fn a_restart_keeps_the_former_credentials_until_the_new_ones_are_used() {
    let mut agent = Agent::new(ours());
    let new = Credentials::from_numbers([8, 2, 3, 4]);
    feed(&mut agent, &check(&ours(), &[]), 1);
    agent.restart(new, NOW);
    assert!(feed(&mut agent, &check(&ours(), &[]), 1).0, "the former still count");
    let mut out = Output::default();
    assert!(agent.on_check(&Message::parse(&check(&new, &[])).unwrap(), addr(2), NOW, &mut out));
    assert!(!feed(&mut agent, &check(&ours(), &[]), 1).0, "the former are over");
    assert_eq!(agent.target(), Some(addr(2)));
}
