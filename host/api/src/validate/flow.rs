//! A call flow from its document. A draft may be anything that a flow could become: what is wrong with it is shown
//! beside it and keeps it from being published, not from being saved.

use std::sync::Arc;

use callflow::{Graph, Problem as Finding};
use routing::config::{CallFlow, FlowId};
use serde_json::{Map, Value, json};
use store::new_id;

use super::{Desk, Drafted, needed, typed, verdict};
use crate::problem::{Code, Problem};
use crate::rows::Rows;
use crate::shape::{self, Field, Shape};

/// Every field of a flow.
pub(crate) const FIELDS: &[Field] = &[
    Field::read_only("id", Shape::Text(1, 64), "identifier, flow_…"),
    Field::open("name", Shape::Text(1, 100), "unique in its account"),
    Field::fixed("account", Shape::Text(1, 253), "owner: an id or a name"),
    Field::fixed("kind", Shape::Choice(&["graph"]), "how it is written [graph]"),
    Field::open("draft", Shape::Free, "what is being worked on: {nodes[], edges[]}"),
    Field::read_only("published_version", Shape::Integer(1, i64::MAX), "the version that calls take"),
    Field::read_only("published_at", Shape::Text(0, 40), "when it was published"),
    Field::read_only("used_by", Shape::List(&Shape::Text(0, 300), 1_000), "what leads to it"),
    Field::read_only(
        "problems",
        Shape::Free,
        "what is wrong with the draft; a fatal one keeps it from being published",
    ),
    Field::read_only(
        "warnings",
        Shape::List(&Shape::Text(0, 1_000), 100),
        "what is allowed but deserves a look",
    ),
];

/// A flow as the document says.
pub(crate) fn draft(
    desk: &mut Desk<'_>,
    mut document: Map<String, Value>,
    existing: Option<&CallFlow>,
) -> Result<Drafted<CallFlow>, Problem> {
    let mut errors = Vec::new();
    shape::check(&document, FIELDS, u8::MAX, "", &mut errors);
    needed(&document, &["name"], &mut errors);
    verdict(errors)?;
    let account = desk.owner(&document)?;
    if existing.is_some_and(|flow| flow.account != account.id) {
        return Err(Problem::at(Code::ReadOnly, "/account", "a flow stays with its account"));
    }
    let empty = || json!({"nodes": [], "edges": []});
    let draft = document.remove("draft").unwrap_or_else(empty);
    if !draft.is_object() {
        return Err(Problem::at(Code::InvalidType, "/draft", "must be an object with nodes and edges"));
    }
    if draft.to_string().len() > LONGEST {
        return Err(Problem::at(Code::InvalidValue, "/draft", format!("at most {LONGEST} octets")));
    }
    let id = existing.map_or_else(|| FlowId::from(new_id("flow").as_str()), |flow| flow.id.clone());
    document.insert("id".to_owned(), json!(id));
    document.insert("account".to_owned(), json!(account.id));
    let mut row: CallFlow = typed(document)?;
    row.draft = draft;
    if let Some(existing) = existing {
        (row.published, row.zones) = (existing.published.clone(), Arc::clone(&existing.zones));
    }
    let taken = |kept: &&crate::rows::Kept<CallFlow>| {
        kept.row.account == row.account && kept.row.name == row.name && kept.row.id != row.id
    };
    let name = (row.account.clone(), row.name.clone());
    if desk.rows.flows.all().any(|kept| taken(&kept)) || !desk.pending.flow_names.insert(name) {
        return Err(Problem::at(
            Code::AccountNameTaken,
            "/name",
            "another flow of the account has this name",
        ));
    }
    let fatal = findings(desk.rows, &row).1.iter().filter(|finding| finding.fatal).count();
    let warning = match fatal {
        0 => None,
        1 => Some("the draft has a problem that keeps it from being published".to_owned()),
        many => Some(format!("the draft has {many} problems that keep it from being published")),
    };
    Ok(Drafted::new(row, warning.into_iter().collect()))
}

/// The graph of a draft, and what is wrong with it.
pub(crate) fn findings(rows: &Rows, row: &CallFlow) -> (Option<Graph>, Vec<Finding>) {
    let (graph, mut findings) = Graph::read(&row.draft);
    if let Some(graph) = &graph {
        let flow = |id: &str| {
            let other = rows.flows.get(id).filter(|other| other.account == row.account)?;
            Some(rows.leads(&other.id).to_vec())
        };
        findings.extend(graph.check_flows(row.id.as_str(), &flow));
        findings.extend(unknown_zones(graph));
        findings.extend(unheard(rows, row));
        findings.extend(nobody(rows, row));
    }
    let sound = !findings.iter().any(|finding| finding.fatal);
    (graph.filter(|_| sound), findings)
}

