//! Configuration: committed, audited, unique, sealed, and read back as it was written.

mod sample;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use routing::config::{AccountId, Change, ConnectionId, Limits, NumberId};
use sample::{Folder, actor, connection, domain, number, with_outward};
use store::{AuditFilter, Fault, PageQuery, Seed, Store, StoreError};

fn put(row: routing::config::Connection) -> Change {
    Change::Connection(Arc::new(row))
}

#[tokio::test]
async fn a_new_folder_has_an_account_and_a_domain() {
    let folder = Folder::new();
    let seed = Seed { base_domain: "Example.org", country: Some("DE") };
    let store = Store::open_with(folder.path(), seed).await.unwrap();
    assert!(store.is_new());
    let loaded = store.load().await.unwrap();
    assert_eq!(loaded.revision, 1);
    assert_eq!((&*loaded.accounts[0].name, loaded.accounts[0].country.as_deref()), ("main", Some("DE")));
    assert_eq!((&*loaded.domains[0].host, &*loaded.domains[0].realm), ("sip.example.org", "sip.example.org"));
    assert_eq!(loaded.domains[0].account, loaded.accounts[0].id);
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("master.key"), mode("trunkline.db")), (0o700, 0o600, 0o600));
    assert_eq!(mode("trunkline.db-wal"), 0o600);

    let again = Store::open_with(folder.path(), Seed { base_domain: "other", country: None }).await.unwrap();
    assert!(!again.is_new());
    assert_eq!(again.load().await.unwrap().domains, loaded.domains);
}

#[tokio::test]
async fn what_was_committed_is_there_without_a_close() {
    let folder = Folder::new();
    let first = folder.store().await;
    let row = with_outward(connection("con_1", "alice"), "hunter2");
    let limits = Limits { concurrent: Some(5), ..Limits::default() };
    let changes = vec![
        put(row.clone()),
        Change::Number(number("num_1", "+4930123456", None)),
        Change::Limits(Arc::new(limits.clone())),
    ];
    let delta = first.apply(&actor(), changes).await.unwrap();
    assert_eq!((delta.revision, delta.changes.len()), (2, 3));

    // The first store is neither flushed nor closed: the second sees what a process started after a kill would.
    let second = folder.store().await;
    let loaded = second.load().await.unwrap();
    assert_eq!(loaded.revision, 2);
    assert_eq!(loaded.connections, [row]);
    assert_eq!(loaded.numbers, [(*number("num_1", "+4930123456", None)).clone()]);
    assert_eq!(loaded.limits, limits);
}

#[tokio::test]
async fn audit_tells_before_and_after_but_no_secret() {
    let folder = Folder::new();
    let store = folder.store().await;
    let row = connection("con_1", "alice");
    store.apply(&actor(), vec![put(row.clone())]).await.unwrap();
    let mut renamed = row.clone();
    renamed.name = "Alice's phone".to_owned();
    store.apply(&actor(), vec![put(renamed.clone())]).await.unwrap();
    renamed.credentials[0].ha1_md5 = "f".repeat(32);
    store.apply(&actor(), vec![put(renamed)]).await.unwrap();
    store.apply(&actor(), vec![Change::ConnectionGone(ConnectionId::from("con_1"))]).await.unwrap();
    store.apply(&actor(), vec![Change::ConnectionGone(ConnectionId::from("con_1"))]).await.unwrap();

    let filter = AuditFilter { resource_id: Some("con_1".to_owned()), ..AuditFilter::default() };
    let rows = store.audit(&PageQuery::default(), &filter).await.unwrap().data;
    let told: Vec<_> =
        rows.iter().map(|r| (r.revision, r.before.is_some(), r.after.is_some(), r.secrets_changed)).collect();
    assert_eq!(
        told,
        [(5, true, false, true), (4, true, true, true), (3, true, true, false), (2, false, true, true)],
        "newest first; a deletion of nothing is no change"
    );
    assert!(
        rows.iter().all(|r| r.actor == "key_1" && r.via == "api" && r.account.as_deref() == Some("acc_1"))
    );
    let name = |raw: &Option<Box<serde_json::value::RawValue>>| {
        let row: serde_json::Value = serde_json::from_str(raw.as_ref().unwrap().get()).unwrap();
        row["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (name(&rows[2].before), name(&rows[2].after)),
        ("alice".to_owned(), "Alice's phone".to_owned())
    );
    assert!(!serde_json::to_string(&rows).unwrap().contains("ffff"));
}

#[tokio::test]
async fn what_must_be_unique_is_and_a_refused_batch_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut trunk = connection("con_2", "bob");
    trunk.trunk_name = Some("carrier".to_owned());
    let changes = vec![
        put(connection("con_1", "alice")),
        put(trunk),
        Change::Number(number("num_1", "+491", None)),
        Change::Domain(domain("dom_9", "sip.example.org")),
    ];
    store.apply(&actor(), changes).await.unwrap();

    let mut second_trunk = connection("con_4", "dora");
    second_trunk.trunk_name = Some("carrier".to_owned());
    let cases = [
        (put(connection("con_3", "alice")), "user"),
        (put(second_trunk), "trunk_name"),
        (Change::Number(number("num_2", "+491", None)), "e164"),
        (Change::Domain(domain("dom_10", "sip.example.org")), "host"),
    ];
    for (change, expected) in cases {
        let batch = vec![put(connection("con_5", "eve")), change];
        let error = store.apply(&actor(), batch).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Conflict { field } if *field == expected),
            "{expected}: {error}"
        );
        assert_eq!(error.fault(), Fault::Peer);
    }
    let loaded = store.load().await.unwrap();
    assert_eq!((loaded.revision, loaded.connections.len()), (2, 2));

    // The same number by another way, and a user whose owner leaves in the same batch, are fine.
    let batch = vec![
        Change::Number(number("num_2", "+491", Some("con_2"))),
        Change::ConnectionGone(ConnectionId::from("con_1")),
        put(connection("con_3", "alice")),
        Change::NumberGone(NumberId::from("num_1")),
    ];
    assert_eq!(store.apply(&actor(), batch).await.unwrap().revision, 3);
}

