use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Attempt, known_number, near_misses};
use crate::config::{Change, Delta};
use crate::identify::Facts;
use crate::reason::Reason;
use crate::tables::Tables;

fn change(kind: &str, row: Value) -> Change {
    match kind {
        "account" => Change::Account(std::sync::Arc::new(serde_json::from_value(row).expect("a row"))),
        "domain" => Change::Domain(std::sync::Arc::new(serde_json::from_value(row).expect("a row"))),
        "number" => Change::Number(std::sync::Arc::new(serde_json::from_value(row).expect("a row"))),
        _ => Change::Connection(std::sync::Arc::new(serde_json::from_value(row).expect("a row"))),
    }
}

fn connection(id: &str, kind: &str, more: Value) -> Change {
    let mut row = json!({"id": format!("con_{id}"), "name": id, "kind": kind, "account": "acc_1",
        "ip_policy": "filter", "may_call_out": true, "trust_identity": false, "on_bad_caller_id": "refuse"});
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    change("connection", row)
}

fn number(id: &str, e164: &str, account: &str, more: Value) -> Change {
    let mut row = json!({"id": id, "e164": e164, "account": account, "target": {"connection": "con_alice"}});
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    change("number", row)
}

fn tables() -> Tables {
    let mut tables = Tables::new("test", vec![IpAddr::from([192, 0, 2, 1])]);
    let changes = vec![
        change("account", json!({"id": "acc_1", "name": "main"})),
        change(
            "domain",
            json!({"id": "dom_1", "host": "sip.test", "realm": "sip.test", "account": "acc_1",
                "role": "registrar", "digest": ["md5"], "aliases": ["phones.example.test"]}),
        ),
        change(
            "domain",
            json!({"id": "dom_2", "host": "other.test", "realm": "other.test", "account": "acc_1",
                "role": "registrar", "digest": ["md5"]}),
        ),
        change(
            "domain",
            json!({"id": "dom_3", "host": "tenant.test", "realm": "tenant.test", "account": "acc_2",
                "role": "registrar", "digest": ["md5"]}),
        ),
        connection("yan", "device", json!({"domain": "dom_3", "user": "yan", "account": "acc_2"})),
        connection(
            "alice",
            "device",
            json!({"domain": "dom_1", "user": "alice", "transports": ["tls", "wss"]}),
        ),
        connection("dora", "device", json!({"domain": "dom_1", "user": "dora", "enabled": false})),
        connection("zoe", "device", json!({"domain": "dom_2", "user": "zoe"})),
        connection(
            "north",
            "trunk",
            json!({"allowed_sources": ["203.0.113.16/28", "2001:db8:1::/64"], "ip_policy": "authenticate",
                "dial_pattern": "^\\+49", "caller_ids": ["+4930111111", "+4930222222"]}),
        ),
        connection("south", "trunk", json!({"dial_pattern": "^\\+33", "enabled": false})),
        number("num_1", "+4930123456", "acc_1", json!({})),
        number("num_2", "+4930777777", "acc_2", json!({})),
        number("num_3", "+4930888888", "acc_1", json!({"via": "con_north"})),
    ];
    tables.apply(&Delta { revision: 1, changes });
    tables
}

