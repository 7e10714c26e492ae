//! Phones that sign in: by a link of their own or named by somebody who may, with a password that comes and goes.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};

use crate::rig::{Rig, id, read};

#[tokio::test]
async fn a_link_signs_in_one_phone_and_can_do_nothing_else() {
    let rig = Rig::new().await;
    let alice =
        id(&rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await);
    let bob = id(&rig.create("/connections", json!({"kind": "device", "name": "Bob", "user": "bob"})).await);
    let path = format!("/connections/{alice}/provisioning");
    let made = rig.create(&path, json!({"label": "tablet"})).await;
    let key = made["key"].as_str().unwrap().to_owned();
    for shown in ["web", "softphone"] {
        assert!(made[shown]["url"].as_str().unwrap().contains(&key), "{made}");
        assert!(made[shown]["qr"].as_str().unwrap().contains("<svg"), "{shown}");
    }
    let (status, phone) = rig.ask_as(&key, "POST", "/session/phone", Value::Null).await;
    assert_eq!(status.as_u16(), 200, "{phone}");
    assert_eq!(phone["connection"], alice);
    assert_eq!(phone["uri"], "sip:alice@sip.localhost");
    assert_eq!(phone["websocket_url"], "ws://127.0.0.1:8080/sip");
    assert_eq!(phone["push"], json!({"provider": "webpush", "vapid": "BPushKey"}));
    assert_eq!((&phone["renew_after_s"], &phone["ice"]["iceServers"]), (&json!(1800), &json!([])));
    assert!(phone["auth_user"].as_str().unwrap().starts_with("alice~"));
    let (_, again) = rig.ask_as(&key, "POST", "/session/phone", json!({"lifetime_s": 60})).await;
    assert_ne!(phone["password"], again["password"], "each has its own");
    let other = rig.ask_as(&key, "POST", "/session/phone", json!({"connection": bob})).await;
    assert_eq!((other.0.as_u16(), other.1["code"].as_str()), (403, Some("scope_missing")));
    assert_eq!(rig.ask_as(&key, "GET", "/connections", Value::Null).await.0.as_u16(), 403);
    let listed = rig.get(&path).await;
    assert_eq!((&listed["data"][0]["label"], &listed["data"][0]["id"]), (&json!("tablet"), &made["id"]));
    assert_eq!(listed["data"][0].get("key"), None);
    let link = format!("{path}/{}", id(&made));
    assert_eq!(rig.ask("DELETE", &link, Value::Null).await.0.as_u16(), 204);
    assert_eq!(rig.ask_as(&key, "POST", "/session/phone", Value::Null).await.0.as_u16(), 401);
    assert_eq!(rig.ask("DELETE", &link, Value::Null).await.0.as_u16(), 404);
}

