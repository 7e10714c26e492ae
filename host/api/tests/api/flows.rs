//! Call flows: drafts that may be wrong, versions that may not, what leads to them, and walking one without a call.

use serde_json::{Value, json};

use crate::rig::{Rig, id};

fn hours_and_menu() -> Value {
    json!({
        "nodes": [
            {"id": "hours", "type": "schedule", "settings": {
                "hours": [{"days": ["mon"], "from": "09:00", "to": "17:00"}], "timezone": "Europe/Berlin"}},
            {"id": "menu", "type": "gather", "settings": {"sounds": ["welcome"], "options": ["1"]}},
            {"id": "bye", "type": "hangup"}
        ],
        "edges": [
            {"from": "hours", "outcome": "open", "to": "menu"},
            {"from": "hours", "outcome": "closed", "to": "bye"},
            {"from": "menu", "outcome": "1", "to": "bye"}
        ]
    })
}

#[tokio::test]
async fn a_draft_may_be_wrong_and_what_is_published_may_not() {
    let rig = Rig::new().await;
    let broken = json!({"nodes": [{"id": "a", "type": "juggle"}], "edges": []});
    let made = rig.create("/flows", json!({"name": "reception", "draft": broken})).await;
    assert_eq!(made["problems"][0]["pointer"], json!("/nodes/0/type"));
    assert_eq!(made["published_version"], Value::Null);
    let path = format!("/flows/{}", id(&made));
    let (status, reply) = rig.ask("POST", &format!("{path}/publish"), json!({})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (422, &json!("flow_not_sound")));
    assert_eq!(reply["errors"][0]["pointer"], json!("/draft/nodes/0/type"));
    let (status, _) = rig.ask("PATCH", &path, json!({"draft": hours_and_menu()})).await;
    assert_eq!(status.as_u16(), 200);
    for version in 1..=2 {
        let (status, reply) = rig.ask("POST", &format!("{path}/publish"), json!({})).await;
        assert_eq!((status.as_u16(), &reply["published_version"]), (200, &json!(version)));
    }
    let (_, versions) = rig.ask("GET", &format!("{path}/versions"), json!({})).await;
    let numbers: Vec<_> = versions["data"].as_array().unwrap().iter().map(|v| v["version"].clone()).collect();
    assert_eq!(numbers, [json!(2), json!(1)]);
    let (status, reply) = rig.ask("POST", "/flows", json!({"name": "reception"})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("name_taken")));
}

#[tokio::test]
async fn attaching_a_flow_switches_the_action_and_detaching_switches_back() {
    let rig = Rig::new().await;
    let flow = rig.create("/flows", json!({"name": "reception", "draft": hours_and_menu()})).await;
    let desk = rig.create("/connections", json!({"kind": "virtual", "name": "desk", "user": "desk"})).await;
    let path = format!("/connections/{}", id(&desk));
    let (_, attached) = rig.ask("PATCH", &path, json!({"dialled": {"flow": id(&flow)}})).await;
    assert_eq!(attached["dialled"]["action"], json!("flow"));
    let (status, reply) = rig.ask("DELETE", &format!("/flows/{}", id(&flow)), json!({})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("in_use")));
    let (_, detached) = rig.ask("PATCH", &path, json!({"dialled": {"flow": null}})).await;
    assert_eq!(detached["dialled"]["action"], json!("bridge"));
    let number = json!({"e164": "+4930123", "target": {"flow": id(&flow)}});
    assert_eq!(rig.create("/numbers", number).await["target"], json!({"flow": id(&flow)}));
}

#[tokio::test]
async fn a_flow_is_walked_without_a_call() {
    let rig = Rig::new().await;
    let flow = rig.create("/flows", json!({"name": "reception", "draft": hours_and_menu()})).await;
    let path = format!("/flows/{}/simulate", id(&flow));
    // A Monday: nine in Berlin, and eight.
    for (at, nodes) in
        [("2026-11-23T08:00:00Z", &["hours", "menu", "bye"][..]), ("2026-11-23T07:59:00Z", &["hours", "bye"])]
    {
        let (status, walk) = rig.ask("POST", &path, json!({"at": at, "digits": ["1"]})).await;
        assert_eq!((status.as_u16(), &walk["end"]), (200, &json!("hangup")));
        let walked: Vec<_> =
            walk["steps"].as_array().unwrap().iter().map(|step| step["node"].clone()).collect();
        assert_eq!(walked, nodes, "{at}");
    }
    let (status, verbs) = rig.ask("GET", "/flows/verbs", json!({})).await;
    assert_eq!((status.as_u16(), verbs["verbs"][0]["name"].as_str()), (200, Some("answer")));
}

#[tokio::test]
async fn who_is_to_ring_and_is_not_there_is_pointed_out() {
    let rig = Rig::new().await;
    let desk = rig.create("/connections", json!({"kind": "virtual", "name": "desk", "user": "desk"})).await;
    let to = json!([{"connection": id(&desk)}, {"connection": "con_nobody"}, {"connection": "${who}"}]);
    let draft = json!({"nodes": [{"id": "ring", "type": "dial", "settings": {"to": to}}], "edges": []});
    let flow = rig.create("/flows", json!({"name": "desk", "draft": draft})).await;
    let problems = flow["problems"].as_array().unwrap().iter();
    let unknown: Vec<_> = problems.filter(|problem| problem["code"] == "unknown").collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert_eq!(unknown[0]["pointer"], json!("/nodes/0/settings/to/1/connection"));
    let (status, _) = rig.ask("POST", &format!("/flows/{}/publish", id(&flow)), json!({})).await;
    assert_eq!(status.as_u16(), 200);
}
