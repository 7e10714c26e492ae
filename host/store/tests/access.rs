//! Keys, the set-up link, admins and replies kept for repeated requests.

mod sample;

use std::time::Duration;

use routing::config::AccountId;
use sample::{Folder, actor};
use store::{AuditFilter, NewKey, PageQuery, Reply, StoreError};

#[tokio::test]
async fn a_key_is_shown_once_and_found_until_it_is_deleted() {
    let folder = Folder::new();
    let store = folder.store().await;
    let new = NewKey {
        name: "ci".to_owned(),
        account: Some(AccountId::from("acc_1")),
        scopes: vec!["admin".to_owned()],
        expires_at: None,
    };
    let (row, clear) = store.create_key(&actor(), new).await.unwrap();
    assert_eq!((clear.len(), &clear[..3], &clear[..8]), (43, "tk_", &*row.prefix));
    assert_eq!(store.find_key("tk_wrong").await.unwrap(), None);
    assert_eq!(store.find_key(&clear).await.unwrap().as_deref(), Some(&row));

    // Another process finds it as well: what `trunkline key create` makes works at once.
    let other = folder.store().await;
    assert_eq!(other.find_key(&clear).await.unwrap().as_deref(), Some(&row));
    assert!(store.list_keys().await.unwrap()[0].last_used_at.is_some());
    store.flush().await;
    assert!(other.list_keys().await.unwrap()[0].last_used_at.is_some());

    assert!(store.delete_key(&actor(), &row.id).await.unwrap());
    assert!(!store.delete_key(&actor(), &row.id).await.unwrap());
    assert_eq!(store.find_key(&clear).await.unwrap(), None);
    assert!(store.list_keys().await.unwrap().is_empty());

    let filter = AuditFilter { resource: Some("key".to_owned()), ..AuditFilter::default() };
    let audit = store.audit(&PageQuery::default(), &filter).await.unwrap();
    assert_eq!(audit.data.len(), 2);
    assert!(!serde_json::to_string(&audit).unwrap().contains(&clear));
}

#[tokio::test]
async fn a_key_stops_at_its_expiry() {
    let folder = Folder::new();
    let store = folder.store().await;
    let expires_at = Some(store::now() + Duration::from_millis(100));
    let new = NewKey { name: "short".to_owned(), expires_at, ..NewKey::default() };
    let (_, clear) = store.create_key(&actor(), new).await.unwrap();
    assert!(store.find_key(&clear).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert!(store.find_key(&clear).await.unwrap().is_none());
}

#[tokio::test]
async fn the_set_up_link_works_once_for_one() {
    let folder = Folder::new();
    let store = folder.store().await;
    let old = store.create_setup_token().await.unwrap();
    let token = store.create_setup_token().await.unwrap();
    let file = folder.path().join("setup-link");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), token);
    store.write_setup_link(&format!("https://localhost:8443/#setup={token}")).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().ends_with(&format!("#setup={token}\n")));
    assert!(!store.take_setup_token(&old).await.unwrap());
    let (a, b) = tokio::join!(store.take_setup_token(&token), store.take_setup_token(&token));
    assert_eq!((a.unwrap(), b.unwrap()), (true, false));
    assert!(!file.exists());
}

#[tokio::test]
async fn admins_sign_in_with_their_password() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert!(!store.has_admin().await.unwrap());
    let row = store.create_admin(&actor(), "ada", "difference engine").await.unwrap();
    assert!(store.has_admin().await.unwrap());
    let taken = store.create_admin(&actor(), "ada", "other").await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict { field: "name" }));
    assert_eq!(store.check_admin("ada", "difference engine").await.unwrap(), Some(row));
    assert_eq!(store.check_admin("ada", "wrong").await.unwrap(), None);
    assert_eq!(store.check_admin("nobody", "wrong").await.unwrap(), None);
    store.set_admin_password(&actor(), "ada", "analytical engine").await.unwrap();
    assert!(store.check_admin("ada", "analytical engine").await.unwrap().is_some());
    store.close().await;
    let bytes = std::fs::read(folder.path().join("trunkline.db")).unwrap();
    assert!(!bytes.windows(17).any(|window| window == b"analytical engine"));
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_reply() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert_eq!(store.idempotency_get("key_1:abc").await.unwrap(), None);
    let reply = Reply { body_hash: [1; 32], status: 201, response: b"{\"password\":\"hunter2\"}".to_vec() };
    store.idempotency_put("key_1:abc", &reply).await.unwrap();
    let later = Reply { body_hash: [2; 32], status: 409, response: Vec::new() };
    store.idempotency_put("key_1:abc", &later).await.unwrap();
    assert_eq!(store.idempotency_get("key_1:abc").await.unwrap(), Some(reply));
    assert_eq!(store.idempotency_get("key_2:abc").await.unwrap(), None);
    let kept = store.prune(store::now() + Duration::from_secs(3600)).await.unwrap();
    let gone = store.prune(store::now() + Duration::from_secs(25 * 3600)).await.unwrap();
    assert_eq!((kept.replies, gone.replies), (0, 1));
}
