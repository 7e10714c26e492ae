//! What a flow asks of a call, in words: what a simulation shows, and the record of a call keeps.

use crate::ask::{Ask, Clip, Errand, Strategy, Subject, TakeOver};
use crate::voicemail::Post;

/// An ask in words; empty for the end of a flow.
pub(crate) fn described(ask: &Ask) -> Box<str> {
    let mut text = in_words(ask);
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text.into()
}

fn in_words(ask: &Ask) -> String {
    match ask {
        Ask::Answer => "answers".to_owned(),
        Ask::Ring(length) => format!("rings for {} s", length.as_secs()),
        Ask::Reject { code, phrase } => format!("refuses with {code} {phrase}").trim_end().to_owned(),
        Ask::HangUp { cause } => format!("hangs up with cause {cause}"),
        Ask::Play(play) => format!("plays {}", clips(&play.clips)),
        Ask::Tone { signal, length, .. } => format!("{signal:?} for {} s", length.as_secs()).to_lowercase(),
        Ask::Pause(length) => format!("waits {} ms", length.as_millis()),
        Ask::Gather(gather) if gather.prompt.is_empty() => "waits for keys".to_owned(),
        Ask::Gather(gather) => format!("plays {} and waits for keys", clips(&gather.prompt)),
        Ask::Record(record) => match &record.subject {
            Subject::Call => "records the talk".to_owned(),
            Subject::Caller { longest, .. } => format!("records the caller for {} s", longest.as_secs()),
            Subject::Nothing => "stops recording".to_owned(),
        },
        Ask::Dial(dial) => {
            let to = dial
                .to
                .iter()
                .map(|callee| format!("{} for {} s", callee.party.as_str(), callee.ring.as_secs()));
            let between = match dial.strategy {
                Strategy::InOrder => ", then ",
                Strategy::All => " and ",
                Strategy::Random | Strategy::RoundRobin | Strategy::LongestIdle => " or ",
            };
            format!("rings {}", to.collect::<Vec<_>>().join(between))
        }
        Ask::Conference(conference) => format!("talks in room {}", conference.room),
        Ask::Errand(Errand::Mailbox(post)) => match &**post {
            Post::Find { to_leave: true, .. } => "takes a message".to_owned(),
            _ => "opens a mailbox".to_owned(),
        },
        Ask::Queue(queue) => format!("waits in the queue {}", queue.name),
        Ask::Press(press) => format!("presses {}", press.digits),
        Ask::Park(park) => format!("waits in orbit {}", park.orbit),
        Ask::TakeOver(TakeOver::Orbit(orbit)) => format!("takes over who waits in orbit {orbit}"),
        Ask::TakeOver(TakeOver::Call(call)) => format!("takes over the caller of {call}"),
        Ask::TakeOver(TakeOver::Ringing(None)) => "picks up whatever rings".to_owned(),
        Ask::TakeOver(TakeOver::Ringing(Some(connection))) => format!("picks up what rings at {connection}"),
        Ask::Errand(Errand::Person { connection, set, to, on }) => {
            let to = to.as_deref().unwrap_or(if *on { "on" } else { "off" });
            format!("sets {set} of whose connection {connection} is: {to}")
        }
        Ask::Errand(Errand::Fetch { request, .. } | Errand::Webhook { request, .. }) => {
            // What stands behind ? may be a secret.
            let address = request.url.split_once('?').map_or(&*request.url, |(address, _)| address);
            format!("{} {address}", request.method)
        }
        Ask::Refer(refer) => {
            let to = refer.dial.to.first().map_or("", |callee| callee.party.as_str());
            format!("hands over to {to}")
        }
        Ask::End(_) => String::new(),
    }
}

fn clips(clips: &[Clip]) -> String {
    let one = |clip: &Clip| match clip {
        Clip::Sound(name) | Clip::Address(name) => name.to_string(),
        Clip::Greeting(_) => "the greeting".to_owned(),
        Clip::Melody => "music".to_owned(),
        Clip::Message(id) | Clip::Recording(id) => id.to_string(),
        Clip::Speech { text, .. } => format!("“{text}”"),
    };
    clips.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Octets that are kept.
const LONGEST: usize = 200;
