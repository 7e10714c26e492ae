//! Sounds that people made: WAV files in the data folder, `sounds/ACCOUNT/NAME.wav` for one account and `sounds/NAME.wav`
//! for all. The folder is the list: a file that is put there by hand is a sound as well.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use codec::wav::{self, Audio};
use serde::Serialize;
use store::rfc3339;
use timestamp::Timestamp;

use crate::cache::{FINEST, put};

/// The folder of sounds.
#[derive(Clone, Debug)]
pub struct Sounds(PathBuf);

/// A sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sound {
    /// Its name, as flows have it.
    pub name: String,
    /// The account that has it; absent for a sound of all.
    pub account: Option<String>,
    /// Octets of its file.
    pub bytes: u64,
    /// How long it is; absent if it cannot be played.
    pub length_ms: Option<u64>,
    /// Samples a second of its file.
    pub rate: Option<u32>,
    /// When it was put there.
    pub changed_at: String,
    /// Why it cannot be played, if so.
    pub problem: Option<String>,
}

/// Why a sound cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundFault {
    /// The name is none.
    #[error("{0:?} is no name of a sound: letters, digits, blanks, - _ and . after the first, up to 100")]
    Name(String),
    /// It is no audio that is played here.
    #[error("{0}")]
    Audio(String),
    /// The account has as many as it may.
    #[error("an account has {0} sounds at most")]
    TooMany(usize),
    /// Disk or machine.
    #[error("{0}")]
    Ours(String),
}

impl Sounds {
    /// Those of a data folder.
    pub fn new(data: &Path) -> Self {
        Self(data.join("sounds"))
    }

    /// The file of a sound: the account's own, else the one for all.
    pub fn find(&self, account: &str, name: &str) -> Option<PathBuf> {
        let file = file_of(name)?;
        [self.0.join(account).join(&file), self.0.join(&file)].into_iter().find(|path| path.is_file())
    }

    /// One sound as it is shown.
    pub fn get(&self, account: &str, name: &str) -> Option<Sound> {
        let path = self.find(account, name)?;
        let own = path.starts_with(self.0.join(account));
        shown(&path, own.then_some(account))
    }

    /// What an account can play, by name: its own and those for all.
    pub fn list(&self, account: &str) -> Vec<Sound> {
        let mut sounds = in_folder(&self.0.join(account), Some(account));
        let mut common = in_folder(&self.0, None);
        common.retain(|sound| !sounds.iter().any(|own| own.name == sound.name));
        sounds.append(&mut common);
        sounds.sort_by(|a, b| a.name.cmp(&b.name));
        sounds
    }

    /// Keeps a sound of an account, as one channel of 16 bits, 16 000 samples a second at most; one of the same name goes.
    pub fn put(&self, account: &str, name: &str, file: &[u8]) -> Result<Sound, SoundFault> {
        let to = file_of(name).ok_or_else(|| SoundFault::Name(name.to_owned()))?;
        let audio = Audio::read(file).map_err(|why| SoundFault::Audio(why.to_owned()))?;
        if audio.samples.is_empty() {
            return Err(SoundFault::Audio("it has no audio".to_owned()));
        }
        let folder = self.0.join(account);
        let path = folder.join(to);
        if !path.exists() && fs::read_dir(&folder).map_or(0, Iterator::count) >= MOST {
            return Err(SoundFault::TooMany(MOST));
        }
        let rate = audio.rate.min(FINEST);
        put(&path, &audio.at(rate).file()).map_err(|fault| SoundFault::Ours(fault.to_string()))?;
        shown(&path, Some(account)).ok_or_else(|| SoundFault::Ours("it is gone again".to_owned()))
    }

    /// Removes a sound of an account; whether there was one.
    pub fn remove(&self, account: &str, name: &str) -> Result<bool, SoundFault> {
        let file = file_of(name).ok_or_else(|| SoundFault::Name(name.to_owned()))?;
        match fs::remove_file(self.0.join(account).join(file)) {
            Ok(()) => Ok(true),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(false),
            Err(fault) => Err(SoundFault::Ours(fault.to_string())),
        }
    }
}

