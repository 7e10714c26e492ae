//! What a graph must not be: without a way on, out of reach, in circles without waiting, or within itself.

use super::{Graph, Node};
use crate::problem::{Fault, Findings};

/// Dead ends, unreachable nodes and endless loops.
pub(super) fn shape(graph: &Graph, findings: &mut Findings) {
    for (index, node) in graph.nodes.iter().enumerate() {
        dead_ends(index, node, findings);
    }
    let reached = reached(graph);
    for (index, node) in graph.nodes.iter().enumerate() {
        if !reached.get(index).is_some_and(|reached| *reached) {
            let message = "no way leads here".to_owned();
            findings.add(Fault::Unreachable, Some(&node.id), format!("/nodes/{index}"), message);
        }
    }
    if let Some(index) = endless(graph)
        && let Some(node) = graph.nodes.get(index)
    {
        let message = "from here the way leads back here without waiting for anything".to_owned();
        findings.add(Fault::EndlessLoop, Some(&node.id), format!("/nodes/{index}"), message);
    }
}

fn dead_ends(index: usize, node: &Node, findings: &mut Findings) {
    let of_row =
        node.row.outcomes.iter().filter(|way| way.leads_on && node.has(way.name)).map(|way| way.name);
    let named = node.verb.named().iter().map(|name| &**name);
    for outcome in
        of_row.chain(named).filter(|outcome| node.edges.iter().all(|edge| *edge.outcome != **outcome))
    {
        let message = format!("{outcome} leads nowhere: the flow ends there");
        findings.add(Fault::DeadEnd, Some(&node.id), format!("/nodes/{index}"), message);
    }
}

fn reached(graph: &Graph) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes.len()];
    let mut next = vec![graph.start];
    while let Some(index) = next.pop() {
        let Some(seen) = reached.get_mut(index).filter(|seen| !**seen) else { continue };
        *seen = true;
        next.extend(
            graph.nodes.get(index).into_iter().flat_map(|node| node.edges.iter().map(|edge| edge.to)),
        );
    }
    reached
}

/// A node on a circle of nodes of which none waits. Nodes are taken away that lead to none of the rest; what stays leads
/// in circles, or into one.
fn endless(graph: &Graph) -> Option<usize> {
    let mut hasty: Vec<bool> = graph.nodes.iter().map(|node| !node.row.waits).collect();
    loop {
        let leads = |node: &Node| node.edges.iter().any(|edge| hasty.get(edge.to).is_some_and(|on| *on));
        let done: Vec<usize> = graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(index, node)| hasty.get(*index).is_some_and(|on| *on) && !leads(node))
            .map(|(index, _)| index)
            .collect();
        if done.is_empty() {
            break;
        }
        for index in done {
            if let Some(on) = hasty.get_mut(index) {
                *on = false;
            }
        }
    }
    let onward = |at: usize| {
        let edges = &graph.nodes.get(at)?.edges;
        edges.iter().map(|edge| edge.to).find(|to| hasty.get(*to).is_some_and(|on| *on))
    };
    // Follow one way for as many steps as there are nodes: then it is on a circle, whose first node is named.
    let mut at = hasty.iter().position(|on| *on)?;
    for _ in 0..graph.nodes.len() {
        at = onward(at)?;
    }
    let mut first = at;
    for _ in 0..graph.nodes.len() {
        at = onward(at)?;
        first = first.min(at);
    }
    Some(first)
}

/// Flows that are not there, and flows that lead back into this one. `flow` knows what another one leads into.
pub(super) fn flows(
    graph: &Graph,
    id: &str,
    flow: &dyn Fn(&str) -> Option<Vec<Box<str>>>,
    findings: &mut Findings,
) {
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(into) = node.verb.flow() else { continue };
        let at = || format!("/nodes/{index}/settings/flow");
        if into != id && flow(into).is_none() {
            findings.add(Fault::Unknown, Some(&node.id), at(), "there is no such flow".to_owned());
        } else if leads_to(into, id, flow) {
            let message = "that flow leads back into this one".to_owned();
            findings.add(Fault::Recursion, Some(&node.id), at(), message);
        }
    }
}

fn leads_to(from: &str, to: &str, flow: &dyn Fn(&str) -> Option<Vec<Box<str>>>) -> bool {
    let mut seen: Vec<Box<str>> = Vec::new();
    let mut next: Vec<Box<str>> = vec![from.into()];
    while let Some(id) = next.pop() {
        if *id == *to {
            return true;
        }
        if seen.contains(&id) || seen.len() >= MOST_FLOWS {
            continue;
        }
        next.extend(flow(&id).unwrap_or_default());
        seen.push(id);
    }
    false
}

/// Flows looked at for one that comes back.
const MOST_FLOWS: usize = 1_000;
