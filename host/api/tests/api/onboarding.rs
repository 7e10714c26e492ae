//! What the other end of a connection is told: real values, passwords only where they were just made.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::rig::{Rig, id};

const PRODUCTS: [&str; 9] = [
    "asterisk",
    "asterisk-wizard",
    "freepbx",
    "freeswitch",
    "3cx",
    "yealink",
    "zoiper",
    "linphone",
    "generic",
];

async fn text(rig: &Rig, path: &str, key: Option<&str>) -> (u16, String) {
    let mut request = Request::builder().uri(path).header("accept", "text/markdown");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let response = rig.send(request.body(Body::empty()).unwrap()).await;
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn every_kind_and_product_has_real_values_and_no_password() {
    let rig = Rig::new().await;
    for (kind, more) in [
        ("device", json!({"user": "desk", "password": "geheim-1"})),
        ("register_in", json!({})),
        ("register_out", json!({"user": "us", "password": "geheim-1", "peers": [{"host": "192.0.2.9"}]})),
        ("trunk", json!({"peers": [{"host": "192.0.2.9"}], "user": "us", "password": "geheim-1"})),
    ] {
        let mut body = json!({"kind": kind, "name": format!("Office {kind}")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = rig.create("/connections", body).await;
        let path = format!("/connections/{}/peer-config", id(&made));
        for product in PRODUCTS {
            let phone = matches!(product, "yealink" | "zoiper" | "linphone");
            let (status, found) = rig.ask("GET", &format!("{path}?for={product}"), Value::Null).await;
            if phone && kind != "device" {
                assert_eq!((status.as_u16(), &found["code"]), (409, &json!("action_not_of_kind")));
                continue;
            }
            assert_eq!(status.as_u16(), 200, "{kind} {product}: {found}");
            let all = found.to_string();
            assert!(!all.contains("geheim-1"), "{kind} {product}: {all}");
            assert_eq!(found["contains_password"], false);
            let text = found["text"].as_str().unwrap();
            assert!(text.contains("127.0.0.1") || text.contains("us"), "{kind} {product}: {text}");
            assert!(!found["checks"].as_array().unwrap().is_empty());
            assert_ne!(found["undo"], "");
        }
        let (status, sheet) = rig.ask("GET", &format!("/connections/{}/spec", id(&made)), Value::Null).await;
        assert_eq!(status.as_u16(), 200, "{sheet}");
        let sheet = sheet["markdown"].as_str().unwrap();
        for word in ["20000-29999", "OPUS, G722, PCMA, PCMU", "RFC 4733", "1800 s"] {
            assert!(sheet.contains(word), "{kind}: {word} is missing: {sheet}");
        }
    }
    let body = json!({"kind": "virtual", "name": "v", "user": "v"});
    let path =
        format!("/connections/{}/peer-config?for=generic", id(&rig.create("/connections", body).await));
    assert_eq!(rig.ask("GET", &path, Value::Null).await.0.as_u16(), 409);
    assert_eq!(rig.ask("GET", &format!("{path}x"), Value::Null).await.0.as_u16(), 422);
}

#[tokio::test]
async fn guides_meet_the_encryption_of_the_connection() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "name": "Desk", "user": "desk"});
    let path = format!("/connections/{}", id(&rig.create("/connections", body).await));
    for (srtp, asterisk, yealink) in [
        ("off", "media_encryption = no\n", "srtp_encryption = 0\n"),
        ("auto", "media_encryption = no\n", "srtp_encryption = 0\n"),
        (
            "sdes_optional",
            "media_encryption = sdes\nmedia_encryption_optimistic = yes\n",
            "srtp_encryption = 1\n",
        ),
        ("sdes", "media_encryption = sdes\n", "srtp_encryption = 2\n"),
        ("dtls", "media_encryption = dtls\ndtls_auto_generate_cert = yes\n", "srtp_encryption = 2\n"),
    ] {
        let (status, reply) = rig.ask("PATCH", &path, json!({"media": {"srtp": srtp}})).await;
        assert_eq!(status.as_u16(), 200, "{reply}");
        for (product, expected) in [("asterisk", asterisk), ("yealink", yealink)] {
            let guide = rig.get(&format!("{path}/peer-config?for={product}")).await;
            let file = guide["files"][0]["text"].as_str().unwrap();
            assert!(file.contains(expected), "{srtp} {product}: {file}");
            assert_eq!(file.contains("optimistic"), expected.contains("optimistic"), "{srtp} {product}");
        }
        let wizard = rig.get(&format!("{path}/peer-config?for=asterisk-wizard")).await;
        let file = wizard["files"][0]["text"].as_str().unwrap();
        for line in asterisk.lines() {
            assert!(file.contains(&format!("endpoint/{line}\n")), "{srtp}: {file}");
        }
    }
}

