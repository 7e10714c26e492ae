//! Tests of connections through the API: what comes back, who may, and one at a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::rig::{Rig, id};

fn trunk(host: &str) -> Value {
    json!({"kind": "trunk", "name": host, "peers": [{"host": host, "port": 5060}], "allowed_sources": ["192.0.2.1"]})
}

#[tokio::test]
async fn a_test_answers_with_the_worst_of_its_steps() {
    let rig = Rig::new().await;
    let trunk = id(&rig.create("/connections", trunk("pbx.example.com")).await);
    let path = format!("/connections/{trunk}/test");
    let (status, result) = rig.ask("POST", &path, Value::Null).await;
    assert_eq!(status.as_u16(), 200, "{result}");
    assert_eq!((&result["connection"], &result["result"]), (&json!(trunk), &json!("warning")));
    assert_eq!(result["steps"].as_array().unwrap().len(), 2, "beginnings are not results");
    assert_eq!(result["steps"][0]["detail"], "pbx.example.com");
    assert_eq!(result["steps"][1]["state"], "skipped");
    let (_, result) = rig.ask("POST", &path, json!({"call_to": "+4930"})).await;
    assert_eq!(
        (&result["steps"][1]["state"], &result["steps"][1]["detail"]),
        (&json!("passed"), &json!("+4930"))
    );
    let (status, problem) = rig.ask("POST", &path, json!({"call": 1})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("unknown_field")));
}

#[tokio::test]
async fn a_connection_may_be_tested_before_it_exists() {
    let rig = Rig::new().await;
    let mut body = trunk("new.example.com");
    body["call_to"] = json!("+4930");
    let (status, result) = rig.ask("POST", "/connections/test", body).await;
    assert_eq!((status.as_u16(), &result["connection"]), (200, &Value::Null), "{result}");
    assert_eq!(result["steps"][0]["detail"], "new.example.com");
    assert_eq!(rig.get("/connections").await["data"], json!([]));
    let (status, _) = rig.ask("POST", "/connections/test", json!({"kind": "trunk"})).await;
    assert_eq!(status.as_u16(), 422);
}

#[tokio::test]
async fn steps_come_as_they_happen_to_those_who_listen() {
    let rig = Rig::new().await;
    let trunk = id(&rig.create("/connections", trunk("pbx.example.com")).await);
    let request = Request::builder()
        .method("POST")
        .uri(format!("/api/v1/connections/{trunk}/test"))
        .header("authorization", format!("Bearer {}", rig.key))
        .header("accept", "text/event-stream")
        .body(Body::empty())
        .unwrap();
    let mut body = rig.send(request).await.into_body().into_data_stream();
    let mut text = String::new();
    while let Some(part) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&part.unwrap()));
    }
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds, ["step", "step", "step", "result"], "{text}");
    assert!(text.contains("\"state\":\"running\""), "{text}");
}

#[tokio::test]
async fn one_test_of_a_connection_at_a_time_and_only_for_writers() {
    let rig = Rig::new().await;
    let slow = id(&rig.create("/connections", trunk("slow.example.com")).await);
    let path = format!("/connections/{slow}/test");
    let first = rig.ask("POST", &path, Value::Null);
    // The first never ends and is left; its place is kept as long as the test runs.
    assert!(tokio::time::timeout(Duration::from_millis(200), first).await.is_err());
    let (status, problem) = rig.ask("POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("test_in_progress")));
    let reader = rig.key_with(None, &["connections:read"]).await;
    assert_eq!(rig.ask_as(&reader, "POST", &path, Value::Null).await.0.as_u16(), 403);
}

#[tokio::test]
async fn devices_are_judged_by_what_they_registered() {
    let rig = Rig::new().await;
    let device = rig.create(
        "/connections",
        json!({"kind": "device", "name": "Desk", "user": "alice", "password": "wonderland-7"}),
    );
    let device = id(&device.await);
    let (_, result) = rig.ask("POST", &format!("/connections/{device}/test"), Value::Null).await;
    assert_eq!(
        (&result["result"], &result["steps"][0]["name"]),
        (&json!("failed"), &json!("register")),
        "{result}"
    );
    assert_eq!(result["steps"][0]["detail"], "nobody is registered");
    let nobody = rig.create("/connections", json!({"kind": "virtual", "name": "Menu", "user": "100"})).await;
    let (status, problem) = rig.ask("POST", &format!("/connections/{}/test", id(&nobody)), Value::Null).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("action_not_of_kind")));
}
