use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Clue, Facts, Finding, Identity, after_digest, identify, identify_aloud};
use crate::config::{Change, Delta, Transport};
use crate::reason::Reason;
use crate::tables::Tables;

/// Two accounts of one carrier: both list its addresses, one of them also in its `allowed_sources`.
fn tables() -> Tables {
    let mut tables = Tables::new("test", vec![IpAddr::from([192, 0, 2, 1])]);
    let trunk = |id: &str, account: &str, sources: Value, policy: &str| {
        let row = json!({"id": format!("con_{id}"), "name": id, "kind": "trunk", "account": account, "trunk_name": id,
            "allowed_sources": sources, "ip_policy": policy, "may_call_out": false, "trust_identity": false,
            "on_bad_caller_id": "refuse"});
        Change::Connection(Arc::new(serde_json::from_value(row).unwrap()))
    };
    let domain = |id: &str, host: &str, account: &str, role: &str| {
        let row = json!({"id": id, "host": host, "realm": host, "account": account, "role": role, "digest": ["md5"]});
        Change::Domain(Arc::new(serde_json::from_value(row).unwrap()))
    };
    let account = |id: &str, sources: Value| {
        let row = json!({"id": id, "name": id.trim_start_matches("acc_"), "allowed_sources": sources});
        Change::Account(Arc::new(serde_json::from_value(row).unwrap()))
    };
    let number = |id: &str, e164: &str, account: &str, via: Value| {
        let row = json!({"id": id, "e164": e164, "account": account, "via": via, "target": {"connection": "con_a"}});
        Change::Number(Arc::new(serde_json::from_value(row).unwrap()))
    };
    let alice = json!({"id": "con_alice", "name": "alice", "kind": "device", "account": "acc_a", "domain": "dom_a",
        "user": "alice", "ip_policy": "either", "allowed_sources": ["203.0.113.99/32"], "may_call_out": true,
        "trust_identity": false, "on_bad_caller_id": "replace"});
    let alice = Change::Connection(Arc::new(serde_json::from_value(alice).unwrap()));
    let changes = vec![
        account("acc_a", json!(["10.1.0.0/16"])),
        account("acc_b", json!(["10.1.0.0/16", "10.1.2.0/24", "10.9.0.0/16"])),
        domain("dom_a", "app.a.test", "acc_a", "registrar"),
        domain("dom_b", "app.b.test", "acc_b", "registrar"),
        domain("dom_s", "sip.shared.test", "acc_a", "shared"),
        trunk("a", "acc_a", json!(["203.0.113.0/24", "2001:db8::/32"]), "authenticate"),
        trunk("b", "acc_b", json!(["203.0.113.0/24", "203.0.113.7/32"]), "authenticate"),
        trunk("pw", "acc_b", json!(["198.51.100.0/24"]), "either"),
        trunk("both", "acc_b", json!(["198.51.100.0/24"]), "filter"),
        alice,
        number("num_a", "+4930111", "acc_a", json!(null)),
        number("num_b", "+4930222", "acc_b", json!(null)),
        number("num_v", "+4930333", "acc_a", json!("con_b")),
    ];
    tables.apply(&Delta { revision: 1, changes });
    tables
}

fn facts<'a>(source: &str, from: (&'a str, &'a str), called: (&'a str, &'a str)) -> Facts<'a> {
    Facts {
        source: source.parse().unwrap(),
        transport: Transport::Udp,
        from_user: from.0,
        from_host: from.1,
        called_user: called.0,
        called_host: called.1,
        contact_of: None,
    }
}

/// Who it is, in one word.
fn word(identity: &Identity) -> String {
    match identity {
        Identity::Connection { connection, .. } => connection.name.clone(),
        Identity::Digest { connection, .. } => format!("{}?", connection.name),
        Identity::Account(account) => format!("account {}", account.name),
        Identity::Nobody(_) => "nobody".to_owned(),
        Identity::Refused { reason, .. } => reason.code().to_owned(),
    }
}

