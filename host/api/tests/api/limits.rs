//! Limits: words in them, what is inherited, what is used, what lets a refused call pass, and what they would have refused.

use std::time::Duration;

use engine::control::{NearMiss, Refusal};
use engine::{CallOutcome, CallRecord, EndedBy, Persist};
use routing::reason::Reason;
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::rig::{Rig, id};

async fn account(rig: &Rig, change: Value) -> String {
    let main = id(&rig.get("/accounts").await["data"][0]);
    let (status, reply) = rig.ask("PATCH", &format!("/accounts/{main}"), change).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    main
}

#[tokio::test]
async fn words_in_limits_are_known() {
    let rig = Rig::new().await;
    let device = json!({"kind": "device", "name": "desk", "user": "desk"});
    let path = format!("/connections/{}", id(&rig.create("/connections", device).await));
    let (_, changed) = rig
        .ask("PATCH", &path, json!({"limits": {"countries": {"allow": ["de", "*"], "on_first": "hold"}}}))
        .await;
    assert_eq!(changed["limits"]["countries"]["allow"], json!(["DE", "*"]));
    for (limits, pointer) in [
        (json!({"countries": {"allow": ["ZZ"]}}), "/limits/countries/allow/0"),
        (json!({"countries": {"approved": ["*"]}}), "/limits/countries/approved/0"),
        (json!({"prefixes": {"deny": ["49"]}}), "/limits/prefixes/deny/0"),
        (json!({"warn_at": 101}), "/limits/warn_at"),
        (json!({"window": "sliding"}), "/limits/window"),
    ] {
        let (status, problem) = rig.ask("PATCH", &path, json!({"limits": limits})).await;
        assert_eq!((status.as_u16(), &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
    }
    let main = id(&rig.get("/accounts").await["data"][0]);
    let zone = json!({"timezone": "Europe/Atlantis"});
    let (status, problem) = rig.ask("PATCH", &format!("/accounts/{main}"), zone).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["pointer"]), (422, &json!("/timezone")));
}

#[tokio::test]
async fn a_connection_inherits_what_its_account_says() {
    let rig = Rig::new().await;
    let defaults = json!({"defaults": {"limits": {"concurrent": 3, "max_duration_s": 600}}, "timezone": "Europe/Berlin"});
    let main = account(&rig, defaults).await;
    let made = rig.create("/connections", json!({"kind": "device", "name": "desk", "user": "desk"})).await;
    assert_eq!(
        (&made["limits"]["concurrent"], &made["limits"]["max_duration_s"]),
        (&Value::Null, &Value::Null)
    );
    let shown = rig.get(&format!("/accounts/{main}")).await;
    assert_eq!(shown["status"]["limits"]["per_hour"], json!({"used": 7, "max": 100, "bucket_ms": 60_000}));
    let system = rig.get("/system/limits/status").await;
    assert_eq!(system["limits"]["per_hour"]["used"], 7);
}