#[tokio::test]
async fn the_file_holds_no_password() {
    let folder = Folder::new();
    let store = folder.store().await;
    let row = with_outward(connection("con_1", "alice"), "correct-horse-battery");
    let hashes = [row.credentials[0].ha1_md5.clone(), row.credentials[0].ha1_sha256.clone()];
    store.apply(&actor(), vec![put(row)]).await.unwrap();
    store.close().await;
    let bytes = std::fs::read(folder.path().join("trunkline.db")).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("alice"), "the row itself is there");
    assert!(!has("correct-horse-battery") && !has(&hashes[0]) && !has(&hashes[1]));
}

#[tokio::test]
async fn a_missing_or_foreign_master_key_is_named() {
    let folder = Folder::new();
    folder.store().await.close().await;
    let key = folder.path().join("master.key");

    std::fs::write(&key, [9; 32]).unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyDiffers(_)), "{error}");

    std::fs::remove_file(&key).unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyMissing(_)), "{error}");
    assert_eq!(error.fault(), Fault::Operator);
    assert!(error.to_string().contains("master.key is missing; restore it"));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let folder = Folder::new();
    folder.store().await.close().await;
    let url = format!("sqlite:{}", folder.path().join("trunkline.db").display());
    let mut raw = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9000, 'of tomorrow', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut raw).await.unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 9000, .. }), "{error}");
}

#[tokio::test]
async fn ten_thousand_rows_are_one_transaction() {
    let folder = Folder::new();
    let store = folder.store().await;
    let rows: Vec<_> = (0..10_000).map(|n| connection(&format!("con_{n:05}"), &format!("user{n}"))).collect();
    let delta = store.apply(&actor(), rows.iter().cloned().map(put).collect()).await.unwrap();
    assert_eq!(delta.revision, 2);
    assert_eq!(store.load().await.unwrap().connections, rows);
}

#[tokio::test]
async fn audit_pages_run_in_both_directions() {
    let folder = Folder::new();
    let store = folder.store().await;
    for n in 0..5 {
        store.apply(&actor(), vec![put(connection(&format!("con_{n}"), &format!("u{n}")))]).await.unwrap();
    }
    let filter = AuditFilter { resource: Some("connection".to_owned()), ..AuditFilter::default() };
    let page = |after: Option<String>, before: Option<String>| PageQuery { limit: 2, after, before };
    let ids = |rows: &[store::AuditRow]| rows.iter().map(|r| r.resource_id.clone()).collect::<Vec<_>>();
    let first = store.audit(&page(None, None), &filter).await.unwrap();
    assert_eq!((ids(&first.data), first.has_more), (vec!["con_4".to_owned(), "con_3".to_owned()], true));
    let second = store.audit(&page(first.next.clone(), None), &filter).await.unwrap();
    assert_eq!(ids(&second.data), ["con_2", "con_1"]);
    let third = store.audit(&page(second.next.clone(), None), &filter).await.unwrap();
    assert_eq!((ids(&third.data), third.has_more, third.next), (vec!["con_0".to_owned()], false, None));
    let back = store.audit(&page(None, Some(second.data[1].id.clone())), &filter).await.unwrap();
    assert_eq!((ids(&back.data), back.has_more), (vec!["con_3".to_owned(), "con_2".to_owned()], true));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_the_operators_turn() {
    let folder = Folder::new();
    std::fs::write(folder.path(), "a file").unwrap();
    let error = Store::open(folder.path()).await.unwrap_err();
    std::fs::remove_file(folder.path()).unwrap();
    assert_eq!(error.fault(), Fault::Operator, "{error}");
}

#[tokio::test]
async fn accounts_come_and_go() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut second = store.load().await.unwrap().accounts.remove(0);
    second.id = AccountId::from("acc_second");
    let taken = store.apply(&actor(), vec![Change::Account(Arc::new(second.clone()))]).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict { field: "name" }));
    second.name = "second".to_owned();
    store.apply(&actor(), vec![Change::Account(Arc::new(second.clone()))]).await.unwrap();
    assert_eq!(store.load().await.unwrap().accounts.len(), 2);
    store.apply(&actor(), vec![Change::AccountGone(second.id)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().accounts.len(), 1);
}
