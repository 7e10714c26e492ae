//! Whatever stands in a document: reading and walking it ends, and harms nothing.

use std::sync::Arc;

use callflow::{Graph, Published, Script, VERBS, World, simulate};
use proptest::prelude::*;
use serde_json::{Value, json};
use timestamp::Timestamp;

#[derive(Debug)]
struct Utc(Arc<Published>);

impl World for Utc {
    fn local(&self, _: Option<&str>, at: Timestamp) -> u64 {
        at.as_secs()
    }

    fn flow(&self, _: &str) -> Option<Arc<Published>> {
        Some(Arc::clone(&self.0))
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,12}".prop_map(Value::from),
        Just(json!("09:00")),
        Just(json!("${caller}")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Names of settings and members, so that the reading gets somewhere.
fn name() -> impl Strategy<Value = String> {
    let names: Vec<String> =
        VERBS.iter().flat_map(|row| row.settings).map(|setting| setting.name.to_owned()).collect();
    prop_oneof![prop::sample::select(names), "[a-z]{0,6}"]
}

fn any_flow() -> impl Strategy<Value = Value> {
    let verbs: Vec<&str> = VERBS.iter().map(|row| row.name).collect();
    let node = (0..6u8, prop::sample::select(verbs), prop_oneof![Just(json!({})), any_json()])
        .prop_map(|(id, verb, settings)| json!({"id": id.to_string(), "type": verb, "settings": settings}));
    let outcomes: Vec<&str> =
        VERBS.iter().flat_map(|row| row.outcomes).map(|way| way.name).chain(["1"]).collect();
    let edge = (0..6u8, prop::sample::select(outcomes), 0..6u8).prop_map(
        |(from, outcome, to)| json!({"from": from.to_string(), "outcome": outcome, "to": to.to_string()}),
    );
    (prop::collection::vec(node, 0..6), prop::collection::vec(edge, 0..12))
        .prop_map(|(nodes, edges)| json!({"nodes": nodes, "edges": edges}))
}

proptest! {
    #[test]
    fn any_document_is_read(document in any_json()) {
        let (graph, problems) = Graph::read(&document);
        prop_assert_eq!(graph.is_none(), problems.iter().any(|problem| problem.fatal));
    }

    #[test]
    fn any_flow_ends(document in any_flow(), digits in prop::collection::vec("[0-9*#]{0,4}", 0..4)) {
        if let (Some(graph), _) = Graph::read(&document) {
            let flow = Arc::new(Published { id: "f".into(), version: 1, graph });
            let script = Script { digits, ..Script::default() };
            let walk = simulate(Arc::clone(&flow), &script, &Utc(flow), Timestamp::from_secs(1_795_392_000));
            prop_assert!(walk.steps.len() <= callflow::MOST_STEPS);
        }
    }
}
