//! Certificates over the API: what is taken, what is refused and why, what the check of the system says of them.

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::rig::Rig;

/// Chain and key for a name, good from one year to another.
fn issued(name: &str, years: (i32, i32)) -> (String, String) {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn request(name: Option<&str>, (chain, key): &(String, String)) -> Value {
    let mut body = json!({"certificate": chain, "private_key": key});
    if let Some(name) = name {
        body["name"] = name.into();
    }
    body
}

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn certificates_come_are_replaced_and_go() {
    let rig = Rig::new().await;
    let first = rig.get("/system/certificates").await;
    let own = names(&first)[0].to_owned();
    assert_eq!((names(&first).len(), &first["data"][0]["source"]), (1, &json!("self_signed")));

    let added =
        rig.create("/system/certificates", request(None, &issued("sip.example.com", (2020, 2100)))).await;
    assert_eq!((&added["name"], &added["names"]), (&json!("sip.example.com"), &json!(["sip.example.com"])));
    assert_eq!(added["default"], true, "before our own");
    assert!(!added.to_string().contains("PRIVATE KEY"));
    let again =
        rig.create("/system/certificates", request(None, &issued("sip.example.com", (2020, 2100)))).await;
    assert_ne!(again["fingerprint"], added["fingerprint"], "replaced");
    assert_eq!(names(&rig.get("/system/certificates").await).len(), 2);

    let gone = rig.ask("DELETE", "/system/certificates/sip.example.com", Value::Null).await.0;
    assert_eq!(gone.as_u16(), 204);
    let (status, _) = rig.ask("DELETE", "/system/certificates/sip.example.com", Value::Null).await;
    assert_eq!(status.as_u16(), 404);
    let (status, problem) = rig.ask("DELETE", &format!("/system/certificates/{own}"), Value::Null).await;
    assert!(status.is_client_error(), "our own stays: {problem}");
    assert_eq!(names(&rig.get("/system/certificates").await), [own]);
}

#[tokio::test]
async fn what_cannot_be_presented_is_refused_with_its_field() {
    let rig = Rig::new().await;
    let good = issued("sip.example.com", (2020, 2100));
    let (_, other_key) = issued("sip.example.com", (2020, 2100));
    let table = [
        (request(None, &(good.0.clone(), other_key)), "/private_key"),
        (request(None, &(good.0.clone(), "nonsense".to_owned())), "/private_key"),
        (request(None, &("nonsense".to_owned(), good.1.clone())), "/certificate"),
        (request(None, &issued("sip.example.com", (2019, 2020))), "/certificate"),
        (request(Some("../../etc/x"), &good), "/name"),
        (json!({"certificate": good.0}), "/private_key"),
    ];
    for (body, pointer) in table {
        let (status, problem) = rig.ask("POST", "/system/certificates", body).await;
        assert_eq!(status.as_u16(), 422, "{pointer}: {problem}");
        assert!(problem.to_string().contains(pointer), "{pointer}: {problem}");
    }
    assert_eq!(names(&rig.get("/system/certificates").await).len(), 1);
    let main = crate::rig::id(&rig.get("/accounts").await["data"][0]);
    for key in [rig.key_with(Some(&main), &["admin"]).await, rig.key_with(None, &["connections:read"]).await]
    {
        let (status, _) = rig.ask_as(&key, "POST", "/system/certificates", request(None, &good)).await;
        assert_eq!(status.as_u16(), 403, "who does not run the installation");
    }
}

#[tokio::test]
async fn the_check_of_the_system_tells_of_certificates() {
    let rig = Rig::new().await;
    let fine = rig.get("/system/check").await;
    // Which engines of speech there are is a matter of the machine.
    let checks = fine["checks"].as_array().unwrap().iter();
    let others: Vec<_> =
        checks.filter(|check| check["name"] != "voice" && check["name"] != "transcripts").collect();
    assert!(others.len() > 2 && others.iter().all(|check| check["state"] == "passed"), "{fine}");
    let good = issued("sip.example.com", (2020, 2100));
    rig.create("/system/certificates", request(Some("mine"), &good)).await;
    let folder = rig.folder().join("certificates");
    std::fs::write(folder.join("mine.pem"), "nonsense").unwrap();
    let listed = rig.ask("POST", "/system/certificates/reload", Value::Null).await.1;
    let mine = listed["data"].as_array().unwrap().iter().find(|entry| entry["name"] == "mine").unwrap();
    assert!(mine["fingerprint"].is_string(), "the good one is still presented: {mine}");
    let check = rig.get("/system/check").await;
    let item =
        check["checks"].as_array().unwrap().iter().find(|item| item["name"] == "certificate mine").unwrap();
    assert_eq!((&check["state"], &item["state"]), (&json!("warning"), &json!("warning")));
    assert!(item["detail"].as_str().unwrap().starts_with("the new file is not used: "), "{item}");
    assert!(item["fix"].as_str().unwrap().contains("certificate add"));
}
