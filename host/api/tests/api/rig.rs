//! The rig: a router, a store, and shards that remember what they were told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api::{
    About, Api, ConnectionTest, Looked, NameServers, Part, Readiness, Shards, SipAddress, TestStep, Tester,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use certificates::{OwnNames, Shelf, Trust};
use engine::BanOrder;
use engine::control::{
    Answer, Ask, CallView, ConferenceView, DecisionView, Event, ExplainView, Figures, ParticipantView,
    StatusView, Usage,
};
use futures_util::future::{BoxFuture, FutureExt};
use routing::config::Delta;
use serde_json::Value;
use store::{Actor, NewKey, Store, new_id, now};
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::ServiceExt;

pub(crate) struct Rig {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) shards: Arc<Rote>,
    /// A key of scope admin.
    pub(crate) key: String,
    folder: PathBuf,
}

/// Shards that answer by rote.
pub(crate) struct Rote {
    pub(crate) applied: Mutex<Vec<Arc<Delta>>>,
    pub(crate) calls: Mutex<Vec<CallView>>,
    pub(crate) hung_up: Mutex<Vec<String>>,
    pub(crate) conferences: Mutex<(Vec<ConferenceView>, Vec<ParticipantView>)>,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    pub(crate) draining: AtomicBool,
}

impl Shards for Rote {
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Vec<Answer>> {
        let answer = match ask {
            Ask::Queues => Answer::Queues(Vec::new()),
            Ask::Calls => Answer::Calls(self.calls.lock().unwrap().clone()),
            Ask::Hangup { call } => {
                self.hung_up.lock().unwrap().push(call.to_string());
                Answer::Done
            }
            Ask::Transfer { call, to, .. } if &*to != "busy" => {
                self.hung_up.lock().unwrap().push(format!("{call} to {to}"));
                Answer::Done
            }
            Ask::Transfer { .. } | Ask::Record { .. } => Answer::NotNow,
            Ask::MessagesWaiting(_) => Answer::Done,
            Ask::Status { connections } => Answer::Status(
                connections
                    .into_iter()
                    .map(|connection| StatusView {
                        connection,
                        state: "unknown",
                        since: None,
                        last_response: None,
                        problem: None,
                        next_attempt_at: None,
                        rehearsal_until: None,
                        registrations: Vec::new(),
                        active_calls: 3,
                        wrong_password: None,
                        limits: vec![Usage { limit: "concurrent", used: 3, max: 8, late_ms: 0 }],
                    })
                    .collect(),
            ),
            Ask::LimitsUsed { accounts, installation } => {
                let used = vec![Usage { limit: "per_hour", used: 7, max: 100, late_ms: 60_000 }];
                let accounts = accounts.iter().map(|id| id.as_str().into());
                let all = accounts.chain(installation.then(|| "system".into()));
                Answer::LimitsUsed(all.map(|id| (id, used.clone())).collect())
            }
            Ask::Explain(query) => Answer::Explained(ExplainView {
                identification: Vec::new(),
                decision: DecisionView {
                    action: "refuse",
                    config_rev: 1,
                    proof: "digest",
                    caller: query.connection,
                    called: query.to.into(),
                    targets: Vec::new(),
                    sip_code: Some(404),
                    reason_code: Some("R-04"),
                    text: "no way out for this number".into(),
                },
                candidates: Vec::new(),
                near_misses: Vec::new(),
            }),
            Ask::Figures => Answer::Figures(Box::new(Figures {
                calls_active: 2,
                calls: vec![("answered", 7)],
                messages_in: vec![("INVITE", 9), ("2xx", 4)],
                ..Figures::default()
            })),
            Ask::Conferences => {
                let (rooms, people) = self.conferences.lock().unwrap().clone();
                Answer::Conferences(rooms, people)
            }
            Ask::Confer { call, .. } if call.as_deref() == Some("call_gone") => Answer::NotFound,
            Ask::Confer { conference, call, order } => {
                self.hung_up.lock().unwrap().push(format!("{conference} {call:?} {order:?}"));
                Answer::Done
            }
            Ask::Bans(BanOrder::Dropped) => Answer::Dropped(Vec::new()),
            Ask::Drain | Ask::Bans(_) | Ask::Rehearse { .. } | Ask::EndAll | Ask::RegisterNow { .. } => {
                Answer::Done
            }
        };
        async move { vec![answer] }.boxed()
    }

    fn apply(&self, delta: Arc<Delta>) -> BoxFuture<'static, ()> {
        self.applied.lock().unwrap().push(delta);
        async {}.boxed()
    }

    fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    fn readiness(&self) -> Readiness {
        let part = Part { name: "sip udp 127.0.0.1:5060".to_owned(), ok: true, detail: "bound".to_owned() };
        Readiness { parts: vec![part], draining: self.draining.load(Ordering::Relaxed) }
    }
}

