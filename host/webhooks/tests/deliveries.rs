//! Deliveries over real sockets on loopback: signed, repeated, each endpoint on its own, and never where they may
//! not go.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use outside::{Outside, Rule};
use rustls::{ClientConfig, RootCertStore};
use store::{Actor, Delivery, DeliveryQuery, NewDelivery, Store, WebhookRow, new_id};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use webhooks::Courier;

/// An endpoint that answers as told, and remembers what it was sent.
struct Endpoint {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Answers with these status lines in turn, the last one for ever; `slow` never answers.
    async fn new(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=1", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    let mut buffer = [0; 4096];
                    while !text.ends_with(b"}") {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => text.extend_from_slice(&buffer[..count]),
                        }
                    }
                    let answer = {
                        let mut kept = kept.lock().unwrap();
                        kept.push(String::from_utf8_lossy(&text).into_owned());
                        answers[(kept.len() - 1).min(answers.len() - 1)]
                    };
                    if answer == "slow" {
                        std::future::pending::<()>().await;
                    }
                    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 2\r\n\r\nok");
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

struct Rig {
    store: Store,
    folder: std::path::PathBuf,
    disabled: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    async fn new(allowed: &str) -> Self {
        let folder = std::env::temp_dir().join(new_id("webhooks_test"));
        let store = Store::open(&folder).await.unwrap();
        let disabled = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&disabled);
        let allowed = allowed.split_whitespace().map(|network| network.parse().unwrap()).collect();
        Courier::start(store.clone(), outside(allowed), move |gone| {
            told.lock().unwrap().push(gone.reason);
        });
        Self { store, folder, disabled }
    }

    async fn webhook(&self, url: &str) -> (String, String) {
        let row = WebhookRow::new(url.to_owned());
        let secret = self.store.create_webhook(&Actor::system(), &row).await.unwrap();
        (row.id, secret)
    }

    async fn queue(&self, webhook: &str, count: usize) -> Vec<String> {
        let new = |n| NewDelivery {
            webhook: webhook.to_owned(),
            event: "call.ended".to_owned(),
            body: format!("{{\"type\":\"call.ended\",\"n\":{n}}}"),
        };
        self.store.queue_deliveries(&(0..count).map(new).collect::<Vec<_>>()).await.unwrap()
    }

    /// Waits until deliveries are as expected.
    async fn until(&self, webhook: &str, fits: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let began = Instant::now();
        loop {
            let query = DeliveryQuery { webhook: webhook.to_owned(), ..DeliveryQuery::default() };
            let found = self.store.deliveries(&query).await.unwrap().data;
            if fits(&found) || began.elapsed() > Duration::from_secs(20) {
                assert!(fits(&found), "{found:?}");
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn outside(allowed: Vec<ipnet::IpNet>) -> Outside {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = Arc::new(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    Outside::new(Rule::new(allowed), move || Arc::clone(&tls))
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_signed_and_one_that_fails_is_tried_again_with_the_same_id() {
    let rig = Rig::new("127.0.0.0/8").await;
    let endpoint = Endpoint::new(&["500 Oh", "204 Fine"]).await;
    let (id, secret) = rig.webhook(&endpoint.url).await;
    assert!(secret.starts_with("whsec_"));
    let sent = rig.queue(&id, 1).await;
    let failed = rig.until(&id, |all| !all[0].attempts.is_empty()).await;
    assert_eq!((failed[0].state.as_str(), failed[0].attempts[0].status), ("pending", Some(500)));
    assert!(failed[0].next_at.is_some());
    // Not in five seconds but now.
    rig.store.replay_deliveries(&id, Some(&sent[0]), None).await.unwrap();
    let done = rig.until(&id, |all| all[0].state == "delivered").await;
    assert_eq!((done[0].attempts.len(), done[0].attempts[1].response.as_str()), (2, ""));
    let heard = endpoint.heard();
    assert_eq!(heard.len(), 2);
    for text in &heard {
        assert!(text.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{text}");
        assert!(
            text.contains(&format!("webhook-id: {}", sent[0])) && text.contains("webhook-signature: v1,")
        );
    }
    // A rotated secret signs beside the one before.
    rig.store.rotate_webhook(&Actor::system(), &id, Duration::from_secs(60)).await.unwrap();
    rig.queue(&id, 1).await;
    rig.until(&id, |all| all.iter().all(|one| one.state == "delivered")).await;
    let last = endpoint.heard().pop().unwrap();
    let signature = last.lines().find(|line| line.starts_with("webhook-signature")).unwrap();
    assert_eq!(signature.matches("v1,").count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_endpoint_delays_nobody_else() {
    let rig = Rig::new("127.0.0.0/8").await;
    let (slow, quick) = (Endpoint::new(&["slow"]).await, Endpoint::new(&["200 OK"]).await);
    let (slow_id, _) = rig.webhook(&slow.url).await;
    let (quick_id, _) = rig.webhook(&quick.url).await;
    rig.queue(&slow_id, 20).await;
    let began = Instant::now();
    rig.queue(&quick_id, 20).await;
    rig.until(&quick_id, |all| all.len() == 20 && all.iter().all(|one| one.state == "delivered")).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(slow.heard().len(), 2, "two at once, and no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_to_private_addresses_or_along_redirects_and_gone_means_gone() {
    let closed = Rig::new("").await;
    let endpoint = Endpoint::new(&["200 OK"]).await;
    let (id, _) = closed.webhook(&endpoint.url.replace("127.0.0.1", "localhost")).await;
    closed.queue(&id, 1).await;
    let refused = closed.until(&id, |all| !all[0].attempts.is_empty()).await;
    let why = refused[0].attempts[0].error.clone().unwrap();
    assert!(why.contains("--http-allow") && why.contains("loopback"), "{why}");
    assert!(endpoint.heard().is_empty());

    let open = Rig::new("127.0.0.0/8").await;
    let moved = Endpoint::new(&["302 Found"]).await;
    let (id, _) = open.webhook(&moved.url).await;
    open.queue(&id, 1).await;
    let failed = open.until(&id, |all| !all[0].attempts.is_empty()).await;
    assert!(failed[0].attempts[0].error.as_deref().unwrap().contains("redirects are not followed"));

    let gone = Endpoint::new(&["410 Gone"]).await;
    let (id, _) = open.webhook(&gone.url).await;
    open.queue(&id, 1).await;
    open.until(&id, |all| all[0].state == "failed").await;
    let began = Instant::now();
    while open.disabled.lock().unwrap().is_empty() && began.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(open.disabled.lock().unwrap().len(), 1);
    let row = open.store.webhook(&id).await.unwrap().unwrap();
    assert!(!row.enabled && row.disabled_reason.is_some());
}
