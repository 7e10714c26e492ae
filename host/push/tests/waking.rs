//! A push to a service of the test's own: what it gets, whether the signature holds, what its answers mean.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use outside::{Outside, Rule};
use push::{Pushed, Pusher, VapidKey};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-push-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn outside() -> Outside {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let tls = Arc::new(tls);
    Outside::new(Rule::new(vec!["127.0.0.0/8".parse().expect("a network")]), move || Arc::clone(&tls))
}

async fn service(status: &'static str) -> (SocketAddr, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let (got, heard) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let len = stream.read(&mut buffer).await.unwrap_or_default();
            drop(got.send(String::from_utf8_lossy(&buffer[..len]).into_owned()));
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_push_is_short_signed_and_says_nothing() {
    let folder = Folder::new("signed");
    let key = VapidKey::open(&folder.0, "https://pbx.example.com").expect("a key");
    let public = key.public().to_owned();
    assert_eq!(VapidKey::open(&folder.0, "x").expect("the same").public(), public);
    let (address, mut heard) = service("201 Created").await;
    let pusher = Pusher::new(key, outside());
    assert_eq!(pusher.push(&format!("http://{address}/s/abc?d=1"), 1_800_000_000).await, Pushed::Taken);
    let got = heard.recv().await.expect("a request");
    let fields: Vec<(String, &str)> =
        got.lines().filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v)).collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    assert!(got.starts_with("POST /s/abc?d=1 HTTP/1.1\r\n"), "{got}");
    assert_eq!((field("ttl"), field("urgency"), field("content-length")), ("30", "high", "0"));
    let (token, shown) =
        field("authorization").strip_prefix("vapid t=").expect("vapid").split_once(", k=").expect("a key");
    assert_eq!(shown, public);
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url");
    let point = decode(shown);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
        .verify(signed.as_bytes(), &decode(signature))
        .expect("a signature of ours");
    let claims = decode(signed.split_once('.').expect("claims").1);
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["aud"], format!("http://{address}"));
    assert_eq!(claims["exp"], 1_800_043_200_u64);
    assert_eq!(claims["sub"], "https://pbx.example.com");
}

#[tokio::test]
async fn what_answers_mean() {
    let folder = Folder::new("answers");
    let pusher = Pusher::new(VapidKey::open(&folder.0, "mailto:a@b").expect("a key"), outside());
    for (status, expected) in [("204 No Content", "taken"), ("410 Gone", "gone"), ("429 Too Many", "failed")]
    {
        let (address, _heard) = service(status).await;
        assert_eq!(pusher.push(&format!("http://{address}/"), 0).await.name(), expected, "{status}");
    }
    assert_eq!(pusher.push("nonsense", 0).await.name(), "failed");
    assert_eq!(pusher.push("http://10.0.0.1/", 0).await.name(), "failed", "a private address");
}
