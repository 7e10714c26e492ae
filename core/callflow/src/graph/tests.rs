//! Documents and what is wrong with them.

use serde_json::{Value, json};

use super::*;

/// `a:play>done>b` as nodes and edges, separated by blanks.
fn document(lines: &str) -> Value {
    let (mut nodes, mut edges) = (Vec::<Value>::new(), Vec::<Value>::new());
    for line in lines.split_whitespace() {
        if let Some((id, verb)) = line.split_once(':') {
            let settings = match verb {
                "play" => json!({"sounds": ["hello"]}),
                "gather" => json!({"options": ["1", "2"]}),
                "dial" => json!({"to": [{"number": "1"}]}),
                "if" => json!({"value": "${digits}"}),
                "set" => json!({"variables": {}}),
                _ => json!({}),
            };
            nodes.push(json!({"id": id, "type": verb, "settings": settings}));
        } else {
            let mut parts = line.split('>');
            let mut part = || parts.next().unwrap_or_default();
            edges.push(json!({"from": part(), "outcome": part(), "to": part()}));
        }
    }
    json!({"nodes": nodes, "edges": edges})
}

/// Findings as `fault@pointer`.
fn found(document: &Value) -> Vec<String> {
    let (graph, problems) = Graph::read(document);
    let fatal = problems.iter().any(|problem| problem.fatal);
    assert_eq!(graph.is_none(), fatal);
    let name =
        |fault: Fault| serde_json::to_value(fault).expect("a word").as_str().unwrap_or_default().to_owned();
    problems.iter().map(|problem| format!("{}@{}", name(problem.code), problem.pointer)).collect()
}

#[test]
fn shapes_are_judged() {
    for (lines, expected) in [
        ("a:hangup", &[][..]),
        ("a:incoming b:hangup a>next>b", &[]),
        ("a:play b:hangup a>done>b", &["dead_end@/nodes/0"]),
        ("a:play b:hangup a>done>b a>failed>b", &[]),
        ("a:hangup b:hangup", &["unreachable@/nodes/1"]),
        ("a:hangup b:incoming b>next>a", &[]),
        ("a:incoming b:incoming a>next>b b>next>a", &["taken@/nodes/1", "endless_loop@/nodes/0"]),
        ("a:answer a>next>a", &["endless_loop@/nodes/0"]),
        ("a:answer b:set c:if d:pause a>next>b b>next>c c>yes>a c>no>d d>next>a", &["endless_loop@/nodes/0"]),
        ("a:answer b:pause a>next>b b>next>a", &[]),
        ("a:gather b:hangup a>1>b a>2>b a>timeout>a a>invalid>a", &[]),
        ("a:gather b:hangup a>1>b a>timeout>a a>invalid>a", &["dead_end@/nodes/0"]),
        ("a:gather b:hangup a>1>b a>2>b a>timeout>a a>invalid>a a>digits>b", &["unknown@/edges/4/outcome"]),
        ("a:answer b:hangup a>next>b a>next>a", &["taken@/edges/1/outcome"]),
        ("a:answer a>next>z", &["unknown@/edges/0/to", "dead_end@/nodes/0"]),
        ("a:hangup a>next>a", &["unknown@/edges/0/outcome"]),
        ("a:dial b:hangup a>busy>b a>no_answer>b a>offline>b a>failed>b", &[]),
        ("a:juggle", &["unknown@/nodes/0/type"]),
        ("a:hangup a:hangup", &["taken@/nodes/1/id", "unreachable@/nodes/1"]),
    ] {
        assert_eq!(found(&document(lines)), expected, "{lines}");
    }
}

#[test]
fn what_is_no_flow_is_said_to_be_none() {
    for (document, expected) in [
        (json!(7), "malformed@"),
        (json!({}), "missing@/nodes"),
        (json!({"nodes": {}}), "malformed@/nodes"),
        (json!({"nodes": [3]}), "malformed@/nodes/0"),
        (json!({"nodes": [{"type": "answer"}]}), "missing@/nodes/0/id"),
        (json!({"nodes": [{"id": "a b", "type": "answer"}]}), "missing@/nodes/0/id"),
        (json!({"nodes": [{"id": "a", "type": "hangup", "settings": []}]}), "wrong_value@/nodes/0/settings"),
        (json!({"nodes": [{"id": "a", "type": "hangup"}], "edges": [1]}), "malformed@/edges/0"),
        (json!({"nodes": [{"id": "a", "type": "hangup", "a/b": 1}]}), "unknown@/nodes/0/a~1b"),
        (json!({"nodes": vec![json!({}); 501]}), "too_much@/nodes"),
    ] {
        assert_eq!(found(&document), [expected], "{document}");
    }
}

#[test]
fn flows_must_not_lead_into_themselves() {
    let into = |id: &str| json!({"nodes": [{"id": "n", "type": "sub_flow", "settings": {"flow": id}}]});
    let other = |id: &str| match id {
        "b" => Some(vec!["c".into()]),
        "c" => Some(vec!["a".into(), "b".into()]),
        "d" => Some(vec!["b".into()]),
        "e" => Some(Vec::new()),
        _ => None,
    };
    for (flow, expected) in
        [("a", "Recursion"), ("b", "Recursion"), ("d", "Recursion"), ("e", ""), ("x", "Unknown")]
    {
        let (graph, _) = Graph::read(&into(flow));
        let problems = graph.expect("a graph").check_flows("a", &other);
        let found: Vec<_> = problems.iter().map(|problem| format!("{:?}", problem.code)).collect();
        assert_eq!(found.join(" "), expected, "{flow}");
    }
}
