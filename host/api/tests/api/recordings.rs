//! Recordings through the API: listed, found, heard in parts, deleted without a trace, and forgotten in time.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use codec::wav::Audio;
use engine::{RecordingBegan, RecordingKind};
use media::RecordingId;
use serde_json::{Value, json};
use store::{RecordingEnd, now};
use timestamp::Timestamp;

use crate::rig::{Rig, id};

const DAY: Duration = Duration::from_secs(86_400);

/// A recording of an account that began then, of a call; what became of it, and a second of audio if that is `stored`.
async fn recorded(rig: &Rig, account: &str, call: &str, at: Timestamp, state: &'static str) -> String {
    recorded_as(rig, RecordingKind::Call, account, call, at, state).await
}

async fn recorded_as(
    rig: &Rig,
    kind: RecordingKind,
    account: &str,
    call: &str,
    at: Timestamp,
    state: &'static str,
) -> String {
    let began = RecordingBegan {
        id: RecordingId::new(at, 1),
        kind,
        account: account.into(),
        call: call.into(),
        connection_in: "con_in".into(),
        connection_out: format!("con_{call}").into(),
        from: "alice".into(),
        dialled: "bob".into(),
        flow: None,
        node: Box::default(),
        started_at: at,
        channels: 1,
        rate: 8_000,
        envelope: None,
    };
    rig.store.begin_recording(&began).await.unwrap();
    let id = began.id.to_string();
    let file = rig.store.recording_file(&id);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let audio = Audio { rate: 8_000, samples: vec![1_000; 8_000] }.file();
    let bytes = if state == "stored" { audio.len() as u64 } else { 0 };
    if state == "stored" {
        std::fs::write(&file, audio).unwrap();
    }
    if state != "recording" {
        let end = RecordingEnd { state, length_ms: 1_000, bytes, problem: None };
        rig.store.end_recording(&id, end).await.unwrap();
    }
    id
}

/// What a request for audio is answered with: status, header fields and octets.
pub(crate) async fn heard(
    rig: &Rig,
    key: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request =
        Request::builder().uri(format!("/api/v1{path}")).header("authorization", format!("Bearer {key}"));
    for (field, value) in fields {
        request = request.header(*field, *value);
    }
    let answer = rig.send(request.body(Body::empty()).unwrap()).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec())
}

/// A header field of an answer; empty if it is not there.
pub(crate) fn field<'f>(fields: &'f HeaderMap, name: &str) -> &'f str {
    fields.get(name).map_or("", |value| value.to_str().unwrap())
}

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(id).collect()
}

async fn main_account(rig: &Rig) -> String {
    id(&rig.get("/accounts").await["data"][0])
}

