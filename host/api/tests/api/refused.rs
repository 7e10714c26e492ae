//! The refused inbox: what was nearly right, what mends it, and that it is mended.

use engine::Persist;
use engine::control::{NearMiss, Refusal};
use routing::reason::Reason;
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::rig::{Rig, id};

/// Refuses a request from 203.0.113.7 that came near to this; the id of its row.
async fn refused(rig: &Rig, reason: Reason, near_misses: Vec<NearMiss>) -> String {
    rig.store.writer().push(Persist::Refused(Box::new(Refusal {
        at: Timestamp::from_secs(1_800_000_000),
        account: "".into(),
        source: "203.0.113.7:5060".parse().unwrap(),
        transport: "udp",
        method: "INVITE",
        from: "sip:4930@203.0.113.7".into(),
        to: "sip:030123@192.0.2.1".into(),
        user_agent: "PBX".into(),
        sip_code: 407,
        reason,
        near_misses,
    })));
    rig.store.flush().await;
    let listed = rig.get(&format!("/refused?reason={}", reason.code())).await;
    listed["data"].as_array().unwrap().first().map_or_else(String::new, id)
}

fn miss(resource: &str, field: &'static str, have: &str, want: &str) -> NearMiss {
    NearMiss { resource: resource.into(), field, have: have.into(), want: want.into() }
}

async fn trunk(rig: &Rig) -> String {
    let body = json!({"kind": "trunk", "name": "north", "allowed_sources": ["203.0.113.16/28"]});
    format!("connection {}", id(&rig.create("/connections", body).await))
}

async fn resolve(rig: &Rig, id: &str, body: Value) -> (u16, Value) {
    let (status, reply) = rig.ask("POST", &format!("/refused/{id}/resolve"), body).await;
    (status.as_u16(), reply)
}

#[tokio::test]
async fn an_address_beside_the_network_is_let_in_once() {
    let rig = Rig::new().await;
    let north = trunk(&rig).await;
    let near = vec![miss(&north, "allowed_sources", "203.0.113.7", "203.0.113.16/28")];
    let row = refused(&rig, Reason::SourceNotAllowed, near).await;
    let read = rig.get(&format!("/refused/{row}/near-misses")).await;
    assert_eq!(read["data"][0]["want"], "203.0.113.16/28");
    let suggestion = &read["suggestions"][0];
    assert_eq!(suggestion["label"], "Let 203.0.113.7 in as north");
    let request = &suggestion["request"];
    assert_eq!(request["path"], format!("/refused/{row}/resolve"));
    let (status, done) = resolve(&rig, &row, request["body"].clone()).await;
    assert_eq!((status, &done["applied"]), (200, &json!(true)), "{done}");
    let path = format!("/{}", north.replace("connection ", "connections/"));
    let now = rig.get(&path).await;
    assert_eq!(now["allowed_sources"], json!(["203.0.113.16/28", "203.0.113.7/32"]));
    let told = rig.shards.applied.lock().unwrap().last().unwrap().revision;
    assert_eq!(rig.store.load().await.unwrap().revision, told, "live before the reply");
    let audit = rig.get("/audit?limit=1").await;
    assert_eq!(audit["data"][0]["resource"], "connection");
    let (status, again) = resolve(&rig, &row, request["body"].clone()).await;
    assert_eq!((status, &again["applied"]), (200, &json!(false)));
    let actions = rig.get(&format!("/refused/{row}")).await["suggestions"].clone();
    assert_eq!(actions.as_array().unwrap().len(), 1, "nothing but to ignore it: {actions}");
    let undo = &done["undo"];
    let (status, _) =
        rig.ask(undo["method"].as_str().unwrap(), undo["path"].as_str().unwrap(), undo["body"].clone()).await;
    assert_eq!(status.as_u16(), 200);
    assert_eq!(rig.get(&path).await["allowed_sources"], json!(["203.0.113.16/28"]));
}

#[tokio::test]
async fn a_fix_goes_through_the_checks_of_any_change() {
    let rig = Rig::new().await;
    let north = trunk(&rig).await;
    let near = vec![miss(&north, "allowed_sources", "203.0.113.7", "203.0.113.16/28")];
    let row = refused(&rig, Reason::SourceNotAllowed, near).await;
    for (body, status, code) in [
        (json!({"action": "allow_source", "network": "0.0.0.0/0"}), 422, "source_allow_all"),
        (json!({"action": "allow_source", "network": "198.51.100.0/24"}), 422, "invalid_value"),
        (json!({"action": "allow_source", "network": "everywhere"}), 422, "invalid_value"),
        (json!({"action": "make_coffee"}), 422, "invalid_value"),
        (json!({}), 422, "field_missing"),
        (json!({"action": "accept_number"}), 409, "no_longer_applies"),
        (json!({"action": "allow_source", "resource": "connection con_x"}), 409, "no_longer_applies"),
    ] {
        let (found, reply) = resolve(&rig, &row, body.clone()).await;
        assert_eq!((found, reply["code"].as_str()), (status, Some(code)), "{body}: {reply}");
    }
    let (status, done) =
        resolve(&rig, &row, json!({"action": "allow_source", "network": "203.0.113.0/24"})).await;
    assert_eq!((status, &done["applied"]), (200, &json!(true)));
    let gone = north.replace("connection ", "/connections/");
    assert_eq!(rig.ask("DELETE", &gone, Value::Null).await.0.as_u16(), 204);
    let (status, reply) = resolve(&rig, &row, json!({"action": "allow_source"})).await;
    assert_eq!((status, reply["code"].as_str()), (409, Some("no_longer_applies")), "{reply}");
    assert_eq!(resolve(&rig, "ref_x", json!({"action": "ignore"})).await.0, 404);
    let reader = rig.key_with(None, &["history:read"]).await;
    let path = format!("/refused/{row}/resolve");
    let (status, _) = rig.ask_as(&reader, "POST", &path, json!({"action": "ignore"})).await;
    assert_eq!(status.as_u16(), 403);
}

