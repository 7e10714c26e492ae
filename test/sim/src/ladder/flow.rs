//! Flows of ladders: `flow NAME` publishes what `test/ladders/flows/NAME.json` says.

use std::path::Path;

use routing::config::Change;

use crate::rows;

/// The flow of this name.
pub(super) fn read(name: &str) -> Result<Change, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ladders/flows");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json")));
    let text = text.map_err(|error| format!("flow {name}: {error}"))?;
    let document = serde_json::from_str(&text).map_err(|error| format!("flow {name}: {error}"))?;
    rows::flow(name, &document)
}