#[tokio::test]
async fn recordings_are_found_by_what_is_known_of_them() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let start = Timestamp::from_secs(1_800_000_000);
    let one = recorded(&rig, &main, "call_1", start, "stored").await;
    let two = recorded(&rig, &main, "call_2", start + DAY, "cut_off").await;
    let three = recorded(&rig, &north, "call_3", start + 2 * DAY, "recording").await;
    recorded_as(&rig, RecordingKind::Message, &main, "call_4", start + 3 * DAY, "stored").await;
    for (query, found) in [
        ("", vec![&three, &two, &one]),
        ("?account=north", vec![&three]),
        ("?call=call_2", vec![&two]),
        ("?connection=con_call_1", vec![&one]),
        ("?connection=con_in&account=main", vec![&two, &one]),
        ("?state=stored", vec![&one]),
        ("?since=2027-01-16T00:00:00Z", vec![&three, &two]),
        ("?until=2027-01-16T00:00:00Z", vec![&one]),
        ("?since=2027-01-16T00:00:00Z&state=cut_off", vec![&two]),
        ("?call=call_9", vec![]),
    ] {
        let listed = rig.get(&format!("/recordings{query}")).await;
        let wanted: Vec<String> = found.into_iter().cloned().collect();
        assert_eq!(ids(&listed), wanted, "{query}");
    }
    let first = rig.get("/recordings?limit=2").await;
    assert_eq!((ids(&first), &first["has_more"]), (vec![three.clone(), two.clone()], &json!(true)));
    let rest = rig.get(&format!("/recordings?limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec![one.clone()], &json!(false)));
    let shown = rig.get(&format!("/recordings/{one}")).await;
    let wanted = json!({
        "id": one, "account": main, "kind": "call", "state": "stored", "call": "call_1", "connection_in": "con_in",
        "connection_out": "con_call_1", "from": "alice", "dialled": "bob", "flow": null, "node": null,
        "started_at": "2027-01-15T08:00:00Z", "length_ms": 1_000, "channels": 1, "rate": 8_000, "bytes": 16_044, "problem": null,
    });
    assert_eq!(shown, wanted);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let going = recorded(&rig, &main, "call_1", now(), "recording").await;
    let message = recorded_as(&rig, RecordingKind::Message, &main, "call_2", now() + DAY, "stored").await;
    for (method, path, status, code) in [
        ("GET", "/recordings?limit=0".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings?limit=1001".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings?since=yesterday".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings?account=nobody".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings?state=lost".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings?colour=red".to_owned(), 422, "invalid_parameter"),
        ("GET", "/recordings/rec_0".to_owned(), 404, "not_found"),
        ("GET", "/recordings/rec_0/audio".to_owned(), 404, "not_found"),
        ("DELETE", "/recordings/..%2Fkey".to_owned(), 404, "not_found"),
        // It goes on: there is nothing to hear, and nothing to delete.
        ("GET", format!("/recordings/{going}/audio"), 404, "not_found"),
        ("DELETE", format!("/recordings/{going}"), 409, "call_not_settled"),
        // What becomes a message is none of them.
        ("GET", format!("/recordings/{message}"), 404, "not_found"),
        ("GET", format!("/recordings/{message}/audio"), 404, "not_found"),
        ("DELETE", format!("/recordings/{message}"), 404, "not_found"),
    ] {
        let (found, reply) = rig.ask(method, &path, Value::Null).await;
        assert_eq!((found.as_u16(), &reply["code"]), (status, &json!(code)), "{method} {path}: {reply}");
    }
}

#[tokio::test]
async fn audio_is_heard_whole_or_in_parts() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let one = recorded(&rig, &main, "call_1", now(), "stored").await;
    let path = format!("/recordings/{one}/audio");
    let file = std::fs::read(rig.store.recording_file(&one)).unwrap();
    let all = file.len();
    for (range, status, part, told) in [
        (None, 200, 0..all, None),
        (Some("bytes=0-43"), 206, 0..44, Some(format!("bytes 0-43/{all}"))),
        (Some("bytes=16000-"), 206, 16_000..all, Some(format!("bytes 16000-{}/{all}", all - 1))),
        (Some("bytes=-10"), 206, all - 10..all, Some(format!("bytes {}-{}/{all}", all - 10, all - 1))),
        (Some("bytes=0-1,4-5"), 200, 0..all, None),
    ] {
        let asked: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
        let (found, fields, octets) = heard(&rig, &rig.key, &path, &asked).await;
        assert_eq!(found.as_u16(), status, "{range:?}");
        assert_eq!((field(&fields, "content-type"), field(&fields, "accept-ranges")), ("audio/wav", "bytes"));
        assert_eq!(fields["content-disposition"], format!("attachment; filename=\"{one}.wav\""));
        assert_eq!(
            Some(field(&fields, "content-range")).filter(|told| !told.is_empty()),
            told.as_deref(),
            "{range:?}"
        );
        assert!(octets == file[part], "{range:?}");
    }
    for (query, accepted, opus) in [
        ("?format=opus", None, true),
        ("", Some("audio/ogg"), true),
        ("", Some("text/html, audio/opus;q=0.9, audio/wav;q=0.1"), true),
        ("", Some("audio/wav, audio/ogg"), false),
        ("", Some("*/*"), false),
        ("?format=wav", Some("audio/ogg"), false),
    ] {
        let asked: Vec<_> = accepted.map(|kind| ("accept", kind)).into_iter().collect();
        let (found, fields, octets) = heard(&rig, &rig.key, &format!("{path}{query}"), &asked).await;
        let (kind, begins) = if opus { ("audio/ogg", &b"OggS"[..]) } else { ("audio/wav", &b"RIFF"[..]) };
        assert_eq!((found.as_u16(), field(&fields, "content-type")), (200, kind), "{query} {accepted:?}");
        assert!(octets.starts_with(begins), "{query} {accepted:?}");
    }
    let (status, _, reply) = heard(&rig, &rig.key, &format!("{path}?format=mp3"), &[]).await;
    assert_eq!(status.as_u16(), 422, "{}", String::from_utf8_lossy(&reply));
    let (status, fields, _) = heard(&rig, &rig.key, &path, &[("range", "bytes=99999-")]).await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(fields["content-range"], format!("bytes */{all}"));
}

#[tokio::test]
async fn a_deleted_recording_leaves_neither_file_nor_row() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let one = recorded(&rig, &main, "call_1", now(), "stored").await;
    let failed = recorded(&rig, &main, "call_2", now() + DAY, "failed").await;
    rig.store.queue_transcription(&one, &format!("recordings/{one}.wav"), "en").await.unwrap();
    for id in [&one, &failed] {
        let (status, _) = rig.ask("DELETE", &format!("/recordings/{id}"), Value::Null).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, _) = rig.ask("GET", &format!("/recordings/{id}"), Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert!(!rig.store.recording_file(&one).exists());
    assert!(rig.store.transcription(&one).await.unwrap().is_none());
    assert_eq!(rig.get("/recordings").await["data"], json!([]));
}

#[tokio::test]
async fn retention_takes_what_is_old_of_each_account() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let short = json!({"name": "short", "retention": {"recording_days": 1}});
    let short = id(&rig.create("/accounts", short).await);
    let then = Timestamp::from_micros(now().as_micros() - 2 * 86_400_000_000);
    let kept = recorded(&rig, &main, "call_1", then, "stored").await;
    let going = recorded(&rig, &short, "call_2", then + Duration::from_secs(1), "recording").await;
    let old = recorded(&rig, &short, "call_3", then + Duration::from_secs(2), "stored").await;
    let young = recorded(&rig, &short, "call_4", now(), "stored").await;
    assert_eq!(rig.store.prune(now()).await.unwrap().recordings, 1);
    assert_eq!(ids(&rig.get("/recordings").await), [young, going, kept]);
    assert!(!rig.store.recording_file(&old).exists());
}

