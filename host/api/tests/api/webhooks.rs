//! Endpoints that are told of events: what may be said of them, and what is put into their queues.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use engine::control::{CallView, Event, Happening};
use serde_json::{Value, json};
use store::now;

use crate::rig::{Rig, id};

fn call(account: &str) -> CallView {
    CallView {
        id: "call_1".into(),
        account: account.into(),
        state: "trying",
        started_at: now(),
        answered_at: None,
        from: "sip:100@sip.localhost".into(),
        dialled: "101".into(),
        connection_in: "".into(),
        connection_out: "".into(),
        flow: Vec::new(),
    }
}

#[tokio::test]
async fn events_are_queued_for_whoever_wants_and_may_see_them() {
    let rig = Rig::new().await;
    let main = rig.get("/accounts").await["data"][0]["id"].as_str().unwrap().to_owned();
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let hook = |body: Value| rig.create("/webhooks", body);
    let all = hook(json!({"url": "https://example.com/a"})).await;
    assert!(all["secret"].as_str().unwrap().starts_with("whsec_"));
    let own = hook(json!({"url": "https://example.com/b", "account": "north", "events": ["call.*"]})).await;
    let ended = hook(json!({"url": "https://example.com/c", "events": ["call.ended"]})).await;
    let off = hook(json!({"url": "https://example.com/d"})).await;
    let (status, changed) =
        rig.ask("PATCH", &format!("/webhooks/{}", id(&off)), json!({"enabled": false})).await;
    assert_eq!((status, &changed["enabled"]), (StatusCode::OK, &json!(false)));
    assert!(changed.get("secret").is_none());
    for account in [&main, &north] {
        let what = Happening::CallStarted(call(account));
        let event = Event { at: now(), account: account.as_str().into(), what };
        rig.shards.events.send(Arc::new(event)).unwrap();
    }
    let mut found = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found.clear();
        for row in [&all, &own, &ended, &off] {
            let listed = rig.get(&format!("/webhooks/{}/deliveries", id(row))).await;
            found.push(listed["data"].as_array().unwrap().clone());
        }
        if found[0].len() == 2 && found[1].len() == 1 {
            break;
        }
    }
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 0, 0]);
    let one = &found[1][0];
    assert_eq!((&one["event"], &one["state"]), (&json!("call.started"), &json!("pending")));
    assert_eq!((&one["body"]["type"], &one["body"]["account"]), (&json!("call.started"), &json!(north)));
    assert_eq!(one["body"]["data"]["dialled"], "101");
    let (status, again) =
        rig.ask("POST", &format!("/webhooks/{}/deliveries/{}/replay", id(&own), id(one)), Value::Null).await;
    assert_eq!((status, &again["id"]), (StatusCode::ACCEPTED, &one["id"]));
    // A key of an account sees its own, and makes its own.
    let key = rig.key_with(Some(&north), &["admin"]).await;
    let (_, listed) = rig.ask_as(&key, "GET", "/webhooks", Value::Null).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let (status, _) = rig.ask_as(&key, "GET", &format!("/webhooks/{}", id(&all)), Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, made) = rig.ask_as(&key, "POST", "/webhooks", json!({"url": "https://example.com/e"})).await;
    assert_eq!(made["account"], json!(north));
    let (_, rotated) = rig.ask("POST", &format!("/webhooks/{}/rotate", id(&all)), Value::Null).await;
    assert_ne!(rotated["secret"], all["secret"]);
    assert!(rotated["previous_secret_until"].is_string());
    assert_eq!(
        rig.ask("DELETE", &format!("/webhooks/{}", id(&all)), Value::Null).await.0,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn what_cannot_be_delivered_to_is_refused_at_once() {
    let rig = Rig::new().await;
    for (body, code, pointer) in [
        (json!({}), "field_missing", "/url"),
        (json!({"url": "example.com"}), "invalid_value", "/url"),
        (json!({"url": "ftp://example.com/"}), "invalid_value", "/url"),
        (json!({"url": "https://me:secret@example.com/"}), "invalid_value", "/url"),
        (json!({"url": "http://127.0.0.1:9000/"}), "address_not_allowed", "/url"),
        (json!({"url": "http://localhost/"}), "address_not_allowed", "/url"),
        (json!({"url": "http://[::1]/"}), "address_not_allowed", "/url"),
        (json!({"url": "http://169.254.169.254/latest"}), "address_not_allowed", "/url"),
        (json!({"url": "https://example.com/", "events": ["calls"]}), "invalid_value", "/events/0"),
        (json!({"url": "https://example.com/", "account": "nobody"}), "invalid_parameter", ""),
    ] {
        let (status, reply) = rig.ask("POST", "/webhooks", body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {reply}");
        assert_eq!(reply["code"], code, "{body}");
        assert_eq!(reply["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{body}");
    }
    let (_, reply) = rig.ask("POST", "/webhooks", json!({"url": "http://10.0.0.5/"})).await;
    assert!(reply["detail"].as_str().unwrap().contains("--http-allow 10.0.0.5"), "{reply}");
}
