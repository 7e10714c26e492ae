//! `queue`: the caller waits for one of several agents, with others before it and behind it.

use core::time::Duration;

use super::dial::{CONNECTION, FAILED, Listed, NUMBER, URI};
use super::play::SOUNDS;
use super::say::{LANGUAGE, VOICE};
use super::waiting::Waiting;
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, Queue, Turn};
use crate::collector::is_key;

pub(super) const ROW: Row = Row {
    name: "queue",
    about: "Lets the caller wait for one of several agents, first in, first out.",
    settings: &[
        Setting::must(
            "name",
            Kind::Text(64),
            "The queue; callers of every flow of the account that name it are one line.",
        ),
        Setting::must(
            "agents",
            Kind::List(&Kind::Object(AGENT), 32),
            "Who answers, in order: each {connection}, {number} or {uri}.",
        ),
        Setting::may(
            "strategy",
            Kind::Choice(&["round_robin", "longest_idle", "in_order", "all"]),
            "Whose turn it is; `all` rings everybody who is free.",
        ),
        Setting::may("ring_s", Kind::Number(1, 600, 20), "Seconds that an agent may ring."),
        Setting::may(
            "wrap_up_s",
            Kind::Number(0, 3_600, 0),
            "Seconds that an agent is left alone after a talk.",
        ),
        Setting::may(
            "retry_s",
            Kind::Number(1, 600, 5),
            "Seconds that an agent is left alone who did not answer.",
        ),
        Setting::may("max_callers", Kind::Number(1, 1_000, 50), "Callers that may wait at once."),
        Setting::may("max_wait_s", Kind::Number(1, 14_400, 3_600), "Seconds that one may wait."),
        Setting::may("music", SOUNDS, "What they hear, over and over: names of sounds, or addresses."),
        Setting::may(
            "waiting",
            Kind::Choice(&["music", "ringing", "silence"]),
            "What they hear without sounds of yours.",
        ),
        Setting::may(
            "announce",
            SOUNDS,
            "What they hear of their place: sounds; {position} and {minutes} stand for the numbers.",
        ),
        Setting::may("announce_text", Kind::Text(512), "The same as words to be spoken."),
        VOICE,
        LANGUAGE,
        Setting::may("announce_s", Kind::Number(10, 600, 45), "Seconds between announcements."),
        Setting::may("leave_key", Kind::Text(1), "The key that leaves the queue; absent for none."),
    ],
    outcomes: &[
        may_end("answered", "an agent answered, and hung up before the caller did"),
        leads("timeout", "nobody answered in max_wait_s"),
        leads("full", "too many wait"),
        leads("no_agents", "none of the agents can be reached"),
        leads("left", "the caller pressed leave_key"),
        FAILED,
    ],
    named_by: None,
    waits: true,
    read,
};

const AGENT: &[Setting] = &[CONNECTION, NUMBER, URI];

#[derive(Debug)]
struct WaitInLine {
    agents: Vec<Listed>,
    waiting: Waiting,
    queue: Queue,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let agents = settings.objects("agents", super::dial::party);
    settings.needs_one("agents");
    let turn = match settings.choice("strategy") {
        "all" => Turn::All,
        "in_order" => Turn::InOrder,
        "longest_idle" => Turn::LongestIdle,
        _ => Turn::RoundRobin,
    };
    let seconds = |settings: &mut Reader<'_>, name| Duration::from_secs(settings.number(name).into());
    let name = settings.text("name");
    if name.is_empty() || name.contains("${") {
        settings.wrong("name", "a name, without variables");
    }
    let key = settings.text("leave_key");
    if !key.bytes().all(is_key) {
        settings.wrong("leave_key", "a key of a telephone: 0 to 9, * or #");
    }
    Box::new(WaitInLine {
        agents,
        waiting: Waiting::read(settings),
        queue: Queue {
            name,
            agents: Vec::new(),
            turn,
            ring: seconds(settings, "ring_s"),
            wrap_up: seconds(settings, "wrap_up_s"),
            retry: seconds(settings, "retry_s"),
            most: settings.number("max_callers"),
            patience: seconds(settings, "max_wait_s"),
            music: Vec::new(),
            rings: settings.choice("waiting") == "ringing",
            announce: Vec::new(),
            every: seconds(settings, "announce_s"),
            leave: key.bytes().next(),
        },
    })
}

impl Verb for WaitInLine {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let agents = self.agents.iter().map(|agent| agent.party(scene.variables)).collect();
        let (music, announce) = (self.waiting.music(scene), self.waiting.announcement(scene));
        Move::Ask(Ask::Queue(Box::new(Queue { agents, music, announce, ..self.queue.clone() })))
    }

    fn excludes(&self, outcome: &str) -> bool {
        outcome == "left" && self.queue.leave.is_none()
    }
}
