//! The first owner: one wins, then the door is closed.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::rig::{Rig, read};

#[tokio::test]
async fn of_two_claims_at_once_one_wins() {
    let rig = Rig::new().await;
    let token = rig.store.create_setup_token().await.unwrap();
    assert_eq!(
        read(rig.send(Request::get("/api/v1/setup").body(Body::empty()).unwrap()).await).await.1,
        json!({"open": true})
    );
    let claim = |body: Value| Request::post("/api/v1/setup").body(Body::from(body.to_string())).unwrap();
    let (status, reply) =
        read(rig.send(claim(json!({"token": token, "name": "ana", "password": "short"}))).await).await;
    assert_eq!((status.as_u16(), reply["errors"][0]["pointer"].as_str()), (422, Some("/password")));
    let (status, reply) =
        read(rig.send(claim(json!({"token": "wrong", "name": "ana", "password": "long enough"}))).await)
            .await;
    assert_eq!((status.as_u16(), reply["code"].as_str()), (403, Some("setup_token_invalid")));
    let body = json!({"token": token, "name": "ana", "password": "long enough", "country": "nl"});
    let (one, two) = tokio::join!(rig.send(claim(body.clone())), rig.send(claim(body)));
    let (one, two) = (read(one).await, read(two).await);
    let (winner, loser) = if one.0.as_u16() == 201 { (one, two) } else { (two, one) };
    assert_eq!((winner.0.as_u16(), loser.0.as_u16()), (201, 404), "{} {}", winner.1, loser.1);
    let key = winner.1["key"].as_str().unwrap();
    let (_, accounts) = rig.ask_as(key, "GET", "/accounts", Value::Null).await;
    assert_eq!(accounts["data"][0]["country"], "NL");
    assert_eq!(
        rig.send(Request::get("/api/v1/setup").body(Body::empty()).unwrap()).await.status().as_u16(),
        404
    );
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let rig = Rig::new().await;
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let response = rig.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert!(
            response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
        );
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = core::str::from_utf8(&body).unwrap();
        for elsewhere in ["https://", "http://", "src=\"//", "@import"] {
            assert!(!text.contains(elsewhere), "{path}: {elsewhere}");
        }
    }
}
