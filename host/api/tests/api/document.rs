//! The OpenAPI document: every path it names is there, every reference leads somewhere, every code is listed.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::rig::{Rig, read};

#[tokio::test]
async fn every_documented_request_exists() {
    let rig = Rig::new().await;
    let document = rig.get("/openapi.json").await;
    assert_eq!(document["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(operations.insert(id.clone()), "operationId {id} twice");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{id} has no summary");
            assert!(!operation["responses"].as_object().unwrap().is_empty());
            // Unknown ids are 404 as well, but their problem says what is not there.
            let filled = path.replace("{id}", "x").replace("{code}", "x");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&filled);
            let request = request
                .header("authorization", format!("Bearer {}", rig.key))
                .body(Body::from("{}"))
                .unwrap();
            let response = rig.send(request).await;
            assert_ne!(response.status().as_u16(), 405, "{method} {path}");
            if response.status().as_u16() == 404 {
                let detail = read(response).await.1["detail"].to_string();
                assert!(!detail.contains("nothing at"), "{method} {path}: {detail}");
            }
        }
    }
    for path in [
        "/api/v1/connections/{id}/status",
        "/api/v1/connections/batch",
        "/api/v1/routes/explain",
        "/api/v1/events",
        "/api/v1/media-resources",
        "/getMediaResources",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/setup",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    assert!(document["paths"]["/api/v1/calls"].get("post").is_none(), "what is not there is not promised");
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let rig = Rig::new().await;
    let document = rig.get("/openapi.json").await;
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let codes = document["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
    for code in ["user_taken", "source_allow_all", "password_needed", "action_not_of_kind"] {
        assert!(codes.iter().any(|c| c == code), "{code}");
    }
    let new = &document["components"]["schemas"]["NewConnection"];
    assert_eq!(new["required"], serde_json::json!(["name", "kind"]));
    assert_eq!(new["properties"]["password"]["writeOnly"], true);
    assert!(document["components"]["schemas"]["Connection"]["properties"].get("password").is_none());
}

#[tokio::test]
async fn resources_are_as_documented() {
    let rig = Rig::new().await;
    let document = rig.get("/openapi.json").await;
    let schemas = &document["components"]["schemas"];
    let body = serde_json::json!({"kind": "trunk", "name": "n", "peers": [{"host": "192.0.2.1"}], "user": "u", "password": "p"});
    let trunk = rig.create("/connections", body).await;
    let body = serde_json::json!({"kind": "device", "name": "d", "user": "d"});
    let device = rig.create("/connections", body).await;
    let body = serde_json::json!({"e164": "+4930123", "target": {"connection": device["id"]}});
    let number = rig.create("/numbers", body).await;
    let account = rig.get("/accounts").await["data"][0].clone();
    let domain = rig.get("/domains").await["data"][0].clone();
    for (schema, shown) in [
        ("Connection", trunk),
        ("Connection", device),
        ("Number", number),
        ("Account", account),
        ("Domain", domain),
        ("Limits", rig.get("/system/limits").await),
    ] {
        let known = schemas[schema]["properties"].as_object().unwrap();
        for name in shown.as_object().unwrap().keys() {
            assert!(known.contains_key(name), "{schema} does not document {name}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let rig = Rig::new().await;
    let (status, body) = rig.ask("GET", "/nothing", Value::Null).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (404, Some("not_found")));
    let (status, body) = rig.ask("PUT", "/connections", Value::Null).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (405, Some("method_not_allowed")));
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                references.insert(reference.clone());
            }
            map.values().for_each(|v| collect(v, references));
        }
        Value::Array(items) => items.iter().for_each(|v| collect(v, references)),
        _ => {}
    }
}