#[tokio::test]
async fn the_link_of_a_reply_shows_the_password_without_a_key() {
    let rig = Rig::new().await;
    let made = rig.create("/connections", json!({"kind": "register_in", "name": "PBX"})).await;
    let password = made["credentials"][0]["password"].as_str().unwrap().to_owned();
    let link = made["peer_config_url"].as_str().unwrap().to_owned();
    let (status, found) = text(&rig, &format!("{link}&for=asterisk"), None).await;
    assert_eq!(status, 200, "{found}");
    for line in [
        "server_uri = sip:127.0.0.1\n",
        &format!("password = {password}\n"),
        "allow = opus,g722,alaw,ulaw\n",
        "match = 127.0.0.1\n",
    ] {
        assert!(found.contains(line), "{line} is missing: {found}");
    }
    let (_, found) = text(&rig, &format!("{link}&for=asterisk-wizard"), None).await;
    for line in [
        "type = wizard\n",
        "remote_hosts = 127.0.0.1\n",
        &format!("outbound_auth/password = {password}\n"),
        "registration/expiration = 300\n",
        "endpoint/allow = opus,g722,alaw,ulaw\n",
    ] {
        assert!(found.contains(line), "{line} is missing: {found}");
    }
    assert!(!found.contains("/;") && !found.contains("type = endpoint"), "{found}");
    let other = rig.create("/connections", json!({"kind": "register_in", "name": "Other"})).await;
    for wrong in [
        link.replace(&id(&made), &id(&other)),
        format!("{link}x"),
        format!("/api/v1/connections/{}/peer-config", id(&made)),
    ] {
        assert_eq!(text(&rig, &wrong, None).await.0, 401, "{wrong}");
    }
    let read = rig.get(&format!("/connections/{}", id(&made))).await;
    assert!(read.get("peer_config_url").is_none(), "{read}");

    let path = format!("/connections/{}/rotate", id(&made));
    let (_, rotated) = rig.ask("POST", &path, Value::Null).await;
    let link = rotated["peer_config_url"].as_str().unwrap();
    let fresh = rotated["credentials"][0]["password"].as_str().unwrap();
    let (_, found) = text(&rig, &format!("{link}&for=freeswitch"), None).await;
    assert!(found.contains(&format!("name=\"password\" value=\"{fresh}\"")), "{found}");

    let device = json!({"kind": "device", "name": "Desk", "user": "desk", "password": "a;b"});
    let device = rig.create("/connections", device).await;
    let link = device["peer_config_url"].as_str().unwrap();
    let (_, found) = text(&rig, &format!("{link}&for=asterisk"), None).await;
    assert!(
        found.contains("password = a\\;b\n") && found.contains("client_uri = sip:desk@127.0.0.1\n"),
        "{found}"
    );
}

#[tokio::test]
async fn a_trunk_is_told_its_host_or_our_address() {
    let rig = Rig::new().await;
    let body = json!({"kind": "trunk", "name": "North", "allowed_sources": ["192.0.2.0/28"]});
    let made = rig.create("/connections", body).await;
    let path = format!("/connections/{}/peer-config?for=asterisk", id(&made));
    let file = rig.get(&path).await["files"][0]["text"].as_str().unwrap().to_owned();
    assert!(file.contains("contact = sip:127.0.0.1\n") && file.contains("type = identify"), "{file}");
    assert!(!file.contains("type = registration") && !file.contains("outbound_auth"), "{file}");
    let change =
        json!({"ip_policy": "either", "user": "north", "password": "x", "allowed_sources": ["192.0.2.0/28"]});
    let (status, reply) = rig.ask("PATCH", &format!("/connections/{}", id(&made)), change).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    let key = rig.key_with(None, &["metrics:read"]).await;
    assert_eq!(rig.ask_as(&key, "GET", &path, Value::Null).await.0.as_u16(), 403);
    let link = reply["peer_config_url"].as_str().unwrap();
    let (_, found) = text(&rig, &format!("{link}&for=asterisk"), Some(&rig.key)).await;
    assert!(found.contains("outbound_auth = trunkline-north"), "{found}");
}
