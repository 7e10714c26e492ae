//! Bodies that must be refused: each with its code and where it points.

use serde_json::{Value, json};

use crate::rig::{Rig, id};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn bodies_are_refused_with_code_and_pointer() {
    let rig = Rig::new().await;
    let alice = rig.create("/connections", json!({"kind": "device", "name": "Alice", "user": "alice"})).await;
    rig.create("/connections", json!({"kind": "trunk", "name": "North", "peers": [{"host": "192.0.2.1"}]}))
        .await;
    rig.create("/numbers", json!({"e164": "+4930123", "target": {"connection": id(&alice)}})).await;
    let device = |extra: Value| merged(json!({"kind": "device", "name": "Bob", "user": "bob"}), extra);
    let trunk = |extra: Value| {
        merged(json!({"kind": "trunk", "name": "South", "allowed_sources": ["192.0.2.9"]}), extra)
    };
    let number =
        |extra: Value| merged(json!({"e164": "+4930124", "target": {"connection": id(&alice)}}), extra);
    let cases = [
        ("/connections", json!({}), 422, "field_missing", "/kind"),
        ("/connections", json!([]), 422, "invalid_type", ""),
        ("/connections", json!({"kind": "phone"}), 422, "invalid_value", "/kind"),
        ("/connections", json!({"kind": 1}), 422, "invalid_type", "/kind"),
        (
            "/connections",
            json!({"kind": "register_out", "name": "x", "user": "u"}),
            422,
            "field_missing",
            "/peers",
        ),
        (
            "/connections",
            json!({"kind": "register_out", "name": "x", "user": "u", "peers": []}),
            422,
            "field_missing",
            "/peers",
        ),
        (
            "/connections",
            json!({"kind": "register_out", "name": "x", "peers": [{"host": "a"}]}),
            422,
            "field_missing",
            "/user",
        ),
        (
            "/connections",
            json!({"kind": "register_in", "name": "x", "user": "u"}),
            422,
            "field_not_of_kind",
            "/user",
        ),
        (
            "/connections",
            json!({"kind": "register_in", "name": "x", "password": "p"}),
            422,
            "field_not_of_kind",
            "/password",
        ),
        ("/connections", json!({"kind": "device", "user": "x"}), 422, "field_missing", "/name"),
        ("/connections", json!({"kind": "device", "name": "x"}), 422, "field_missing", "/user"),
        ("/connections", device(json!({"id": "con_1"})), 422, "read_only", "/id"),
        ("/connections", device(json!({"colour": "red"})), 422, "unknown_field", "/colour"),
        ("/connections", device(json!({"enabled": "yes"})), 422, "invalid_type", "/enabled"),
        (
            "/connections",
            device(json!({"limits": {"concurrent": "8"}})),
            422,
            "invalid_type",
            "/limits/concurrent",
        ),
        ("/connections", device(json!({"limits": {"cps": 8}})), 422, "unknown_field", "/limits/cps"),
        (
            "/connections",
            device(json!({"limits": {"concurrent": -1}})),
            422,
            "invalid_value",
            "/limits/concurrent",
        ),
        (
            "/connections",
            device(json!({"limits": {"countries": {"allow": ["DE", "Germany"]}}})),
            422,
            "invalid_value",
            "/limits/countries/allow/1",
        ),
        (
            "/connections",
            device(json!({"limits": {"prefixes": {"deny": ["0900"]}}})),
            422,
            "invalid_value",
            "/limits/prefixes/deny/0",
        ),
        ("/connections", device(json!({"peers": []})), 422, "field_not_of_kind", "/peers"),
        ("/connections", device(json!({"dial_pattern": "."})), 422, "field_not_of_kind", "/dial_pattern"),
        ("/connections", device(json!({"trunk_name": "x"})), 422, "field_not_of_kind", "/trunk_name"),
        ("/connections", device(json!({"user": "alice"})), 409, "user_taken", "/user"),
        ("/connections", device(json!({"user": "b\r\nob"})), 422, "invalid_value", "/user"),
        ("/connections", device(json!({"password": ""})), 422, "invalid_value", "/password"),
        ("/connections", device(json!({"password": 1234})), 422, "invalid_type", "/password"),
        ("/connections", device(json!({"domain": "nowhere.example"})), 422, "unknown_reference", "/domain"),
        ("/connections", device(json!({"account": "nobody"})), 422, "unknown_reference", "/account"),
        ("/connections", device(json!({"transports": ["sctp"]})), 422, "invalid_value", "/transports/0"),
        (
            "/connections",
            device(json!({"ip_policy": "authenticate"})),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        (
            "/connections",
            device(json!({"dialled": {"action": "flow"}})),
            422,
            "field_missing",
            "/dialled/flow",
        ),
        (
            "/connections",
            device(json!({"dialled": {"failover": {"connection": "con_x"}}})),
            422,
            "unknown_reference",
            "/dialled/failover/connection",
        ),
        ("/connections", device(json!({"dialled": {"ring_s": 0}})), 422, "invalid_value", "/dialled/ring_s"),
        (
            "/connections",
            device(json!({"number_format": {"from": "e163"}})),
            422,
            "invalid_value",
            "/number_format/from",
        ),
        ("/connections", device(json!({"media": {"codecs": []}})), 422, "invalid_value", "/media/codecs"),
        (
            "/connections",
            device(json!({"media": {"advertise": "here"}})),
            422,
            "invalid_value",
            "/media/advertise",
        ),
        ("/connections", json!({"kind": "trunk", "name": "x"}), 422, "source_allow_all", "/allowed_sources"),
        (
            "/connections",
            json!({"kind": "trunk", "name": "x", "peers": [{"host": "carrier.example"}]}),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        ("/connections", trunk(json!({"allowed_sources": []})), 422, "source_allow_all", "/allowed_sources"),
        (
            "/connections",
            trunk(json!({"allowed_sources": ["0.0.0.0/0"]})),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        (
            "/connections",
            trunk(json!({"allowed_sources": ["0.0.0.0/1", "128.0.0.0/1"]})),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        (
            "/connections",
            trunk(json!({"allowed_sources": ["::ffff:0:0/96"]})),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        (
            "/connections",
            trunk(json!({"ip_policy": "either", "allowed_sources": ["::/0"]})),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        (
            "/connections",
            trunk(json!({"allowed_sources": ["192.0.2.0/33"]})),
            422,
            "invalid_value",
            "/allowed_sources/0",
        ),
        ("/connections", trunk(json!({"dial_pattern": "("})), 422, "invalid_pattern", "/dial_pattern"),
        ("/connections", trunk(json!({"trunk_name": "north"})), 409, "trunk_name_taken", "/trunk_name"),
        ("/connections", trunk(json!({"trunk_name": "a.b"})), 422, "invalid_value", "/trunk_name"),
        ("/connections", trunk(json!({"peers": [{"port": 5060}]})), 422, "field_missing", "/peers/0/host"),
        ("/connections", trunk(json!({"peers": [{"host": "a b"}]})), 422, "invalid_value", "/peers/0/host"),
        (
            "/connections",
            trunk(json!({"peers": [{"host": "a", "port": 0}]})),
            422,
            "invalid_value",
            "/peers/0/port",
        ),
        ("/connections", trunk(json!({"used_by": ["con_x"]})), 422, "unknown_reference", "/used_by/0"),
        ("/connections", trunk(json!({"offered_to": ["nobody"]})), 422, "unknown_reference", "/offered_to/0"),
        (
            "/connections",
            trunk(json!({"default_target": {"flow": "flo_1"}})),
            422,
            "unknown_reference",
            "/default_target/flow",
        ),
        ("/connections", trunk(json!({"default_target": "con_1"})), 422, "invalid_type", "/default_target"),
        ("/connections", trunk(json!({"default_target": {}})), 422, "invalid_value", "/default_target"),
        ("/connections", trunk(json!({"hunt_on": [200]})), 422, "invalid_value", "/hunt_on/0"),
        ("/connections", trunk(json!({"password": "secret"})), 422, "field_missing", "/user"),
        ("/numbers", json!({}), 422, "field_missing", "/e164"),
        ("/numbers", number(json!({"e164": "004930124"})), 422, "invalid_number", "/e164"),
        ("/numbers", number(json!({"e164": "+4930123"})), 409, "number_taken", "/e164"),
        (
            "/numbers",
            number(json!({"target": {"connection": "con_x"}})),
            422,
            "unknown_reference",
            "/target/connection",
        ),
        ("/numbers", number(json!({"target": {"flow": "flo_1"}})), 422, "unknown_reference", "/target/flow"),
        (
            "/numbers",
            number(json!({"e164": "+4930124", "forms": ["+4930125"]})),
            422,
            "invalid_value",
            "/forms/0",
        ),
        (
            "/numbers",
            number(json!({"e164": "+4930124", "forms": ["30124", "a b"]})),
            422,
            "invalid_value",
            "/forms/1",
        ),
        (
            "/numbers",
            number(json!({"e164": "+4930124", "forms": ["30124", "30124"]})),
            409,
            "number_taken",
            "/forms/1",
        ),
        ("/numbers", number(json!({"via": "con_x"})), 422, "unknown_reference", "/via"),
        ("/numbers", number(json!({"via": id(&alice)})), 422, "invalid_value", "/via"),
        ("/domains", json!({}), 422, "field_missing", "/host"),
        ("/domains", json!({"host": "a b"}), 422, "invalid_value", "/host"),
        ("/domains", json!({"host": "sip.localhost"}), 409, "host_taken", "/host"),
        ("/domains", json!({"host": "x.trunk.localhost"}), 422, "invalid_value", "/host"),
        ("/domains", json!({"host": "a.example", "digest": "sha512"}), 422, "invalid_value", "/digest"),
        ("/domains", json!({"host": "a.example", "role": "pbx"}), 422, "invalid_value", "/role"),
        (
            "/domains",
            json!({"host": "a.example", "default_flow": "flo_1"}),
            422,
            "unknown_reference",
            "/default_flow",
        ),
        (
            "/domains",
            json!({"host": "a.example", "voice_url": "https://voice.example"}),
            422,
            "flows_not_available",
            "/voice_url",
        ),
        ("/accounts", json!({"name": "Big Customer"}), 422, "invalid_value", "/name"),
        ("/accounts", json!({"name": "main"}), 409, "name_taken", "/name"),
        ("/accounts", json!({"name": "a", "country": "D1"}), 422, "invalid_value", "/country"),
        (
            "/accounts",
            json!({"name": "a", "allowed_sources": ["0.0.0.0/0"]}),
            422,
            "source_allow_all",
            "/allowed_sources",
        ),
        ("/accounts", json!({"name": "a", "password": "x"}), 422, "unknown_field", "/password"),
        ("/keys", json!({"name": "x"}), 422, "field_missing", "/scopes"),
        ("/keys", json!({"name": "x", "scopes": []}), 422, "invalid_value", "/scopes"),
        ("/keys", json!({"name": "x", "scopes": ["root"]}), 422, "invalid_value", "/scopes/0"),
        (
            "/keys",
            json!({"name": "x", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"}),
            422,
            "invalid_value",
            "/expires_at",
        ),
        ("/routes/explain", json!({"from": "101"}), 422, "field_missing", "/to"),
        (
            "/routes/explain",
            json!({"to": "1", "connection": "con_x"}),
            422,
            "unknown_reference",
            "/connection",
        ),
        ("/connections/batch", json!({}), 422, "field_missing", "/items"),
        ("/connections/batch", json!({"items": 1}), 422, "invalid_type", "/items"),
    ];
    for (path, body, status, code, pointer) in cases {
        let (found, reply) = rig.ask("POST", path, body.clone()).await;
        let at = (found.as_u16(), reply["code"].as_str(), reply["errors"][0]["pointer"].as_str());
        assert_eq!(at, (status, Some(code), Some(pointer)), "{path} {body}: {reply}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(reply[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {reply}");
        }
        assert_eq!(reply["status"], status);
    }
    let listed = rig.get("/connections").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "nothing that was refused was kept");
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let rig = Rig::new().await;
    let body = json!({"kind": "device", "nmae": "x", "enabled": 1, "media": {"srtp": "maybe"}});
    let (_, reply) = rig.ask("POST", "/connections", body).await;
    let mut pointers: Vec<_> =
        reply["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/enabled", "/media/srtp", "/name", "/nmae"]);
}

#[tokio::test]
async fn what_is_no_json_is_told_apart() {
    use axum::body::Body;
    use axum::http::Request;

    let rig = Rig::new().await;
    for (kind, body, status, code) in [
        ("application/json", "{\"name\":", 400, "invalid_json"),
        ("application/json", "", 400, "invalid_json"),
        ("text/xml", "<a/>", 415, "unsupported_media_type"),
    ] {
        let request = Request::post("/api/v1/connections")
            .header("authorization", format!("Bearer {}", rig.key))
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        let response = rig.send(request).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (found, reply) = crate::rig::read(response).await;
        assert_eq!((found.as_u16(), reply["code"].as_str()), (status, Some(code)));
    }
    let large = format!("{{\"notes\": \"{}\"}}", "x".repeat(1 << 20));
    let (status, reply) = rig.ask("POST", "/connections", serde_json::from_str(&large).unwrap()).await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (413, Some("body_too_large")));
}

#[tokio::test]
async fn queries_are_checked() {
    let rig = Rig::new().await;
    for path in [
        "/connections?limit=0",
        "/connections?limit=1001",
        "/connections?limit=many",
        "/connections?colour=red",
        "/connections?enabled=perhaps",
        "/history?since=yesterday",
        "/history?account=nobody",
        "/audit?limit=5000",
    ] {
        let (status, reply) = rig.ask("GET", path, Value::Null).await;
        assert_eq!(
            (status.as_u16(), reply["code"].as_str()),
            (422, Some("invalid_parameter")),
            "{path}: {reply}"
        );
    }
}

fn merged(mut body: Value, extra: Value) -> Value {
    let (Value::Object(body_map), Value::Object(extra)) = (&mut body, extra) else { panic!("objects") };
    body_map.extend(extra);
    body
}