#[tokio::test]
async fn a_number_is_accepted_in_the_form_heard() {
    let rig = Rig::new().await;
    let alice = rig.create("/connections", json!({"kind": "device", "name": "a", "user": "a"})).await;
    let body = json!({"e164": "+4930123", "target": {"connection": id(&alice)}});
    let number = id(&rig.create("/numbers", body).await);
    let near = vec![miss(&format!("number {number}"), "forms", "030123", "+4930123")];
    let row = refused(&rig, Reason::NumberForm, near).await;
    let label = rig.get(&format!("/refused/{row}")).await["suggestions"][0]["label"].clone();
    assert_eq!(label, "Accept 030123 as +4930123");
    let (status, done) = resolve(&rig, &row, json!({"action": "accept_number"})).await;
    assert_eq!((status, &done["change"]["body"]), (200, &json!({"forms": ["030123"]})), "{done}");
    assert_eq!(rig.get(&format!("/numbers/{number}")).await["forms"], json!(["030123"]));
    assert_eq!(resolve(&rig, &row, json!({"action": "accept_number"})).await.1["applied"], false);
}

#[tokio::test]
async fn a_disabled_connection_is_enabled() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Desk", "user": "a", "enabled": false});
    let desk = id(&rig.create("/connections", body).await);
    let near = vec![miss(&format!("connection {desk}"), "enabled", "false", "true")];
    let row = refused(&rig, Reason::Disabled, near).await;
    let (status, _) = resolve(&rig, &row, json!({"action": "enable_connection"})).await;
    assert_eq!((status, &rig.get(&format!("/connections/{desk}")).await["enabled"]), (200, &json!(true)));
}

#[tokio::test]
async fn what_is_ignored_comes_back_with_something_new() {
    let rig = Rig::new().await;
    let north = trunk(&rig).await;
    let near = || vec![miss(&north, "allowed_sources", "203.0.113.7", "203.0.113.16/28")];
    let row = refused(&rig, Reason::SourceNotAllowed, near()).await;
    assert_eq!(resolve(&rig, &row, json!({"action": "ignore"})).await.1["applied"], true);
    assert_eq!(refused(&rig, Reason::SourceNotAllowed, near()).await, "", "hidden though it goes on");
    let hidden = rig.get("/refused?ignored=true").await;
    assert_eq!((&hidden["data"][0]["id"], &hidden["data"][0]["count"]), (&json!(row), &json!(2)));
    let other = vec![miss(&north, "allowed_sources", "203.0.113.7", "203.0.113.32/28")];
    assert_eq!(refused(&rig, Reason::SourceNotAllowed, other).await, row, "something new");
    let misses = rig.get(&format!("/refused/{row}")).await["near_misses"].clone();
    assert_eq!(misses[0]["want"], "203.0.113.32/28", "the last found first: {misses}");
    assert_eq!(misses.as_array().unwrap().len(), 2);
    resolve(&rig, &row, json!({"action": "ignore"})).await;
    assert_eq!(resolve(&rig, &row, json!({"action": "show"})).await.1["applied"], true);
    assert_eq!(rig.get("/refused").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_sees_nothing_of_others() {
    let rig = Rig::new().await;
    let north = trunk(&rig).await;
    let other = id(&rig.create("/accounts", json!({"name": "other"})).await);
    let key = rig.key_with(Some(&other), &["admin"]).await;
    rig.store.writer().push(Persist::Refused(Box::new(Refusal {
        at: Timestamp::from_secs(1_800_000_000),
        account: other.as_str().into(),
        source: "203.0.113.7:5060".parse().unwrap(),
        transport: "udp",
        method: "INVITE",
        from: "".into(),
        to: "".into(),
        user_agent: "".into(),
        sip_code: 403,
        reason: Reason::SourceNotAllowed,
        near_misses: vec![miss(&north, "allowed_sources", "203.0.113.7", "203.0.113.16/28")],
    })));
    rig.store.flush().await;
    let (_, listed) = rig.ask_as(&key, "GET", "/refused", Value::Null).await;
    let row = &listed["data"][0];
    assert_eq!((&row["near_misses"], &row["suggestions"][0]["action"]), (&json!([]), &json!("ignore")));
    let path = format!("/refused/{}/resolve", id(row));
    let (status, reply) = rig.ask_as(&key, "POST", &path, json!({"action": "allow_source"})).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (409, Some("no_longer_applies")));
}
