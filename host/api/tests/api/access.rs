//! Keys, scopes and accounts: who may do what, and what does not exist for whom.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::rig::{Rig, id, read};

#[tokio::test]
async fn a_request_without_a_good_key_is_turned_away() {
    let rig = Rig::new().await;
    let request = Request::get("/api/v1/connections").body(Body::empty()).unwrap();
    let response = rig.send(request).await;
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let (status, reply) = read(response).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (401, Some("key_missing")));
    let (status, reply) = rig.ask_as("tk_wrong", "GET", "/connections", Value::Null).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (401, Some("key_unknown")));
}

#[tokio::test]
async fn each_request_needs_its_scope() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Alice", "user": "alice"});
    for (scope, method, path, body, allowed) in [
        ("connections:read", "GET", "/connections", Value::Null, true),
        ("connections:read", "POST", "/connections", body.clone(), false),
        ("config:write", "POST", "/connections", body.clone(), true),
        ("connections:write", "GET", "/connections", Value::Null, true),
        ("connections:write", "GET", "/history", Value::Null, false),
        ("history:read", "GET", "/history", Value::Null, true),
        ("history:read", "GET", "/refused", Value::Null, true),
        ("history:read", "GET", "/calls", Value::Null, false),
        ("connections:read", "POST", "/calls/call_1/hangup", Value::Null, false),
        ("config:write", "POST", "/keys", json!({"name": "x", "scopes": ["admin"]}), false),
        ("config:write", "GET", "/audit", Value::Null, false),
        ("config:write", "POST", "/accounts", json!({"name": "x"}), false),
        ("config:write", "PATCH", "/system/limits", json!({}), false),
    ] {
        let key = rig.key_with(None, &[scope]).await;
        let (status, reply) = rig.ask_as(&key, method, path, body).await;
        assert_eq!(status.is_success(), allowed, "{scope} {method} {path}: {reply}");
        if !allowed {
            assert_eq!((status.as_u16(), reply["code"].as_str()), (403, Some("scope_missing")));
        }
    }
}

#[tokio::test]
async fn a_key_of_an_account_sees_its_account_only() {
    let rig = Rig::new().await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    rig.create("/domains", json!({"host": "north.example", "account": "north"})).await;
    let alice =
        id(&rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await);
    let key = rig.key_with(Some(&north), &["admin"]).await;
    let (_, made) = rig
        .ask_as(
            &key,
            "POST",
            "/connections",
            json!({"kind": "device", "name": "Nora", "user": "nora", "password": "x"}),
        )
        .await;
    assert_eq!(made["account"], north.as_str());
    for (method, path, status) in [
        ("GET", format!("/connections/{alice}"), 404),
        ("PATCH", format!("/connections/{alice}"), 404),
        ("DELETE", format!("/connections/{alice}"), 404),
        ("GET", format!("/connections/{alice}/status"), 404),
        ("GET", format!("/accounts/{north}"), 200),
        ("GET", "/history?account=main".to_owned(), 422),
    ] {
        let body = if method == "PATCH" { json!({}) } else { Value::Null };
        assert_eq!(rig.ask_as(&key, method, &path, body).await.0.as_u16(), status, "{method} {path}");
    }
    let (_, listed) = rig.ask_as(&key, "GET", "/connections", Value::Null).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    for (path, body, code, pointer) in [
        (
            "/numbers",
            json!({"e164": "+4930123", "target": {"connection": alice}}),
            "unknown_reference",
            "/target/connection",
        ),
        (
            "/connections",
            json!({"kind": "device", "name": "x", "user": "x", "account": "main"}),
            "unknown_reference",
            "/account",
        ),
        (
            "/connections",
            json!({"kind": "trunk", "name": "x", "allowed_sources": ["192.0.2.1"], "offered_to": ["*"]}),
            "scope_missing",
            "/offered_to",
        ),
    ] {
        let (_, reply) = rig.ask_as(&key, "POST", path, body).await;
        assert_eq!(
            (reply["code"].as_str(), reply["errors"][0]["pointer"].as_str()),
            (Some(code), Some(pointer))
        );
    }
    let (status, _) =
        rig.ask_as(&key, "PATCH", &format!("/accounts/{north}"), json!({"quota": {"connections": 9}})).await;
    assert_eq!(status.as_u16(), 403);
    let (status, _) =
        rig.ask_as(&key, "PATCH", &format!("/accounts/{north}"), json!({"country": "DE"})).await;
    assert_eq!(status.as_u16(), 200);
    let (_, own) = rig.ask_as(&key, "POST", "/keys", json!({"name": "mine", "scopes": ["admin"]})).await;
    assert_eq!(own["account"], north.as_str());
    let (_, keys) = rig.ask_as(&key, "GET", "/keys", Value::Null).await;
    assert_eq!(keys["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_is_shown_once_and_stops_when_deleted() {
    let rig = Rig::new().await;
    let made = rig.create("/keys", json!({"name": "ci", "scopes": ["connections:read"]})).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!(rig.ask_as(key, "GET", "/connections", Value::Null).await.0.as_u16(), 200);
    let path = format!("/keys/{}", id(&made));
    assert!(rig.get(&path).await.get("key").is_none());
    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.0.as_u16(), 204);
    assert_eq!(rig.ask_as(key, "GET", "/connections", Value::Null).await.0.as_u16(), 401);
    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.0.as_u16(), 404);
}

#[tokio::test]
async fn the_audit_tells_who_changed_what_without_secrets() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Alice", "user": "alice", "password": "wonderland"});
    let alice = id(&rig.create("/connections", body).await);
    rig.ask("PATCH", &format!("/connections/{alice}"), json!({"notes": "x"})).await;
    let audit = rig.get(&format!("/audit?resource_id={alice}")).await;
    let [changed, made] = &audit["data"].as_array().unwrap()[..] else { panic!("{audit}") };
    assert!(made["before"].is_null() && made["secrets_changed"] == true && changed["before"]["notes"] == "");
    assert_eq!(changed["after"]["notes"], "x");
    assert!(made["actor"].as_str().unwrap().starts_with("key_") && made["via"] == "api");
    assert!(!audit.to_string().contains("wonderland"));
}

#[tokio::test]
async fn the_request_id_of_the_client_is_kept() {
    let rig = Rig::new().await;
    let request =
        Request::get("/api/v1/connections").header("x-request-id", "abc-1").body(Body::empty()).unwrap();
    let response = rig.send(request).await;
    assert_eq!(response.headers()["x-request-id"], "abc-1");
    assert_eq!(read(response).await.1["request_id"], "abc-1");
}
