//! `dial`: somebody else is rung and talks with the caller.

use core::time::Duration;

use super::play::{SOUNDS, clips, sounds};
use super::say::{LANGUAGE, VOICE, Words};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, Way, leads, may_end};
use crate::ask::{Accept, Ask, Callee, Dial, Party, Strategy};
use crate::collector::is_key;
use crate::template::Template;
use crate::variables::Variables;

pub(super) const ROW: Row = Row {
    name: "dial",
    about: "Rings somebody and lets them talk with the caller.",
    settings: &[
        Setting::must(
            "to",
            Kind::List(&Kind::Object(PARTY), 16),
            "Whom: each {connection}, {number} or {uri}, with delay_s and ring_s of its own where that differs.",
        ),
        Setting::may(
            "strategy",
            Kind::Choice(&["in_order", "all", "random", "round_robin", "longest_idle"]),
            "One after the other, all at once, or one after the other in an order that each call draws, in turns, or \
             beginning with who has not talked for the longest time.",
        ),
        Setting::may("ring_s", Kind::Number(1, 600, 30), "Seconds that each may ring."),
        Setting::may(
            "timeout_s",
            Kind::Number(0, 3_600, 0),
            "Seconds that all of it may take; 0 for as long as they may ring.",
        ),
        Setting::may("caller_id", Kind::Text(64), "Number to show instead of the caller's."),
        Setting::may("caller_name", Kind::Text(128), "Name to show instead of the caller's."),
        Setting::may(
            "as",
            Kind::Text(64),
            "The connection that calls to numbers outside are made as; absent for the one that the flow is attached to.",
        ),
        Setting::may("headers", Kind::Map(16), "Header fields that they get, by name."),
        Setting::may(
            "early_media",
            Kind::Flag(true),
            "Whether the caller hears announcements that come before the answer; if not, it hears ringing.",
        ),
        Setting::may(
            "whisper",
            SOUNDS,
            "Sounds that whoever answers hears before the talk: by id or name, or addresses of WAV files.",
        ),
        Setting::may("whisper_text", Kind::Text(4_000), "The same in words, spoken after the sounds."),
        VOICE,
        LANGUAGE,
        Setting::may(
            "accept",
            Kind::Text(1),
            "The key that whoever answers must press to take the call; any other declines it.",
        ),
        Setting::may("accept_s", Kind::Number(1, 60, 10), "Seconds until that key."),
    ],
    outcomes: &[
        may_end("answered", "somebody answered, and hung up before the caller did"),
        BUSY,
        NO_ANSWER,
        OFFLINE,
        FAILED,
    ],
    named_by: None,
    waits: true,
    read,
};

pub(super) const BUSY: Way = leads("busy", "busy, or declined");
pub(super) const NO_ANSWER: Way = leads("no_answer", "nobody answered in time");
pub(super) const OFFLINE: Way = leads("offline", "there is no device that could ring, or no way out");
pub(super) const FAILED: Way = leads("failed", "it did not work for another reason");

pub(super) const CONNECTION: Setting = Setting::may(
    "connection",
    Kind::Text(64),
    "Id of a connection: its devices ring, whatever its action is.",
);
pub(super) const NUMBER: Setting =
    Setting::may("number", Kind::Text(128), "A number or user, as the account dials it.");
pub(super) const URI: Setting = Setting::may("uri", Kind::Text(512), "A SIP address.");

const PARTY: &[Setting] = &[
    CONNECTION,
    NUMBER,
    URI,
    Setting::may(
        "delay_s",
        Kind::Number(0, 600, 0),
        "Seconds of pause before it rings; where all ring at once, after the first.",
    ),
    Setting::may("ring_s", Kind::Number(0, 600, 0), "Seconds that it may ring; 0 for as long as the others."),
];

#[derive(Debug)]
struct DialParties {
    to: Vec<Listed>,
    ring: Duration,
    strategy: Strategy,
    patience: Option<Duration>,
    caller_id: Template,
    caller_name: Template,
    as_connection: Template,
    fields: Vec<(Box<str>, Template)>,
    early_media: bool,
    whisper: Vec<Box<str>>,
    words: Option<Words>,
    accept: Option<Accept>,
}

/// One of the list.
#[derive(Debug)]
pub(super) struct Listed {
    whom: Whom,
    text: Template,
    after: Duration,
    /// None for as long as the others.
    ring: Option<Duration>,
}

