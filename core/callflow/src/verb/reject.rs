//! `reject`: the caller is refused, with a code of SIP.

use super::{Kind, Move, Reader, Row, Scene, Setting, Verb};
use crate::ask::Ask;
use crate::template::Template;

pub(super) const ROW: Row = Row {
    name: "reject",
    about: "Refuses the caller, who pays nothing. An answered call is hung up.",
    settings: &[
        Setting::may(
            "code",
            Kind::Number(400, 699, 603),
            "The SIP code: 486 busy, 480 not available, 603 declined.",
        ),
        Setting::may("reason", Kind::Text(128), "The phrase beside it; absent for the usual one."),
    ],
    outcomes: &[],
    named_by: None,
    waits: false,
    read,
};

#[derive(Debug)]
struct Reject {
    code: u16,
    phrase: Template,
}

fn read(settings: &mut Reader<'_>) -> Box<dyn Verb> {
    let code = settings.number("code");
    // What only a server says that asks for something cannot be meant here.
    if matches!(code, 401 | 407 | 420 | 421 | 422 | 423 | 491 | 494) {
        settings.wrong("code", "a code that refuses; this one asks the caller for something");
    }
    let phrase = settings.template("reason");
    Box::new(Reject { code: u16::try_from(code).unwrap_or(603), phrase })
}

impl Verb for Reject {
    fn begin(&self, scene: &mut Scene<'_>) -> Move {
        let phrase = self.phrase.fill(scene.variables).chars().filter(|c| !c.is_control()).collect();
        Move::Ask(Ask::Reject { code: self.code, phrase })
    }
}