#[tokio::test]
async fn each_sees_what_its_scope_and_account_allow() {
    let rig = Rig::new().await;
    let main = main_account(&rig).await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let ours = recorded(&rig, &main, "call_1", now(), "stored").await;
    let theirs = recorded(&rig, &north, "call_2", now() + DAY, "stored").await;
    let (ours, theirs) = (format!("/recordings/{ours}"), format!("/recordings/{theirs}"));
    let audio = format!("{ours}/audio");
    for (account, scope, method, path, status) in [
        (None, "connections:read", "GET", "/recordings", 403),
        (None, "connections:read", "GET", &*audio, 403),
        (None, "history:read", "GET", &*audio, 200),
        (None, "history:read", "DELETE", &*ours, 403),
        (Some(&*north), "admin", "GET", &*ours, 404),
        (Some(&*north), "admin", "GET", &*audio, 404),
        (Some(&*north), "admin", "DELETE", &*ours, 404),
        (Some(&*north), "admin", "GET", "/recordings?account=main", 422),
        (Some(&*north), "history:read", "GET", &*theirs, 200),
        (Some(&*north), "config:write", "DELETE", &*theirs, 204),
    ] {
        let key = rig.key_with(account, &[scope]).await;
        let (found, reply) = rig.ask_as(&key, method, path, Value::Null).await;
        assert_eq!(found.as_u16(), status, "{account:?} {scope} {method} {path}: {reply}");
    }
    let key = rig.key_with(Some(&north), &["admin"]).await;
    let (_, listed) = rig.ask_as(&key, "GET", "/recordings", Value::Null).await;
    assert_eq!(listed["data"], json!([]));
    let (status, _) = rig.ask("DELETE", &ours, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_call_that_is_none_is_not_recorded() {
    let rig = Rig::new().await;
    let (status, reply) = rig.ask("POST", "/calls/call_1/record", json!({"action": "start"})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (404, &json!("not_found")), "{reply}");
    let (status, reply) = rig.ask("POST", "/calls/call_1/record", json!({"action": "pause"})).await;
    assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!("/action")), "{reply}");
    let key = rig.key_with(None, &["connections:read"]).await;
    let (status, _) = rig.ask_as(&key, "POST", "/calls/call_1/record", json!({"action": "start"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
