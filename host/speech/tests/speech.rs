//! The parts together: engines over HTTP and as programs, the cache, the queue with its restarts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codec::wav::Audio;
use outside::{Outside, Rule};
use rustls::{ClientConfig, RootCertStore};
use speech::{Choice, Key, Settings, Speech, Wish, Words, argv};
use store::{Store, TranscriptionState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

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

fn command(line: &str) -> Wish {
    Wish { choice: Choice::Command(argv(line).expect("a command")), ..Wish::default() }
}

fn off() -> Wish {
    Wish { choice: Choice::Off, ..Wish::default() }
}

fn settings(synthesizer: Wish, transcriber: Wish) -> Settings {
    Settings { synthesizer, transcriber, cache_bytes: 1_000_000 }
}

fn words(text: &str) -> Words {
    Words { text: text.to_owned(), voice: String::new(), language: "en".to_owned() }
}

struct Rig {
    data: PathBuf,
    store: Store,
    speech: Arc<Speech>,
    task: JoinHandle<()>,
}

impl Rig {
    async fn new(settings: Settings) -> Self {
        let data = std::env::temp_dir().join(store::new_id("speech_test"));
        let store = Store::open(&data).await.expect("a store");
        let (speech, task) = Speech::start(&data, settings, outside(), store.clone());
        Self { data, store, speech, task }
    }

    /// The process dies, and another begins on the folder.
    async fn restart(&mut self, settings: Settings) {
        self.task.abort();
        let _ = (&mut self.task).await;
        (self.speech, self.task) = Speech::start(&self.data, settings, outside(), self.store.clone());
    }

    fn recording(&self, name: &str) -> PathBuf {
        let path = self.data.join(name);
        std::fs::write(&path, Audio { rate: 8_000, samples: vec![1; 800] }.file()).expect("written");
        path
    }

    /// State, text and reason, once it is in this state.
    async fn settled(&self, subject: &str, state: TranscriptionState) -> (Option<String>, Option<String>) {
        let look = async {
            loop {
                let found = self.speech.transcripts().of(subject).await.expect("read").expect("a row");
                if found.state == state {
                    return (found.text, found.why);
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), look).await.expect("in time")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// Answers every request with this body; what it was asked is kept.
async fn server(status: &'static str, body: Vec<u8>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut part = [0; 4096];
            loop {
                let read = stream.read(&mut part).await.unwrap_or(0);
                request.extend_from_slice(&part[..read]);
                if read == 0 || whole(&request) {
                    break;
                }
            }
            kept.lock().expect("a lock").push(String::from_utf8_lossy(&request).into_owned());
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
    });
    (address, asked)
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    request.len() >= head.len() + 4 + length
}

fn http(at: SocketAddr) -> Wish {
    Wish {
        choice: Choice::Http(format!("http://{at}/v1/")),
        model: "m-1".to_owned(),
        voice: "alloy".to_owned(),
        languages: Vec::new(),
        key: Some(Key::new("sk-secret")),
    }
}

#[tokio::test]
async fn a_server_speaks_and_what_it_said_is_not_asked_for_again() {
    let audio = Audio { rate: 24_000, samples: vec![500; 24_000] };
    let (at, asked) = server("200 OK", audio.file()).await;
    let rig = Rig::new(settings(http(at), off())).await;
    let first = rig.speech.say(&words("hello \"you\"")).await.expect("said");
    let again = rig.speech.say(&words("hello \"you\"")).await.expect("said");
    assert_eq!(first, again);
    let kept = Audio::read(&std::fs::read(&first).expect("a file")).expect("audio");
    assert_eq!((kept.rate, kept.millis()), (16_000, 1_000));
    let asked = asked.lock().expect("a lock").clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("POST /v1/audio/speech HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].to_lowercase().contains("authorization: bearer sk-secret\r\n"), "{}", asked[0]);
    for part in
        [r#""input":"hello \"you\"""#, r#""model":"m-1""#, r#""voice":"alloy""#, r#""response_format":"wav""#]
    {
        assert!(asked[0].contains(part), "{part}: {}", asked[0]);
    }
    assert!(!format!("{:?}", rig.speech).contains("sk-secret"));
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    let (at, _) = server("401 Unauthorized", b"no such key".to_vec()).await;
    let rig = Rig::new(settings(http(at), off())).await;
    let fault = rig.speech.say(&words("hello")).await.expect_err("refused");
    assert_eq!(fault.to_string(), format!("http://{at}/v1 m-1: it answers 401: no such key"));
}

#[tokio::test]
async fn a_server_listens() {
    let (at, asked) = server("200 OK", br#"{"text": " call me back "}"#.to_vec()).await;
    let rig = Rig::new(settings(off(), http(at))).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    rig.speech
        .transcripts()
        .on_settled(move |done| listener.lock().expect("a lock").push((done.subject.clone(), done.state)));
    rig.speech.transcripts().enqueue("msg_1", &rig.recording("a.wav"), "en-US").await.expect("queued");
    let done = rig.settled("msg_1", TranscriptionState::Done).await;
    assert_eq!(done, (Some("call me back".to_owned()), None));
    let asked = asked.lock().expect("a lock").clone();
    assert!(asked[0].starts_with("POST /v1/audio/transcriptions HTTP/1.1\r\n"), "{}", asked[0]);
    for part in ["name=\"model\"\r\n\r\nm-1\r\n", "name=\"language\"\r\n\r\nen\r\n", "\r\n\r\nRIFF"] {
        assert!(asked[0].contains(part), "{part}: {}", asked[0]);
    }
    assert_eq!(*told.lock().expect("a lock"), [("msg_1".to_owned(), TranscriptionState::Done)]);
    rig.speech.transcripts().forget("msg_1").await.expect("forgotten");
    assert_eq!(rig.speech.transcripts().of("msg_1").await, Ok(None));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let rig = Rig::new(settings(off(), Wish::default())).await;
    let fault = rig.speech.say(&words("hello")).await.expect_err("no voice");
    assert_eq!(fault.to_string(), "no voice is set up: it is switched off");
    rig.speech.transcripts().enqueue("msg_1", &rig.recording("a.wav"), "").await.expect("queued");
    let (text, why) = rig.settled("msg_1", TranscriptionState::NoEngine).await;
    assert_eq!(text, None);
    let why = why.expect("a reason");
    assert!(why.contains("speech/whisper/model.bin") && why.contains("--transcriber"), "{why}");
    let report = rig.speech.report().await;
    assert_eq!(report.transcriptions.no_engine, 1);
    assert_eq!(report.synthesizer.why.as_deref(), Some("no voice is set up: it is switched off"));
}

#[tokio::test]
async fn the_queue_goes_on_after_a_restart_and_when_an_engine_comes() {
    let mut rig = Rig::new(settings(off(), off())).await;
    rig.speech.transcripts().enqueue("msg_1", &rig.recording("a.wav"), "en").await.expect("queued");
    rig.settled("msg_1", TranscriptionState::NoEngine).await;
    // One that never ends is cut off by the end of the process, and begun again by the next.
    rig.restart(settings(off(), command("sleep 600"))).await;
    rig.settled("msg_1", TranscriptionState::Running).await;
    rig.speech.transcripts().enqueue("msg_2", &rig.recording("b.wav"), "en").await.expect("queued");
    rig.restart(settings(off(), command("echo hello {in}"))).await;
    for (subject, file) in [("msg_1", "a.wav"), ("msg_2", "b.wav")] {
        let (text, why) = rig.settled(subject, TranscriptionState::Done).await;
        let file = rig.data.join(file);
        assert_eq!((text, why), (Some(format!("hello {}", file.display())), None));
    }
}

#[tokio::test]
async fn what_cannot_work_fails_at_once() {
    let mut transcriber = command("echo hello");
    transcriber.languages = vec!["en".to_owned()];
    let rig = Rig::new(settings(off(), transcriber)).await;
    let queue = rig.speech.transcripts();
    queue.enqueue("msg_1", &rig.recording("a.wav"), "de").await.expect("queued");
    queue.enqueue("msg_2", Path::new("gone.wav"), "en").await.expect("queued");
    for (subject, reason) in
        [("msg_1", "echo does not know the language de; it knows en"), ("msg_2", "the recording is gone")]
    {
        let (text, why) = rig.settled(subject, TranscriptionState::Failed).await;
        assert_eq!((text, why.as_deref()), (None, Some(reason)));
    }
}
