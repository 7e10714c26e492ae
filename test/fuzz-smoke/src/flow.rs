//! Call flows as documents that nobody should write: read, checked, walked without a call and run with one whose answers
//! make no sense.
//!
//! There is a graph exactly where nothing fatal was found; every way through it ends, within its bounds.

use core::time::Duration;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use callflow::{Facts, Graph, MOST_STEPS, Outcome, Published, Run, Script, Told, VERBS, World, simulate};
use serde_json::{Value, json};
use timestamp::Timestamp;

use crate::dice::Dice;

/// Takes the octets for a document, or else for changes to one that is sound.
pub fn story(octets: &[u8]) {
    let mut dice = Dice::new(octets);
    let document = serde_json::from_slice(octets).unwrap_or_else(|_| {
        let mut document = dice.pick(&SOUND).cloned().unwrap_or_default();
        for _ in 0..1 + dice.below(8) {
            bend(&mut document, &mut dice);
        }
        document
    });
    let (graph, problems) = Graph::read(&document);
    assert_eq!(graph.is_none(), problems.iter().any(|problem| problem.fatal));
    let Some(graph) = graph else { return };
    let _ = graph.check_flows(ID, &|_| Some(vec![ID.into()]));
    let flow = Arc::new(Published { id: ID.into(), version: 1, graph });
    let itself = Itself(Arc::clone(&flow));
    walk(&flow, &itself, &mut dice);
    run(flow, &itself, &mut dice);
}

fn walk(flow: &Arc<Published>, world: &Itself, dice: &mut Dice<'_>) {
    let node = |dice: &mut Dice<'_>| dice.pick(flow.graph.nodes()).map(|node| node.id().to_owned());
    let outcomes = (0..dice.below(4)).filter_map(|_| Some((node(dice)?, vec![outcome(dice)]))).collect();
    let digits = (0..dice.below(4)).map(|_| word(dice)).collect();
    let variables = (0..dice.below(4)).map(|_| (word(dice), word(dice))).collect();
    let script = Script { caller: word(dice), digits, outcomes, variables, ..Script::default() };
    let walk = simulate(Arc::clone(flow), &script, world, MONDAY);
    assert!(walk.steps.len() <= MOST_STEPS);
}

fn run(flow: Arc<Published>, world: &Itself, dice: &mut Dice<'_>) {
    let mut now = MONDAY;
    let mut run = Run::new(flow, &Facts::default(), now);
    let mut ask = run.begin(world, now);
    let mut asked = 0;
    while !ask.ends() {
        asked += 1;
        assert!(asked <= MOST_STEPS, "nobody is asked for ever");
        now = now + Duration::from_millis(1 << dice.below(16));
        let told = Told::of(Outcome::named(&outcome(dice))).with(&word(dice), word(dice));
        ask = run.on_told(told, world, now);
    }
    assert!(run.path().len() <= MOST_STEPS);
    let remembered: usize = run.variables().iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(remembered <= REMEMBERED, "{remembered} octets");
}

/// Something in it becomes something else that may stand in a flow.
fn bend(value: &mut Value, dice: &mut Dice<'_>) {
    let deeper = dice.below(8) > 0;
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => bend(&mut items[at], dice),
            }
        }
        Value::Object(members) if deeper && !members.is_empty() => {
            let at = dice.below(members.len());
            let Some(name) = members.keys().nth(at).cloned() else { return };
            match dice.below(8) {
                0 => drop(members.remove(&name)),
                1 => drop(members.insert(setting(dice), anything(dice))),
                _ => bend(&mut members[&name], dice),
            }
        }
        _ => *value = anything(dice),
    }
}

fn anything(dice: &mut Dice<'_>) -> Value {
    match dice.below(12) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => Value::from(dice.pick(&[-1, 0, 1, 9, i64::MAX, i64::MIN]).copied()),
        3 => json!(1e308),
        4 => json!([]),
        5 => json!({}),
        6 => json!([word(dice), word(dice)]),
        7 => json!(outcome(dice)),
        8 => json!(dice.pick(VERBS).map(|row| row.name)),
        9 => json!(dice.below(12).to_string()),
        10 => json!({ (setting(dice)): word(dice) }),
        _ => json!(word(dice)),
    }
}

fn setting(dice: &mut Dice<'_>) -> String {
    let row = dice.pick(VERBS).expect("there are verbs");
    dice.pick(row.settings).map_or_else(String::new, |setting| setting.name.to_owned())
}

fn outcome(dice: &mut Dice<'_>) -> String {
    let row = dice.pick(VERBS).expect("there are verbs");
    dice.pick(row.outcomes).map_or_else(|| word(dice), |way| way.name.to_owned())
}

fn word(dice: &mut Dice<'_>) -> String {
    let words = [
        "",
        "1",
        "#",
        "*9",
        "x",
        "x.y",
        "${x}",
        "${x}${x}",
        "$${",
        "${",
        "é",
        "09:00",
        "24:00",
        "sun",
        "2026-02-30",
        "Europe/Berlin",
        "+4930123456",
        "sip:x@[::1]",
        "http://192.0.2.1/${x}",
        ID,
    ];
    let word = words[dice.below(words.len())];
    if dice.below(16) == 1 { word.repeat(5_000) } else { word.to_owned() }
}

/// A world in which every flow is the same one.
#[derive(Debug)]
struct Itself(Arc<Published>);

impl World for Itself {
    fn local(&self, _: Option<&str>, at: Timestamp) -> u64 {
        at.as_secs()
    }

    fn flow(&self, _: &str) -> Option<Arc<Published>> {
        Some(Arc::clone(&self.0))
    }
}

/// The flows of the ladders.
static SOUND: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders/flows");
    let entries = std::fs::read_dir(folder).expect("the folder of flows");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let read = |path| serde_json::from_slice(&std::fs::read(path).expect("a flow")).expect("JSON");
    paths.into_iter().map(read).collect()
});

const ID: &str = "flow_itself";

const MONDAY: Timestamp = Timestamp::from_secs(1_795_392_000);

/// Octets of all variables of a run: 128 of 8,192, and their names.
const REMEMBERED: usize = 128 * (8_192 + 64);