impl Tester for Rote {
    fn test(&self, test: ConnectionTest) -> UnboundedReceiver<TestStep> {
        let (told, steps) = unbounded_channel();
        let step = |name: &str, state: &'static str, detail: String| TestStep {
            name: name.to_owned(),
            state,
            took_ms: 1.5,
            detail,
            fix: String::new(),
            sent: String::new(),
            received: String::new(),
        };
        let host = test.connection.peers.first().map(|peer| peer.host.clone());
        // A peer called `slow` never answers.
        if host.as_deref() == Some("slow.example.com") {
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(told);
            });
            return steps;
        }
        let call = if test.call_to.is_some() { "passed" } else { "skipped" };
        for step in [
            step("dns", "running", String::new()),
            step("dns", "warning", host.unwrap_or_default()),
            step("call", call, test.call_to.unwrap_or_default()),
        ] {
            told.send(step).unwrap();
        }
        steps
    }
}

impl NameServers for Rote {
    /// `right.example.com` leads here, `wrong.example.com` elsewhere, nobody knows of others.
    fn look_up(&self, name: String, kind: &'static str) -> BoxFuture<'static, Looked> {
        let records = match (name.as_str(), kind) {
            ("right.example.com", "A") => vec!["127.0.0.1".to_owned()],
            ("wrong.example.com", "A") => vec!["192.0.2.1".to_owned()],
            ("_sip._udp.right.example.com", "SRV") => vec!["5 5 5060 right.example.com.".to_owned()],
            _ => Vec::new(),
        };
        async move { Looked { records, fault: None } }.boxed()
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let folder = std::env::temp_dir().join(new_id("api_test"));
        let store = Store::open(&folder).await.unwrap();
        let shards = Arc::new(Rote {
            applied: Mutex::default(),
            calls: Mutex::default(),
            hung_up: Mutex::default(),
            conferences: Mutex::default(),
            events: broadcast::channel(64).0,
            draining: AtomicBool::new(false),
        });
        let shelf = Arc::new(
            Shelf::open(
                &folder,
                OwnNames { hosts: vec!["localhost".to_owned()], addresses: Vec::new() },
                None,
            )
            .unwrap(),
        );
        let about = About {
            trust: Arc::new(Trust::open(Arc::clone(&shelf))),
            keyring: Arc::new(stir::Keyring::open(&folder)),
            shelf,
            version: "0.1.0",
            node: "node-1".to_owned(),
            data: folder.clone(),
            base_domain: "localhost".to_owned(),
            sip: vec![SipAddress { transport: "udp", ip: [127, 0, 0, 1].into(), port: 5060 }],
            media_ports: (20_000, 29_999),
            media: None,
            public_ip: None,
            own_addresses: Vec::new(),
            http: vec!["http://127.0.0.1:8080".to_owned()],
            passes: engine::PassKey::new(&[7; 16]),
            push_key: "BPushKey".to_owned(),
            outside: outside::Rule::default(),
            speech: speech::Speech::start(
                &folder,
                Self::engines(),
                outside::Outside::new(outside::Rule::default(), || unreachable!("nothing is asked for")),
                store.clone(),
            )
            .0,
            sends_mail: false,
            started_at: now(),
        };
        let loaded = store.load().await.unwrap();
        let api = Api::new(store.clone(), loaded, Arc::<Rote>::clone(&shards), about);
        let mut rig = Self { router: api::router(api), store, shards, key: String::new(), folder };
        rig.key = rig.key_with(None, &["admin"]).await;
        rig
    }

    /// What speaks is a program that knows two languages, so that it is the same on every machine; nothing listens.
    fn engines() -> speech::Settings {
        let choice = speech::Choice::Command(vec!["cat".to_owned()]);
        let languages = ["en", "de"].map(str::to_owned).to_vec();
        let synthesizer = speech::Wish { choice, languages, ..speech::Wish::default() };
        speech::Settings { synthesizer, ..speech::Settings::default() }
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// A key with these scopes, of this account.
    pub(crate) async fn key_with(&self, account: Option<&str>, scopes: &[&str]) -> String {
        let new = NewKey {
            name: "test".to_owned(),
            account: account.map(Into::into),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            expires_at: None,
        };
        self.store.create_key(&Actor::system(), new).await.unwrap().1
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends as admin; status and body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let key = self.key.clone();
        self.ask_as(&key, method, path, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        read(self.send(request).await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Creates as admin; the resource.
    pub(crate) async fn create(&self, path: &str, body: Value) -> Value {
        let (status, reply) = self.ask("POST", path, body).await;
        assert_eq!(status, StatusCode::CREATED, "{reply}");
        reply
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// The id in a reply.
pub(crate) fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_owned()
}
