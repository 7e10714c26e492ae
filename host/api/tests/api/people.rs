//! People: whose connections are whose, where their calls go, and that an explanation says so.

use serde_json::json;

use crate::rig::{Rig, id};

#[tokio::test]
async fn a_person_has_connections_that_are_nobody_elses() {
    let rig = Rig::new().await;
    let desk = rig.create("/connections", json!({"name": "Desk", "kind": "device", "user": "101"})).await;
    let person = json!({"name": "Ada", "connections": [id(&desk)], "forward": {"busy": "102"}});
    let ada = rig.create("/people", person).await;
    assert_eq!(ada["forward"]["busy"], "102");
    assert_eq!(ada["dnd_until"], json!(null));

    let second = json!({"name": "Bob", "connections": [id(&desk)]});
    let (status, reply) = rig.ask("POST", "/people", second).await;
    assert_eq!(status.as_u16(), 422, "{reply}");
    let (status, reply) = rig.ask("POST", "/people", json!({"name": "Ada"})).await;
    assert_eq!(status.as_u16(), 409, "{reply}");
    let itself = json!({"forward": {"always": "101"}});
    let (status, reply) = rig.ask("PATCH", &format!("/people/{}", id(&ada)), itself).await;
    assert_eq!(status.as_u16(), 422, "{reply}");
    let (status, reply) = rig.ask("DELETE", &format!("/connections/{}", id(&desk)), json!({})).await;
    assert_eq!(status.as_u16(), 409, "{reply}");
}

#[tokio::test]
async fn do_not_disturb_ends_at_a_time() {
    let rig = Rig::new().await;
    let ada = rig.create("/people", json!({"name": "Ada", "dnd_until": "2026-03-01T13:00:00+01:00"})).await;
    assert_eq!(ada["dnd_until"], "2026-03-01T12:00:00Z");
    let path = format!("/people/{}", id(&ada));
    let (status, reply) = rig.ask("PATCH", &path, json!({"dnd_until": "tomorrow"})).await;
    assert_eq!(status.as_u16(), 422, "{reply}");
    let (status, reply) = rig.ask("PATCH", &path, json!({"dnd_until": null})).await;
    assert_eq!((status.as_u16(), &reply["dnd_until"]), (200, &json!(null)), "{reply}");
}

#[tokio::test]
async fn connections_of_a_person_ring_in_an_order_that_is_known() {
    let rig = Rig::new().await;
    for ring in ["dialled", "in_order", "all"] {
        let ada = rig.create("/people", json!({"name": ring, "ring": ring})).await;
        assert_eq!(ada["ring"], ring);
    }
    let (status, reply) = rig.ask("POST", "/people", json!({"name": "Ada", "ring": "loudly"})).await;
    assert_eq!(status.as_u16(), 422, "{reply}");
}

#[tokio::test]
async fn a_mailbox_says_whether_phones_are_told_unasked() {
    let rig = Rig::new().await;
    let usual = rig.create("/mailboxes", json!({"name": "Ada"})).await;
    assert_eq!(usual["unsolicited"], json!(false), "{usual}");
    let path = format!("/mailboxes/{}", id(&usual));
    let (status, reply) = rig.ask("PATCH", &path, json!({"unsolicited": true})).await;
    assert_eq!((status.as_u16(), &reply["unsolicited"]), (200, &json!(true)), "{reply}");
    let (_, reply) = rig.ask("PATCH", &path, json!({"unsolicited": false})).await;
    assert_eq!(reply["unsolicited"], json!(false), "{reply}");
}