#[tokio::test]
async fn ice_servers_come_from_the_device_or_its_account() {
    let rig = Rig::new().await;
    let stun = json!({"servers": [{"urls": ["stun:stun.example.com:3478"]}]});
    let turn = json!({"servers": [{"urls": ["turn:turn.example.com:3478?transport=udp"], "username": "u", "credential": "c"}]});
    let account = format!("/accounts/{}", id(&rig.get("/accounts").await["data"][0]));
    let (status, reply) = rig.ask("PATCH", &account, json!({"defaults": {"media": {"ice": stun}}})).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    let alice = id(&rig.create("/connections", json!({"kind": "device", "name": "a", "user": "a"})).await);
    let servers = async |connection: &str| {
        let (status, reply) = rig.ask("POST", "/session/phone", json!({"connection": connection})).await;
        assert_eq!(status.as_u16(), 200, "{reply}");
        reply["ice"]["iceServers"].clone()
    };
    assert_eq!(servers(&alice).await, stun["servers"]);
    let path = format!("/connections/{alice}");
    assert_eq!(rig.ask("PATCH", &path, json!({"media": {"ice": turn}})).await.0.as_u16(), 200);
    assert_eq!(servers(&alice).await, turn["servers"]);
    for (ice, pointer) in [
        (json!({"servers": [{"urls": ["http://x"]}]}), "/media/ice/servers/0/urls/0"),
        (json!({"servers": [{"urls": ["turn:x"]}]}), "/media/ice/servers/0/credential"),
        (json!({"servers": [{"urls": ["stun:x"], "secret": "s"}]}), "/media/ice/servers/0/secret"),
        (json!({"servers": [{"urls": ["turn:x"], "secret": "sealed:AAAA"}]}), "/media/ice/servers/0/secret"),
        (json!({"servers": [{}]}), "/media/ice/servers/0/urls"),
    ] {
        let (status, reply) = rig.ask("PATCH", &path, json!({"media": {"ice": ice}})).await;
        assert_eq!(
            (status.as_u16(), reply["errors"][0]["pointer"].as_str()),
            (422, Some(pointer)),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn a_secret_shared_with_a_turn_server_makes_passwords_for_a_while() {
    let rig = Rig::new().await;
    let shared = json!({"servers": [{"urls": ["turn:turn.example.com?transport=udp"], "secret": "north"}]});
    let account = format!("/accounts/{}", id(&rig.get("/accounts").await["data"][0]));
    let (status, reply) = rig.ask("PATCH", &account, json!({"defaults": {"media": {"ice": shared}}})).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    let body = json!({"kind": "device", "name": "a", "user": "alice"});
    let alice = id(&rig.create("/connections", body).await);
    let server = async || {
        let (status, reply) =
            rig.ask("POST", "/session/phone", json!({"connection": alice, "lifetime_s": 60})).await;
        assert_eq!(status.as_u16(), 200, "{reply}");
        reply["ice"]["iceServers"][0].clone()
    };
    let inherited = server().await;
    assert_eq!(inherited["urls"][0], "turn:turn.example.com?transport=udp");
    let (until, user) = inherited["username"].as_str().unwrap().split_once(':').unwrap();
    let left = until.parse::<u64>().unwrap() - store::now().as_secs();
    assert!((55..=60).contains(&left) && user == "alice", "{inherited}");
    assert_eq!((inherited["credential"].as_str().unwrap().len(), inherited.get("secret")), (28, None));

    // Nobody sees it; what is shown can be sent back, here and in the account.
    let path = format!("/connections/{alice}");
    let own = json!({"servers": [{"urls": ["turn:other.example.com"], "secret": "south"}]});
    assert_eq!(rig.ask("PATCH", &path, json!({"media": {"ice": own}})).await.0.as_u16(), 200);
    for (path, at) in [(&path, "/media/ice"), (&account, "/defaults/media/ice")] {
        let shown = rig.get(path).await;
        assert!(!shown.to_string().contains("north") && !shown.to_string().contains("south"), "{shown}");
        let ice = shown.pointer(at).unwrap();
        assert!(ice["servers"][0]["secret"].as_str().unwrap().starts_with("sealed:"), "{shown}");
        let back = if at.starts_with("/media") {
            json!({"media": {"ice": ice}})
        } else {
            json!({"defaults": {"media": {"ice": ice}}})
        };
        assert_eq!(rig.ask("PATCH", path, back).await.0.as_u16(), 200);
    }
    assert_eq!(server().await["urls"][0], "turn:other.example.com");

    // Given in clear once more, it is the same.
    let before = rig.get(&path).await["media"]["ice"].clone();
    assert_eq!(rig.ask("PATCH", &path, json!({"media": {"ice": own}})).await.0.as_u16(), 200);
    assert_eq!(rig.get(&path).await["media"]["ice"], before);

    // It is of one account.
    let sealed = rig.get(&path).await["media"]["ice"].clone();
    let other = id(&rig.create("/accounts", json!({"name": "other"})).await);
    let body =
        json!({"kind": "device", "name": "b", "user": "b", "account": other, "media": {"ice": sealed}});
    let (status, reply) = rig.ask("POST", "/connections", body).await;
    assert_eq!(status.as_u16(), 422, "{reply}");
    assert_eq!(reply["errors"][0]["pointer"], "/media/ice/servers/0/secret", "{reply}");
}

#[tokio::test]
async fn a_softphone_fetches_a_file() {
    let rig = Rig::new().await;
    let alice = rig.create("/connections", json!({"kind": "device", "name": "A & B", "user": "alice"})).await;
    let made = rig.create(&format!("/connections/{}/provisioning", id(&alice)), Value::Null).await;
    let path = format!("/api/v1/provisioning/{}", made["key"].as_str().unwrap());
    let response = rig.send(Request::get(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/xml; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let text = String::from_utf8(to_bytes(response.into_body(), 65_536).await.unwrap().to_vec()).unwrap();
    for part in [
        "lpconfig",
        "A &amp; B",
        "sip:alice@sip.localhost",
        "name=\"userid\" overwrite=\"true\">alice~",
        "name=\"media_encryption\" overwrite=\"true\">none<",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Who may use WebSocket only is no matter for it.
    let alice = format!("/connections/{}", id(&alice));
    assert_eq!(rig.ask("PATCH", &alice, json!({"transports": ["ws", "wss"]})).await.0.as_u16(), 200);
    let response = rig.send(Request::get(&path).body(Body::empty()).unwrap()).await;
    let (status, reply) = read(response).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("action_not_of_kind")), "{reply}");
    assert_eq!(
        rig.ask("GET", &format!("{alice}/peer-config?for=linphone"), Value::Null).await.0.as_u16(),
        409
    );
    let unknown = rig.send(Request::get("/api/v1/provisioning/nobody").body(Body::empty()).unwrap()).await;
    assert_eq!(read(unknown).await.0.as_u16(), 404);
    let trunk = json!({"kind": "trunk", "name": "t", "peers": [{"host": "192.0.2.1"}]});
    let trunk = id(&rig.create("/connections", trunk).await);
    let (status, _) = rig.ask("POST", &format!("/connections/{trunk}/provisioning"), Value::Null).await;
    assert_eq!(status.as_u16(), 422);
}