fn in_folder(folder: &Path, account: Option<&str>) -> Vec<Sound> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let sounds = paths.filter(|path| path.extension().is_some_and(|is| is == "wav") && path.is_file());
    sounds.filter_map(|path| shown(&path, account)).take(MOST).collect()
}

fn shown(path: &Path, account: Option<&str>) -> Option<Sound> {
    let facts = fs::metadata(path).ok()?;
    let changed = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (length_ms, rate, problem) = match wav::outline(&beginning(path), facts.len()) {
        Ok((rate, millis)) => (Some(millis), Some(rate), None),
        Err(why) => (None, None, Some(why.to_owned())),
    };
    Some(Sound {
        name: path.file_stem()?.to_str()?.to_owned(),
        account: account.map(str::to_owned),
        bytes: facts.len(),
        length_ms,
        rate,
        changed_at: rfc3339(Timestamp::from_secs(since.as_secs())),
        problem,
    })
}

/// What tells of the rest; a file that cannot be read tells nothing.
fn beginning(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    let _ = fs::File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut head));
    head
}

/// The name of the file, if the name is one and leads nowhere else.
fn file_of(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".wav").unwrap_or(name);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let fits = !stem.trim().is_empty() && stem.len() <= LONGEST_NAME;
    (fits && !stem.starts_with('.') && stem.chars().all(plain)).then(|| format!("{stem}.wav"))
}

/// Octets in which the audio of a file begins.
const BEGINNING: u64 = 4_096;
/// Sounds of one account.
const MOST: usize = 1_000;
/// Octets of a name.
const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for (name, file) in [
            ("welcome", Some("welcome.wav")),
            ("Grüße 2.wav", Some("Grüße 2.wav")),
            ("../key", None),
            ("a/b", None),
            (".x", None),
            ("..", None),
            (".wav", None),
            ("", None),
        ] {
            assert_eq!(file_of(name).as_deref(), file, "{name}");
        }
    }

    #[test]
    fn an_account_has_its_own_and_those_of_all() {
        let data = std::env::temp_dir().join(store::new_id("sounds"));
        let sounds = Sounds::new(&data);
        let tone = Audio { rate: 48_000, samples: vec![1_000; 48_000] }.file();
        let kept = sounds.put("acc_1", "hello", &tone).expect("kept");
        assert_eq!((kept.rate, kept.length_ms, kept.problem), (Some(16_000), Some(1_000), None));
        let narrow = Audio { rate: 8_000, samples: vec![1; 4_000] }.file();
        let kept = sounds.put("acc_1", "hello.wav", &narrow).expect("replaced");
        assert_eq!((kept.rate, kept.length_ms), (Some(8_000), Some(500)));
        fs::write(data.join("sounds/common.wav"), &narrow).expect("written");
        fs::write(data.join("sounds/hello.wav"), b"noise").expect("written");
        fs::write(data.join("sounds/notes.txt"), b"none").expect("written");
        let names = |account: &str| -> Vec<_> {
            let list = sounds.list(account).into_iter();
            list.map(|sound| (sound.name, sound.account.is_some(), sound.problem.is_some())).collect()
        };
        let row = |name: &str, own, odd| (name.to_owned(), own, odd);
        assert_eq!(names("acc_1"), [row("common", false, false), row("hello", true, false)]);
        assert_eq!(names("acc_2"), [row("common", false, false), row("hello", false, true)]);
        assert!(matches!(sounds.put("acc_1", "x", b"noise"), Err(SoundFault::Audio(_))));
        assert!(matches!(sounds.put("acc_1", "../x", &tone), Err(SoundFault::Name(_))));
        assert_eq!(sounds.remove("acc_1", "hello"), Ok(true));
        assert_eq!(sounds.remove("acc_1", "common"), Ok(false));
        assert!(sounds.find("acc_1", "common").is_some());
        fs::remove_dir_all(data).expect("removed");
    }
}
