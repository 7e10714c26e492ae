//! What was said before: a file for each engine, voice, language and text, and a bound for all of them; the one that was
//! asked for the longest ago goes first.

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use codec::wav::Audio;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::{Fault, Words};

/// The folder with what was said.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    most: u64,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, most: u64) -> Self {
        Self { folder, most }
    }

    /// What these words are kept under.
    pub(crate) fn name(engine: &str, words: &Words) -> String {
        let mut hash = Sha256::new();
        for part in [engine, &words.voice, &words.language, &words.text] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        HEXLOWER.encode(&hash.finalize())
    }

    /// The file, if it is there.
    pub(crate) async fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.path(name);
        let look = move || {
            let file = File::open(&path).ok()?;
            // That it was asked for is only of use for deciding what goes first.
            let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
            Some(path)
        };
        spawn_blocking(look).await.ok().flatten()
    }

    /// Keeps what an engine made, as one channel of 16 bits that is no finer than a telephone could use.
    pub(crate) async fn keep(&self, name: &str, engine: &str, spoken: Vec<u8>) -> Result<PathBuf, Fault> {
        let (path, cache, engine) = (self.path(name), self.clone(), engine.to_owned());
        let write = move || {
            let audio = Audio::read(&spoken).map_err(|why| Fault::engine(&engine, why))?;
            if audio.samples.is_empty() {
                return Err(Fault::engine(&engine, "it said nothing"));
            }
            let rate = audio.rate.min(FINEST);
            put(&path, &audio.at(rate).file())?;
            cache.make_room(&path);
            Ok(path)
        };
        spawn_blocking(write).await.map_err(|fault| Fault::Ours(fault.to_string()))?
    }

    /// Octets of all files.
    pub(crate) async fn bytes(&self) -> u64 {
        let cache = self.clone();
        spawn_blocking(move || cache.files().iter().map(|(_, size, _)| size).sum()).await.unwrap_or(0)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.wav"))
    }

    /// Files, their sizes, and when they were last asked for.
    fn files(&self) -> Vec<(PathBuf, u64, SystemTime)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let file = |entry: fs::DirEntry| {
            let facts = entry.metadata().ok()?;
            Some((entry.path(), facts.len(), facts.accessed().unwrap_or(SystemTime::UNIX_EPOCH)))
        };
        entries.flatten().filter_map(file).collect()
    }

    /// Removes the oldest until the rest fits; what was made just now stays.
    fn make_room(&self, fresh: &Path) {
        let mut files = self.files();
        let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort_by_key(|(_, _, asked)| *asked);
        for (path, size, _) in files {
            if bytes <= self.most {
                return;
            }
            if path != fresh && fs::remove_file(&path).is_ok() {
                bytes = bytes.saturating_sub(size);
            }
        }
    }
}

/// Puts a file in place, whole or not at all, for nobody else to read.
pub(crate) fn put(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut share = [0; 8];
    getrandom::fill(&mut share).map_err(|fault| std::io::Error::other(fault.to_string()))?;
    let draft = path.with_extension(format!("{}.part", HEXLOWER.encode(&share)));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// Samples a second that are kept of what is finer.
pub(crate) const FINEST: u32 = 16_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words { text: text.to_owned(), voice: String::new(), language: "en".to_owned() }
    }

    #[tokio::test]
    async fn what_was_asked_for_the_longest_ago_goes_first() {
        let folder = std::env::temp_dir().join(store::new_id("cache"));
        let audio = Audio { rate: 8_000, samples: vec![1; 4_000] }.file();
        let cache = Cache::new(folder.clone(), 20_000);
        let mut kept = Vec::new();
        for (age, text) in [(300, "one"), (200, "two"), (100, "three")] {
            let name = Cache::name("x", &words(text));
            if text == "three" {
                // Was asked for again, so the second goes.
                assert!(cache.find(&Cache::name("x", &words("one"))).await.is_some());
            }
            let path = cache.keep(&name, "x", audio.clone()).await.expect("kept");
            if text != "three" {
                let asked = SystemTime::now() - std::time::Duration::from_secs(age);
                let file = File::options().write(true).open(&path).expect("a file");
                file.set_times(FileTimes::new().set_accessed(asked)).expect("times");
            }
            kept.push(name);
        }
        let mut found = Vec::new();
        for name in &kept {
            found.push(cache.find(name).await.is_some());
        }
        assert_eq!(found, [true, false, true]);
        assert_eq!(cache.bytes().await, 2 * 8_044);
        assert!(matches!(cache.keep("z", "x", b"noise".to_vec()).await, Err(Fault::Engine { .. })));
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn whatever_changes_the_sound_changes_the_name() {
        let plain = words("hello");
        let names = [
            Cache::name("x", &plain),
            Cache::name("y", &plain),
            Cache::name("x", &Words { voice: "f".to_owned(), ..plain.clone() }),
            Cache::name("x", &Words { language: "de".to_owned(), ..plain.clone() }),
            Cache::name("x", &words("hello.")),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{index}");
        }
    }
}
