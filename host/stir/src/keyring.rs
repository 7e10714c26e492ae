//! The keys of accounts, and whom we believe: files below `DATA/certificates/stir`.
//!
//! An account's key, certificate and address are `ACCOUNT.key`, `ACCOUNT.pem` and `ACCOUNT.url`; authorities that may
//! vouch for signers are all of `trusted/*.pem`. In the United States these are the ones of the STI-PA's list.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use certificates::Anchors;

use crate::signer::{Signer, SignerFault};

/// Keys by account, and authorities.
#[derive(Debug)]
pub struct Keyring {
    folder: PathBuf,
    held: RwLock<Held>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    signers: HashMap<String, Arc<Signer>>,
    anchors: Option<Anchors>,
    /// What could not be read, in words.
    problems: Vec<String>,
}

/// Why a key was not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyringFault {
    /// It cannot be used.
    #[error("{0}")]
    Unfit(#[from] SignerFault),
    /// The disk refused.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Keyring {
    /// Reads what is there; a folder that is missing is an empty one.
    pub fn open(data: &Path) -> Self {
        let keyring =
            Self { folder: data.join("certificates").join("stir"), held: RwLock::new(Held::default()) };
        keyring.reload();
        keyring
    }

    /// Reads everything again. What is wrong is told, and takes nothing else along.
    pub fn reload(&self) -> Vec<String> {
        let held = self.read();
        let problems = held.problems.clone();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        problems
    }

    /// The key of an account.
    pub fn signer(&self, account: &str) -> Option<Arc<Signer>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).signers.get(account).cloned()
    }

    /// Whom we believe; nobody until there is an authority.
    pub fn anchors(&self) -> Option<Anchors> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).anchors.clone()
    }

    /// Takes a key for an account, in place of the one before.
    pub fn put(
        &self,
        account: &str,
        private_key: &str,
        certificate: &str,
        certificate_at: &str,
    ) -> Result<Arc<Signer>, KeyringFault> {
        let signer = Arc::new(Signer::new(private_key, certificate, certificate_at)?);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.write(account, "key", private_key)?;
        self.write(account, "pem", certificate)?;
        self.write(account, "url", certificate_at)?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.signers.insert(account.to_owned(), Arc::clone(&signer));
        Ok(signer)
    }

    /// Forgets an account's key. `false`: there was none.
    pub fn remove(&self, account: &str) -> io::Result<bool> {
        let found = self.held.write().unwrap_or_else(PoisonError::into_inner).signers.remove(account);
        for ending in ["key", "pem", "url"] {
            match fs::remove_file(self.file(account, ending)) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(found.is_some())
    }

    fn read(&self) -> Held {
        let mut held = Held::default();
        let mut authorities = String::new();
        for path in files(&self.folder.join("trusted"), "pem") {
            match fs::read_to_string(&path) {
                Ok(text) if Anchors::from_pem(&text).is_ok() => authorities += &text,
                Ok(_) => held.problems.push(format!("{}: no certificates in PEM", path.display())),
                Err(fault) => held.problems.push(format!("{}: {fault}", path.display())),
            }
        }
        held.anchors = Anchors::from_pem(&authorities).ok();
        for path in files(&self.folder, "url") {
            let Some(account) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            let text = |ending: &str| fs::read_to_string(self.file(account, ending));
            match (text("key"), text("pem"), text("url")) {
                (Ok(key), Ok(certificate), Ok(at)) => match Signer::new(&key, &certificate, at.trim()) {
                    Ok(signer) => drop(held.signers.insert(account.to_owned(), Arc::new(signer))),
                    Err(fault) => held.problems.push(format!("{account}: {fault}")),
                },
                _ => held.problems.push(format!("{account}: key or certificate cannot be read")),
            }
        }
        held
    }

    fn file(&self, account: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{account}.{ending}"))
    }

    /// Writes beside and moves into place, so that nobody reads half of it.
    fn write(&self, account: &str, ending: &str, text: &str) -> io::Result<()> {
        let beside = self.file(account, &format!("{ending}.new"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(beside, self.file(account, ending))
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    found.sort();
    found
}
