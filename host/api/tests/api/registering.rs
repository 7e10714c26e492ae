//! Connections that register: at a carrier by us, and a PBX here with credentials of ours.

use engine::Persist;
use engine::control::RegistrationLogRow;
use routing::config::{Change, Connection};
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::rig::{Rig, id};

/// The connection as the shards were last told.
fn told(rig: &Rig) -> std::sync::Arc<Connection> {
    let applied = rig.shards.applied.lock().unwrap();
    let Change::Connection(row) = &applied.last().unwrap().changes[0] else { panic!("a connection") };
    std::sync::Arc::clone(row)
}

#[tokio::test]
async fn a_pbx_gets_two_credentials_that_are_shown_once() {
    let rig = Rig::new().await;
    let made = rig.create("/connections", json!({"kind": "register_in", "name": "Büro PBX"})).await;
    assert_eq!((&made["trunk_name"], &made["may_call_out"]), (&json!("buero-pbx"), &json!(true)));
    assert_eq!(made["host"], "buero-pbx.trunk.localhost");
    let both = made["credentials"].as_array().unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    assert_eq!([text(&both[0], "label"), text(&both[1], "label")], ["primary", "secondary"]);
    assert_ne!(both[0]["user"], both[1]["user"]);
    assert!(text(&both[0], "user").starts_with("buero-pbx-"));
    assert!(both.iter().all(|c| text(c, "password").len() == 24));
    let path = format!("/connections/{}", id(&made));
    let read = rig.get(&path).await;
    assert_eq!(read["credentials"][1], json!({"label": "secondary", "user": both[1]["user"]}));
    let (_, changed) =
        rig.ask("PATCH", &path, json!({"notes": "n", "credentials": read["credentials"]})).await;
    assert_eq!(changed["credentials"], read["credentials"], "a change keeps them");
    let taken = json!({"kind": "device", "name": "x", "user": both[0]["user"]});
    let (status, reply) = rig.ask("POST", "/connections", taken).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("user_taken")));
    let many = json!({"items": [{"kind": "register_in", "name": "b"}, {"kind": "register_in", "name": "b"}]});
    let (_, reply) = rig.ask("POST", "/connections/batch", many).await;
    assert!(reply["results"][1]["credentials"][1]["password"].is_string(), "{reply}");
    let loaded = rig.store.load().await.unwrap();
    let stored = loaded.connections.iter().find(|c| c.id.as_str() == id(&made)).unwrap();
    assert_eq!(stored.users().collect::<Vec<_>>(), [text(&both[0], "user"), text(&both[1], "user")]);
}

#[tokio::test]
async fn rotated_passwords_overlap() {
    let rig = Rig::new().await;
    let made = rig.create("/connections", json!({"kind": "register_in", "name": "pbx"})).await;
    let rotate = format!("/connections/{}/rotate", id(&made));
    let before = told(&rig).credentials.clone();
    let (status, reply) = rig.ask("POST", &rotate, json!({"label": "secondary"})).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    let shown = reply["credentials"].as_array().unwrap();
    assert_eq!((shown.len(), &shown[0]["user"]), (1, &made["credentials"][1]["user"]));
    assert_ne!(shown[0]["password"], made["credentials"][1]["password"]);
    let after = told(&rig).credentials.clone();
    assert_eq!(after.iter().filter(|c| c.until.is_none()).count(), 2);
    let old = after.iter().find(|c| c.until.is_some()).unwrap();
    assert_eq!((&old.label, &old.ha1_md5), (&before[1].label, &before[1].ha1_md5));
    assert!(old.is_good(store::now()) && !old.is_good(store::now() + std::time::Duration::from_secs(90_000)));
    let read = rig.get(&format!("/connections/{}", id(&made))).await;
    assert!(
        read["credentials"][1]["previous_until"].is_string()
            && read["credentials"][0]["previous_until"].is_null()
    );
    assert!(!read.to_string().contains("\"password\""));
    let (_, reply) = rig.ask("POST", &rotate, json!({"overlap_s": 0})).await;
    assert_eq!(reply["credentials"].as_array().unwrap().len(), 2);
    assert_eq!(told(&rig).credentials.len(), 2, "nothing old is left");
    for (body, pointer) in [(json!({"label": "third"}), "/label"), (json!({"overlap_s": -1}), "/overlap_s")] {
        let (status, reply) = rig.ask("POST", &rotate, body).await;
        assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!(pointer)));
    }
    let (status, _) = rig.ask("POST", &rotate, Value::Null).await;
    assert_eq!(status.as_u16(), 200, "a body is not needed");
    let device = rig.create("/connections", json!({"kind": "device", "name": "a", "user": "a"})).await;
    let (status, reply) = rig.ask("POST", &format!("/connections/{}/rotate", id(&device)), Value::Null).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("action_not_of_kind")));
    let key = rig.key_with(None, &["connections:read"]).await;
    assert_eq!(rig.ask_as(&key, "POST", &rotate, Value::Null).await.0.as_u16(), 403);
}

