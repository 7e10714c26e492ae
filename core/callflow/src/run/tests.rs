//! Runs as rows: a flow, what is told, and what is asked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default)]
struct Flows(BTreeMap<&'static str, Arc<Published>>);

impl World for Flows {
    fn local(&self, zone: Option<&str>, at: Timestamp) -> u64 {
        at.as_secs() + if zone == Some("Europe/Berlin") { 3_600 } else { 0 }
    }

    fn flow(&self, id: &str) -> Option<Arc<Published>> {
        self.0.get(id).cloned()
    }
}

fn published(id: &'static str, document: &Value) -> Arc<Published> {
    let (graph, problems) = Graph::read(document);
    Arc::new(Published { id: id.into(), version: 1, graph: graph.unwrap_or_else(|| panic!("{problems:?}")) })
}

fn menu() -> Value {
    json!({
        "nodes": [
            {"id": "in", "type": "incoming"},
            {"id": "menu", "type": "gather", "settings": {"sounds": ["welcome"], "options": ["1", "2"]}},
            {"id": "sales", "type": "dial", "settings": {"to": [{"number": "${called}1"}], "ring_s": 20}},
            {"id": "more", "type": "sub_flow", "settings": {"flow": "flow_more"}},
            {"id": "bye", "type": "hangup"}
        ],
        "edges": [
            {"from": "in", "outcome": "next", "to": "menu"},
            {"from": "menu", "outcome": "1", "to": "sales"},
            {"from": "menu", "outcome": "2", "to": "more"},
            {"from": "menu", "outcome": "timeout", "to": "bye"},
            {"from": "sales", "outcome": "busy", "to": "menu"},
            {"from": "more", "outcome": "done", "to": "bye"}
        ]
    })
}

fn more() -> Value {
    json!({
        "nodes": [
            {"id": "note", "type": "set", "settings": {"variables": {"who": "${caller}/${digits}"}}},
            {"id": "vip", "type": "if", "settings": {"value": "${who}", "is": "equal", "than": "alice/2"}},
            {"id": "song", "type": "play", "settings": {"sounds": ["song"]}}
        ],
        "edges": [
            {"from": "note", "outcome": "next", "to": "vip"},
            {"from": "vip", "outcome": "yes", "to": "song"}
        ]
    })
}

/// Walks the menu, telling these outcomes; what was asked, and the nodes on the way.
fn walk(told: &[Told]) -> (Vec<&'static str>, Vec<String>, Run) {
    let world = Flows([("flow_more", published("flow_more", &more()))].into());
    let now = Timestamp::from_secs(1_000);
    let facts = Facts { caller: "alice", called: "100", ..Facts::default() };
    let mut run = Run::new(published("flow_menu", &menu()), &facts, now);
    let mut asked = vec![run.begin(&world, now)];
    for told in told {
        asked.push(run.on_told(told.clone(), &world, now));
    }
    let outcome = |step: &Step| step.outcome.as_ref().map_or("", Outcome::as_str).to_owned();
    let path = run.path().iter().map(|step| format!("{}:{}", step.node(), outcome(step))).collect();
    (asked.iter().map(Ask::verb).collect(), path, run)
}

#[test]
fn outcomes_lead_on() {
    let key = |key: &str| Told::of(Outcome::named(key)).with("digits", key);
    let busy = || Told::of(Outcome::BUSY);
    for (told, asked, path) in [
        (vec![], &["gather"][..], &["in:next", "menu:"][..]),
        (vec![key("1")], &["gather", "dial"], &["in:next", "menu:1", "sales:"]),
        (
            vec![key("1"), busy(), Told::of(Outcome::TIMEOUT)],
            &["gather", "dial", "gather", "hangup"],
            &["in:next", "menu:1", "sales:busy", "menu:timeout", "bye:"],
        ),
        (
            vec![key("1"), Told::of(Outcome::ANSWERED)],
            &["gather", "dial", ""],
            &["in:next", "menu:1", "sales:answered"],
        ),
        (
            vec![key("2"), Told::of(Outcome::DONE)],
            &["gather", "play", "hangup"],
            &["in:next", "menu:2", "more:done", "note:next", "vip:yes", "song:done", "bye:"],
        ),
    ] {
        let (found, nodes, _) = walk(&told);
        assert_eq!((&*found, &*nodes), (asked, &*path.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
}

#[test]
fn variables_are_filled_in_where_they_are_asked_for() {
    let world = Flows::default();
    let now = Timestamp::from_secs(1);
    let mut run = Run::new(published("f", &menu()), &Facts { called: "100", ..Facts::default() }, now);
    run.begin(&world, now);
    let Ask::Dial(dial) = run.on_told(Told::of(Outcome::named("1")), &world, now) else { panic!("a dial") };
    assert_eq!(dial.to[0].party, crate::Party::Number("1001".to_owned()));
    assert_eq!((dial.to.len(), dial.to[0].ring), (1, Duration::from_secs(20)));
}

#[test]
fn an_ended_run_asks_nothing_more() {
    let (asked, _, mut run) = walk(&[Told::of(Outcome::TIMEOUT)]);
    assert_eq!(asked, ["gather", "hangup"]);
    let now = Timestamp::from_secs(1_000);
    assert_eq!(run.on_told(Told::of(Outcome::NEXT), &Flows::default(), now), Ask::End(Ended::Over));
}

fn circle() -> Value {
    json!({
        "nodes": [{"id": "a", "type": "play", "settings": {"sounds": ["x"]}}],
        "edges": [{"from": "a", "outcome": "done", "to": "a"}, {"from": "a", "outcome": "failed", "to": "a"}]
    })
}

#[test]
fn circles_end() {
    for (pace, outcome, steps, ended) in [
        (Duration::ZERO, Outcome::FAILED, 100, Ended::Circling),
        (Duration::from_millis(5), Outcome::FAILED, 100, Ended::Circling),
        (Duration::from_secs(1), Outcome::DONE, MOST_STEPS, Ended::TooManySteps),
        (Duration::from_secs(60), Outcome::DONE, 240, Ended::TooLong),
    ] {
        let world = Flows::default();
        let mut now = Timestamp::from_secs(1);
        let mut run = Run::new(published("f", &circle()), &Facts::default(), now);
        let mut ask = run.begin(&world, now);
        while !ask.ends() {
            now = now + pace;
            ask = run.on_told(Told::of(outcome.clone()), &world, now);
        }
        assert_eq!((ask, run.path().len()), (Ask::End(ended), steps), "{pace:?}");
    }
}

#[test]
fn a_flow_within_itself_ends() {
    let document = json!({
        "nodes": [{"id": "again", "type": "sub_flow", "settings": {"flow": "f"}}],
        "edges": []
    });
    let flow = published("f", &document);
    let world = Flows([("f", Arc::clone(&flow))].into());
    let now = Timestamp::from_secs(1);
    let mut run = Run::new(flow, &Facts::default(), now);
    assert_eq!(run.begin(&world, now), Ask::End(Ended::Over));
    assert_eq!(run.path().len(), DEEPEST);
}
