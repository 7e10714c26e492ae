//! What calls leave behind: history, open markers, bindings and refusals, through the group commit.

mod sample;

use std::time::Duration;

use engine::Persist;
use engine::control::RegistrationLogRow;
use routing::config::{Change, ConnectionId};
use sample::{Folder, actor, at, binding, connection, near_miss, open_call, record, refusal};
use sqlx::{Connection, SqliteConnection};
use store::{HistoryQuery, LogQuery, PageQuery, RefusedQuery, Store};

/// Rows of a table, by a connection of our own.
async fn count(folder: &Folder, table: &'static str) -> i64 {
    let url = format!("sqlite:{}", folder.path().join("trunkline.db").display());
    let mut raw = SqliteConnection::connect(&url).await.expect("a database");
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql).fetch_one(&mut raw).await.expect("a number")
}

async fn history(store: &Store, query: HistoryQuery) -> Vec<String> {
    store.history(&query).await.expect("a page").data.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_call_is_in_history_within_the_window_of_a_group_commit() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.writer().push(Persist::Record(record("call_1", at(0))));
    tokio::time::sleep(Duration::from_millis(400)).await;
    let row = store.history_get("call_1").await.unwrap().unwrap();
    assert_eq!(
        (&*row.outcome, &*row.ended_by, row.q850, row.reason_code),
        ("answered", "callee", Some(16), None)
    );
    assert_eq!(
        (row.pdd_ms, row.ring_ms, row.setup_ms, row.talk_s),
        (Some(1_000), Some(2_000), Some(3_000), Some(7.0))
    );
    assert_eq!(row.legs[0]["sip_call_id"], "abc");
    let attempt = &row.attempts[0];
    assert_eq!((attempt.sip_code, attempt.final_ms, attempt.provisional_ms), (Some(503), Some(12), None));
    assert_eq!((attempt.then.as_str(), attempt.reason_code.as_deref()), ("next", Some("P-02")));
    assert_eq!(row.candidates[0]["connection"], "con_2");
    assert!(store.history_get("call_2").await.unwrap().is_none());
}

#[tokio::test]
async fn a_call_that_ends_in_the_batch_it_began_in_leaves_no_marker() {
    let folder = Folder::new();
    let store = folder.store().await;
    let writer = store.writer();
    writer.push(Persist::Open(open_call("call_1", None)));
    writer.push(Persist::Open(open_call("call_2", None)));
    writer.push(Persist::Record(record("call_1", at(0))));
    store.flush().await;
    assert_eq!((count(&folder, "open_calls").await, count(&folder, "history").await), (1, 1));
    writer.push(Persist::Open(open_call("call_2", Some(at(2)))));
    store.flush().await;
    writer.push(Persist::Record(record("call_2", at(0))));
    store.flush().await;
    assert_eq!((count(&folder, "open_calls").await, count(&folder, "history").await), (0, 2));
    assert_eq!(writer.lost(), 0);
}

#[tokio::test]
async fn calls_lost_with_the_process_are_closed_honestly() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.writer().push(Persist::Open(open_call("call_1", None)));
    store.writer().push(Persist::Open(open_call("call_2", Some(at(2)))));
    store.flush().await;

    let next = folder.store().await;
    assert_eq!(next.close_lost_calls(at(60)).await.unwrap(), 2);
    assert_eq!(next.close_lost_calls(at(60)).await.unwrap(), 0);
    let rows = next.history(&HistoryQuery::default()).await.unwrap().data;
    let told: Vec<_> = rows.iter().map(|r| (&*r.id, &*r.outcome, r.talk_s)).collect();
    assert_eq!(told, [("call_2", "answered", Some(58.0)), ("call_1", "failed", None)]);
    for row in &rows {
        assert_eq!(
            (&*row.ended_by, row.reason_code.as_deref(), row.ended_at),
            ("restart", Some("S-02"), at(60))
        );
    }
}