#[tokio::test]
async fn a_carrier_we_register_with_needs_a_peer_and_keeps_its_password_to_itself() {
    let rig = Rig::new().await;
    let body = json!({"kind": "register_out", "name": "Carrier", "user": "4930", "password": "s3cret",
        "peers": [{"host": "sip.carrier.example"}]});
    let made = rig.create("/connections", body).await;
    assert_eq!(made["trunk_name"], "carrier");
    assert_eq!((&made["trust_identity"], &made["may_call_out"]), (&json!(true), &json!(false)));
    assert!(!made.to_string().contains("s3cret"));
    assert_eq!(told(&rig).outward.as_ref().map(|o| o.password.as_str()), Some("s3cret"));
    let path = format!("/connections/{}", id(&made));
    let (status, reply) = rig.ask("PATCH", &path, json!({"peers": null})).await;
    assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!("/peers")));
    let (status, _) = rig.ask("PATCH", &path, json!({"user": "4931"})).await;
    assert_eq!(status.as_u16(), 200);
    assert_eq!(told(&rig).outward.as_ref().map(|o| o.user.as_str()), Some("4931"));
}

#[tokio::test]
async fn moving_a_pbx_to_another_realm_makes_its_credentials_anew() {
    let rig = Rig::new().await;
    rig.create("/domains", json!({"host": "other.example"})).await;
    let made = rig.create("/connections", json!({"kind": "register_in", "name": "pbx"})).await;
    let path = format!("/connections/{}", id(&made));
    let (_, moved) = rig.ask("PATCH", &path, json!({"domain": "other.example"})).await;
    assert!(moved["credentials"][0]["password"].is_string(), "{moved}");
    assert!(moved["warnings"][0].as_str().unwrap().contains("realm"));
    assert!(told(&rig).credentials.iter().all(|c| c.realm == "other.example"));
}

#[tokio::test]
async fn the_log_of_a_connection_tells_what_became_of_its_registrations() {
    let rig = Rig::new().await;
    let body = json!({"kind": "register_out", "name": "c", "user": "u", "peers": [{"host": "a.example"}]});
    let made = id(&rig.create("/connections", body).await);
    for (second, event, code) in [(1, "failed", 403), (2, "failed", 0), (3, "registered", 200)] {
        rig.store.writer().push(Persist::RegistrationLog(Box::new(RegistrationLogRow {
            at: Timestamp::from_secs(1_800_000_000 + second),
            connection: made.as_str().into(),
            account: "acc_1".into(),
            direction: "out",
            event,
            code,
            reason: "said so".into(),
            target: "udp:192.0.2.1:5060".into(),
            contact: "sip:x@192.0.2.9".into(),
            expires_s: 300,
            elapsed_ms: 12,
        })));
    }
    rig.store.flush().await;
    let path = format!("/connections/{made}/log");
    let log = rig.get(&format!("{path}?limit=2")).await;
    assert_eq!((&log["data"][0]["event"], &log["data"][1]["code"]), (&json!("registered"), &Value::Null));
    let rest = rig.get(&format!("{path}?after={}", log["next"].as_str().unwrap())).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["data"][0]["code"]), (1, &json!(403)));
    let failed = rig.get(&format!("{path}?event=failed&since=2027-01-15T08:00:02Z")).await;
    assert_eq!(failed["data"].as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(rig.ask("GET", "/connections/con_x/log", Value::Null).await.0.as_u16(), 404);
}

#[tokio::test]
async fn only_what_registers_elsewhere_registers_now() {
    let rig = Rig::new().await;
    let body = json!({"kind": "register_out", "name": "c", "user": "u", "peers": [{"host": "a.example"}]});
    let made = id(&rig.create("/connections", body).await);
    let now = format!("/connections/{made}/register-now");
    let (status, reply) = rig.ask("POST", &now, Value::Null).await;
    assert_eq!((status.as_u16(), &reply["state"]), (202, &json!("unknown")), "{reply}");
    rig.ask("PATCH", &format!("/connections/{made}"), json!({"enabled": false})).await;
    let (status, reply) = rig.ask("POST", &now, Value::Null).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("connection_disabled")));
    let pbx = id(&rig.create("/connections", json!({"kind": "register_in", "name": "p"})).await);
    let (status, reply) = rig.ask("POST", &format!("/connections/{pbx}/register-now"), Value::Null).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("action_not_of_kind")));
}

#[tokio::test]
async fn a_rehearsal_takes_a_connection_for_down_for_some_minutes() {
    let rig = Rig::new().await;
    let body = json!({"kind": "trunk", "name": "t", "peers": [{"host": "192.0.2.7"}], "allowed_sources": ["192.0.2.7"]});
    let path = format!("/connections/{}/rehearse", id(&rig.create("/connections", body).await));
    for body in [Value::Null, json!({"minutes": 240})] {
        assert_eq!(rig.ask("POST", &path, body).await.0.as_u16(), 200);
    }
    for minutes in [json!(0), json!(241), json!("10")] {
        let (status, reply) = rig.ask("POST", &path, json!({"minutes": minutes})).await;
        assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!("/minutes")), "{reply}");
    }
    assert_eq!(rig.ask("DELETE", &path, Value::Null).await.0.as_u16(), 204);
    rig.ask("PATCH", path.trim_end_matches("/rehearse"), json!({"enabled": false})).await;
    let (status, reply) = rig.ask("POST", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("connection_disabled")));
    assert_eq!(rig.ask("POST", "/connections/con_x/rehearse", Value::Null).await.0.as_u16(), 404);
}
