//! What speaks and what listens, as options name it. Their keys come from files that the environment names, and from
//! nowhere else.

use std::path::PathBuf;

use speech::{Choice, Key, Settings, Wish, argv};

use super::raw::Raw;
use super::resolved::{Check, Faults};

/// Both engines as they are wished for, without their keys.
pub(super) fn settings(check: &mut Check<'_>, raw: &Raw) -> Settings {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let languages = |value: &Option<Vec<String>>| value.clone().unwrap_or_default();
    let mut synthesizer = Wish {
        choice: choice(check, "synthesizer", raw.synthesizer.as_deref()),
        model: text(&raw.synthesizer_model),
        voice: text(&raw.synthesizer_voice),
        languages: languages(&raw.synthesizer_languages),
        key: None,
    };
    if synthesizer.voice.is_empty() && matches!(synthesizer.choice, Choice::Http(_)) {
        USUAL_VOICE.clone_into(&mut synthesizer.voice);
    }
    let mut transcriber = Wish {
        choice: choice(check, "transcriber", raw.transcriber.as_deref()),
        model: text(&raw.transcriber_model),
        voice: String::new(),
        languages: languages(&raw.transcriber_languages),
        key: None,
    };
    if transcriber.languages.is_empty() && matches!(transcriber.choice, Choice::Command(_)) {
        transcriber.languages.push(USUAL_LANGUAGE.to_owned());
    }
    let megabytes = raw.speech_cache_mb.unwrap_or_default();
    if !(1..=MOST_MEGABYTES).contains(&megabytes) {
        check.fault("speech_cache_mb", &format!("{megabytes} is not between 1 and {MOST_MEGABYTES}"));
    }
    Settings { synthesizer, transcriber, cache_bytes: megabytes.saturating_mul(1_000_000) }
}

/// Adds the keys that the environment names files of.
pub(super) fn keys(settings: &mut Settings) -> Result<(), Faults> {
    settings.synthesizer.key = key("TRUNKLINE_SYNTHESIZER_KEY_FILE")?;
    settings.transcriber.key = key("TRUNKLINE_TRANSCRIBER_KEY_FILE")?;
    Ok(())
}

fn choice(check: &mut Check<'_>, key: &str, text: Option<&str>) -> Choice {
    match text.unwrap_or_default() {
        "" | "auto" => Choice::Auto,
        "off" => Choice::Off,
        url if url.starts_with("http://") || url.starts_with("https://") => Choice::Http(url.to_owned()),
        command => match argv(command) {
            Ok(argv) => Choice::Command(argv),
            Err(why) => {
                check.fault(key, &format!("`{command}` is no command: {why}"));
                Choice::Off
            }
        },
    }
}

fn key(variable: &str) -> Result<Option<Key>, Faults> {
    let Some(path) = std::env::var_os(variable) else { return Ok(None) };
    let path = PathBuf::from(path);
    let text = std::fs::read_to_string(&path)
        .map_err(|fault| Faults(vec![format!("{variable}: {}: {fault}", path.display())]))?;
    Ok(Some(Key::new(text.trim())))
}

/// One that servers of this kind have.
const USUAL_VOICE: &str = "alloy";
/// What a command understands unless it is said.
const USUAL_LANGUAGE: &str = "en";
const MOST_MEGABYTES: u64 = 1_000_000;
