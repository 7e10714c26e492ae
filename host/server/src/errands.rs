//! What calls have done for them outside of their shards: sounds from the data folder and from web servers, and the
//! requests of flows. On tasks of its own, so that no shard waits.
//!
//! A sound is a file, by its account and its name; words become one by whatever speaks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use api::Api;
use callflow::{Clip, Errand as Asked, Outcome, Told};
use codec::wav;
use engine::{Brought, Errand, Wanted};
use hyper::header::{HeaderName, HeaderValue};
use outside::{Fault, Outside, Request};
use routing::config::{Condition, Person};
use serde_json::Value;
use speech::{Speech, Words};
use store::Store;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::mailroom::{Found, Mailroom};
use crate::recordings::Recordings;
use crate::waking::Waking;

/// Whoever runs them.
pub(crate) struct Errands {
    outside: Outside,
    speech: Arc<Speech>,
    store: Store,
    kept: Mutex<Kept>,
    room: Arc<Semaphore>,
    tasks: Handle,
    waking: Waking,
    recordings: Arc<Recordings>,
    mailroom: Arc<Mailroom>,
    desk: OnceLock<Weak<Api>>,
    melody: OnceLock<Arc<[i16]>>,
}

/// Sounds that were read before, by their files.
#[derive(Default)]
struct Kept {
    sounds: HashMap<PathBuf, (SystemTime, Arc<[i16]>)>,
    samples: usize,
}

impl Errands {
    pub(crate) fn new(
        outside: Outside,
        waking: Waking,
        speech: Arc<Speech>,
        (recordings, mailroom): (Arc<Recordings>, Arc<Mailroom>),
        store: Store,
    ) -> Self {
        let (room, tasks) = (Arc::new(Semaphore::new(AT_ONCE)), Handle::current());
        let (kept, desk, melody) = (Mutex::default(), OnceLock::new(), OnceLock::new());
        Self { outside, speech, store, kept, room, tasks, waking, recordings, mailroom, desk, melody }
    }

    /// Whoever wakes devices.
    pub(crate) fn pushes(&self) -> &Waking {
        &self.waking
    }

    /// Whoever knows of recordings.
    pub(crate) fn recordings(&self) -> &Arc<Recordings> {
        &self.recordings
    }

    /// Whoever changes the configuration for them.
    pub(crate) fn knows(&self, desk: &Arc<Api>) {
        // Known once for all.
        let _ = self.desk.set(Arc::downgrade(desk));
    }

