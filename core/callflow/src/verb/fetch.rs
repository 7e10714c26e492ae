//! `fetch`: an HTTP request whose answer fills variables.

use core::time::Duration;

use super::play::is_address;
use super::setting::NAME;
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Errand, Request};
use crate::template::Template;
use crate::variables::is_name;

pub(super) const ROW: Row = Row {
    name: "fetch",
    about: "Asks a web server and keeps parts of its answer.",
    settings: &[
        Setting::may("method", METHODS, "The method."),
        URL,
        HEADERS,
        Setting::may("body", Kind::Text(8_192), "Body; ${name} is filled in."),
        PATIENCE,
        Setting::may(
            "variables",
            Kind::Map(32),
            "Variables by name, each with the JSON pointer of its value in the answer, such as /customer/name.",
        ),
    ],
    outcomes: &[
        leads("ok", "an answer from 200 to 299; `http_status` and `http_body` are set"),
        leads("error", "another answer, or none"),
        leads("timeout", "no answer in time"),
    ],
    named_by: None,
    waits: false,
    read,
};

pub(super) const METHODS: Kind = Kind::Choice(&["GET", "POST", "PUT", "PATCH", "DELETE"]);
pub(super) const URL: Setting =
    Setting::must("url", Kind::Text(2_048), "Where to; ${name} is filled in, escaped.");
pub(super) const HEADERS: Setting = Setting::may("headers", Kind::Map(16), "Header fields by name.");
pub(super) const PATIENCE: Setting =
    Setting::may("timeout_s", Kind::Number(1, 30, 5), "Seconds that the answer may take.");

/// A request whose variables are not filled in yet.
#[derive(Debug)]
pub(super) struct Draft {
    method: &'static str,
    url: Box<str>,
    headers: Vec<(Box<str>, Template)>,
    patience: Duration,
}

impl Draft {
    pub(super) fn read(settings: &mut Reader<'_>, method: &'static str) -> Self {
        let url = settings.text("url");
        if settings.has("url") && !url.is_empty() && !is_address(&url) {
            settings.wrong("url", "an address that begins with https:// or http://");
        }
        let headers = settings.map("headers");
        let odd = |(name, value): &(Box<str>, Box<str>)| {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            name.is_empty() || !name.bytes().all(token) || value.bytes().any(|b| b.is_ascii_control())
        };
        if headers.iter().any(odd) {
            settings.wrong("headers", "names of header fields, and values on one line");
        }
        let headers = headers.into_iter().map(|(name, value)| (name, Template::new(&value))).collect();
        Self { method, url, headers, patience: Duration::from_secs(settings.number("timeout_s").into()) }
    }

    pub(super) fn fill(&self, scene: &Scene<'_>, body: String) -> Request {
        let value = |value: &Template| value.fill(scene.variables).replace(|c: char| c.is_control(), "");
        Request {
            method: self.method,
            url: escaped(&self.url, scene),
            headers: self.headers.iter().map(|(name, text)| ((**name).to_owned(), value(text))).collect(),
            body,
            patience: self.patience,
        }
    }
}

/// An address with variables filled in, so that a value is one part of it whatever stands in it.
fn escaped(url: &str, scene: &Scene<'_>) -> String {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        for byte in scene.variables.value(name.trim()).bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    filled.push(char::from(byte))
                }
                _ => filled.push_str(&format!("%{byte:02X}")),
            }
        }
        rest = behind;
    }
    filled.push_str(rest);
    crate::template::cut(filled)
}

#[derive(Debug)]
struct Fetch {
    draft: Draft,
    body: Template,
    wanted: Vec<(Box<str>, Box<str>)>,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let method = settings.choice("method");
    let draft = Draft::read(settings, method);
    let wanted = settings.map("variables");
    if let Some((name, _)) = wanted.iter().find(|(name, _)| !is_name(name)) {
        settings.wrong("variables", format!("{name:?} is not {NAME}"));
    }
    if wanted.iter().any(|(_, pointer)| !pointer.is_empty() && !pointer.starts_with('/')) {
        settings.wrong("variables", "a JSON pointer begins with /");
    }
    Box::new(Fetch { draft, body: settings.template("body"), wanted })
}

impl Verb for Fetch {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let body = self.body.fill(scene.variables);
        let request = self.draft.fill(scene, body);
        Move::Ask(Ask::Errand(Errand::Fetch { request, wanted: self.wanted.clone() }))
    }
}
