//! Creating, changing and deleting: defaults, secrets, versions, references.

use axum::body::Body;
use axum::http::Request;
use routing::config::Change;
use serde_json::{Value, json};

use crate::rig::{Rig, id, read};

#[tokio::test]
async fn a_device_has_its_defaults_and_is_live_before_the_reply() {
    let rig = Rig::new().await;
    let made = rig
        .create(
            "/connections",
            json!({"kind": "device", "name": "Alice", "user": "alice", "password": "wonderland"}),
        )
        .await;
    let domain = &rig.get("/domains").await["data"][0];
    for (field, expected) in [
        ("kind", json!("device")),
        ("enabled", json!(true)),
        ("domain", domain["id"].clone()),
        ("account", domain["account"].clone()),
        ("ip_policy", json!("filter")),
        ("may_call_out", json!(true)),
        ("trust_identity", json!(false)),
        ("on_bad_caller_id", json!("replace")),
        ("auth_user", Value::Null),
    ] {
        assert_eq!(made[field], expected, "{field}");
    }
    assert_eq!(made["limits"]["concurrent"], 8);
    assert_eq!(made["limits"]["max_duration_s"], 14_400);
    assert_eq!(made["dialled"]["ring_s"], 30);
    assert_eq!(made["media"]["codecs"], json!(["opus", "g722", "pcma", "pcmu"]));
    assert_eq!(made["status"]["state"], "unknown");
    assert_eq!(made["status"]["limits"]["concurrent"], json!({"used": 3, "max": 8}));
    assert!(
        made.get("password").is_none()
            && made.get("peers").is_none()
            && !made.to_string().contains("wonderland")
    );
    let applied = rig.shards.applied.lock().unwrap();
    let Change::Connection(row) = &applied[0].changes[0] else { panic!("a connection") };
    let [credential] = &row.credentials[..] else { panic!("one credential") };
    assert_eq!((credential.user.as_str(), credential.realm.as_str()), ("alice", "sip.localhost"));
    // MD5 and SHA-256 of alice:sip.localhost:wonderland.
    assert_eq!(credential.ha1_md5.len(), 32);
    assert_eq!(credential.ha1_sha256.len(), 64);
    assert!(row.outward.is_none());
}

#[tokio::test]
async fn a_trunk_gets_a_name_a_host_and_its_peers_as_sources() {
    let rig = Rig::new().await;
    let body = json!({"kind": "trunk", "name": "Carrier North", "dial_pattern": ".", "peers": [{"host": "192.0.2.1"}]});
    let made = rig.create("/connections", body.clone()).await;
    assert_eq!(made["trunk_name"], "carrier-north");
    assert_eq!(made["host"], "carrier-north.trunk.localhost");
    assert_eq!(made["ip_policy"], "authenticate");
    assert_eq!(made["may_call_out"], false);
    assert_eq!(made["on_bad_caller_id"], "refuse");
    assert_eq!(made["allowed_sources"], json!(["192.0.2.1/32"]));
    assert!(made["warnings"][0].as_str().unwrap().contains("allowed_sources"));
    assert_eq!(made["limits"]["concurrent"], Value::Null);
    let second = rig.create("/connections", body).await;
    assert_eq!(second["trunk_name"], "carrier-north-2");
    let path = format!("/connections/{}", id(&made));
    let (_, renamed) = rig.ask("PATCH", &path, json!({"trunk_name": "north"})).await;
    assert_eq!(
        (renamed["trunk_name"].as_str(), &renamed["trunk_aliases"]),
        (Some("north"), &json!(["carrier-north"]))
    );
    let taken = json!({"kind": "trunk", "name": "x", "trunk_name": "carrier-north", "allowed_sources": ["192.0.2.2"]});
    assert_eq!(rig.ask("POST", "/connections", taken).await.1["code"], "trunk_name_taken");
}

