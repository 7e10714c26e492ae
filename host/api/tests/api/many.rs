//! Many rows: pages, filters, batches.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn pages_go_down_and_up_without_gaps() {
    let rig = Rig::new().await;
    let items: Vec<_> =
        (0..7).map(|n| json!({"kind": "device", "name": format!("n{n}"), "user": format!("u{n}")})).collect();
    rig.ask("POST", "/connections/batch", json!({"items": items})).await;
    let users = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|c| c["user"].as_str().unwrap().to_owned()).collect()
    };
    let first = rig.get("/connections?limit=3").await;
    assert_eq!(
        (users(&first), &first["has_more"]),
        (vec!["u6".into(), "u5".into(), "u4".into()], &json!(true))
    );
    let next = first["next"].as_str().unwrap();
    let second = rig.get(&format!("/connections?limit=3&after={next}")).await;
    assert_eq!(users(&second), ["u3", "u2", "u1"]);
    let next = second["next"].as_str().unwrap();
    let third = rig.get(&format!("/connections?limit=3&after={next}")).await;
    assert_eq!(
        (users(&third), &third["has_more"], &third["next"]),
        (vec!["u0".into()], &json!(false), &Value::Null)
    );
    let oldest = third["data"][0]["id"].as_str().unwrap();
    let up = rig.get(&format!("/connections?limit=2&before={oldest}")).await;
    assert_eq!((users(&up), &up["has_more"]), (vec!["u2".into(), "u1".into()], &json!(true)));
}

#[tokio::test]
async fn filters_choose() {
    let rig = Rig::new().await;
    rig.create("/accounts", json!({"name": "north"})).await;
    for body in [
        json!({"kind": "device", "name": "Alice", "user": "alice", "tags": ["desk"]}),
        json!({"kind": "virtual", "name": "Desk", "user": "desk", "enabled": false}),
        json!({"kind": "trunk", "name": "North", "allowed_sources": ["192.0.2.1"], "account": "north"}),
    ] {
        rig.create("/connections", body).await;
    }
    for (query, names) in [
        ("", vec!["North", "Desk", "Alice"]),
        ("kind=trunk", vec!["North"]),
        ("enabled=false", vec!["Desk"]),
        ("user=alice", vec!["Alice"]),
        ("name=Desk", vec!["Desk"]),
        ("tag=desk", vec!["Alice"]),
        ("account=north", vec!["North"]),
        ("account=main", vec!["Desk", "Alice"]),
        ("domain=sip.localhost", vec!["Desk", "Alice"]),
        ("domain=nowhere", vec![]),
    ] {
        let page = rig.get(&format!("/connections?{query}")).await;
        let found: Vec<_> =
            page["data"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
    }
}

#[tokio::test]
async fn each_item_of_a_batch_stands_alone() {
    let rig = Rig::new().await;
    let items = json!([
        {"kind": "device", "name": "a", "user": "a"},
        {"kind": "device", "name": "b", "user": "a"},
        {"kind": "device", "name": "c"},
        5,
        {"kind": "trunk", "name": "t", "allowed_sources": ["192.0.2.1"]},
        {"kind": "trunk", "name": "t", "allowed_sources": ["192.0.2.2"]},
    ]);
    let (status, reply) = rig.ask("POST", "/connections/batch", json!({"items": items})).await;
    assert_eq!(status.as_u16(), 200);
    let results = reply["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|r| r["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 409, 422, 422, 201, 201]);
    assert_eq!(results[1]["error"]["code"], "user_taken");
    assert_eq!(results[2]["error"]["errors"][0]["pointer"], "/user");
    let second = rig.get(&format!("/connections/{}", results[5]["id"].as_str().unwrap())).await;
    assert_eq!(second["trunk_name"], "t-2");
    assert_eq!(rig.shards.applied.lock().unwrap().len(), 1, "one transaction");
    let too_many: Vec<_> = (0..10_001).map(|_| json!({})).collect();
    let (status, _) = rig.ask("POST", "/connections/batch", json!({"items": too_many})).await;
    assert_eq!(status.as_u16(), 422);
}

#[tokio::test]
async fn every_collection_takes_a_batch() {
    let rig = Rig::new().await;
    let alice =
        rig.create("/connections", json!({"kind": "virtual", "name": "Alice", "user": "alice"})).await;
    for (path, item) in [
        ("/accounts", json!({"name": "north"})),
        ("/domains", json!({"host": "a.example"})),
        ("/numbers", json!({"e164": "+4930123", "target": {"connection": alice["id"]}})),
    ] {
        let (_, reply) = rig.ask("POST", &format!("{path}/batch"), json!({"items": [item, item]})).await;
        let statuses: Vec<_> =
            reply["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [201, 409], "{path}: {reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_take_seconds() {
    let rig = Rig::new().await;
    let begin = Instant::now();
    let item = |n: u32| json!({"kind": "device", "name": format!("Phone {n}"), "user": format!("u{n}"), "password": "secret"});
    let items: Vec<_> = (0..10_000).map(item).collect();
    let (status, reply) = rig.ask("POST", "/connections/batch", json!({"items": items})).await;
    assert_eq!(status.as_u16(), 200);
    assert!(reply["results"].as_array().unwrap().iter().all(|r| r["status"] == 201));
    // A tenth of a minute each makes 100,000 a minute; a build without optimisation gets more.
    let most = if cfg!(debug_assertions) { Duration::from_secs(60) } else { Duration::from_secs(6) };
    assert!(begin.elapsed() < most, "{:?}", begin.elapsed());
}
