//! `webhook`: a web server is told of the call and decides where it goes on.

use serde_json::{Map, Value};

use super::fetch::{Draft, HEADERS, PATIENCE, URL};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads};
use crate::ask::{Ask, Errand};

pub(super) const ROW: Row = Row {
    name: "webhook",
    about: "Posts the variables to a web server, whose answer {\"outcome\", \"variables\"} says where the flow goes on.",
    settings: &[
        URL,
        HEADERS,
        PATIENCE,
        Setting::may("outcomes", Kind::List(&Kind::Text(32), 32), "Outcomes that the answer may name."),
    ],
    outcomes: &[
        leads("ok", "an answer that names no outcome"),
        leads("error", "an answer that cannot be used, or none"),
        leads("timeout", "no answer in time"),
    ],
    named_by: Some("outcomes"),
    waits: false,
    read,
};

#[derive(Debug)]
struct Webhook {
    draft: Draft,
    outcomes: Vec<Box<str>>,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let draft = Draft::read(settings, "POST");
    let outcomes = settings.texts("outcomes");
    let taken = |name: &str| ROW.outcomes.iter().any(|way| way.name == name);
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if outcomes.iter().any(|name| taken(name) || !plain(name)) {
        settings.wrong("outcomes", "letters, digits and _, and none of ok, error and timeout");
    }
    Box::new(Webhook { draft, outcomes })
}

impl Verb for Webhook {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let variables: Map<String, Value> =
            scene.variables.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let body = serde_json::json!({ "variables": variables }).to_string();
        let mut request = self.draft.fill(scene, body);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        Move::Ask(Ask::Errand(Errand::Webhook { request, outcomes: self.outcomes.clone() }))
    }

    fn named(&self) -> &[Box<str>] {
        &self.outcomes
    }
}
