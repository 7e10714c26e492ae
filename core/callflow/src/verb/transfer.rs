//! `transfer`: the caller is handed over, and the flow is done with it.

use core::time::Duration;

use super::dial::{BUSY, FAILED, NO_ANSWER, OFFLINE, Whom, is_sip};
use super::{Kind, Move, Reader, Row, Scene, Setting, Verb, may_end};
use crate::ask::{Ask, Callee, Dial, Party, Refer, Strategy};
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "transfer",
    about: "Hands the caller over to somebody else: by REFER where its device takes that, else by ringing them.",
    settings: &[
        Setting::must("to", Kind::Text(512), "A number or user as the account dials it, or a SIP address."),
        Setting::may(
            "by",
            Kind::Choice(&["auto", "refer", "ring"]),
            "Whether the caller's device is asked to call them (RFC 3515), or they are rung; auto is the first that works.",
        ),
        Setting::may("ring_s", Kind::Number(1, 600, 30), "Seconds that they may ring."),
    ],
    outcomes: &[
        may_end("transferred", "the caller's device has reached them"),
        BUSY,
        NO_ANSWER,
        OFFLINE,
        FAILED,
    ],
    named_by: None,
    waits: true,
    read,
};

#[derive(Debug)]
struct Transfer {
    to: Template,
    whom: Whom,
    by: &'static str,
    ring: Duration,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let to = settings.text("to");
    let whom = if is_sip(&to) { Whom::Uri } else { Whom::Number };
    let ring = Duration::from_secs(settings.number("ring_s").into());
    Box::new(Transfer { to: Template::new(&to), whom, by: settings.choice("by"), ring })
}

impl Verb for Transfer {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let party = match self.whom {
            Whom::Uri => Party::Uri(self.to.fill(scene.variables)),
            Whom::Connection | Whom::Number => Party::Number(self.to.fill(scene.variables)),
        };
        let dial = Dial {
            to: vec![Callee { party, after: Duration::ZERO, ring: self.ring }],
            strategy: Strategy::InOrder,
            patience: None,
            caller_id: None,
            caller_name: None,
            as_connection: None,
            fields: Vec::new(),
            early_media: true,
            whisper: Vec::new(),
            accept: None,
        };
        Move::Ask(match self.by {
            "ring" => Ask::Dial(dial),
            by => Ask::Refer(Refer { dial, only: by == "refer" }),
        })
    }
}
