//! Accounts of a provider: what connections inherit, calls that belong to two, exports, and bans.

use axum::body::to_bytes;
use axum::http::{Request, StatusCode};
use engine::{CallOutcome, CallRecord, EndedBy, LegRecord, Persist};
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::rig::{Rig, id};

#[tokio::test]
async fn what_a_connection_leaves_out_it_has_from_its_account() {
    let rig = Rig::new().await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    rig.create("/domains", json!({"host": "north.example.com", "account": "north"})).await;
    let device = |user: &str, more: Value| {
        let mut body = json!({"kind": "device", "name": user, "user": user, "account": "north"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let before = rig.create("/connections", device("a", json!({}))).await;
    assert_eq!(before["inherited"], json!([]));
    let own = rig.create("/connections", device("b", json!({"timers": {"session_expires_s": 600}}))).await;
    let path = format!("/accounts/{north}");
    let defaults = json!({"timers": {"session_expires_s": 900}, "media": {"codecs": ["pcma"]}, "number_format": {"from": "raw"}});
    let (status, account) = rig.ask("PATCH", &path, json!({"defaults": defaults})).await;
    assert_eq!((status, &account["defaults"]["media"]), (StatusCode::OK, &defaults["media"]), "{account}");
    let read = |row: &Value| format!("/connections/{}", id(row));
    let expires = |row: &Value| row["timers"]["session_expires_s"].clone();
    let all = json!(["media.codecs", "number_format.from", "timers.session_expires_s"]);
    let now = rig.get(&read(&before)).await;
    assert_eq!(
        (&now["inherited"], &now["media"]["codecs"], expires(&now)),
        (&all, &json!(["pcma"]), json!(900))
    );
    let now = rig.get(&read(&own)).await;
    assert_eq!((&now["media"]["codecs"], expires(&now)), (&json!(["pcma"]), json!(600)));
    assert_eq!(now["inherited"], json!(["media.codecs", "number_format.from"]));
    let fresh = rig.create("/connections", device("c", json!({"media": {"codecs": ["opus"]}}))).await;
    assert_eq!(fresh["inherited"], json!(["number_format.from", "timers.session_expires_s"]));
    // What was read may be sent back; what is changed is its own; null gives it back.
    let (_, same) = rig.ask("PATCH", &read(&fresh), json!({"timers": fresh["timers"]})).await;
    assert_eq!(same["inherited"], fresh["inherited"]);
    let (_, changed) = rig.ask("PATCH", &read(&fresh), json!({"timers": {"session_expires_s": 700}})).await;
    assert_eq!(changed["inherited"], json!(["number_format.from"]));
    let (_, back) = rig.ask("PATCH", &read(&fresh), json!({"timers": {"session_expires_s": null}})).await;
    assert_eq!((expires(&back), &back["inherited"]), (json!(900), &fresh["inherited"]));
    let (_, _) = rig.ask("PATCH", &path, json!({"defaults": null})).await;
    let now = rig.get(&read(&before)).await;
    assert_eq!((expires(&now), &now["inherited"]), (json!(1800), &json!([])));
    assert_eq!(now["number_format"]["from"], "auto");
    for (defaults, pointer) in [
        (json!({"limits": {"concurrent": "many"}}), "/defaults/limits/concurrent"),
        (json!({"limits": {"countries": {"allow": ["Germany"]}}}), "/defaults/limits/countries/allow/0"),
        (json!({"name": "x"}), "/defaults/name"),
        (json!({"media": {"codecs": []}}), "/defaults/media/codecs"),
    ] {
        let (status, reply) = rig.ask("PATCH", &path, json!({"defaults": defaults})).await;
        assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!(pointer)), "{reply}");
    }
}

fn record(call: &str, account: &str, provider: &str, connections: [&str; 2]) -> Persist {
    let at = Timestamp::from_secs(1_800_000_000);
    let leg = |role: &'static str, connection: &str| LegRecord {
        role,
        connection: connection.into(),
        remote: "udp:192.0.2.7:5060".into(),
        ..LegRecord::default()
    };
    Persist::Record(Box::new(CallRecord {
        id: call.into(),
        account: account.into(),
        provider: Some(provider).filter(|p| !p.is_empty()).map(Into::into),
        started_at: at,
        ringing_at: None,
        answered_at: Some(at),
        ended_at: at,
        from: "sip:100@north.example.com".into(),
        from_display: "=cmd".into(),
        dialled: "+4930123456".into(),
        connection_in: connections[0].into(),
        connection_out: connections[1].into(),
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
        legs: vec![leg("caller", connections[0]), leg("callee", connections[1])],
        signature: None,
        signed: None,
    }))
}

