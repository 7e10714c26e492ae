//! Mailboxes through the API: what they are made of, what is never shown, whom they belong to, and what is left of them.

use codec::wav::Audio;
use serde_json::{Value, json};
use store::{MessageState, Transcript, VoiceMessage, now};
use timestamp::Timestamp;

use crate::recordings::{field, heard};
use crate::rig::{Rig, id};

#[tokio::test]
async fn a_pin_goes_in_and_never_out() {
    let rig = Rig::new().await;
    let made = rig.create("/mailboxes", json!({"name": "Desk", "number": "200", "pin": "4711"})).await;
    assert_eq!((&made["has_pin"], &made["pin"]), (&json!(true), &Value::Null));
    assert_eq!((&made["greeting"], &made["max_s"]), (&json!({"kind": "default"}), &json!(180)));
    assert_eq!(made["messages"], json!({"new": 0, "old": 0}));
    let path = format!("/mailboxes/{}", id(&made));
    for (patch, has_pin, kind) in [
        (json!({"greeting": {"kind": "text", "text": "Hello"}}), true, "text"),
        (json!({"greeting": {"kind": "sound", "sound": "welcome"}}), true, "sound"),
        (json!({"pin": ""}), false, "sound"),
        (json!({"greeting": {"kind": "default"}}), false, "default"),
    ] {
        let (status, changed) = rig.ask("PATCH", &path, patch.clone()).await;
        assert_eq!(status.as_u16(), 200, "{patch}: {changed}");
        assert_eq!(
            (&changed["has_pin"], &changed["greeting"]["kind"]),
            (&json!(has_pin), &json!(kind)),
            "{patch}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let rig = Rig::new().await;
    let desk = rig.create("/connections", json!({"kind": "virtual", "name": "desk", "user": "desk"})).await;
    rig.create("/mailboxes", json!({"name": "Desk", "number": "200", "connection": id(&desk)})).await;
    for (body, status, pointer) in [
        (json!({"name": "Desk"}), 409, "/name"),
        (json!({"name": "b", "number": "200"}), 409, "/number"),
        (json!({"name": "b", "connection": id(&desk)}), 409, "/connection"),
        (json!({"name": "b", "connection": "con_none"}), 422, "/connection"),
        (json!({"name": "b", "number": "2a"}), 422, "/number"),
        (json!({"name": "b", "pin": "12"}), 422, "/pin"),
        (json!({"name": "b", "pin": "12ab"}), 422, "/pin"),
        (json!({"name": "b", "email": "nobody"}), 422, "/email"),
        (json!({"name": "b", "email": "a@b.example\"x"}), 422, "/email"),
        (json!({"name": "b", "greeting": {"kind": "text"}}), 422, "/greeting/text"),
        (json!({"name": "b", "max_s": 1}), 422, "/max_s"),
        (json!({"number": "1"}), 422, "/name"),
    ] {
        let (found, reply) = rig.ask("POST", "/mailboxes", body.clone()).await;
        assert_eq!(
            (found.as_u16(), &reply["errors"][0]["pointer"]),
            (status, &json!(pointer)),
            "{body}: {reply}"
        );
    }
    let (status, reply) = rig
        .ask("PATCH", &format!("/connections/{}", id(&desk)), json!({"dialled": {"mailbox": "box_none"}}))
        .await;
    assert_eq!((status.as_u16(), &reply["errors"][0]["pointer"]), (422, &json!("/dialled/mailbox")));
}

#[tokio::test]
async fn a_language_that_nothing_speaks_is_told_by_name() {
    let rig = Rig::new().await;
    for (name, language, warned) in [("a", "de-AT", false), ("b", "tlh", true)] {
        let made = rig.create("/mailboxes", json!({"name": name, "language": language})).await;
        let warnings = made["warnings"].as_array().unwrap();
        assert_eq!(!warnings.is_empty(), warned, "{made}");
        if warned {
            let told = warnings[0].as_str().unwrap();
            assert!(told.contains("/language") && told.contains("language tlh; it knows en, de"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_mailbox_that_is_named_stays_and_one_that_goes_takes_its_messages() {
    let rig = Rig::new().await;
    let made = rig.create("/mailboxes", json!({"name": "Desk", "email": "bob@example.com"})).await;
    let named = json!({"kind": "virtual", "name": "d", "user": "d", "dialled": {"mailbox": id(&made)}});
    let desk = rig.create("/connections", named).await;
    let path = format!("/mailboxes/{}", id(&made));
    let (status, _) = rig.ask("DELETE", &path, json!({})).await;
    assert_eq!(status.as_u16(), 409);
    let message = VoiceMessage {
        id: "vm_1".to_owned(),
        mailbox: id(&made).as_str().into(),
        account: made["account"].as_str().unwrap().into(),
        at: now(),
        state: MessageState::New,
        from: "+4930100".to_owned(),
        from_name: "Ada".to_owned(),
        to: "d".to_owned(),
        call_id: "call_1".to_owned(),
        length_ms: 4_000,
        bytes: 4,
        transcript: Transcript::in_state("none"),
    };
    let to = ["bob@example.com".to_owned()];
    rig.store.keep_message(&message, b"RIFF".to_vec(), &to, "").await.unwrap();
    let file = rig.store.voicemail_file(&message.account, "vm_1");
    assert!(file.exists());
    let messages = format!("{path}/messages");
    let (_, list) = rig.ask("GET", &messages, json!({})).await;
    let row = &list["data"][0];
    assert_eq!(
        (&row["from"], &row["state"], &row["length_ms"]),
        (&json!("+4930100"), &json!("new"), &json!(4_000))
    );
    assert_eq!(row["mails"][0]["to"], json!("bob@example.com"));
    let (_, changed) = rig.ask("PATCH", &format!("{messages}/vm_1"), json!({"state": "saved"})).await;
    assert_eq!(changed["state"], json!("saved"));
    let (_, shown) = rig.ask("GET", &path, json!({})).await;
    assert_eq!(shown["messages"], json!({"new": 0, "old": 1}));
    rig.ask("DELETE", &format!("/connections/{}", id(&desk)), json!({})).await;
    let (status, _) = rig.ask("DELETE", &path, json!({})).await;
    assert_eq!(status.as_u16(), 204);
    assert!(!file.exists());
    assert!(rig.store.message("vm_1").await.unwrap().is_none());
    assert!(rig.store.mails_of("vm_1").await.unwrap().is_empty());
}

/// A message in this mailbox, of a second.
async fn left(rig: &Rig, mailbox: &Value, name: &str, age_days: u64) -> VoiceMessage {
    let at = Timestamp::from_micros(now().as_micros() - age_days * 86_400_000_000);
    let message = VoiceMessage {
        id: format!("vm_{name}"),
        mailbox: id(mailbox).as_str().into(),
        account: mailbox["account"].as_str().unwrap().into(),
        at,
        state: MessageState::New,
        from: "+4930100".to_owned(),
        from_name: "Ada".to_owned(),
        to: "desk".to_owned(),
        call_id: "call_1".to_owned(),
        length_ms: 1_000,
        bytes: 16_044,
        transcript: Transcript::in_state("none"),
    };
    let audio = Audio { rate: 8_000, samples: vec![1_000; 8_000] }.file();
    rig.store.keep_message(&message, audio, &[], "").await.unwrap();
    message
}

#[tokio::test]
async fn messages_are_listed_by_page_and_state_and_heard() {
    let rig = Rig::new().await;
    let desk = rig.create("/mailboxes", json!({"name": "Desk"})).await;
    let other = rig.create("/mailboxes", json!({"name": "Other"})).await;
    let messages = format!("/mailboxes/{}/messages", id(&desk));
    for name in ["1", "2", "3"] {
        left(&rig, &desk, name, 0).await;
    }
    rig.ask("PATCH", &format!("{messages}/vm_2"), json!({"state": "old"})).await;
    for (query, found) in [
        ("", vec!["vm_3", "vm_2", "vm_1"]),
        ("?limit=1", vec!["vm_3"]),
        ("?after=vm_3&limit=1", vec!["vm_2"]),
        ("?state=new", vec!["vm_3", "vm_1"]),
        ("?state=saved", vec![]),
    ] {
        let listed = rig.get(&format!("{messages}{query}")).await;
        let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids, found, "{query}");
    }
    let elsewhere = format!("/mailboxes/{}/messages/vm_1", id(&other));
    for (method, path, body, status, code) in [
        ("GET", format!("{messages}?state=heard"), Value::Null, 422, "invalid_parameter"),
        ("GET", format!("{messages}?limit=0"), Value::Null, 422, "invalid_parameter"),
        ("GET", format!("{messages}/vm_9"), Value::Null, 404, "not_found"),
        ("GET", elsewhere.clone(), Value::Null, 404, "not_found"),
        ("DELETE", elsewhere, Value::Null, 404, "not_found"),
        ("GET", "/mailboxes/box_9/messages".to_owned(), Value::Null, 404, "not_found"),
        ("PATCH", format!("{messages}/vm_1"), json!({"state": "heard"}), 422, "invalid_value"),
        ("PATCH", format!("{messages}/vm_1"), json!({}), 422, "field_missing"),
    ] {
        let (found, reply) = rig.ask(method, &path, body).await;
        assert_eq!((found.as_u16(), &reply["code"]), (status, &json!(code)), "{method} {path}: {reply}");
    }
    let (status, fields, octets) =
        heard(&rig, &rig.key, &format!("{messages}/vm_1/audio"), &[("range", "bytes=0-43")]).await;
    assert_eq!((status.as_u16(), octets.len()), (206, 44));
    assert_eq!(
        (field(&fields, "content-type"), field(&fields, "content-range")),
        ("audio/wav", "bytes 0-43/16044")
    );
    // Hearing it here does not make it an old one: that is said by PATCH.
    assert_eq!(rig.get(&format!("{messages}/vm_1")).await["state"], json!("new"));
    let (status, _) = rig.ask("DELETE", &format!("{messages}/vm_1"), Value::Null).await;
    assert_eq!(status.as_u16(), 204);
    let (status, ..) = heard(&rig, &rig.key, &format!("{messages}/vm_1/audio"), &[]).await;
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn messages_are_for_those_who_may() {
    let rig = Rig::new().await;
    let north = id(&rig.create("/accounts", json!({"name": "north"})).await);
    let desk = rig.create("/mailboxes", json!({"name": "Desk"})).await;
    left(&rig, &desk, "1", 0).await;
    let (mailbox, messages) =
        (format!("/mailboxes/{}", id(&desk)), format!("/mailboxes/{}/messages", id(&desk)));
    let message = format!("{messages}/vm_1");
    let audio = format!("{message}/audio");
    let saved = json!({"state": "saved"});
    for (account, scope, method, path, body, status) in [
        (None, "connections:read", "GET", &*mailbox, Value::Null, 200),
        (None, "connections:read", "GET", &*messages, Value::Null, 403),
        (None, "connections:read", "GET", &*audio, Value::Null, 403),
        (None, "history:read", "GET", &*audio, Value::Null, 200),
        (None, "history:read", "PATCH", &*message, saved.clone(), 403),
        (None, "history:read", "DELETE", &*message, Value::Null, 403),
        (Some(&*north), "admin", "GET", &*messages, Value::Null, 404),
        (Some(&*north), "admin", "GET", &*audio, Value::Null, 404),
        (Some(&*north), "admin", "PATCH", &*message, saved, 404),
        (Some(&*north), "admin", "DELETE", &*message, Value::Null, 404),
        (None, "config:write", "DELETE", &*message, Value::Null, 204),
    ] {
        let key = rig.key_with(account, &[scope]).await;
        let (found, reply) = rig.ask_as(&key, method, path, body).await;
        assert_eq!(found.as_u16(), status, "{account:?} {scope} {method} {path}: {reply}");
    }
}

#[tokio::test]
async fn an_address_without_a_mail_server_is_warned_of() {
    let rig = Rig::new().await;
    let warned = |check: Value| {
        let checks = check["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "e-mail").map(|check| check["detail"].clone())
    };
    assert_eq!(warned(rig.get("/system/check").await), None);
    rig.create("/mailboxes", json!({"name": "Desk", "email": "bob@example.com"})).await;
    let detail = warned(rig.get("/system/check").await);
    assert_eq!(detail, Some(json!("no mail server is set, so that no e-mail is sent: mailbox Desk")));
}