fn unknown_zones(graph: &Graph) -> Vec<Finding> {
    let unknown = |(index, node): (usize, &callflow::Node)| {
        let zone = node.zone().filter(|zone| store::zone_of(zone).is_none())?;
        Some(Finding {
            code: callflow::Fault::Unknown,
            fatal: true,
            node: Some(node.id().into()),
            pointer: format!("/nodes/{index}/settings/timezone"),
            message: format!("{zone} is no IANA time zone, as Europe/Berlin is"),
        })
    };
    graph.nodes().iter().enumerate().filter_map(unknown).collect()
}

/// Sounds that are not there, and words where nothing speaks: both may come later. A language that whatever speaks does
/// not know keeps the flow from being published.
fn unheard(rows: &Rows, row: &CallFlow) -> Vec<Finding> {
    let Some(speech) = &rows.speech else { return Vec::new() };
    let mut found = Vec::new();
    for (index, node) in row.draft["nodes"].as_array().into_iter().flatten().enumerate() {
        let finding = |setting: &str, message: String| Finding {
            code: callflow::Fault::Unknown,
            fatal: false,
            node: node["id"].as_str().map(Into::into),
            pointer: format!("/nodes/{index}/settings/{setting}"),
            message,
        };
        for (setting, name) in sounds_of(node) {
            if speech.sounds().find(row.account.as_str(), name).is_none() {
                found.push(finding(&setting, format!("there is no sound {name} yet")));
            }
        }
        let settings = &node["settings"];
        let Some(words) = WORD_SETTINGS.iter().find(|words| is_filled(&settings[**words])) else { continue };
        if let Err(why) = speech.synthesizer() {
            found.push(finding(words, why.to_string()));
        } else if is_filled(&settings["language"])
            && let Some(language) = settings["language"].as_str()
            && let Err(why) = speech.speaks(language)
        {
            found.push(Finding { fatal: true, ..finding("language", why.to_string()) });
        }
    }
    found
}

/// Connections that are to ring, and are not there: they may come later.
fn nobody(rows: &Rows, row: &CallFlow) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, node) in row.draft["nodes"].as_array().into_iter().flatten().enumerate() {
        for setting in ["to", "agents"] {
            for (place, party) in node["settings"][setting].as_array().into_iter().flatten().enumerate() {
                let Some(id) = party["connection"].as_str().filter(|id| !id.contains('$')) else { continue };
                if rows.connections.get(id).is_none_or(|other| other.account != row.account) {
                    found.push(Finding {
                        code: callflow::Fault::Unknown,
                        fatal: false,
                        node: node["id"].as_str().map(Into::into),
                        pointer: format!("/nodes/{index}/settings/{setting}/{place}/connection"),
                        message: format!("there is no connection {id} yet"),
                    });
                }
            }
        }
    }
    found
}

/// Names of the sounds that a flow lets callers hear.
pub(crate) fn sounds_in(document: &Value) -> impl Iterator<Item = &str> {
    let nodes = document["nodes"].as_array().into_iter().flatten();
    nodes.flat_map(sounds_of).map(|(_, name)| name.strip_suffix(".wav").unwrap_or(name))
}

/// Names of sounds in the settings of a node, each with where it stands.
fn sounds_of(node: &Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for (setting, value) in node["settings"].as_object().into_iter().flatten() {
        match value {
            Value::String(name) if SOUND_SETTINGS.contains(&setting.as_str()) => {
                found.push((setting.clone(), name.as_str()));
            }
            Value::Array(names) if SOUND_SETTINGS.contains(&setting.as_str()) => {
                let texts = names.iter().enumerate().filter_map(|(at, name)| Some((at, name.as_str()?)));
                found.extend(texts.map(|(at, name)| (format!("{setting}/{at}"), name)));
            }
            _ => {}
        }
    }
    // An address, or a name that a variable completes, is known when a call comes by.
    found.retain(|(_, name)| !name.is_empty() && !name.contains("://") && !name.contains('{'));
    found
}

/// The flow as it is shown and patched.
pub(crate) fn document(row: &CallFlow) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(row) else { return Map::new() };
    if let Some(published) = map.remove("published").filter(Value::is_object) {
        map.insert("published_version".to_owned(), published["version"].clone());
        let at = row.published.as_ref().map(|published| store::rfc3339(published.at));
        map.insert("published_at".to_owned(), json!(at));
    }
    map
}

fn is_filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

/// Settings of verbs that are spoken.
const WORD_SETTINGS: [&str; 3] = ["text", "whisper_text", "announce_text"];
/// Settings of verbs that name sounds.
const SOUND_SETTINGS: [&str; 7] = ["sound", "sounds", "whisper", "music", "announce", "alone", "pin_prompt"];
/// Octets of one draft.
const LONGEST: usize = 512 * 1024;
