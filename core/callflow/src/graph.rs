//! A flow as a graph: nodes, each a verb with settings, and edges from their outcomes.
//!
//! [`Graph::read`] takes a document as people and editors write it and names every mistake by node and place. What the
//! graph as a whole must not be (dead ends, loops, unreachable nodes) is looked for in `check`.

mod check;

use serde_json::{Map, Value};

use crate::problem::{Fault, Findings, Problem};
use crate::verb::{Outcome, Reader, Row, VERBS, Verb, row};

/// A flow that can be walked.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    start: usize,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    id: Box<str>,
    row: &'static Row,
    pub(crate) verb: Box<dyn Verb>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    outcome: Box<str>,
    to: usize,
}

impl Graph {
    /// Reads a document. There is a graph unless something is wrong that is fatal.
    pub fn read(document: &Value) -> (Option<Self>, Vec<Problem>) {
        let mut findings = Findings::default();
        let graph = read(document, &mut findings);
        if let Some(graph) = &graph {
            check::shape(graph, &mut findings);
        }
        let sound = !findings.list.iter().any(|problem| problem.fatal);
        (graph.filter(|_| sound), findings.list)
    }

    /// What is wrong with how it leads into other flows, as the flow of this id.
    pub fn check_flows(&self, id: &str, flow: &dyn Fn(&str) -> Option<Vec<Box<str>>>) -> Vec<Problem> {
        let mut findings = Findings::default();
        check::flows(self, id, flow, &mut findings);
        findings.list
    }

    /// The flows that it leads into.
    pub fn flows(&self) -> Vec<Box<str>> {
        let mut flows: Vec<Box<str>> =
            self.nodes.iter().filter_map(|node| node.verb.flow()).map(Into::into).collect();
        flows.sort_unstable();
        flows.dedup();
        flows
    }

    /// The time zones that it names.
    pub fn zones(&self) -> Vec<&str> {
        self.nodes.iter().filter_map(|node| node.verb.zone()).collect()
    }

    /// Its nodes, in the order of the document.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }
}

impl Node {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The row of its verb.
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// The time zone that it names.
    pub fn zone(&self) -> Option<&str> {
        self.verb.zone()
    }

    /// Where an outcome leads.
    pub(crate) fn leads(&self, outcome: &Outcome) -> Option<usize> {
        self.edges.iter().find(|edge| *edge.outcome == *outcome.as_str()).map(|edge| edge.to)
    }

    /// Whether it can have this outcome.
    fn has(&self, outcome: &str) -> bool {
        let of_row = self.row.outcomes.iter().any(|way| way.name == outcome);
        of_row && !self.verb.excludes(outcome) || self.verb.named().iter().any(|name| **name == *outcome)
    }

    /// Every outcome that it can have.
    fn outcomes(&self) -> Vec<&str> {
        let of_row = self.row.outcomes.iter().map(|way| way.name).filter(|name| !self.verb.excludes(name));
        of_row.chain(self.verb.named().iter().map(|name| &**name)).collect()
    }
}

fn read(document: &Value, findings: &mut Findings) -> Option<Graph> {
    let Value::Object(document) = document else {
        findings.add(Fault::Malformed, None, String::new(), "an object with nodes and edges".to_owned());
        return None;
    };
    refuse_unknown(document, &["nodes", "edges"], None, "", findings);
    let nodes = items(document, "nodes", MOST_NODES, findings)?;
    let edges = items(document, "edges", MOST_EDGES, findings)?;
    let mut read = Vec::with_capacity(nodes.len());
    for (index, value) in nodes.iter().enumerate() {
        read.extend(node(value, index, &read, findings));
    }
    // Edges of nodes that could not be read would only be pointed out once more.
    let whole = read.len() == nodes.len();
    let mut graph = Graph { nodes: read, start: 0 };
    if !whole {
        return None;
    }
    if graph.nodes.is_empty() {
        findings.add(Fault::Missing, None, "/nodes".to_owned(), "a flow has at least one node".to_owned());
        return None;
    }
    for (index, value) in edges.iter().enumerate() {
        edge(value, index, &mut graph, findings);
    }
    let mut starts = graph.nodes.iter().enumerate().filter(|(_, node)| node.row.name == START);
    graph.start = starts.next().map_or(0, |(index, _)| index);
    if let Some((index, second)) = starts.next() {
        let at = format!("/nodes/{index}");
        findings.add(
            Fault::Taken,
            Some(&second.id),
            at,
            "a flow begins at one node of type incoming".to_owned(),
        );
    }
    Some(graph)
}

