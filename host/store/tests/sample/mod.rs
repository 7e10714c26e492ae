//! Rows to try the store with, and a folder that goes away with its test.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::control::{NearMiss, Refusal};
use engine::{
    AttemptRecord, BindingRow, CallOutcome, CallRecord, CandidateRecord, EndedBy, LegRecord, OpenCall, Then,
};
use routing::config::{
    AccountId, Connection, ConnectionId, Credential, DomainId, NumberId, NumberRow, OutwardSecret, Target,
};
use routing::reason::Reason;
use store::{Actor, Store};
use timestamp::Timestamp;

/// A folder of the test alone.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(store::new_id("store")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.0).await.expect("a store opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that never opened its store has nothing to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn actor() -> Actor {
    Actor { name: "key_1".to_owned(), via: "api".to_owned() }
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + seconds)
}

/// A device with a password, as the API would make it.
pub(crate) fn connection(id: &str, user: &str) -> Connection {
    let row = serde_json::json!({
        "id": id, "name": user, "kind": "device", "account": "acc_1", "domain": "dom_1", "user": user,
        "ip_policy": "filter", "may_call_out": true, "trust_identity": false, "on_bad_caller_id": "replace",
    });
    let mut row: Connection = serde_json::from_value(row).expect("a row like any other");
    row.credentials = vec![Credential {
        label: String::new(),
        user: user.to_owned(),
        realm: "sip.localhost".to_owned(),
        ha1_md5: format!("{:0>32}", hex(user)),
        ha1_sha256: format!("{:0>64}", hex(user)),
        until: None,
    }];
    row
}

pub(crate) fn with_outward(mut row: Connection, password: &str) -> Connection {
    row.outward = Some(OutwardSecret { user: "carrier-user".to_owned(), password: password.to_owned() });
    row
}

pub(crate) fn number(id: &str, e164: &str, via: Option<&str>) -> Arc<NumberRow> {
    Arc::new(NumberRow {
        id: NumberId::from(id),
        e164: e164.to_owned(),
        forms: Vec::new(),
        account: AccountId::from("acc_1"),
        via: via.map(ConnectionId::from),
        target: Target::Connection(ConnectionId::from("con_1")),
    })
}

pub(crate) fn domain(id: &str, host: &str) -> Arc<routing::config::Domain> {
    let row = serde_json::json!({ "id": id, "host": host, "account": "acc_1", "realm": host });
    let mut row: routing::config::Domain = serde_json::from_value(row).expect("a row like any other");
    row.id = DomainId::from(id);
    Arc::new(row)
}

pub(crate) fn open_call(id: &str, answered_at: Option<Timestamp>) -> Box<OpenCall> {
    Box::new(OpenCall {
        id: id.into(),
        account: "acc_1".into(),
        started_at: at(0),
        answered_at,
        from: "100".into(),
        dialled: "101".into(),
        connection_in: "con_1".into(),
        connection_out: "con_2".into(),
        config_rev: 7,
    })
}

pub(crate) fn record(id: &str, started_at: Timestamp) -> Box<CallRecord> {
    let second = std::time::Duration::from_secs(1);
    Box::new(CallRecord {
        id: id.into(),
        account: "acc_1".into(),
        provider: None,
        started_at,
        ringing_at: Some(started_at + second),
        answered_at: Some(started_at + 3 * second),
        ended_at: started_at + 10 * second,
        from: "100".into(),
        from_display: "Alice".into(),
        dialled: "101".into(),
        connection_in: "con_1".into(),
        connection_out: "con_2".into(),
        outcome: CallOutcome::Answered,
        sip_code: 200,
        reason_code: "",
        reason_text: Box::default(),
        q850: 16,
        ended_by: EndedBy::Callee,
        config_rev: 7,
        proof: "digest",
        candidates: vec![CandidateRecord {
            connection: "con_2".into(),
            taken: true,
            reason_code: "OK",
            text: "the dialled user",
        }],
        flow: Vec::new(),
        attempts: vec![AttemptRecord {
            connection: "con_2".into(),
            address: "udp:192.0.2.9:5060".into(),
            started_at,
            sip_code: 503,
            sip_text: "Busy hour".into(),
            reason_code: "P-02".into(),
            reason_text: "the peer is overloaded".into(),
            provisional_ms: None,
            final_ms: Some(12),
            then: Then::Next,
        }],
        signature: None,
        signed: None,
        legs: vec![LegRecord { role: "caller", sip_call_id: "abc".into(), ..LegRecord::default() }],
    })
}

pub(crate) fn refusal(source: &str, at: Timestamp) -> Box<Refusal> {
    Box::new(Refusal {
        at,
        account: Box::default(),
        source: source.parse().expect("an address"),
        transport: "udp",
        method: "INVITE",
        from: "sip:scanner@192.0.2.1".into(),
        to: "sip:900442030000000@192.0.2.9".into(),
        user_agent: "friendly-scanner".into(),
        sip_code: 404,
        reason: Reason::NumberNotKnown,
        near_misses: Vec::new(),
    })
}

pub(crate) fn near_miss() -> NearMiss {
    NearMiss {
        resource: "number num_1".into(),
        field: "e164",
        have: "4930123456".into(),
        want: "+4930123456".into(),
    }
}

pub(crate) fn binding(connection: &str, contact: &str, expires_at: Timestamp) -> Box<BindingRow> {
    Box::new(BindingRow {
        connection: connection.into(),
        contact: contact.into(),
        instance: Box::default(),
        call_id: "reg-1".into(),
        cseq: 1,
        q: 1_000,
        expires_at,
        since: at(0),
        source: "192.0.2.1:5060".parse().expect("an address"),
        listener: 0,
        stream: 0,
        transport: "udp".into(),
        behind_nat: false,
        path: Box::default(),
        user_agent: "phone".into(),
        credential: Box::default(),
    })
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}