/// What is found, as `resource field have want`.
fn found(reason: Reason, connection: Option<&str>, mend: impl Fn(&mut Facts<'_>)) -> Vec<String> {
    let tables = tables();
    let mut facts = Facts {
        source: IpAddr::from([198, 51, 100, 1]),
        transport: crate::config::Transport::Udp,
        from_user: "alice",
        from_host: "sip.test",
        called_user: "nobody",
        called_host: "sip.test",
        contact_of: None,
    };
    mend(&mut facts);
    let attempt = Attempt { facts, digest_user: None, presented: facts.from_user };
    let connection = connection.map(|id| tables.connection_by_text(id).expect("a connection"));
    near_misses(&tables, &attempt, reason, connection.map(AsRef::as_ref))
        .into_iter()
        .map(|miss| format!("{} {} {} {}", miss.resource, miss.field, miss.have, miss.want))
        .collect()
}

#[test]
fn numbers_in_every_form() {
    let tables = tables();
    let account = "acc_1".into();
    for (dialled, known) in [
        ("4930123456", true),
        ("004930123456", true),
        ("0114930123456", true),
        ("030123456", true),
        ("+49030123456", true),
        ("30 123-456", true),
        ("+4930123456", true),
        ("4930123457", false),
        ("30777777", false),
        ("0101", false),
        ("alice", false),
        ("", false),
        ("+", false),
        ("99999999999999999999999999", false),
    ] {
        assert_eq!(known_number(&tables, &account, dialled).is_some(), known, "{dialled}");
    }
}

#[test]
fn each_reason_has_its_neighbour() {
    let called: fn(&'static str) -> Box<dyn Fn(&mut Facts<'_>)> =
        |user| Box::new(move |f| f.called_user = user);
    let from: fn(&'static str) -> Box<dyn Fn(&mut Facts<'_>)> = |user| Box::new(move |f| f.from_user = user);
    let host: fn(&'static str) -> Box<dyn Fn(&mut Facts<'_>)> =
        |host| Box::new(move |f| f.called_host = host);
    let source: fn(&'static str) -> Box<dyn Fn(&mut Facts<'_>)> =
        |ip| Box::new(move |f| f.source = ip.parse().expect("an address"));
    let (alice, north) = (Some("con_alice"), Some("con_north"));
    let table: Vec<(Reason, Option<&str>, Box<dyn Fn(&mut Facts<'_>)>, &[&str])> = vec![
        (Reason::NumberNotKnown, north, called("030123456"), &["number num_1 forms 030123456 +4930123456"]),
        (Reason::NumberNotKnown, north, called("030999999"), &[]),
        (Reason::UserNotKnown, alice, called("dorra"), &["connection con_dora user dorra dora"]),
        (Reason::UserNotKnown, alice, called("Dora"), &["connection con_dora user Dora dora"]),
        (Reason::UserNotKnown, alice, called("odra"), &["connection con_dora user odra dora"]),
        (Reason::UserNotKnown, alice, called("zoe"), &["connection con_zoe domain sip.test other.test"]),
        (Reason::UserNotKnown, alice, called("yan"), &[]),
        (
            Reason::UserNotKnown,
            alice,
            Box::new(|f| (f.called_user, f.called_host) = ("yann", "tenant.test")),
            &[],
        ),
        (Reason::UnknownUser, None, from("alic"), &["connection con_alice user alic alice"]),
        (Reason::UnknownUser, None, from("admin"), &[]),
        (Reason::CalleeDisabled, alice, called("dora"), &["connection con_dora enabled false true"]),
        (Reason::Disabled, Some("con_dora"), called("alice"), &["connection con_dora enabled false true"]),
        (Reason::TransportNotAllowed, alice, called("x"), &["connection con_alice transports udp tls, wss"]),
        (
            Reason::WrongPassword,
            alice,
            called("x"),
            &["connection con_alice password a password none is set"],
        ),
        (
            Reason::CallerIdNotAllowed,
            north,
            from("030222222"),
            &["connection con_north caller_ids 030222222 +4930222222"],
        ),
        (Reason::DomainNotOurs, None, host("sip.tset"), &["domain dom_1 host sip.tset sip.test"]),
        (
            Reason::DomainNotOurs,
            None,
            host("phone.example.test"),
            &["domain dom_1 host phone.example.test phones.example.test"],
        ),
        (Reason::DomainNotOurs, None, host("192.0.2.9"), &["system addresses public_ip 192.0.2.9 192.0.2.1"]),
        (Reason::DomainNotOurs, None, host("example.org"), &[]),
        (
            Reason::SourceNotAllowed,
            north,
            source("198.51.100.1"),
            &["connection con_north allowed_sources 198.51.100.1 203.0.113.16/28"],
        ),
        (
            Reason::SourceNotAllowed,
            None,
            source("203.0.113.40"),
            &["connection con_north allowed_sources 203.0.113.40 203.0.113.16/28"],
        ),
        (
            Reason::SourceNotAllowed,
            None,
            source("::ffff:203.0.113.1"),
            &["connection con_north allowed_sources 203.0.113.1 203.0.113.16/28"],
        ),
        (
            Reason::SourceNotAllowed,
            None,
            source("2001:db8:1:1::1"),
            &["connection con_north allowed_sources 2001:db8:1:1::1 2001:db8:1::/64"],
        ),
        (Reason::SourceNotAllowed, None, source("198.51.100.1"), &[]),
        (
            Reason::SourceNotAllowed,
            None,
            called("+4930888888"),
            &["connection con_north allowed_sources 198.51.100.1 203.0.113.16/28"],
        ),
        (
            Reason::NoRoute,
            alice,
            called("+33123456789"),
            &[
                "connection con_south enabled false true",
                "connection con_north dial_pattern +33123456789 ^\\+49",
            ],
        ),
        (
            Reason::MayNotCallOut,
            alice,
            called("+33123456789"),
            &["connection con_alice may_call_out false true"],
        ),
        (Reason::Loop, alice, called("x"), &[]),
    ];
    for (index, (reason, connection, mend, expected)) in table.iter().enumerate() {
        assert_eq!(found(*reason, *connection, mend), *expected, "row {index}, {reason:?}");
    }
}

#[test]
fn networks_that_are_gone_are_nobodys_neighbours() {
    let mut tables = tables();
    tables.apply(&Delta { revision: 2, changes: vec![Change::ConnectionGone("con_north".into())] });
    let facts = Facts {
        source: IpAddr::from([203, 0, 113, 40]),
        transport: crate::config::Transport::Udp,
        from_user: "x",
        from_host: "x",
        called_user: "x",
        called_host: "sip.test",
        contact_of: None,
    };
    let attempt = Attempt { facts, digest_user: None, presented: facts.from_user };
    assert!(near_misses(&tables, &attempt, Reason::SourceNotAllowed, None).is_empty());
}

proptest::proptest! {
    #[test]
    fn anything_may_be_dialled_and_said(user in ".{0,40}", host in ".{0,40}", number in "[+0-9 ]{0,30}") {
        let tables = tables();
        for (called_user, reason) in Reason::ALL.iter().flat_map(|r| [(&user, *r), (&number, *r)]) {
            let facts = Facts {
                source: IpAddr::from([203, 0, 113, 40]),
                transport: crate::config::Transport::Udp,
                from_user: &user,
                from_host: &host,
                called_user,
                called_host: if host.len() % 2 == 0 { "sip.test" } else { &host },
                contact_of: None,
            };
            let attempt = Attempt { facts, digest_user: Some(&user), presented: facts.from_user };
            let alice = tables.connection_by_text("con_alice").map(AsRef::as_ref);
            for connection in [None, alice] {
                assert!(near_misses(&tables, &attempt, reason, connection).len() <= super::MOST);
            }
        }
    }
}
