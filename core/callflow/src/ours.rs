//! Flows of our own, for what phones ask for by star codes.

use serde_json::json;

use crate::graph::Graph;

/// Changes what the person wants of calls who dials: a beep if it is done, congestion if not.
pub fn person(set: &str, to: Option<&str>, on: bool) -> Option<Graph> {
    let settings = json!({"set": set, "to": to.unwrap_or_default(), "on": on});
    let document = json!({
        "nodes": [
            {"id": "set", "type": "person", "settings": settings},
            {"id": "done", "type": "tone", "settings": {"signal": "beep", "seconds": 1}},
            {"id": "refused", "type": "tone", "settings": {"signal": "congestion", "seconds": 3}},
            {"id": "bye", "type": "hangup"}
        ],
        "edges": [
            {"from": "set", "outcome": "done", "to": "done"},
            {"from": "set", "outcome": "unknown", "to": "refused"},
            {"from": "set", "outcome": "failed", "to": "refused"},
            {"from": "done", "outcome": "done", "to": "bye"},
            {"from": "refused", "outcome": "done", "to": "bye"}
        ]
    });
    Graph::read(&document).0
}

/// Lets the caller wait in an orbit, in this one or in the first free one; whoever put it there gets it back if nobody
/// takes it over.
pub fn park(orbit: Option<&str>, back_to: Option<&str>, announced: bool) -> Option<Graph> {
    let mut settings = json!({"orbit": orbit.unwrap_or_default()});
    if announced && let Some(settings) = settings.as_object_mut() {
        settings.insert("announce_text".to_owned(), "{digits}".into());
    }
    let mut nodes = vec![
        json!({"id": "park", "type": "park", "settings": settings}),
        json!({"id": "full", "type": "tone", "settings": {"signal": "congestion", "seconds": 3}}),
        json!({"id": "bye", "type": "hangup"}),
    ];
    let mut edges = vec![
        json!({"from": "park", "outcome": "full", "to": if back_to.is_some() && !announced { "back" } else { "full" }}),
        json!({"from": "full", "outcome": "done", "to": "bye"}),
    ];
    match back_to {
        Some(connection) => {
            let settings = json!({"to": [{"connection": connection}], "ring_s": 30});
            nodes.push(json!({"id": "back", "type": "dial", "settings": settings}));
            edges.push(json!({"from": "park", "outcome": "timeout", "to": "back"}));
            edges.extend(
                ["no_answer", "busy", "offline", "failed"]
                    .map(|outcome| json!({"from": "back", "outcome": outcome, "to": "full"})),
            );
        }
        None => edges.push(json!({"from": "park", "outcome": "timeout", "to": "full"})),
    }
    Graph::read(&json!({"nodes": nodes, "edges": edges})).0
}

/// Talks with whoever waits in an orbit; not answered if nobody does.
pub fn retrieve(orbit: &str) -> Option<Graph> {
    reach("retrieve", json!({"orbit": orbit}))
}

/// Takes a call that rings at this connection, or at any; not answered if none does.
pub fn pick_up(connection: Option<&str>) -> Option<Graph> {
    reach("pickup", json!({"connection": connection.unwrap_or_default()}))
}

/// Where a call is that somebody picks up.
pub fn picked_up() -> Option<Graph> {
    Graph::read(&json!({"nodes": [{"id": "picked_up", "type": "park", "settings": {}}]})).0
}

fn reach(verb: &str, settings: serde_json::Value) -> Option<Graph> {
    let document = json!({
        "nodes": [
            {"id": verb, "type": verb, "settings": settings},
            {"id": "nobody", "type": "reject", "settings": {"code": 480}}
        ],
        "edges": [{"from": verb, "outcome": "empty", "to": "nobody"}]
    });
    Graph::read(&document).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sound() {
        for set in ["always", "busy", "no_answer", "offline"] {
            assert!(person(set, Some("102"), true).is_some() && person(set, None, false).is_some(), "{set}");
        }
        assert!(person("dnd", None, true).is_some());
        for (orbit, back) in [(None, None), (Some("705"), Some("con_a"))] {
            assert!(park(orbit, back, true).is_some() && park(orbit, back, false).is_some());
        }
        assert!(retrieve("701").is_some() && pick_up(None).is_some() && pick_up(Some("con_a")).is_some());
        assert!(picked_up().is_some());
    }
}
