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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sound() {
        for set in ["always", "busy", "no_answer", "offline"] {
            assert!(person(set, Some("102"), true).is_some() && person(set, None, false).is_some(), "{set}");
        }
        assert!(person("dnd", None, true).is_some());
    }
}