    /// Answers by `reply`, later. With too many under way it cannot be had.
    pub(crate) fn run(self: &Arc<Self>, errand: Errand, reply: Box<dyn FnOnce(Brought) + Send>) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return reply(match errand.wanted {
                Wanted::Audio(_) => Brought::Audio(Err("too many calls want something at once".into())),
                Wanted::Recording(_) => Brought::Recording(None),
                Wanted::Answer(_) => Brought::Answer(Told::of(Outcome::ERROR)),
                Wanted::Push(address) => Brought::Pushed(address, self.waking.dropped()),
            });
        };
        let errands = Arc::clone(self);
        self.tasks.spawn(async move {
            let account = errand.account.as_str();
            reply(match errand.wanted {
                Wanted::Audio(clips) => {
                    let audio = errands.audio(account, &clips).await;
                    if let Err(why) = &audio {
                        tracing::warn!(account, %why, "a flow has nothing to play");
                    }
                    Brought::Audio(audio.map_err(String::into_boxed_str))
                }
                Wanted::Recording(recording) => {
                    Brought::Recording(errands.recordings.length(recording).await)
                }
                Wanted::Answer(asked) => Brought::Answer(match &*asked {
                    Asked::Mailbox(post) => errands.mailroom.answer(account, post).await,
                    Asked::Fetch { .. } | Asked::Person { .. } | Asked::Webhook { .. } => {
                        errands.answer(account, &asked).await
                    }
                }),
                Wanted::Push(address) => {
                    let pushed = errands.waking.wake(&address).await;
                    Brought::Pushed(address, pushed)
                }
            });
            drop(place);
        });
    }

    /// All of it in a row.
    async fn audio(&self, account: &str, clips: &[Clip]) -> Result<Arc<[i16]>, String> {
        if let [clip] = clips {
            return self.clip(account, clip).await;
        }
        let mut all = Vec::new();
        for clip in clips {
            all.extend_from_slice(&self.clip(account, clip).await?);
            if all.len() > LONGEST {
                return Err("it is too long".to_owned());
            }
        }
        Ok(all.into())
    }

    async fn clip(&self, account: &str, clip: &Clip) -> Result<Arc<[i16]>, String> {
        match clip {
            Clip::Melody => Ok(self.melody().await),
            Clip::Sound(name) => self.sound(account, name).await,
            Clip::Address(url) => self.over_http(url).await,
            Clip::Greeting(_) | Clip::Message(_) | Clip::Recording(_) => {
                match self.mailroom.found(account, clip).await {
                    Found::File(path) => self.file(&path).await,
                    Found::Clip(Clip::Sound(name)) => self.sound(account, &name).await,
                    Found::Clip(Clip::Speech { text, voice, language }) => {
                        self.spoken(account, &text, &voice, &language).await
                    }
                    Found::Clip(_) | Found::Nothing => Err("there is no such message".to_owned()),
                }
            }
            Clip::Speech { text, voice, language } => self.spoken(account, text, voice, language).await,
        }
    }

    /// Changes what a person wants of calls whose connection this is.
    async fn change_person(
        &self,
        account: &str,
        connection: &str,
        set: &str,
        to: Option<&str>,
        on: bool,
    ) -> Told {
        let Some(api) = self.desk.get().and_then(Weak::upgrade) else { return Told::of(Outcome::FAILED) };
        let change = |person: &mut Person| match Condition::named(set) {
            Some(condition) => *person.forward.to_mut(condition) = to.map(str::to_owned),
            None => person.dnd_until = on.then(|| store::now() + UNTIL_TAKEN_BACK),
        };
        Told::of(match api.change_person(account, connection, change).await {
            Ok(true) => Outcome::DONE,
            Ok(false) => Outcome::named("unknown"),
            Err(why) => {
                tracing::warn!(account, connection, %why, "a person could not be changed");
                Outcome::FAILED
            }
        })
    }

    /// Our own melody, made when it is first heard.
    async fn melody(&self) -> Arc<[i16]> {
        if let Some(melody) = self.melody.get() {
            return Arc::clone(melody);
        }
        let made = tokio::task::spawn_blocking(codec::melody).await.unwrap_or_default();
        Arc::clone(self.melody.get_or_init(|| made.into()))
    }

    async fn sound(&self, account: &str, name: &str) -> Result<Arc<[i16]>, String> {
        let (speech, owner, wanted) = (Arc::clone(&self.speech), account.to_owned(), name.to_owned());
        let find = move || speech.sounds().find(&owner, &wanted);
        let found = tokio::task::spawn_blocking(find).await.map_err(|fault| fault.to_string())?;
        self.file(&found.ok_or_else(|| format!("there is no sound {name}"))?).await
    }

    /// Words in the voice and the language that are asked for, else in the language of the account.
    async fn spoken(
        &self,
        account: &str,
        text: &str,
        voice: &str,
        language: &str,
    ) -> Result<Arc<[i16]>, String> {
        let own = match language {
            "" => self.store.language_of(account).await.map_err(|fault| fault.to_string())?,
            language => Some(language.to_owned()),
        };
        let language = own.unwrap_or_else(|| USUAL_LANGUAGE.to_owned());
        let words = Words { text: text.to_owned(), voice: voice.to_owned(), language };
        self.file(&self.speech.say(&words).await.map_err(|fault| fault.to_string())?).await
    }

    /// The samples of a file, read once as long as it does not change.
    async fn file(&self, path: &Path) -> Result<Arc<[i16]>, String> {
        let broken = |fault: std::io::Error| format!("{}: {fault}", path.display());
        let facts = tokio::fs::metadata(path).await.map_err(broken)?;
        let changed = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if let Some(kept) = self.kept(path, changed) {
            return Ok(kept);
        }
        if facts.len() > LARGEST as u64 {
            return Err(format!("{} is larger than {LARGEST} octets", path.display()));
        }
        let bytes = tokio::fs::read(path).await.map_err(broken)?;
        let audio = decoded(bytes).await.map_err(|why| format!("{}: {why}", path.display()))?;
        self.keep(path.to_owned(), changed, &audio);
        Ok(audio)
    }

    async fn over_http(&self, url: &str) -> Result<Arc<[i16]>, String> {
        let asked = Request {
            method: hyper::Method::GET,
            url: url.to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            patience: PATIENCE,
            longest: LARGEST,
            cut: false,
        };
        let answer = self.outside.ask(asked).await.map_err(|fault| format!("{url}: {fault}"))?;
        if answer.status != 200 {
            return Err(format!("{url} answers {}", answer.status));
        }
        decoded(answer.body).await.map_err(|why| format!("{url}: {why}"))
    }

    /// What a web server says, as the flow is told.
    async fn answer(&self, account: &str, asked: &Asked) -> Told {
        let request = match asked {
            Asked::Mailbox(_) => return Told::of(Outcome::FAILED),
            Asked::Fetch { request, .. } | Asked::Webhook { request, .. } => request,
            Asked::Person { connection, set, to, on } => {
                let to = to.as_deref().filter(|_| *on);
                return self.change_person(account, connection, set, to, *on).await;
            }
        };
        let answer = match self.outside.ask(written(request)).await {
            Ok(answer) => answer,
            Err(fault) => {
                tracing::info!(url = request.url, %fault, "a request of a flow failed");
                let late = matches!(fault, Fault::TimedOut(_));
                let outcome = if late { Outcome::TIMEOUT } else { Outcome::ERROR };
                return Told::of(outcome).with("http_error", fault.to_string());
            }
        };
        let body = String::from_utf8_lossy(&answer.body);
        let good = (200..300).contains(&answer.status);
        let told = match asked {
            Asked::Fetch { wanted, .. } => fetched(&body, wanted, good),
            Asked::Mailbox(_) => Told::of(Outcome::FAILED),
            Asked::Webhook { outcomes, .. } => decided(&body, outcomes, good),
            Asked::Person { .. } => Told::of(Outcome::FAILED),
        };
        told.with("http_status", answer.status.to_string()).with("http_body", body)
    }

    fn kept(&self, path: &Path, changed: SystemTime) -> Option<Arc<[i16]>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sounds.get(path).filter(|(at, _)| *at == changed).map(|(_, audio)| Arc::clone(audio))
    }

    fn keep(&self, path: PathBuf, changed: SystemTime, audio: &Arc<[i16]>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.samples + audio.len() > MOST_KEPT {
            *kept = Kept::default();
        }
        if let Some((_, old)) = kept.sounds.insert(path, (changed, Arc::clone(audio))) {
            kept.samples -= old.len();
        }
        kept.samples += audio.len();
    }
}

