//! Sounds: uploaded, listed, replaced, heard, removed; what flows say of those that are not there.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use codec::wav::Audio;
use serde_json::{Value, json};

use crate::rig::{Rig, id, read};

async fn send(rig: &Rig, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("authorization", format!("Bearer {}", rig.key))
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap();
    read(rig.send(request).await).await
}

fn tone(rate: u32, samples: usize) -> Vec<u8> {
    Audio { rate, samples: vec![1_000; samples] }.file()
}

#[tokio::test]
async fn a_sound_comes_stays_changes_and_goes() {
    let rig = Rig::new().await;
    let (status, made) = send(&rig, "POST", "/sounds?name=welcome", "audio/wav", tone(44_100, 44_100)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(
        (&made["name"], &made["rate"], &made["length_ms"]),
        (&json!("welcome"), &json!(16_000), &json!(1_000))
    );
    let (status, taken) = send(&rig, "POST", "/sounds?name=welcome", "audio/wav", tone(8_000, 8_000)).await;
    assert_eq!((status, &taken["code"]), (StatusCode::CONFLICT, &json!("name_taken")));
    let (status, replaced) = send(&rig, "PUT", "/sounds/welcome", "audio/x-wav", tone(8_000, 4_000)).await;
    assert_eq!((status, &replaced["length_ms"]), (StatusCode::OK, &json!(500)));
    let request = Request::builder()
        .uri("/api/v1/sounds/welcome/audio")
        .header("authorization", format!("Bearer {}", rig.key))
        .body(Body::empty())
        .unwrap();
    let response = rig.send(request).await;
    assert_eq!(response.headers()["content-type"], "audio/wav");
    let file = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(Audio::read(&file).unwrap().millis(), 500);
    let listed = rig.get("/sounds").await;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (1, &json!(false)));
    let (status, _) = rig.ask("DELETE", "/sounds/welcome", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = rig.ask("GET", "/sounds/welcome", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(
        std::fs::read_dir(rig.folder().join("sounds"))
            .unwrap()
            .flatten()
            .map(|account| { std::fs::read_dir(account.path()).unwrap().count() })
            .sum::<usize>(),
        0
    );
    let audit = rig.get("/audit?resource=sound").await;
    assert_eq!(audit["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_sound_is_refused() {
    let rig = Rig::new().await;
    let wav = || tone(8_000, 80);
    for (method, path, kind, body, status, code) in [
        ("POST", "/sounds?name=x", "audio/wav", b"noise".to_vec(), 422, "not_audio"),
        ("POST", "/sounds?name=..%2Fx", "audio/wav", wav(), 422, "invalid_value"),
        ("POST", "/sounds", "audio/wav", wav(), 422, "field_missing"),
        ("POST", "/sounds?name=x&account=nobody", "audio/wav", wav(), 422, "invalid_parameter"),
        ("POST", "/sounds?name=x", "text/plain", wav(), 415, "unsupported_media_type"),
        ("POST", "/sounds?name=x", "application/json", b"{".to_vec(), 400, "invalid_json"),
        ("POST", "/sounds?name=x", "application/json", br#"{"text": " "}"#.to_vec(), 422, "invalid_value"),
        ("POST", "/sounds?name=x", "application/json", br#"{"words": "x"}"#.to_vec(), 422, "invalid_value"),
        ("PUT", "/sounds/..", "audio/wav", wav(), 422, "invalid_value"),
        ("POST", "/sounds?name=x", "audio/wav", vec![0; 33 << 20], 413, "body_too_large"),
    ] {
        let (found, reply) = send(&rig, method, path, kind, body).await;
        assert_eq!((found.as_u16(), &reply["code"]), (status, &json!(code)), "{method} {path}: {reply}");
    }
    let reads = rig.key_with(None, &["connections:read"]).await;
    let (status, _) = rig.ask_as(&reads, "DELETE", "/sounds/x", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_account_neither_sees_nor_touches_the_sounds_of_another() {
    let rig = Rig::new().await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let key = rig.key_with(Some(&north), &["admin"]).await;
    send(&rig, "PUT", "/sounds/theirs", "audio/wav", tone(8_000, 800)).await;
    let (status, _) = rig.ask_as(&key, "GET", "/sounds/theirs", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, listed) = rig.ask_as(&key, "GET", "/sounds", Value::Null).await;
    assert_eq!((status, &listed["data"]), (StatusCode::OK, &json!([])));
    let (status, _) = rig.ask_as(&key, "DELETE", "/sounds/theirs?account=main", Value::Null).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_flow_says_which_sound_it_misses_and_a_sound_which_flow_has_it() {
    let rig = Rig::new().await;
    let draft = json!({
        "nodes": [{"id": "hello", "type": "play", "settings": {"sounds": ["welcome", "https://example.com/x.wav"]}},
                  {"id": "bye", "type": "hangup"}],
        "edges": [{"from": "hello", "outcome": "done", "to": "bye"}, {"from": "hello", "outcome": "failed", "to": "bye"}],
    });
    let flow = rig.create("/flows", json!({"name": "reception", "draft": draft})).await;
    let path = format!("/flows/{}", id(&flow));
    let unknown = |flow: &Value| -> Vec<String> {
        let problems = flow["problems"].as_array().unwrap().iter();
        let unknown = problems.filter(|problem| problem["code"] == "unknown");
        unknown.map(|problem| format!("{} {}", problem["pointer"], problem["fatal"])).collect()
    };
    assert_eq!(unknown(&rig.get(&path).await), [r#""/nodes/0/settings/sounds/0" false"#]);
    let (status, _) = rig.ask("POST", &format!("{path}/publish"), Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let (_, sound) = send(&rig, "PUT", "/sounds/welcome", "audio/wav", tone(8_000, 800)).await;
    assert_eq!(sound["used_by"], json!([id(&flow)]));
    assert!(unknown(&rig.get(&path).await).is_empty());
}

#[tokio::test]
async fn what_speaks_and_listens_is_shown() {
    let rig = Rig::new().await;
    let speech = rig.get("/system/speech").await;
    assert_eq!(speech["transcriber"]["state"], "missing");
    assert!(speech["transcriber"]["why"].as_str().unwrap().contains("make transcripts"), "{speech}");
    assert_eq!(speech["transcriptions"]["queued"], 0);
    let checks = rig.get("/system/check").await;
    let find = |name: &str| checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    assert_eq!(find("transcripts").unwrap()["state"], "warning");
    assert!(find("voice").is_some());
}