async fn refused(rig: &Rig, reason: Reason, miss: (&str, &'static str, &str)) -> String {
    let (resource, field, have) = miss;
    rig.store.writer().push(Persist::Refused(Box::new(Refusal {
        at: Timestamp::from_secs(1_800_000_000),
        account: "".into(),
        source: "203.0.113.7:5060".parse().unwrap(),
        transport: "udp",
        method: "INVITE",
        from: "sip:desk@example.test".into(),
        to: "sip:+37120000000@example.test".into(),
        user_agent: "PBX".into(),
        sip_code: 403,
        reason,
        near_misses: vec![NearMiss { resource: resource.into(), field, have: have.into(), want: "".into() }],
    })));
    rig.store.flush().await;
    let listed = rig.get(&format!("/refused?reason={}", reason.code())).await;
    id(&listed["data"][0])
}

#[tokio::test]
async fn what_was_refused_is_allowed_with_one_request() {
    let rig = Rig::new().await;
    let main = account(&rig, json!({"country": "DE"})).await;
    let made = rig.create("/connections", json!({"kind": "device", "name": "desk", "user": "desk"})).await;
    let (path, desk) = (format!("/connections/{}", id(&made)), format!("connection {}", id(&made)));
    let resolve = async |row: String| {
        let suggestion = rig.get(&format!("/refused/{row}")).await["suggestions"][0].clone();
        let request = suggestion["request"].clone();
        let (status, done) =
            rig.ask("POST", request["path"].as_str().unwrap(), request["body"].clone()).await;
        assert_eq!((status.as_u16(), &done["applied"]), (200, &json!(true)), "{done}");
        (suggestion["label"].clone(), done)
    };
    // The rule was the account's country: it stays allowed.
    let row = refused(&rig, Reason::Country, (&desk, "limits.countries", "Latvia (LV)")).await;
    let (label, done) = resolve(row).await;
    assert_eq!(label, "Let desk call Latvia (LV)");
    assert_eq!(rig.get(&path).await["limits"]["countries"]["allow"], json!(["DE", "LV"]));
    rig.ask("PATCH", &path, done["undo"]["body"].clone()).await;
    assert_eq!(rig.get(&path).await["limits"]["countries"]["allow"], Value::Null);

    rig.ask("PATCH", &path, json!({"limits": {"prefixes": {"deny": ["+49900"]}}})).await;
    let row = refused(&rig, Reason::Prefix, (&desk, "limits.prefixes", "+499001234")).await;
    resolve(row).await;
    let limits = rig.get(&path).await["limits"].clone();
    assert_eq!(limits["prefixes"], json!({"allow": ["+499001234"], "deny": ["+49900"]}));
    assert_eq!(limits["countries"]["allow"], json!(["DE"]), "the country stays allowed");

    let resource = format!("account {main}");
    let row = refused(&rig, Reason::FirstCall, (&resource, "limits.countries.approved", "France (FR)")).await;
    resolve(row).await;
    let approved = &rig.get(&format!("/accounts/{main}")).await["limits"]["countries"]["approved"];
    assert_eq!(approved, &json!(["FR"]));
}

#[tokio::test]
async fn last_week_under_other_limits() {
    let rig = Rig::new().await;
    let main = account(&rig, json!({"country": "DE"})).await;
    let made = rig.create("/connections", json!({"kind": "device", "name": "desk", "user": "desk"})).await;
    let desk = id(&made);
    let now = store::now();
    for (number, dialled) in (0..6).zip(["+4930", "+4930", "+3712", "+4930", "+4930", "+4930"]) {
        let ago = Duration::from_secs(if number == 0 { 8 * 86_400 } else { 600 - number * 60 });
        let started_at = Timestamp::from_micros(now.as_micros() - u64::try_from(ago.as_micros()).unwrap());
        rig.store.writer().push(Persist::Record(Box::new(CallRecord {
            id: format!("call_{:011x}{number:016x}", started_at.as_millis()).into(),
            account: main.as_str().into(),
            provider: None,
            started_at,
            ringing_at: None,
            answered_at: Some(started_at),
            ended_at: started_at + Duration::from_secs(30),
            from: "sip:desk@example.test".into(),
            from_display: "".into(),
            dialled: format!("{dialled}1234567").into(),
            connection_in: desk.as_str().into(),
            connection_out: "con_north".into(),
            outcome: CallOutcome::Answered,
            sip_code: 200,
            reason_code: "",
            reason_text: "".into(),
            q850: 16,
            ended_by: EndedBy::Caller,
            config_rev: 1,
            proof: "digest",
            candidates: Vec::new(),
            attempts: Vec::new(),
            flow: Vec::new(),
            signature: None,
            signed: None,
            legs: Vec::new(),
        })));
    }
    rig.store.flush().await;
    let path = format!("/connections/{desk}/limits/preview");
    let (status, preview) = rig.ask("POST", &path, json!({"per_hour": 3})).await;
    assert_eq!(status.as_u16(), 200, "{preview}");
    assert_eq!((&preview["calls"], &preview["refused"]), (&json!(5), &json!(2)), "{preview}");
    assert_eq!(preview["by_limit"], json!({"countries": 1, "per_hour": 1}));
    assert_eq!(preview["examples"][0]["reason_code"], "L-03");
    let (_, preview) =
        rig.ask("POST", &format!("/accounts/{main}/limits/preview"), json!({"per_day": 1})).await;
    assert_eq!(preview["by_limit"], json!({"per_day": 4}));
    let (_, preview) = rig.ask("POST", "/system/limits/preview", json!({"max_duration_s": 10})).await;
    assert_eq!((&preview["refused"], &preview["cut_off"]), (&json!(0), &json!(5)));
    assert_eq!(rig.get(&format!("/connections/{desk}")).await["limits"]["per_hour"], Value::Null);
}