#[test]
fn one_address_on_two_accounts_is_told_apart_by_domain_then_by_number() {
    let tables = tables();
    for (source, number, host, expected) in [
        // The domain names the account, also against a more specific network of another.
        ("203.0.113.9", "x", "app.a.test", "a"),
        ("203.0.113.9", "x", "app.b.test", "b"),
        ("203.0.113.7", "x", "app.a.test", "a"),
        // The most specific network, where no domain says more.
        ("203.0.113.7", "x", "192.0.2.1", "b"),
        ("203.0.113.7", "x", "sip.shared.test", "b"),
        // The number dialled: the way it comes in by, else whose it is.
        ("203.0.113.9", "+4930111", "192.0.2.1", "a"),
        ("203.0.113.9", "+4930222", "192.0.2.1", "b"),
        ("203.0.113.9", "+4930333", "192.0.2.1", "b"),
        ("::ffff:203.0.113.9", "4930222", "192.0.2.1", "R-13"),
        ("203.0.113.9", "+4930999", "192.0.2.1", "R-13"),
        ("203.0.113.9", "x", "a.trunk.test", "a"),
        ("2001:db8::9", "x", "192.0.2.1", "a"),
        // Accounts that list the address.
        ("10.1.0.9", "bob", "app.a.test", "account a"),
        ("10.1.0.9", "bob", "app.b.test", "account b"),
        ("10.1.2.9", "bob", "app.a.test", "account a"),
        ("10.1.2.9", "bob", "192.0.2.1", "account b"),
        ("10.9.0.1", "bob", "app.a.test", "nobody"),
        ("10.9.0.1", "bob", "192.0.2.1", "account b"),
        ("10.1.0.9", "+4930222", "192.0.2.1", "account b"),
        ("10.1.0.9", "bob", "192.0.2.1", "R-13"),
        // Not ours, and nobody.
        ("203.0.113.9", "x", "elsewhere.test", "R-06"),
        ("192.0.2.200", "x", "app.a.test", "nobody"),
    ] {
        let found = identify(&tables, &facts(source, ("4930", "there"), (number, host)));
        assert_eq!(word(&found), expected, "{source} calls {number}@{host}");
    }
}

#[test]
fn each_policy_takes_its_proofs() {
    let tables = tables();
    for (source, from, host, expected) in [
        // Either: the address, else the password.
        ("198.51.100.9", "x", "pw.trunk.test", "pw"),
        ("192.0.2.200", "x", "pw.trunk.test", "pw?"),
        // Filter: both, and outside of the list not even a challenge.
        ("198.51.100.9", "x", "both.trunk.test", "both?"),
        ("192.0.2.200", "x", "both.trunk.test", "R-01"),
        // Authenticate: the address alone.
        ("203.0.113.9", "x", "a.trunk.test", "a"),
        ("192.0.2.200", "x", "a.trunk.test", "R-01"),
        // A user, by address or by password; and it goes before every address.
        ("203.0.113.99", "alice", "app.a.test", "alice"),
        ("203.0.113.9", "alice", "app.a.test", "alice?"),
    ] {
        let found = identify(&tables, &facts(source, (from, "app.a.test"), ("1", host)));
        assert_eq!(word(&found), expected, "{from} at {source} to {host}");
    }
    let a = tables.connection(&"con_a".into()).unwrap();
    let outside = IpAddr::from([192, 0, 2, 200]);
    assert_eq!(after_digest(a, outside, Transport::Udp), Err(Reason::SourceNotAllowed));
}

#[test]
fn every_step_is_told_until_one_settles_it() {
    let tables = tables();
    let told = |facts: &Facts<'_>| {
        let mut told = Vec::new();
        identify_aloud(&tables, facts, |clue, finding| told.push((clue, finding)));
        told
    };
    let all = told(&facts("192.0.2.200", ("4930", "there"), ("1", "app.a.test")));
    assert_eq!(all.iter().map(|(clue, _)| *clue).collect::<Vec<_>>(), Clue::ORDER);
    assert!(matches!(all.last(), Some((Clue::Credentials, Finding::Matched(_)))));
    let some = told(&facts("192.0.2.200", ("4930", "there"), ("1", "a.trunk.test")));
    assert_eq!(some.last(), Some(&(Clue::TrunkHost, Finding::Refused(Reason::SourceNotAllowed))));
    assert_eq!(some.len(), 4);
}
