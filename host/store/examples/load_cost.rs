//! What configuration costs: 100,000 connections written in batches of 10,000, one changed, all loaded again.
//!
//! `cargo run --release -p store --example load_cost [connections]`

#![expect(clippy::print_stdout, reason = "an example reports on stdout")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{CallOutcome, CallRecord, EndedBy, LegRecord, Persist};
use routing::config::{Change, Connection, Credential};
use store::{Actor, Store, StoreError};
use timestamp::Timestamp;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let count: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let folder = std::env::temp_dir().join(store::new_id("cost"));
    let store = Store::open(&folder).await?;
    let actor = Actor::system();
    let rows: Vec<_> = (0..count).map(connection).collect();

    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    for batch in rows.chunks(10_000) {
        let start = Instant::now();
        store.apply(&actor, batch.iter().map(|row| Change::Connection(Arc::clone(row))).collect()).await?;
        longest = longest.max(start.elapsed());
    }
    println!("write {count} connections: {:?}, longest batch {longest:?}", start.elapsed());

    let start = Instant::now();
    for row in rows.iter().take(200) {
        store.apply(&actor, vec![Change::Connection(Arc::clone(row))]).await?;
    }
    println!("one change: {:?}", start.elapsed() / 200);

    for run in 0..2 {
        let start = Instant::now();
        let loaded = store.load().await?;
        println!("load {run}: {} connections in {:?}", loaded.connections.len(), start.elapsed());
    }

    let (writer, start) = (store.writer(), Instant::now());
    for n in 0..60_000 {
        writer.push(Persist::Record(Box::new(record(n))));
    }
    let pushed = start.elapsed();
    store.flush().await;
    println!(
        "60000 records: pushed in {pushed:?}, on disk after {:?}, {} lost",
        start.elapsed(),
        writer.lost()
    );

    store.close().await;
    let size = std::fs::metadata(folder.join("trunkline.db")).map_or(0, |m| m.len());
    println!("database: {} MB", size / 1_000_000);
    std::fs::remove_dir_all(&folder).map_err(|source| StoreError::Folder { path: folder, source })
}

fn connection(n: usize) -> Arc<Connection> {
    let row = serde_json::json!({
        "id": format!("con_{n:08}"), "name": format!("Phone {n}"), "kind": "device", "account": "acc_1",
        "domain": "dom_1", "user": format!("user{n}"), "ip_policy": "filter", "may_call_out": true,
        "trust_identity": false, "on_bad_caller_id": "replace",
    });
    let mut row: Connection = serde_json::from_value(row).expect("a row like any other");
    row.credentials = vec![Credential {
        label: String::new(),
        user: format!("user{n}"),
        realm: "sip.localhost".to_owned(),
        ha1_md5: "0".repeat(32),
        ha1_sha256: "0".repeat(64),
        until: None,
    }];
    Arc::new(row)
}

fn record(n: u64) -> CallRecord {
    let started_at = Timestamp::from_micros(1_800_000_000_000_000 + n * 1_000);
    CallRecord {
        id: format!("call_{n:08}").into(),
        account: "acc_1".into(),
        provider: None,
        started_at,
        ringing_at: Some(started_at),
        answered_at: Some(started_at),
        ended_at: started_at,
        from: "sip:100@sip.localhost".into(),
        from_display: Box::default(),
        dialled: "101".into(),
        connection_in: "con_00000001".into(),
        connection_out: "con_00000002".into(),
        outcome: CallOutcome::Answered,
        sip_code: 200,
        reason_code: "",
        reason_text: Box::default(),
        q850: 16,
        ended_by: EndedBy::Caller,
        config_rev: 1,
        proof: "digest",
        candidates: Vec::new(),
        attempts: Vec::new(),
        flow: Vec::new(),
        signature: None,
        signed: None,
        legs: vec![LegRecord::default(), LegRecord::default()],
    }
}