#[tokio::test]
async fn a_patch_merges_and_null_takes_away() {
    let rig = Rig::new().await;
    let made = rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await;
    let path = format!("/connections/{}", id(&made));
    let (status, changed) = rig
        .ask(
            "PATCH",
            &path,
            json!({"notes": "desk 4", "limits": {"per_hour": 60, "concurrent": null}, "tags": ["a"]}),
        )
        .await;
    assert_eq!(status.as_u16(), 200, "{changed}");
    assert_eq!(changed["limits"]["per_hour"], 60);
    assert_eq!(changed["limits"]["concurrent"], Value::Null);
    assert_eq!(changed["limits"]["max_duration_s"], 14_400);
    let (_, back) = rig.ask("PATCH", &path, json!({"notes": null, "ip_policy": null})).await;
    assert_eq!((back["notes"].as_str(), back["ip_policy"].as_str()), (Some(""), Some("filter")));
    for (body, code, pointer) in [
        (json!({"kind": "virtual"}), "read_only", "/kind"),
        (json!({"id": "con_1"}), "read_only", "/id"),
        (json!({"name": null}), "field_missing", "/name"),
        (json!({"user": null}), "field_missing", "/user"),
        (json!({"limits": 5}), "invalid_type", "/limits"),
    ] {
        let (status, reply) = rig.ask("PATCH", &path, body).await;
        assert_eq!(status.as_u16(), 422);
        assert_eq!(
            (reply["code"].as_str(), reply["errors"][0]["pointer"].as_str()),
            (Some(code), Some(pointer))
        );
    }
}

#[tokio::test]
async fn what_was_read_may_be_sent_back() {
    let rig = Rig::new().await;
    let alice = rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await;
    let trunk =
        json!({"kind": "trunk", "name": "n", "peers": [{"host": "192.0.2.1"}], "user": "u", "password": "p"});
    let trunk = rig.create("/connections", trunk).await;
    let number =
        rig.create("/numbers", json!({"e164": "+4930123", "target": {"connection": id(&alice)}})).await;
    let account = rig.get("/accounts").await["data"][0].clone();
    let domain = rig.get("/domains").await["data"][0].clone();
    for (path, resource) in [
        ("connections", alice),
        ("connections", trunk),
        ("numbers", number),
        ("accounts", account),
        ("domains", domain),
    ] {
        let path = format!("/{path}/{}", id(&resource));
        let (status, reply) = rig.ask("PATCH", &path, resource.clone()).await;
        assert_eq!(status.as_u16(), 200, "{reply}");
        let (mut before, mut after) = (resource, reply);
        for body in [&mut before, &mut after] {
            body.as_object_mut().unwrap().remove("warnings");
        }
        // Only a reply that makes or sets a password has it.
        before.as_object_mut().unwrap().remove("peer_config_url");
        assert_eq!(before, after);
    }
}

#[tokio::test]
async fn a_password_is_asked_for_again_when_its_hash_no_longer_fits() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Alice", "user": "alice", "password": "wonderland"});
    let path = format!("/connections/{}", id(&rig.create("/connections", body).await));
    rig.create("/domains", json!({"host": "other.example"})).await;
    for (body, pointer) in [
        (json!({"domain": "other.example"}), "/domain"),
        (json!({"user": "alicia"}), "/user"),
        (json!({"auth_user": "alicia"}), "/auth_user"),
    ] {
        let (status, reply) = rig.ask("PATCH", &path, body.clone()).await;
        let at = (status.as_u16(), reply["code"].as_str(), reply["errors"][0]["pointer"].as_str());
        assert_eq!(at, (422, Some("password_needed"), Some(pointer)), "{body}");
    }
    let (status, moved) =
        rig.ask("PATCH", &path, json!({"domain": "other.example", "password": "wonderland"})).await;
    assert_eq!(status.as_u16(), 200, "{moved}");
    let (status, _) = rig.ask("PATCH", &path, json!({"password": null, "user": "alicia"})).await;
    assert_eq!(status.as_u16(), 200);
    let applied = rig.shards.applied.lock().unwrap();
    let Change::Connection(row) = &applied.last().unwrap().changes[0] else { panic!("a connection") };
    assert!(row.credentials.is_empty());
}

