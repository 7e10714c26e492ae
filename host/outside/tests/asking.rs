//! Requests to a server of the test's own: what comes back, and what is refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use outside::{Fault, Outside, Request, Rule};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn outside(allowed: &[&str]) -> Outside {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let nets = allowed.iter().map(|net| net.parse().expect("a network")).collect();
    let tls = Arc::new(tls);
    Outside::new(Rule::new(nets), move || Arc::clone(&tls))
}

fn get(url: &str) -> Request {
    Request {
        method: hyper::Method::GET,
        url: url.to_owned(),
        fields: Vec::new(),
        body: Vec::new(),
        patience: Duration::from_secs(2),
        longest: 100,
        cut: false,
    }
}

/// Answers every connection with the same text; `{}` in it is its own address.
async fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer.replace("{}", &address.to_string()).as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let at = server("HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    let answer = outside(&["127.0.0.0/8"]).ask(get(&format!("http://{at}/x?y=z"))).await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_slice(), answer.max_age), (200, b"hello".as_slice(), Some(60)));
}

#[tokio::test]
async fn private_addresses_are_refused_by_name_and_number() {
    let at = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let fault =
            outside(&[]).ask(get(&format!("http://{host}:{}/", at.port()))).await.expect_err("refused");
        assert!(matches!(fault, Fault::Private { .. }), "{host}: {fault}");
        assert!(fault.to_string().contains("--http-allow"), "{fault}");
    }
    assert!(matches!(outside(&[]).check("https://10.0.0.1/"), Err(Fault::Private { .. })));
    assert_eq!(outside(&[]).check("https://example.com/"), Ok(()));
    assert!(matches!(outside(&[]).check("ftp://example.com/"), Err(Fault::Address(_))));
    assert!(matches!(outside(&[]).check("https://me:secret@example.com/"), Err(Fault::Credentials(_))));
}

#[tokio::test]
async fn a_redirect_is_judged_like_an_address() {
    let at = server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/\r\nContent-Length: 0\r\n\r\n").await;
    let fault = outside(&["127.0.0.1/32"]).ask(get(&format!("http://{at}/"))).await.expect_err("refused");
    assert!(matches!(fault, Fault::Private { .. }), "{fault}");
    let at = server("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n").await;
    let fault = outside(&["127.0.0.1/32"]).ask(get(&format!("http://{at}/"))).await.expect_err("refused");
    assert_eq!(fault, Fault::Redirects(3));
}

#[tokio::test]
async fn nothing_takes_longer_or_more_than_allowed() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n\
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let at = server(long).await;
    let all = outside(&["127.0.0.0/8"]);
    assert_eq!(all.ask(get(&format!("http://{at}/"))).await.expect_err("too long"), Fault::TooLong(100));
    let cut = all.ask(Request { cut: true, ..get(&format!("http://{at}/")) }).await.expect("its beginning");
    assert_eq!((cut.status, cut.body), (200, vec![b'a'; 100]));
    let silent = server("").await;
    let patience = Duration::from_millis(100);
    let asked = Request { patience, ..get(&format!("http://{silent}/")) };
    let fault = all.ask(asked).await.expect_err("nothing comes");
    assert!(matches!(fault, Fault::TimedOut(_) | Fault::Broken { .. }), "{fault}");
    let nonsense = server("SIP/2.0 200 OK\r\n\r\n").await;
    let fault = all.ask(get(&format!("http://{nonsense}/"))).await.expect_err("no HTTP");
    assert!(matches!(fault, Fault::Broken { .. }), "{fault}");
    let nowhere = all.ask(get("http://127.0.0.1:1/")).await.expect_err("nobody there");
    assert!(matches!(nowhere, Fault::Unreachable { .. }), "{nowhere}");
    let tls = all.ask(get(&format!("https://{at}/"))).await.expect_err("no TLS");
    assert!(matches!(tls, Fault::Tls { .. }), "{tls}");
}
