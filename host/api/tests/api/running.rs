//! What is only known while running: calls, events, health, metrics, explanations, addresses.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use engine::control::{CallView, ConferenceView, Event, Happening, ParticipantView};
use engine::{Company, Participant};
use futures_util::StreamExt;
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::rig::{Rig, id, read};

fn call(id: &str, account: &str) -> CallView {
    CallView {
        id: id.into(),
        account: account.into(),
        state: "established",
        started_at: Timestamp::from_secs(1_772_366_400),
        answered_at: Some(Timestamp::from_secs(1_772_366_402)),
        from: "sip:alice@sip.localhost".into(),
        dialled: "sip:bob@sip.localhost".into(),
        connection_in: "con_a".into(),
        connection_out: "".into(),
        flow: Vec::new(),
    }
}

#[tokio::test]
async fn calls_are_listed_and_hung_up() {
    let rig = Rig::new().await;
    let main = id(&rig.get("/accounts").await["data"][0]);
    *rig.shards.calls.lock().unwrap() =
        vec![call("call_1", &main), call("call_2", "acc_other"), call("call_3", &main)];
    let listed = rig.get("/calls?limit=2").await;
    assert_eq!((&listed["data"][0]["id"], &listed["has_more"]), (&json!("call_3"), &json!(true)));
    assert_eq!(listed["data"][0]["started_at"], "2026-03-01T12:00:00Z");
    assert_eq!(listed["data"][0]["connection_out"], Value::Null);
    let key = rig.key_with(Some(&main), &["admin"]).await;
    let (_, own) = rig.ask_as(&key, "GET", "/calls", Value::Null).await;
    assert_eq!(own["data"].as_array().unwrap().len(), 2);
    assert_eq!(rig.ask_as(&key, "GET", "/calls/call_2", Value::Null).await.0.as_u16(), 404);
    assert_eq!(rig.ask_as(&key, "POST", "/calls/call_2/hangup", Value::Null).await.0.as_u16(), 404);
    assert_eq!(rig.ask_as(&key, "POST", "/calls/call_1/hangup", Value::Null).await.0.as_u16(), 204);
    let transfer = |call: &str, body: Value| {
        let path = format!("/calls/{call}/transfer");
        let (rig, key) = (&rig, key.clone());
        async move { rig.ask_as(&key, "POST", &path, body).await.0.as_u16() }
    };
    assert_eq!(transfer("call_2", json!({"to": "carol"})).await, 404);
    assert_eq!(transfer("call_1", json!({})).await, 422);
    assert_eq!(transfer("call_1", json!({"to": "carol", "party": "nobody"})).await, 422);
    assert_eq!(transfer("call_1", json!({"to": "busy"})).await, 409);
    assert_eq!(transfer("call_1", json!({"to": "carol", "party": "callee"})).await, 202);
    assert_eq!(*rig.shards.hung_up.lock().unwrap(), ["call_1", "call_1 to carol"]);
}