#[tokio::test]
async fn a_domain_keeps_its_realm_when_its_host_changes() {
    let rig = Rig::new().await;
    let made = rig.create("/domains", json!({"host": "A.Example", "digest": ["sha256", "md5"]})).await;
    assert_eq!((made["host"].as_str(), made["realm"].as_str()), (Some("a.example"), Some("a.example")));
    assert_eq!((made["role"].as_str(), made["digest"].as_str()), (Some("registrar"), Some("sha256,md5")));
    let path = format!("/domains/{}", id(&made));
    let (_, changed) = rig
        .ask("PATCH", &path, json!({"host": "b.example", "aliases": ["a.example"], "digest": "md5"}))
        .await;
    assert_eq!((changed["host"].as_str(), changed["realm"].as_str()), (Some("b.example"), Some("a.example")));
    assert_eq!(changed["digest"], "md5");
    let (_, reply) = rig.ask("PATCH", &path, json!({"realm": "c.example"})).await;
    assert_eq!(reply["code"], "read_only");
    let body = json!({"kind": "device", "name": "x", "user": "x", "domain": "a.example"});
    let inside = rig.create("/connections", body).await;
    assert_eq!(inside["domain"], made["id"]);
    let (status, reply) = rig.ask("DELETE", &path, Value::Null).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (409, Some("in_use")));
    let application = rig.create("/domains", json!({"application": "shop"})).await;
    assert_eq!(application["host"], "shop.main.localhost");
}

#[tokio::test]
async fn a_trunk_follows_the_realm_it_is_challenged_in() {
    let rig = Rig::new().await;
    rig.create("/accounts", json!({"name": "north"})).await;
    let body = json!({"kind": "trunk", "name": "n", "account": "north", "user": "u", "password": "p",
        "ip_policy": "filter"});
    rig.create("/connections", body).await;
    let realm = || {
        let applied = rig.shards.applied.lock().unwrap();
        let rows = applied.iter().flat_map(|delta| &delta.changes);
        let last =
            rows.filter_map(|c| if let Change::Connection(row) = c { Some(row) } else { None }).next_back();
        last.unwrap().credentials[0].realm.clone()
    };
    assert_eq!(realm(), "sip.localhost");
    let domain = id(&rig.create("/domains", json!({"host": "north.example", "account": "north"})).await);
    assert_eq!(realm(), "north.example");
    rig.ask("DELETE", &format!("/domains/{domain}"), Value::Null).await;
    assert_eq!(realm(), "sip.localhost");
}

#[tokio::test]
async fn what_is_referred_to_stays() {
    let rig = Rig::new().await;
    let alice =
        id(&rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await);
    let number =
        id(&rig.create("/numbers", json!({"e164": "+4930123", "target": {"connection": alice}})).await);
    let (status, reply) = rig.ask("DELETE", &format!("/connections/{alice}"), Value::Null).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (409, Some("in_use")));
    assert!(reply["detail"].as_str().unwrap().contains("+4930123"));
    assert_eq!(rig.ask("DELETE", &format!("/numbers/{number}"), Value::Null).await.0.as_u16(), 204);
    assert_eq!(rig.ask("DELETE", &format!("/connections/{alice}"), Value::Null).await.0.as_u16(), 204);
    assert_eq!(rig.ask("GET", &format!("/connections/{alice}"), Value::Null).await.0.as_u16(), 404);
    // The user is free again.
    rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await;
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let rig = Rig::new().await;
    let made = rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await;
    let path = format!("/api/v1/connections/{}", id(&made));
    let patch = |tag: &str| {
        Request::patch(&path)
            .header("authorization", format!("Bearer {}", rig.key))
            .header("if-match", tag)
            .body(Body::from("{\"notes\": \"x\"}"))
            .unwrap()
    };
    let request = Request::get(&path)
        .header("authorization", format!("Bearer {}", rig.key))
        .body(Body::empty())
        .unwrap();
    let tag = rig.send(request).await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(rig.send(patch(&tag)).await.status().as_u16(), 200);
    let (status, reply) = read(rig.send(patch(&tag)).await).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (412, Some("precondition_failed")));
    assert_eq!(rig.send(patch("*")).await.status().as_u16(), 200);
}

