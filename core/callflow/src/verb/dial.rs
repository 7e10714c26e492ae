//! `dial`: somebody else is rung and talks with the caller.

use core::time::Duration;

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, leads, may_end};
use crate::ask::{Ask, Dial, Party};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "dial",
    about: "Rings somebody and lets them talk with the caller.",
    settings: &[
        Setting::must(
            "to",
            Kind::List(&Kind::Object(PARTY), 16),
            "Whom, one after the other: each {connection}, {number} or {uri}.",
        ),
        Setting::may("ring_s", Kind::Number(1, 600, 30), "Seconds that each may ring."),
        Setting::may("caller_id", Kind::Text(64), "Number to show instead of the caller's."),
        Setting::may("caller_name", Kind::Text(128), "Name to show instead of the caller's."),
        Setting::may(
            "as",
            Kind::Text(64),
            "The connection that calls to numbers outside are made as; absent for the one that the flow is attached to.",
        ),
    ],
    outcomes: &[
        may_end("answered", "somebody answered, and hung up before the caller did"),
        leads("busy", "busy, or declined"),
        leads("no_answer", "nobody answered in time"),
        leads("offline", "there is no device that could ring, or no way out"),
        leads("failed", "it did not work for another reason"),
    ],
    named_by: None,
    waits: true,
    read,
};

const PARTY: &[Setting] = &[
    Setting::may(
        "connection",
        Kind::Text(64),
        "Id of a connection: its devices ring, whatever its action is.",
    ),
    Setting::may("number", Kind::Text(128), "A number or user, as the account dials it."),
    Setting::may("uri", Kind::Text(512), "A SIP address."),
];

#[derive(Debug)]
struct DialParties {
    to: Vec<(Whom, Template)>,
    ring: Duration,
    caller_id: Template,
    caller_name: Template,
    as_connection: Template,
}

#[derive(Clone, Copy, Debug)]
enum Whom {
    Connection,
    Number,
    Uri,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let to = settings.objects("to", party);
    settings.needs_one("to");
    Box::new(DialParties {
        to,
        ring: Duration::from_secs(settings.number("ring_s").into()),
        caller_id: settings.template("caller_id"),
        caller_name: settings.template("caller_name"),
        as_connection: settings.template("as"),
    })
}

fn party(settings: &mut Reader<'_>) -> Option<(Whom, Template)> {
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
    Some((whom, Template::new(&text)))
}

fn is_sip(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips")
}

impl Verb for DialParties {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let to = self.to.iter().map(|(whom, text)| {
            let text = text.fill(scene.variables);
            match whom {
                Whom::Connection => Party::Connection(text),
                Whom::Number => Party::Number(text),
                Whom::Uri => Party::Uri(text),
            }
        });
        let to = to.collect();
        let filled = |text: &Template| Some(text.fill(scene.variables)).filter(|text| !text.is_empty());
        Move::Ask(Ask::Dial(Dial {
            to,
            ring: self.ring,
            caller_id: filled(&self.caller_id),
            caller_name: filled(&self.caller_name),
            as_connection: filled(&self.as_connection),
        }))
    }
}