/// What a party is named by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whom {
    Connection,
    Number,
    Uri,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let to = settings.objects("to", party);
    settings.needs_one("to");
    let strategy = match settings.choice("strategy") {
        "all" => Strategy::All,
        "random" => Strategy::Random,
        "round_robin" => Strategy::RoundRobin,
        "longest_idle" => Strategy::LongestIdle,
        _ => Strategy::InOrder,
    };
    let accept = settings.text("accept");
    if !accept.bytes().all(is_key) {
        settings.wrong("accept", "a key of a telephone: 0 to 9, * or #");
    }
    let patience = seconds(settings.number("accept_s"));
    let accept = accept.bytes().next().map(|key| Accept { key, patience });
    Box::new(DialParties {
        to,
        ring: seconds(settings.number("ring_s")),
        strategy,
        patience: Some(seconds(settings.number("timeout_s"))).filter(|limit| !limit.is_zero()),
        caller_id: settings.template("caller_id"),
        caller_name: settings.template("caller_name"),
        as_connection: settings.template("as"),
        fields: fields(settings),
        early_media: settings.flag("early_media"),
        whisper: sounds(settings, "whisper"),
        words: Words::read(settings, "whisper_text"),
        accept,
    })
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// Header fields of the callee's INVITE; those that make the call work are not for a flow to write.
fn fields(settings: &mut Reader<'_>) -> Vec<(Box<str>, Template)> {
    let fields = settings.map("headers");
    let odd = fields.iter().find(|(name, value)| {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!%*_+`'~.-".contains(&b);
        name.is_empty() || !name.bytes().all(token) || value.contains(|c: char| c.is_control())
    });
    if odd.is_some() {
        settings.wrong("headers", "names of header fields, and values on one line");
    }
    if let Some((name, _)) = fields.iter().find(|(name, _)| is_ours(name)) {
        settings.wrong("headers", format!("{name} is written by the server"));
    }
    fields.into_iter().map(|(name, value)| (name, Template::new(&value))).collect()
}

/// Fields of SIP that say who and how, and their short forms: anything else is a flow's to add.
fn is_ours(name: &str) -> bool {
    const FREE: [&str; 7] =
        ["Alert-Info", "Call-Info", "Organization", "Priority", "Subject", "User-to-User", "Accept-Language"];
    let own = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
    !own && FREE.iter().all(|free| !free.eq_ignore_ascii_case(name))
}

impl Listed {
    /// Who that is in this run.
    pub(super) fn party(&self, variables: &Variables) -> Party {
        let text = self.text.fill(variables);
        match self.whom {
            Whom::Connection => Party::Connection(text),
            Whom::Number => Party::Number(text),
            Whom::Uri => Party::Uri(text),
        }
    }
}

pub(super) fn party(settings: &mut Reader<'_>) -> Option<Listed> {
    let given = [("connection", Whom::Connection), ("number", Whom::Number), ("uri", Whom::Uri)];
    let mut given = given.into_iter().filter(|(name, _)| settings.has(name)).collect::<Vec<_>>().into_iter();
    let (Some((name, whom)), None) = (given.next(), given.next()) else {
        settings.missing("connection", "one of connection, number and uri");
        return None;
    };
    let text = settings.text(name);
    if text.is_empty() {
        settings.wrong(name, "must not be empty");
    }
    if matches!(whom, Whom::Uri) && !text.starts_with("${") && !is_sip(&text) {
        settings.wrong(name, "a sip: or sips: address");
    }
    let (after, ring) = (seconds(settings.number("delay_s")), seconds(settings.number("ring_s")));
    Some(Listed { whom, text: Template::new(&text), after, ring: Some(ring).filter(|ring| !ring.is_zero()) })
}

/// Whether this is a SIP address, rather than a number.
pub(super) fn is_sip(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

impl Verb for DialParties {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let to = self.to.iter().map(|listed| {
            let party = listed.party(scene.variables);
            Callee { party, after: listed.after, ring: listed.ring.unwrap_or(self.ring) }
        });
        let to = to.collect();
        let filled = |text: &Template| Some(text.fill(scene.variables)).filter(|text| !text.is_empty());
        let plain = |value: &Template| value.fill(scene.variables).replace(|c: char| c.is_control(), "");
        let words = self.words.iter().map(|words| words.clip(scene));
        let whisper = clips(&self.whisper, scene.variables).chain(words).collect();
        Move::Ask(Ask::Dial(Dial {
            to,
            strategy: self.strategy,
            patience: self.patience,
            caller_id: filled(&self.caller_id),
            caller_name: filled(&self.caller_name),
            as_connection: filled(&self.as_connection),
            fields: self.fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
            early_media: self.early_media,
            whisper,
            accept: self.accept,
        }))
    }
}