#[tokio::test]
async fn history_is_paged_and_searched() {
    let folder = Folder::new();
    let store = folder.store().await;
    for n in 0..6_u64 {
        let mut row = record(&format!("call_{n}"), at(n));
        if n % 2 == 1 {
            row.connection_in = "con_9".into();
            row.connection_out = "con_9".into();
            row.dialled = "+4930123456".into();
            row.reason_code = "R-04";
        }
        if n == 5 {
            row.account = "acc_2".into();
        }
        store.writer().push(Persist::Record(row));
    }
    store.flush().await;
    let query = HistoryQuery::default;
    let page =
        |limit, after: Option<&str>| PageQuery { limit, after: after.map(str::to_owned), before: None };
    let first = store.history(&HistoryQuery { page: page(4, None), ..query() }).await.unwrap();
    assert_eq!((first.data.len(), first.has_more, first.next.as_deref()), (4, true, Some("call_2")));
    let rest = HistoryQuery { page: page(4, first.next.as_deref()), ..query() };
    assert_eq!(history(&store, rest).await, ["call_1", "call_0"]);
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        (HistoryQuery { account: some("acc_2"), ..query() }, vec!["call_5"]),
        (HistoryQuery { connection: some("con_9"), ..query() }, vec!["call_5", "call_3", "call_1"]),
        (
            HistoryQuery { connection: some("con_2"), page: page(2, None), ..query() },
            vec!["call_4", "call_2"],
        ),
        (HistoryQuery { to: some("30123"), account: some("acc_1"), ..query() }, vec!["call_3", "call_1"]),
        (
            HistoryQuery { from: some("100"), reason: some("R-04"), page: page(1, None), ..query() },
            vec!["call_5"],
        ),
        (HistoryQuery { since: Some(at(2)), until: Some(at(4)), ..query() }, vec!["call_3", "call_2"]),
        (HistoryQuery { outcome: some("busy"), ..query() }, vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(history(&store, query.clone()).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn bindings_come_back_until_they_lapse_or_leave() {
    let folder = Folder::new();
    let store = folder.store().await;
    let writer = store.writer();
    writer.push(Persist::Binding(binding("con_1", "sip:a@192.0.2.1", at(60))));
    writer.push(Persist::Binding(binding("con_1", "sip:b@192.0.2.1", at(600))));
    writer.push(Persist::Binding(binding("con_2", "sip:c@192.0.2.1", at(600))));
    writer.push(Persist::Binding(binding("con_3", "sip:d@192.0.2.1", at(600))));
    store.flush().await;
    writer.push(Persist::Binding(binding("con_1", "sip:b@192.0.2.1", at(900))));
    writer.push(Persist::BindingGone { connection: "con_2".into(), contact: "sip:c@192.0.2.1".into() });
    store.flush().await;
    store.apply(&actor(), vec![Change::Connection(connection("con_3", "dora").into())]).await.unwrap();
    store.apply(&actor(), vec![Change::ConnectionGone(ConnectionId::from("con_3"))]).await.unwrap();

    let next = folder.store().await;
    assert_eq!(next.bindings(at(100)).await.unwrap(), [*binding("con_1", "sip:b@192.0.2.1", at(900))]);
    assert_eq!(next.prune(at(100)).await.unwrap().bindings, 1);
}

#[tokio::test]
async fn refusals_of_one_source_are_one_row() {
    let folder = Folder::new();
    let store = folder.store().await;
    let writer = store.writer();
    writer.push(Persist::Refused(refusal("192.0.2.1:5060", at(0))));
    let mut near = refusal("192.0.2.1:5062", at(5));
    near.near_misses.push(near_miss());
    writer.push(Persist::Refused(near));
    writer.push(Persist::Refused(refusal("192.0.2.2:5060", at(3))));
    store.flush().await;
    writer.push(Persist::Refused(refusal("192.0.2.1:5064", at(9))));
    store.flush().await;

    let rows = store.refused(&RefusedQuery::default()).await.unwrap().data;
    let told: Vec<_> =
        rows.iter().map(|r| (r.source.ip.to_string(), r.count, r.first_at, r.last_at)).collect();
    assert_eq!(told, [("192.0.2.1".to_owned(), 3, at(0), at(9)), ("192.0.2.2".to_owned(), 1, at(3), at(3))]);
    assert_eq!((rows[0].source.port, &*rows[0].near_misses[0].want), (5064, "+4930123456"));
    assert_eq!(store.refused_get(&rows[0].id).await.unwrap().as_ref(), Some(&rows[0]));

    // A later process goes on with the same rows, and pages stand still while it does.
    let next = folder.store().await;
    let page = PageQuery { limit: 1, ..PageQuery::default() };
    let first = next.refused(&RefusedQuery { page, ..RefusedQuery::default() }).await.unwrap();
    next.writer().push(Persist::Refused(refusal("192.0.2.1:5066", at(10))));
    next.flush().await;
    assert_eq!(next.refused_get(&rows[0].id).await.unwrap().unwrap().count, 4);
    let page = PageQuery { limit: 1, after: first.next, before: None };
    let second = next.refused(&RefusedQuery { page, ..RefusedQuery::default() }).await.unwrap();
    assert_eq!((second.data[0].id.clone(), second.has_more), (rows[1].id.clone(), false));
}

#[tokio::test]
async fn strangers_cannot_crowd_out_a_near_miss() {
    let folder = Folder::new();
    let store = folder.store().await;
    let writer = store.writer();
    let mut near = refusal("192.0.2.1:5060", at(0));
    near.near_misses.push(near_miss());
    near.user_agent = "x".repeat(60_000).into();
    writer.push(Persist::Refused(near));
    for n in 0..12_000_u64 {
        let source = format!("10.{}.{}.{}:5060", n >> 16, (n >> 8) & 255, n & 255);
        writer.push(Persist::Refused(refusal(&source, at(1 + n))));
    }
    store.flush().await;
    assert_eq!((count(&folder, "refused").await, writer.lost()), (10_000, 0));
    let query = RefusedQuery { source: Some("192.0.2.1".to_owned()), ..RefusedQuery::default() };
    let rows = store.refused(&query).await.unwrap().data;
    assert_eq!((rows.len(), rows[0].user_agent.len()), (1, 200));
}

#[tokio::test]
async fn a_full_queue_counts_what_it_drops() {
    let folder = Folder::new();
    let store = folder.store().await;
    let writer = store.writer();
    // The task that empties the queue shares this thread and gets no turn meanwhile.
    for n in 0..70_000 {
        writer.push(Persist::BindingGone { connection: "con_1".into(), contact: format!("sip:{n}").into() });
    }
    assert_eq!(writer.lost(), 70_000 - 65_536);
    store.flush().await;
}

#[tokio::test]
async fn old_records_are_forgotten_by_retention() {
    let folder = Folder::new();
    let store = folder.store().await;
    let account = store.load().await.unwrap().accounts.remove(0);
    let day = Duration::from_secs(24 * 3600);
    for n in 0..2_500_u64 {
        let mut row = record(&format!("call_{n:04}"), at(n));
        row.account = account.id.as_str().into();
        store.writer().push(Persist::Record(row));
    }
    store.writer().push(Persist::Record(record("call_of_nobody", at(0))));
    store.writer().push(Persist::Refused(refusal("192.0.2.1:5060", at(0))));
    store.flush().await;
    assert_eq!(store.prune(at(0) + 29 * day).await.unwrap().history, 0);
    store.flush().await;
    assert_eq!(count(&folder, "refused").await, 1);
    assert_eq!(store.prune(at(2_400) + 365 * day).await.unwrap().history, 2_401);
    store.flush().await;
    assert_eq!((count(&folder, "history").await, count(&folder, "refused").await), (100, 0));
}

#[tokio::test]
async fn the_log_of_a_connection_stays_short() {
    let folder = Folder::new();
    let store = folder.store().await;
    let hour = Duration::from_secs(3600);
    let line = |n: u64, connection: &str| {
        Persist::RegistrationLog(Box::new(RegistrationLogRow {
            at: at(n),
            connection: connection.into(),
            account: "acc_gone".into(),
            direction: "out",
            event: "failed",
            code: 503,
            reason: "Service Unavailable".into(),
            target: "udp:192.0.2.1:5060".into(),
            contact: "".into(),
            expires_s: 0,
            elapsed_ms: 1,
        }))
    };
    store.writer().push(line(0, "con_other"));
    for n in 0..3_000 {
        store.writer().push(line(n, "con_1"));
    }
    store.flush().await;
    let kept = count(&folder, "registration_log").await;
    assert!((1_001..=1_201).contains(&kept), "{kept}");
    let query = LogQuery { connection: "con_1".to_owned(), ..LogQuery::default() };
    assert_eq!(store.registration_log(&query).await.unwrap().data[0].at, at(2_999), "the newest stay");
    assert_eq!(store.prune(at(1) + 24 * hour).await.unwrap().log, 1);
    assert_eq!(store.prune(at(3_000) + 24 * hour).await.unwrap().log, u64::try_from(kept).unwrap() - 1);
}
