//! A web server as an engine, spoken to as many are: `POST BASE/audio/speech` and `POST BASE/audio/transcriptions` with
//! the fields of the OpenAI API. Under the rules for all our requests to the outside.

use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use outside::{Outside, Request};
use serde_json::{Value, json};

use crate::{Fault, Synthesizer, Transcriber, Wish, Words};

/// A web server that speaks.
pub(crate) struct Voice(Server);

/// A web server that listens.
pub(crate) struct Recognizer(Server);

struct Server {
    /// Its address and the model, by which what it said is kept.
    name: String,
    base: String,
    wish: Wish,
    outside: Outside,
}

impl Voice {
    pub(crate) fn new(base: &str, wish: &Wish, outside: Outside) -> Self {
        Self(Server::new(base, wish, outside))
    }
}

impl Synthesizer for Voice {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn languages(&self) -> Vec<String> {
        self.0.wish.languages.clone()
    }

    fn speak<'a>(&'a self, words: &'a Words) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        async move {
            let Server { name, wish, .. } = &self.0;
            wish.check(name, &words.language)?;
            let voice = if words.voice.is_empty() { &wish.voice } else { &words.voice };
            let body = json!({
                "model": wish.model,
                "input": words.text,
                "voice": voice,
                "response_format": "wav",
            });
            let kind = HeaderValue::from_static("application/json");
            self.0.ask("/audio/speech", kind, body.to_string().into_bytes(), VOICE_PATIENCE).await
        }
        .boxed()
    }
}

impl Recognizer {
    pub(crate) fn new(base: &str, wish: &Wish, outside: Outside) -> Self {
        Self(Server::new(base, wish, outside))
    }
}

impl Transcriber for Recognizer {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn languages(&self) -> Vec<String> {
        self.0.wish.languages.clone()
    }

    fn transcribe<'a>(
        &'a self,
        recording: &'a Path,
        language: &'a str,
    ) -> BoxFuture<'a, Result<String, Fault>> {
        async move {
            let Server { name, wish, .. } = &self.0;
            wish.check(name, language)?;
            let audio = tokio::fs::read(recording).await?;
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(|fault| Fault::Ours(fault.to_string()))?;
            let boundary = HEXLOWER.encode(&random);
            // ISO 639-1, as far as the language has such a name.
            let primary = language.split(['-', '_']).next().unwrap_or_default();
            let body = form(&boundary, &wish.model, primary, &audio);
            let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
            let kind = kind.map_err(|fault| Fault::Ours(fault.to_string()))?;
            let answer = self.0.ask("/audio/transcriptions", kind, body, RECOGNIZER_PATIENCE).await?;
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let text = answer.get("text").and_then(Value::as_str);
            text.map(|text| text.trim().to_owned())
                .ok_or_else(|| Fault::engine(name, "its answer has no text"))
        }
        .boxed()
    }
}

impl Server {
    fn new(base: &str, wish: &Wish, outside: Outside) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let name = if wish.model.is_empty() { base.clone() } else { format!("{base} {}", wish.model) };
        Self { name, base, wish: wish.clone(), outside }
    }

    async fn ask(
        &self,
        path: &str,
        kind: HeaderValue,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, Fault> {
        let mut fields: Vec<(HeaderName, HeaderValue)> = vec![(CONTENT_TYPE, kind)];
        if let Some(key) = &self.wish.key {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.secret()))
                .map_err(|_| Fault::engine(&self.name, "its key is none that can be sent"))?;
            value.set_sensitive(true);
            fields.push((AUTHORIZATION, value));
        }
        let asked = Request {
            method: Method::POST,
            url: format!("{}{path}", self.base),
            fields,
            body,
            patience,
            longest: LONGEST,
            cut: false,
        };
        let answer = self.outside.ask(asked).await;
        let answer = answer.map_err(|fault| Fault::engine(&self.name, fault.to_string()))?;
        if answer.status != 200 {
            let said = String::from_utf8_lossy(&answer.body);
            let said: String = said.chars().take(MOST_SAID).collect();
            return Err(Fault::engine(&self.name, format!("it answers {}: {said}", answer.status)));
        }
        Ok(answer.body)
    }
}

/// A form with a file (RFC 7578).
fn form(boundary: &str, model: &str, language: &str, audio: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(audio.len() + 1_024);
    for (name, value) in [("model", model), ("language", language), ("response_format", "json")] {
        let part =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let file = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"recording.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(file.as_bytes());
    body.extend_from_slice(audio);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

const VOICE_PATIENCE: Duration = Duration::from_secs(30);
const RECOGNIZER_PATIENCE: Duration = Duration::from_secs(600);
/// Octets of an answer.
const LONGEST: usize = 64 << 20;
/// Letters of a complaint that are kept.
const MOST_SAID: usize = 300;