/// Decoding a long file would hold up the office, so it gets a thread.
async fn decoded(bytes: Vec<u8>) -> Result<Arc<[i16]>, String> {
    let work = move || wav::decode(&bytes).map(Arc::<[i16]>::from);
    let decoded = tokio::task::spawn_blocking(work).await.map_err(|fault| fault.to_string())?;
    decoded.map_err(str::to_owned)
}

fn written(request: &callflow::Request) -> Request {
    let field = |(name, value): &(String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    Request {
        method: hyper::Method::from_bytes(request.method.as_bytes()).unwrap_or(hyper::Method::GET),
        url: request.url.clone(),
        fields: request.headers.iter().filter_map(field).collect(),
        body: request.body.clone().into_bytes(),
        patience: request.patience,
        longest: LONGEST_ANSWER,
        cut: false,
    }
}

/// Parts of an answer, as variables.
fn fetched(body: &str, wanted: &[(Box<str>, Box<str>)], good: bool) -> Told {
    let mut told = Told::of(if good { Outcome::OK } else { Outcome::ERROR });
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    for (name, pointer) in wanted {
        told = told.with(name, json.pointer(pointer).map(text_of).unwrap_or_default());
    }
    told
}

/// Where an answer leads, and what it sets.
fn decided(body: &str, outcomes: &[Box<str>], good: bool) -> Told {
    let json: Option<Value> =
        if body.trim().is_empty() { Some(Value::Null) } else { serde_json::from_str(body).ok() };
    let Some(json) = json.filter(|_| good) else { return Told::of(Outcome::ERROR) };
    let mut told = match json.get("outcome").and_then(Value::as_str) {
        None => Told::of(Outcome::OK),
        Some(name) if outcomes.iter().any(|known| **known == *name) => Told::of(Outcome::named(name)),
        Some(_) => return Told::of(Outcome::ERROR),
    };
    for (name, value) in json.get("variables").and_then(Value::as_object).into_iter().flatten() {
        told = told.with(name, text_of(value));
    }
    told
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The language of an account that names none.
const USUAL_LANGUAGE: &str = "en";
/// Errands under way.
const AT_ONCE: usize = 256;
/// How long fetching a sound may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Octets of one sound.
const LARGEST: usize = 50 * 1024 * 1024;
/// Samples played in a row: an hour.
const LONGEST: usize = 8_000 * 3_600;
/// Samples of sounds that are kept: about two hours.
const MOST_KEPT: usize = 8_000 * 7_200;
/// Octets of an answer that a flow reads.
/// Ten years: for good, unless it is taken back.
const UNTIL_TAKEN_BACK: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
const LONGEST_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_outcomes_and_variables() {
        let outcomes: [Box<str>; 1] = ["sales".into()];
        for (body, good, outcome, set) in [
            ("", true, "ok", ""),
            ("{}", true, "ok", ""),
            (r#"{"outcome": "sales", "variables": {"vip": true}}"#, true, "sales", "vip=true"),
            (r#"{"outcome": "elsewhere"}"#, true, "error", ""),
            ("<html>", true, "error", ""),
            (r#"{"outcome": "sales"}"#, false, "error", ""),
        ] {
            let told = decided(body, &outcomes, good);
            let found: Vec<_> = told.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!((told.outcome.as_str(), found.join(" ").as_str()), (outcome, set), "{body}");
        }
        let wanted: [(Box<str>, Box<str>); 2] =
            [("name".into(), "/customer/name".into()), ("age".into(), "/age".into())];
        let told = fetched(r#"{"customer": {"name": "Ada"}}"#, &wanted, true);
        assert_eq!(told, Told::of(Outcome::OK).with("name", "Ada").with("age", ""));
    }
}