fn node(value: &Value, index: usize, before: &[Node], findings: &mut Findings) -> Option<Node> {
    let at = format!("/nodes/{index}");
    let Value::Object(object) = value else {
        findings.add(Fault::Malformed, None, at, "a node is an object".to_owned());
        return None;
    };
    let Some(id) = object.get("id").and_then(Value::as_str).filter(|id| is_id(id)) else {
        let message = format!("a node has an id of 1 to {LONGEST_ID} letters, digits, -, _ and .");
        findings.add(Fault::Missing, None, format!("{at}/id"), message);
        return None;
    };
    refuse_unknown(object, &["id", "type", "settings", "label", "x", "y"], Some(id), &at, findings);
    if before.iter().any(|node| *node.id == *id) {
        findings.add(Fault::Taken, Some(id), format!("{at}/id"), "another node has this id".to_owned());
    }
    let Some(row) = object.get("type").and_then(Value::as_str).and_then(row) else {
        let verbs: Vec<_> = VERBS.iter().map(|row| row.name).collect();
        let message = format!("type: no such verb; there are {}", verbs.join(", "));
        findings.add(Fault::Unknown, Some(id), format!("{at}/type"), message);
        return None;
    };
    let none = Map::new();
    let settings = match object.get("settings") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(settings)) => settings,
        Some(_) => {
            findings.add(
                Fault::WrongValue,
                Some(id),
                format!("{at}/settings"),
                "settings: an object of settings by name".to_owned(),
            );
            &none
        }
    };
    let verb = row.read(&mut Reader::new(settings, id, format!("{at}/settings"), findings));
    Some(Node { id: id.into(), row, verb, edges: Vec::new() })
}

fn edge(value: &Value, index: usize, graph: &mut Graph, findings: &mut Findings) {
    let at = format!("/edges/{index}");
    let Value::Object(object) = value else {
        findings.add(Fault::Malformed, None, at, "an edge is an object with from, outcome and to".to_owned());
        return;
    };
    refuse_unknown(object, &["from", "outcome", "to", "id"], None, &at, findings);
    let mut place = |end: &str| {
        let id = object.get(end).and_then(Value::as_str).unwrap_or_default();
        let place = graph.nodes.iter().position(|node| *node.id == *id);
        if place.is_none() {
            findings.add(Fault::Unknown, None, format!("{at}/{end}"), format!("no node has the id {id:?}"));
        }
        place
    };
    let (Some(from), Some(to)) = (place("from"), place("to")) else { return };
    let outcome = object.get("outcome").and_then(Value::as_str).unwrap_or_default();
    let Some(node) = graph.nodes.get_mut(from) else { return };
    if !node.has(outcome) {
        let (verb, there) = (node.row.name, node.outcomes().join(", "));
        let message = match there.is_empty() {
            true => format!("nothing follows {verb}"),
            false => format!("{verb} has no such outcome here; there are {there}"),
        };
        findings.add(Fault::Unknown, Some(&node.id), format!("{at}/outcome"), message);
    } else if node.edges.iter().any(|edge| *edge.outcome == *outcome) {
        let message = format!("{outcome} leads somewhere already");
        findings.add(Fault::Taken, Some(&node.id), format!("{at}/outcome"), message);
    } else {
        node.edges.push(Edge { outcome: outcome.into(), to });
    }
}

fn items<'v>(
    document: &'v Map<String, Value>,
    name: &str,
    most: usize,
    findings: &mut Findings,
) -> Option<&'v [Value]> {
    match document.get(name) {
        None => Some(&[]),
        Some(Value::Array(items)) if items.len() <= most => Some(items),
        Some(Value::Array(_)) => {
            findings.add(Fault::TooMuch, None, format!("/{name}"), format!("at most {most} {name}"));
            None
        }
        Some(_) => {
            findings.add(Fault::Malformed, None, format!("/{name}"), format!("{name} is a list"));
            None
        }
    }
}

fn refuse_unknown(
    object: &Map<String, Value>,
    known: &[&str],
    node: Option<&str>,
    at: &str,
    findings: &mut Findings,
) {
    for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
        let pointer = format!("{at}/{}", crate::verb::escaped(name));
        findings.add(
            Fault::Unknown,
            node,
            pointer,
            format!("{name}: no such member; there are {}", known.join(", ")),
        );
    }
}

fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
}

/// The verb of the node where a flow begins; without one it is the first.
const START: &str = "incoming";
const MOST_NODES: usize = 500;
const MOST_EDGES: usize = 5_000;
const LONGEST_ID: usize = 64;

#[cfg(test)]
mod tests;