#[tokio::test]
async fn a_call_by_a_trunk_of_another_account_is_in_the_history_of_both() {
    let rig = Rig::new().await;
    let carrier = id(&rig.create("/accounts", json!({"name": "carrier"})).await);
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    rig.create("/domains", json!({"host": "north.example.com", "account": "north"})).await;
    let phone = json!({"kind": "device", "name": "a", "user": "a", "account": "north"});
    let phone = id(&rig.create("/connections", phone).await);
    let trunk = json!({"kind": "trunk", "name": "t", "account": "carrier", "allowed_sources": ["192.0.2.7"],
        "dial_pattern": ".", "offered_to": ["north"]});
    let trunk = id(&rig.create("/connections", trunk).await);
    let writer = rig.store.writer();
    writer.push(record("call_01", &north, "", [&phone, &phone]));
    writer.push(record("call_02", &north, &carrier, [&phone, &trunk]));
    rig.store.flush().await;
    let seen_by = async |account: &str| {
        let key = rig.key_with(Some(account), &["history:read"]).await;
        let (_, listed) = rig.ask_as(&key, "GET", "/history", Value::Null).await;
        listed["data"].as_array().unwrap().clone()
    };
    let [customer, provider] = [seen_by(&north).await, seen_by(&carrier).await];
    assert_eq!((customer.len(), provider.len()), (2, 1));
    let (theirs, ours) = (&customer[0], &provider[0]);
    assert_eq!((&theirs["account"], &theirs["provider"]), (&json!(north), &json!(carrier)));
    assert_eq!((&theirs["connection_in"], &ours["connection_in"]), (&json!(phone), &Value::Null));
    assert_eq!(
        (&theirs["legs"][0]["remote"], theirs["legs"][1].get("remote")),
        (&json!("udp:192.0.2.7:5060"), None)
    );
    assert_eq!(ours["legs"].as_array().unwrap().len(), 1);
    assert_eq!(ours["legs"][0]["connection"], json!(trunk));

    let fetch = async |path: &str| {
        let request =
            Request::get(format!("/api/v1{path}")).header("authorization", format!("Bearer {}", rig.key));
        let response = rig.send(request.body(axum::body::Body::empty()).unwrap()).await;
        String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
    };
    let csv = fetch("/history/export").await;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("id,account,provider,started_at,"));
    assert!(lines[2].contains("+4930123456") && lines[2].contains("\"'=cmd\""), "{}", lines[2]);
    assert_eq!(fetch(&format!("/history/export?account={carrier}")).await.lines().count(), 2);
    let lines = fetch("/history/export?format=ndjson").await;
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["id"]), (2, &json!("call_01")));
    // A reader that comes back misses nothing and gets nothing twice, however early the next call began.
    writer.push(record("call_00", &north, "", [&phone, &phone]));
    rig.store.flush().await;
    let after = rows[1]["cursor"].as_str().unwrap();
    let next = fetch(&format!("/history/export?format=sse&after={after}")).await;
    assert_eq!((next.matches("event: record").count(), next.contains("call_00")), (1, true), "{next}");
    for path in ["?format=xml", "?after=x", "?follow=true"] {
        let (status, _) = rig.ask("GET", &format!("/history/export{path}"), Value::Null).await;
        assert_eq!(status.as_u16(), 422, "{path}");
    }
}

#[tokio::test]
async fn bans_are_made_listed_and_taken_back_by_who_runs_the_installation() {
    let rig = Rig::new().await;
    let made =
        rig.create("/bans", json!({"network": "203.0.113.7", "expires_s": 3600, "reason": "scans"})).await;
    assert_eq!((&made["network"], &made["allow"]), (&json!("203.0.113.7/32"), &json!(false)));
    assert!(made["until"].is_string() && made["by"].is_string());
    rig.create("/bans", json!({"network": "198.51.100.0/24", "allow": true})).await;
    let listed = rig.get("/bans").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert_eq!(rig.get(&format!("/bans/{}", id(&made))).await["reason"], "scans");
    for (body, pointer) in [
        (json!({}), "/network"),
        (json!({"network": "x"}), "/network"),
        (json!({"network": "0.0.0.0/0"}), "/network"),
        (json!({"network": "203.0.113.8", "until": "2001-01-01T00:00:00Z"}), "/until"),
    ] {
        let (status, reply) = rig.ask("POST", "/bans", body).await;
        assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!(pointer)));
    }
    let account = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let key = rig.key_with(Some(&account), &["admin"]).await;
    for (method, body) in [("GET", Value::Null), ("POST", json!({"network": "203.0.113.9"}))] {
        assert_eq!(rig.ask_as(&key, method, "/bans", body).await.0, StatusCode::FORBIDDEN);
    }
    let path = format!("/bans/{}", id(&made));
    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.store.bans_in_force(store::now()).await.unwrap().len(), 1);
}
