//! Lines of a ladder about recordings: ordered through the API, and what goes on.

use engine::control::{Answer, Ask};

use super::Line;
use crate::world::World;

/// `tape start`, `tape stop`: the talk is recorded, or not any more; `tape refused`: it cannot be.
pub(crate) fn tape(world: &mut World, call: std::sync::Arc<str>, line: &Line) -> Result<(), String> {
    let word = line.word(1);
    let answers = world.ask(&Ask::Record { call, start: word != "stop" });
    let done = answers.iter().any(|answer| matches!(answer, Answer::Recording(_)));
    if done == (word == "refused") { Err(format!("{answers:?}")) } else { Ok(()) }
}

/// `taped KIND …`: the newest recording, its channels, rate, node, how many ends are on it now, and whether a mailbox keeps it; `taped nothing`.
pub(crate) fn taped(world: &World, line: &Line) -> Result<(), String> {
    let newest = match (world.recordings.last(), line.word(1)) {
        (None, "nothing") => return Ok(()),
        (None, _) => return Err("nothing is recorded".to_owned()),
        (Some(newest), kind) if newest.kind.as_str() == kind => newest,
        (Some(newest), _) => return Err(format!("it is of a {}", newest.kind.as_str())),
    };
    let ends = world.media.recorded(newest.id).to_string();
    for (key, wanted) in line.settings(2) {
        let have = match key {
            "channels" => newest.channels.to_string(),
            "rate" => newest.rate.to_string(),
            "node" => newest.node.to_string(),
            "in" => newest.connection_in.trim_start_matches("con_").to_owned(),
            "out" => newest.connection_out.trim_start_matches("con_").to_owned(),
            "ends" => ends.clone(),
            "kept" => world.messages.iter().any(|kept| **kept == newest.id.to_string()).to_string(),
            other => return Err(format!("what is {other} of a recording?")),
        };
        if have != wanted {
            return Err(format!("{key} is {have}, wanted {wanted}"));
        }
    }
    Ok(())
}
