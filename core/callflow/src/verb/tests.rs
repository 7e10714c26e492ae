//! The table as a whole.

use super::*;
use crate::graph::Graph;
use serde_json::json;

#[test]
fn verbs_stand_in_order_and_once() {
    let names: Vec<_> = VERBS.iter().map(|row| row.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}

#[test]
fn every_setting_is_said_to_be_for_something() {
    fn check(verb: &str, settings: &[Setting]) {
        for setting in settings {
            assert!(setting.about.ends_with('.'), "{verb}.{}", setting.name);
            match setting.kind {
                Kind::Object(inner) => check(verb, inner),
                Kind::List(Kind::Object(inner), _) => check(verb, inner),
                Kind::Choice(words) => assert!(!words.is_empty()),
                Kind::Number(least, most, default) => assert!((least..=most).contains(&default)),
                _ => {}
            }
        }
    }
    for row in VERBS {
        assert!(row.about.ends_with('.'), "{}", row.name);
        check(row.name, row.settings);
        let named = row.named_by.is_none_or(|name| row.settings.iter().any(|setting| setting.name == name));
        assert!(named, "{}", row.name);
    }
}

/// A verb, its settings, and where what is wrong with them is said to be.
#[test]
fn mistakes_in_settings_are_named() {
    for (verb, settings, pointers) in [
        ("answer", json!({}), &[][..]),
        ("answer", json!({"speed": 3}), &["/speed"]),
        ("play", json!({}), &["/sounds"]),
        ("play", json!({"sounds": []}), &["/sounds"]),
        ("play", json!({"sounds": "hello"}), &["/sounds"]),
        ("play", json!({"sounds": ["hello"], "times": -1}), &["/times"]),
        ("play", json!({"sounds": ["hello"], "times": 0, "stop_on_key": "yes"}), &["/stop_on_key"]),
        ("say", json!({"text": ""}), &["/text"]),
        ("reject", json!({"code": 200}), &["/code"]),
        ("reject", json!({"code": 407}), &["/code"]),
        ("hangup", json!({"cause": 0}), &["/cause"]),
        ("tone", json!({"signal": "siren"}), &["/signal"]),
        ("record", json!({"keys": "5x"}), &["/keys"]),
        ("record", json!({"what": "everything"}), &["/what"]),
        ("record", json!({"max_s": 0, "silence_s": 61}), &["/max_s", "/silence_s"]),
        ("record", json!({"keys": "", "what": "call"}), &[]),
        ("gather", json!({"options": ["1", "x"]}), &["/options"]),
        ("gather", json!({"options": ["1", "1"]}), &["/options"]),
        ("gather", json!({"least": 5, "most": 2}), &["/least"]),
        ("gather", json!({"variable": "1st"}), &["/variable"]),
        ("gather", json!({"terminator": "x"}), &["/terminator"]),
        ("gather", json!({"terminator": ""}), &[]),
        ("dial", json!({"to": [{"connection": "con_1"}]}), &[]),
        ("dial", json!({"to": [{"connection": "con_1", "number": "1"}]}), &["/to/0/connection"]),
        ("dial", json!({"to": [{"uri": "mailto:a@b"}]}), &["/to/0/uri"]),
        ("dial", json!({"to": [{"fax": "1"}]}), &["/to/0/fax", "/to/0/connection"]),
        ("conference", json!({"room": "staff", "pin": "12*"}), &[]),
        ("conference", json!({"pin": "1#"}), &["/room", "/pin"]),
        ("set", json!({"variables": {"a": "1"}}), &[]),
        ("set", json!({"variables": {"a b": "1"}}), &["/variables"]),
        ("set", json!({"variables": {"a": 1}}), &["/variables"]),
        ("if", json!({"value": "1", "is": "empty", "than": "2"}), &["/than"]),
        ("caller_match", json!({"numbers": ["+49*", "alice"]}), &[]),
        ("caller_match", json!({"numbers": ["*1"]}), &["/numbers"]),
        (
            "schedule",
            json!({"hours": [{"days": ["mo"], "from": "9", "to": "17:00"}]}),
            &["/hours/0/days", "/hours/0/from"],
        ),
        ("schedule", json!({"holidays": ["25.12."]}), &["/holidays"]),
        ("fetch", json!({"url": "ftp://x"}), &["/url"]),
        ("fetch", json!({"url": "https://x", "headers": {"A B": "c"}}), &["/headers"]),
        ("fetch", json!({"url": "https://x", "variables": {"a": "b"}}), &["/variables"]),
        ("webhook", json!({"url": "https://x", "outcomes": ["ok"]}), &["/outcomes"]),
        ("sub_flow", json!({}), &["/flow"]),
    ] {
        let document =
            json!({"nodes": [{"id": "n", "type": verb, "settings": settings.clone()}], "edges": []});
        let (_, problems) = Graph::read(&document);
        let found: Vec<_> = problems.iter().filter(|problem| problem.fatal).collect();
        let expected: Vec<_> = pointers.iter().map(|at| format!("/nodes/0/settings{at}")).collect();
        let at: Vec<_> = found.iter().map(|problem| problem.pointer.clone()).collect();
        assert_eq!(at, expected, "{verb} {settings}: {found:?}");
        assert!(found.iter().all(|problem| problem.node.as_deref() == Some("n")));
    }
}

/// A verb, its settings, and what is said of them: which setting, and what it has to be.
#[test]
fn mistakes_in_settings_say_what_to_do() {
    for (verb, settings, expected) in [
        ("play", json!({"sounds": "hello"}), "sounds: a list of at most 20, such as [\"hello\"]"),
        ("play", json!({"sounds": []}), "sounds: at least one"),
        ("play", json!({}), "sounds: must be given"),
        (
            "play",
            json!({"sounds": ["a"], "time": 2}),
            "there is no setting time; there are sounds, times, stop_on_key",
        ),
        (
            "play",
            json!({"sounds": ["a"], "times": "2"}),
            "times: a whole number from 0 to 1000, without quotation marks",
        ),
        ("dial", json!({"to": ["bob"]}), "to: each an object of connection, number, uri, delay_s, ring_s"),
        ("dial", json!({"to": [{}]}), "connection: one of connection, number and uri"),
        ("gather", json!({"options": [1, 2]}), "options: texts in quotation marks, each of at most 8 octets"),
        (
            "set",
            json!({"variables": {"a": 1}}),
            "variables: texts in quotation marks, each of at most 2048 octets",
        ),
        (
            "schedule",
            json!({"hours": [{"days": ["monday"], "from": "09:00", "to": "17:00"}]}),
            "days: \"monday\" is none of mon, tue, wed, thu, fri, sat, sun",
        ),
        ("schedule", json!({"hours": [{"days": ["mon"], "from": "09:00"}]}), "to: must be given"),
        ("schedule", json!({"dates": [{"date": "12-31", "from": "09:00"}]}), "to: a time of day, as 09:00"),
    ] {
        let document = json!({"nodes": [{"id": "a", "type": verb, "settings": settings}], "edges": []});
        let fatal = Graph::read(&document).1.into_iter().filter(|problem| problem.fatal);
        let said: Vec<_> = fatal.map(|problem| problem.message).collect();
        assert_eq!(said, [expected], "{document}");
    }
}