#[tokio::test]
async fn a_dry_run_shows_and_does_nothing() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Alice", "user": "alice"});
    let (status, reply) = rig.ask("POST", "/connections?dry_run=true", body.clone()).await;
    assert_eq!(
        (status.as_u16(), &reply["dry_run"], reply["resource"]["user"].as_str()),
        (200, &json!(true), Some("alice"))
    );
    assert!(rig.get("/connections").await["data"].as_array().unwrap().is_empty());
    let path = format!("/connections/{}", id(&rig.create("/connections", body).await));
    let (_, reply) =
        rig.ask("PATCH", &format!("{path}?dry_run=true"), json!({"limits": {"concurrent": 2}})).await;
    assert_eq!(reply["changes"], json!([{"pointer": "/limits/concurrent", "before": 8, "after": 2}]));
    assert_eq!(rig.get(&path).await["limits"]["concurrent"], 8);
    assert_eq!(rig.ask("DELETE", &format!("{path}?dry_run=true"), Value::Null).await.0.as_u16(), 204);
    rig.get(&path).await;
}

#[tokio::test]
async fn the_same_idempotency_key_creates_once() {
    let rig = Rig::new().await;
    let post = |key: &str, body: &str| {
        Request::post("/api/v1/connections")
            .header("authorization", format!("Bearer {}", rig.key))
            .header("idempotency-key", key)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let alice = "{\"kind\": \"device\", \"name\": \"Alice\", \"user\": \"alice\"}";
    let (status, first) = read(rig.send(post("k1", alice)).await).await;
    assert_eq!(status.as_u16(), 201);
    let again = rig.send(post("k1", alice)).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    let (status, second) = read(again).await;
    assert_eq!((status.as_u16(), second), (201, first));
    let (status, reply) = read(rig.send(post("k1", "{}")).await).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (422, Some("idempotency_key_reused")));
    let (status, reply) = read(rig.send(post("k2", alice)).await).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (409, Some("user_taken")));
}

#[tokio::test]
async fn limits_of_the_installation_merge_too() {
    let rig = Rig::new().await;
    let (status, changed) =
        rig.ask("PATCH", "/system/limits", json!({"concurrent": 500, "countries": {"deny": ["cu"]}})).await;
    assert_eq!(status.as_u16(), 200, "{changed}");
    assert_eq!((&changed["concurrent"], &changed["countries"]["deny"]), (&json!(500), &json!(["CU"])));
    let (_, changed) = rig.ask("PATCH", "/system/limits", json!({"concurrent": null})).await;
    assert_eq!((&changed["concurrent"], &changed["countries"]["deny"]), (&Value::Null, &json!(["CU"])));
    assert_eq!(rig.get("/system/limits").await, changed);
}

#[tokio::test]
async fn an_account_follows_its_country_and_keeps_its_quota() {
    let rig = Rig::new().await;
    let account =
        rig.create("/accounts", json!({"name": "north", "country": "de", "quota": {"connections": 1}})).await;
    assert_eq!(account["country"], "DE");
    assert_eq!(account["emergency"]["numbers"], json!(["112", "911", "110"]));
    rig.create("/domains", json!({"host": "north.example", "account": "north"})).await;
    let body = |user: &str| json!({"kind": "device", "name": user, "user": user, "account": "north"});
    let first = rig.create("/connections", body("a")).await;
    assert_eq!(first["account"], account["id"]);
    let (status, reply) = rig.ask("POST", "/connections", body("b")).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (409, Some("quota_reached")));
    let bare = rig.create("/accounts", json!({"name": "bare"})).await;
    assert!(bare["warnings"][0].as_str().unwrap().contains("country"));
    let (_, reply) = rig
        .ask("POST", "/connections", json!({"kind": "device", "name": "x", "user": "x", "account": "bare"}))
        .await;
    assert_eq!(
        (reply["code"].as_str(), reply["errors"][0]["pointer"].as_str()),
        (Some("field_missing"), Some("/domain"))
    );
}
