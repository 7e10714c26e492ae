//! E-mails over a real socket on loopback: what a mail server takes is gone from the queue, what it does not take is tried again, and
//! what it never will is given up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{Postman, Smtp};
use routing::config::Mailbox;
use store::{Mail, MessageState, Store, Transcript, VoiceMessage, new_id};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A mail server that answers each message like this, and what it was given.
async fn server(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let given = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&given);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                writer.write_all(b"220 test\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    let mut reply = "250 ok";
                    if line == "DATA" {
                        writer.write_all(b"354 go on\r\n").await.unwrap();
                        let mut text = String::new();
                        while let Some(part) = lines.next_line().await.unwrap().filter(|part| part != ".") {
                            text.push_str(&part);
                            text.push('\n');
                        }
                        kept.lock().unwrap().push(text);
                        reply = answer;
                    }
                    writer.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                }
            });
        }
    });
    (url, given)
}

/// One message with an e-mail that is due, and what became of that within some seconds.
async fn sent(url: Option<&str>) -> Option<Mail> {
    let folder = std::env::temp_dir().join(new_id("mail"));
    let store = Store::open(&folder).await.unwrap();
    let message = VoiceMessage {
        id: new_id("vm"),
        mailbox: "box_1".into(),
        account: "acc_1".into(),
        at: store::now(),
        state: MessageState::New,
        from: "+4930100".to_owned(),
        from_name: String::new(),
        to: "bob".to_owned(),
        call_id: "call_1".to_owned(),
        length_ms: 4_000,
        bytes: 4,
        transcript: Transcript::in_state("none"),
    };
    store.keep_message(&message, b"RIFF".to_vec(), &["bob@example.com".to_owned()], "").await.unwrap();
    let server = url.map(|url| Smtp::new(url, "pbx@example.com", None).unwrap());
    let row: Mailbox = Mailbox {
        id: "box_1".into(),
        name: "Desk".to_owned(),
        account: "acc_1".into(),
        number: None,
        connection: None,
        greeting: routing::config::Greeting::Default,
        email: Some("bob@example.com".to_owned()),
        attach: routing::config::Attachments::default(),
        max_s: 60,
        max_messages: 10,
        retention_days: 0,
        language: None,
        transcribe: false,
        unsolicited: false,
        pin: None,
    };
    let row = Arc::new(row);
    let postman =
        Postman::start(store.clone(), server, move |_, _| Some((Arc::clone(&row), "today".to_owned())));
    let mut left = None;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = store.mails_of(&message.id).await.unwrap().pop();
        if left.as_ref().is_none_or(|mail| mail.attempts > 0) {
            break;
        }
    }
    postman.abort();
    store.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    left
}

#[tokio::test]
async fn what_is_taken_is_gone_from_the_queue() {
    let (url, given) = server("250 taken").await;
    assert_eq!(sent(Some(&url)).await, None);
    let given = given.lock().unwrap();
    assert_eq!(given.len(), 1);
    assert!(given[0].contains("Subject: Voicemail from +4930100 (0:04)"), "{}", given[0]);
    assert!(given[0].contains("Content-Type: audio/wav"), "{}", given[0]);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_unless_that_is_of_no_use() {
    let (busy, _) = server("451 not now").await;
    let (never, _) = server("554 never").await;
    for (url, again, why) in [
        (Some(busy.as_str()), true, "451"),
        (Some("smtp://127.0.0.1:1"), true, "refused"),
        (None, true, "--smtp"),
        (Some(never.as_str()), false, "554"),
    ] {
        let mail = sent(url).await.expect("it waits, or is given up");
        assert_eq!((mail.attempts, mail.next_at.is_some()), (1, again), "{url:?}: {}", mail.problem);
        assert!(mail.problem.contains(why), "{url:?}: {}", mail.problem);
    }
}
