//! Does what calls have done outside: sounds are a second of silence, and web servers and push services
//! say what their address ends in.

use callflow::{Clip, Errand, Outcome, Told};
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
        Wanted::Answer(errand) => {
            let (Errand::Fetch { request, .. } | Errand::Webhook { request, .. }) = &**errand;
            let last = request.url.rsplit('/').next().unwrap_or_default();
            Brought::Answer(Told::of(Outcome::named(last)))
        }
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
