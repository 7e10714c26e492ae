//! The data folder: one directory, private to its user, that holds everything an installation is.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// A data folder that exists.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates it (mode 0700) unless it exists.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::folder(path))?;
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Keeps other processes from opening the folder at the same time, as long as the file lives.
    pub(crate) async fn lock(&self) -> Result<File, StoreError> {
        let path = self.path("open.lock");
        let lock = move || {
            let file = private().write(true).create(true).truncate(false).open(&path);
            file.and_then(|file| file.lock().map(|()| file)).map_err(StoreError::folder(&path))
        };
        tokio::task::spawn_blocking(lock).await.map_err(StoreError::internal)?
    }

    /// Path of the database, which exists afterwards; SQLite gives its side files the same mode.
    pub(crate) fn database(&self) -> Result<PathBuf, StoreError> {
        let path = self.path("trunkline.db");
        private().append(true).create(true).open(&path).map_err(StoreError::folder(&path))?;
        Ok(path)
    }

    /// Reads the master key; makes one if there is no database yet either.
    pub(crate) fn master_key(&self) -> Result<[u8; 32], StoreError> {
        let path = self.path(MASTER_KEY);
        match read_key(&path) {
            Err(StoreError::Folder { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let has_data = std::fs::metadata(self.path("trunkline.db")).is_ok_and(|m| m.len() > 0);
                if has_data {
                    return Err(StoreError::KeyMissing(path));
                }
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(StoreError::internal)?;
                self.write_private(MASTER_KEY, &key)?;
                Ok(key)
            }
            other => other,
        }
    }

    /// Puts a file of mode 0600 in place, whole or not at all, also across a loss of power.
    pub(crate) fn write_private(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let (path, draft) = (self.path(name), self.path(&format!("{name}.new")));
        let write = || {
            let mut file = private().write(true).create(true).truncate(true).open(&draft)?;
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(StoreError::folder(&path))
    }

    /// Removes a file; that it is gone already is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::Folder { path, source: error })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn master_key_path(&self) -> PathBuf {
        self.path(MASTER_KEY)
    }
}

fn read_key(path: &Path) -> Result<[u8; 32], StoreError> {
    let mut content = Vec::new();
    File::open(path).and_then(|f| f.take(64).read_to_end(&mut content)).map_err(StoreError::folder(path))?;
    content.try_into().map_err(|_| StoreError::KeyDiffers(path.to_owned()))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

const MASTER_KEY: &str = "master.key";