#[tokio::test]
async fn conferences_are_listed_and_ruled() {
    let rig = Rig::new().await;
    let main = id(&rig.get("/accounts").await["data"][0]);
    let room = |id: &str, account: &str| ConferenceView {
        id: id.into(),
        account: account.into(),
        room: "staff".into(),
        started_at: Timestamp::from_secs(1_772_366_400),
    };
    let somebody = |call: &str| ParticipantView {
        call: call.into(),
        account: main.as_str().into(),
        from: "sip:alice@sip.localhost".into(),
        connection: "con_a".into(),
        what: Participant {
            conference: "cnf_1".into(),
            moderator: false,
            muted: false,
            talking: true,
            company: Company::Together,
            since: Timestamp::from_secs(1_772_366_400),
        },
    };
    *rig.shards.conferences.lock().unwrap() = (
        vec![room("cnf_1", &main), room("cnf_2", "acc_other")],
        vec![somebody("call_1"), somebody("call_2")],
    );
    let key = rig.key_with(Some(&main), &["admin"]).await;
    let (_, listed) = rig.ask_as(&key, "GET", "/conferences", Value::Null).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let (_, one) = rig.ask_as(&key, "GET", "/conferences/cnf_1", Value::Null).await;
    assert_eq!((&one["room"], &one["participants"][1]["talking"]), (&json!("staff"), &json!(true)));
    assert_eq!(one["participants"][0]["hears"], "together");
    for (path, body, status) in [
        ("cnf_1/participants/call_1/mute", Value::Null, 204),
        ("cnf_1/participants/call_1/unmute", Value::Null, 204),
        ("cnf_1/participants/call_1/kick", Value::Null, 204),
        ("cnf_1/participants/call_gone/kick", Value::Null, 404),
        ("cnf_1/announce", json!({}), 422),
        ("cnf_1/announce", json!({"sound": "welcome"}), 202),
        ("cnf_2/end", Value::Null, 404),
        ("cnf_1/end", Value::Null, 204),
    ] {
        let (got, _) = rig.ask_as(&key, "POST", &format!("/conferences/{path}"), body).await;
        assert_eq!(got.as_u16(), status, "{path}");
    }
    assert_eq!(rig.shards.hung_up.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let rig = Rig::new().await;
    let main = id(&rig.get("/accounts").await["data"][0]);
    let event = |n: u64, account: &str| {
        let what = Happening::CallStarted(call(&format!("call_{n}"), account));
        Arc::new(Event { at: Timestamp::from_micros(1_000 + n), account: account.into(), what })
    };
    let join = |last: Option<&str>| {
        let mut request =
            Request::get("/api/v1/events").header("authorization", format!("Bearer {}", rig.key));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.body(Body::empty()).unwrap()
    };
    let response = rig.send(join(None)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    for n in 1..=3 {
        rig.shards.events.send(event(n, &main)).unwrap();
    }
    let mut text = String::new();
    while text.matches("\n\n").count() < 3 {
        text.push_str(core::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("id: 1001\n") && text.contains("event: call.started\n"), "{text}");
    let mut stream = rig.send(join(Some("1001"))).await.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        text.push_str(core::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(!text.contains("call_1") && text.contains("call_2") && text.contains("call_3"));
    assert_eq!(read(rig.send(join(Some("x"))).await).await.1["code"], "invalid_header");
}

#[tokio::test]
async fn health_and_readiness_need_no_key() {
    let rig = Rig::new().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(rig.send(get("/healthz")).await.status().as_u16(), 200);
    let (status, body) = read(rig.send(get("/readyz")).await).await;
    assert_eq!((status.as_u16(), &body["ready"], &body["parts"][0]["ok"]), (200, &json!(true), &json!(true)));
    rig.shards.draining.store(true, Ordering::Relaxed);
    let (status, body) = read(rig.send(get("/readyz")).await).await;
    assert_eq!((status.as_u16(), &body["draining"]), (503, &json!(true)));
}

#[tokio::test]
async fn metrics_are_free_on_loopback_only() {
    let rig = Rig::new().await;
    let get = |peer: [u8; 4]| {
        let mut request = Request::get("/metrics").body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(core::net::SocketAddr::from((peer, 40_000))));
        request
    };
    let response = rig.send(get([127, 0, 0, 1])).await;
    assert_eq!(response.status().as_u16(), 200);
    let text = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = core::str::from_utf8(&text).unwrap();
    for line in [
        "# TYPE trunkline_calls_active gauge",
        "trunkline_build_info{version=\"0.1.0\",node=\"node-1\"} 1",
        "trunkline_up 1",
        "trunkline_calls_active 2",
        "trunkline_calls_total{outcome=\"answered\"} 7",
        "trunkline_sip_messages_total{method=\"INVITE\",dir=\"in\"} 9",
        "trunkline_sip_messages_total{code_class=\"2xx\",dir=\"in\"} 4",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert_eq!(rig.send(get([192, 0, 2, 1])).await.status().as_u16(), 401);
    let mut proxied = get([127, 0, 0, 1]);
    proxied.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    assert_eq!(rig.send(proxied).await.status().as_u16(), 401);
}

#[tokio::test]
async fn ways_out_come_by_order_then_age() {
    let rig = Rig::new().await;
    for (name, order) in [("a", 200), ("b", 100), ("c", 100)] {
        let body = json!({"kind": "trunk", "name": name, "peers": [{"host": "192.0.2.1"}], "dial_pattern": ".", "order": order});
        rig.create("/connections", body).await;
    }
    rig.create("/connections", json!({"kind": "trunk", "name": "in", "allowed_sources": ["192.0.2.1"]}))
        .await;
    let routes = rig.get("/routes").await;
    let names: Vec<_> =
        routes["data"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    let (status, explained) =
        rig.ask("POST", "/routes/explain", json!({"from": "101", "to": "+4930123"})).await;
    assert_eq!((status.as_u16(), &explained["decision"]["reason_code"]), (200, &json!("R-04")));
}

#[tokio::test]
async fn media_resources_are_public_and_tagged() {
    let rig = Rig::new().await;
    let get = |query: &str, tag: Option<&str>| {
        let mut request = Request::get(format!("/getMediaResources{query}"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        request.body(Body::empty()).unwrap()
    };
    let response = rig.send(get("?with_mediaservers&with_sbcs", None)).await;
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let (_, body) = read(response).await;
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["mediaservers", "sbcs"]);
    assert_eq!(body["sbcs"][0]["ips"], json!(["127.0.0.1"]));
    assert_eq!(
        body["mediaservers"][0]["ports"][0],
        json!({"transport": "udp", "first": 20_000, "last": 29_999})
    );
    assert_eq!(rig.send(get("?with_mediaservers&with_sbcs", Some(&tag))).await.status().as_u16(), 304);
    let (_, all) = read(rig.send(get("", None)).await).await;
    assert_eq!(all.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn the_past_starts_empty_and_in_shape() {
    let rig = Rig::new().await;
    for path in ["/history", "/refused"] {
        assert_eq!(rig.get(path).await, json!({"data": [], "has_more": false, "next": null}));
        assert_eq!(rig.ask("GET", &format!("{path}/none"), Value::Null).await.0.as_u16(), 404);
    }
    let info = rig.get("/system/info").await;
    assert_eq!((&info["version"], &info["rows"]["domains"]), (&json!("0.1.0"), &json!(1)));
    assert_eq!(
        rig.get("/system/addresses").await["sip"][0],
        json!({"transport": "udp", "ip": "127.0.0.1", "port": 5060})
    );
    assert!(rig.get("/reasons").await["data"].as_array().unwrap().len() > 40);
    assert_eq!(rig.get("/reasons/r-02").await["code"], "R-02");
}
