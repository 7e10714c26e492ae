//! Does what calls have done outside: sounds are a second of silence, and web servers and push services
//! say what their address ends in.

use callflow::{Clip, Errand, Outcome, Post, Told};
use engine::{Brought, Pushed, Wanted};

/// What comes of it.
pub(crate) fn bring(wanted: &Wanted) -> Brought {
    match wanted {
        Wanted::Audio(clips) => {
            let missing = |clip: &Clip| matches!(clip, Clip::Sound(name) if name.starts_with("missing"));
            match clips.iter().any(missing) {
                true => Brought::Audio(Err("there is no such sound".into())),
                false => Brought::Audio(Ok(vec![0; 8_000 * clips.len()].into())),
            }
        }
        Wanted::Recording(_) => Brought::Recording(Some(1_000)),
        Wanted::Answer(errand) => Brought::Answer(match &**errand {
            Errand::Mailbox(post) => posted(post),
            Errand::Person { to, .. } => {
                let failed = to.as_deref() == Some("nowhere");
                Told::of(if failed { Outcome::FAILED } else { Outcome::DONE })
            }
            Errand::Fetch { request, .. } | Errand::Webhook { request, .. } => {
                let last = request.url.rsplit('/').next().unwrap_or_default();
                Told::of(Outcome::named(last))
            }
        }),
        Wanted::Push(address) => {
            let pushed = match address.rsplit('/').next() {
                Some("gone") => Pushed::Gone,
                Some("failed") => Pushed::Failed,
                Some(_) | None => Pushed::Taken,
            };
            Brought::Pushed(address.clone(), pushed)
        }
    }
}

/// The recording that becomes a message, if this is to make one.
pub(crate) fn kept(wanted: &Wanted) -> Option<&str> {
    let Wanted::Answer(errand) = wanted else { return None };
    let Errand::Mailbox(post) = &**errand else { return None };
    if let Post::Keep { recording, .. } = &**post { Some(recording) } else { None }
}

/// The mailbox `full` is that, `missing` is not there, any other has one new message and the PIN 4711.
fn posted(post: &Post) -> Told {
    let ok = || Told::of(Outcome::OK);
    match post {
        Post::Find { whose, to_leave } => match (&*whose.mailbox, to_leave) {
            ("missing", _) => Told::of(Outcome::FAILED),
            ("full", true) => Told::of(Outcome::FULL),
            _ => {
                let own = if whose.connection == whose.caller { "yes" } else { "" };
                ok().with("mailbox", "box_1")
                    .with("max_s", "20")
                    .with("pin", "yes")
                    .with("own", own)
                    .with("new", "1")
            }
        },
        Post::Unlock { pin, .. } if **pin != *"4711" => Told::of(Outcome::NO),
        Post::Read { after, .. } if !after.is_empty() => Told::of(Outcome::NO),
        Post::Read { .. } => ok().with("message", "vm_1").with("from", "alice").with("at", "today"),
        Post::Unlock { .. }
        | Post::Keep { .. }
        | Post::Discard { .. }
        | Post::Mark { .. }
        | Post::Delete { .. }
        | Post::Greet { .. }
        | Post::SetPin { .. } => ok(),
    }
}
