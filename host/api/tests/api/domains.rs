//! Host names: every shape that vendors use is a row, a renamed one still leads here, and name servers are asked about it.

use serde_json::{Value, json};

use crate::rig::{Rig, id};

#[tokio::test]
async fn every_shape_of_host_is_a_row() {
    let rig = Rig::new().await;
    let other = rig.create("/accounts", json!({"name": "acme"})).await;
    for (body, host, role) in [
        // A hashed host of an account.
        (json!({"host": "D3f9a0c1.phones.example"}), "d3f9a0c1.phones.example", "registrar"),
        // application.account.BASE
        (json!({"application": "shop", "account": "acme"}), "shop.acme.localhost", "registrar"),
        // A registrar of each customer.
        (
            json!({"host": "acme-7.registrar.example", "account": "acme"}),
            "acme-7.registrar.example",
            "registrar",
        ),
        // One host that all share.
        (json!({"host": "sip.provider.example", "role": "shared"}), "sip.provider.example", "shared"),
        // A customer's own name.
        (json!({"host": "voice.customer.example", "role": "trunk"}), "voice.customer.example", "trunk"),
    ] {
        let made = rig.create("/domains", body).await;
        assert_eq!(
            (&made["host"], &made["role"], &made["realm"]),
            (&json!(host), &json!(role), &json!(host))
        );
    }
    // name.trunk.BASE, made with the trunk and unique; nobody else may take it.
    let trunk = json!({"kind": "trunk", "name": "North Line", "allowed_sources": ["192.0.2.1"]});
    assert_eq!(rig.create("/connections", trunk.clone()).await["host"], "north-line.trunk.localhost");
    assert_eq!(rig.create("/connections", trunk).await["host"], "north-line-2.trunk.localhost");
    let (status, reply) = rig.ask("POST", "/domains", json!({"host": "x.trunk.localhost"})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (422, &json!("invalid_value")));
    // A user lives in the shared one whatever its account.
    let body = json!({"kind": "device", "name": "a", "user": "a", "domain": "sip.provider.example", "account": id(&other)});
    rig.create("/connections", body).await;
}

#[tokio::test]
async fn a_renamed_domain_keeps_its_realm_and_its_former_host() {
    let rig = Rig::new().await;
    let made = rig.create("/domains", json!({"host": "old.example"})).await;
    let path = format!("/domains/{}", id(&made));
    let (_, renamed) = rig.ask("PATCH", &path, json!({"host": "new.example"})).await;
    assert_eq!(
        (&renamed["host"], &renamed["aliases"], &renamed["realm"]),
        (&json!("new.example"), &json!(["old.example"]), &json!("old.example"))
    );
    let (status, reply) = rig.ask("POST", "/domains", json!({"host": "old.example"})).await;
    assert_eq!((status.as_u16(), &reply["code"]), (409, &json!("host_taken")));
    let (_, back) = rig.ask("PATCH", &path, json!({"host": "old.example"})).await;
    assert_eq!((&back["host"], &back["aliases"]), (&json!("old.example"), &json!(["new.example"])));
    let (_, freed) = rig.ask("PATCH", &path, json!({"aliases": []})).await;
    assert_eq!(freed["aliases"], json!([]));
}

#[tokio::test]
async fn name_servers_are_asked_whether_it_leads_here() {
    let rig = Rig::new().await;
    for (host, state, word) in [
        ("right.example.com", "warning", "some records for those who look for more"),
        ("wrong.example.com", "failed", "do not lead here"),
        ("none.example.com", "failed", "do not lead here"),
    ] {
        let made = rig.create("/domains", json!({"host": host})).await;
        let found = rig.get(&format!("/domains/{}/check", id(&made))).await;
        assert_eq!(found["state"], state, "{found}");
        assert!(found["detail"].as_str().unwrap().contains(word), "{found}");
        let zone = found["zone"].as_str().unwrap();
        for line in [
            format!("{host}. 300 IN A 127.0.0.1\n"),
            format!("_sip._udp.{host}. 300 IN SRV 0 0 5060 {host}.\n"),
            format!("{host}. 300 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.{host}.\n"),
        ] {
            assert!(zone.contains(&line), "{line} is missing: {zone}");
        }
        let address = found["records"].as_array().unwrap().iter().find(|r| r["kind"] == "A").unwrap();
        assert_eq!((&address["needed"], &address["want"]), (&json!(true), &json!(["127.0.0.1"])));
    }
    let home = rig.get("/domains").await["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["host"] == "sip.localhost")
        .cloned();
    let found = rig.get(&format!("/domains/{}/check", id(&home.unwrap()))).await;
    assert!(found["zone"].as_str().unwrap().contains("*.trunk.localhost. 300 IN A 127.0.0.1\n"), "{found}");
    let key = rig.key_with(None, &["metrics:read"]).await;
    let path = format!("/domains/{}/check", found["domain"].as_str().unwrap());
    assert_eq!(rig.ask_as(&key, "GET", &path, Value::Null).await.0.as_u16(), 403);
    assert_eq!(rig.ask("GET", "/domains/dom_x/check", Value::Null).await.0.as_u16(), 404);
}
