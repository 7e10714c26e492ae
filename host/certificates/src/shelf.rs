//! The certificates that we present: one of our own making, and those that people put into the folder.
//!
//! `NAME.pem` (or `.crt`) is a chain, `NAME.key` its key. A certificate serves the names it carries, the most specific
//! first, and the default one whoever asks for no name or for one that nobody carries. Reading them again never
//! replaces a good certificate by a bad file; connections that are up keep what they were made with.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::own::{self, OwnNames, RENEW_BEFORE};
use crate::pair::{Pair, Problem, day, now};

/// The folder of certificates and what was read from it.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    own: OwnNames,
    /// `--tls-cert` and `--tls-key`.
    given: Option<(PathBuf, PathBuf)>,
    read: Mutex<Read>,
    presented: RwLock<Arc<Presented>>,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// We signed it ourselves.
    SelfSigned,
    /// It lies in the folder.
    Folder,
    /// An option names its files.
    Option,
}

/// One certificate, as people see it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name: that of the file.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Common name of its owner.
    pub subject: String,
    /// Common name of who signed it.
    pub issuer: String,
    /// Host names, addresses and SIP domains that it is good for.
    pub names: Vec<String>,
    /// Seconds since the epoch from which it is good.
    pub not_before: i64,
    /// Seconds since the epoch until which it is good.
    pub not_after: i64,
    /// SHA-256 of the certificate; empty if there is none.
    pub fingerprint: String,
    /// Whether it is presented to whoever asks for no known name.
    pub default: bool,
    /// What is wrong with its files or will be soon; a former good one may be in use all the same.
    pub problem: Option<String>,
}

/// Why the folder could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfFault {
    /// The name cannot be a file's.
    #[error(
        "a name has 1 to 100 letters, digits, dots, dashes and underscores, and begins with none of the last three"
    )]
    Name,
    /// That one is ours.
    #[error("`{0}` is made by the server itself")]
    Ours(String),
    /// There is no such certificate.
    #[error("there is no certificate `{0}` in the folder")]
    Unknown(String),
    /// The certificate or its key cannot be used.
    #[error("{0}")]
    Unfit(#[from] Problem),
    /// The disk refused.
    #[error("{0}")]
    Disk(String),
}

impl Shelf {
    /// Reads `DATA/certificates`; makes the folder and our own certificate when they are missing.
    pub fn open(data: &Path, own: OwnNames, given: Option<(PathBuf, PathBuf)>) -> Result<Self, Problem> {
        let folder = data.join("certificates");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|e| disk(&folder, &e))?;
        let shelf = Self { folder, own, given, read: Mutex::default(), presented: RwLock::default() };
        shelf.load(&mut shelf.read(), true)?;
        Ok(shelf)
    }

    /// Reads everything again; what is wrong stands in the entries.
    pub fn reload(&self) -> Vec<Entry> {
        let mut read = self.read();
        if let Err(problem) = self.load(&mut read, false) {
            tracing::error!(%problem, "our own certificate cannot be made anew");
        }
        read.entries.clone()
    }

    /// Reads everything again if a file has changed or our own certificate nears its end. `None`: nothing to do.
    pub fn look(&self) -> Option<Vec<Entry>> {
        let (seen, ends) = {
            let read = self.read();
            let own = read.good.get(OWN).map_or(0, |held| held.pair.facts.not_after);
            (read.seen.clone(), own)
        };
        (self.stamps() != seen || ends - now() < RENEW_BEFORE).then(|| self.reload())
    }

    /// What there is.
    pub fn entries(&self) -> Vec<Entry> {
        self.read().entries.clone()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks a chain and its key and puts them into the folder under this name, in place of what was there.
    pub fn put(&self, name: &str, chain: &str, key: &str) -> Result<Entry, ShelfFault> {
        check_name(name)?;
        let mut read = self.read();
        Pair::from_pem(chain, key)?;
        let failed = |fault: Problem| ShelfFault::Disk(fault.to_string());
        // The key first: a chain without its key is a problem that people see, a key without a chain is none.
        write(&self.folder.join(format!("{name}.key")), key, 0o600).map_err(failed)?;
        write(&self.folder.join(format!("{name}.pem")), chain, 0o644).map_err(failed)?;
        let _ = fs::remove_file(self.folder.join(format!("{name}.crt")));
        self.load(&mut read, false)?;
        let entry = read.entries.iter().find(|entry| entry.name == name && entry.source == Source::Folder);
        entry.cloned().ok_or_else(|| ShelfFault::Unknown(name.to_owned()))
    }

    /// Removes a certificate from the folder.
    pub fn remove(&self, name: &str) -> Result<(), ShelfFault> {
        check_name(name)?;
        let mut read = self.read();
        let mut found = false;
        for ending in ["pem", "crt", "key"] {
            let file = self.folder.join(format!("{name}.{ending}"));
            match fs::remove_file(&file) {
                Ok(()) => found = true,
                Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {}
                Err(fault) => return Err(ShelfFault::Disk(disk(&file, &fault).to_string())),
            }
        }
        if !found {
            return Err(ShelfFault::Unknown(name.to_owned()));
        }
        read.good.remove(name);
        self.load(&mut read, false)?;
        Ok(())
    }

    /// What we present to whoever asks for this name.
    pub fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let presented = self.presented.read().unwrap_or_else(PoisonError::into_inner);
        presented.choose(name)
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, read: &mut Read, first: bool) -> Result<(), Problem> {
        self.keep_own(read)?;
        let mut problems: BTreeMap<String, Problem> = BTreeMap::new();
        let mut files = self.files();
        if let Some((chain, key)) = &self.given {
            files.insert(GIVEN.to_owned(), (Source::Option, chain.clone(), key.clone()));
        }
        read.good.retain(|name, _| name == OWN || files.contains_key(name));
        for (name, (source, chain, key)) in files {
            let found = text(&chain).and_then(|chain| Ok((chain, text(&key)?)));
            match found.and_then(|(chain, key)| Pair::from_pem(&chain, &key)) {
                Ok(pair) => {
                    read.good.insert(name, Held { source, pair });
                }
                Err(problem) if first && source == Source::Option => return Err(problem),
                Err(problem) => {
                    problems.insert(name, problem);
                }
            }
        }
        let presented = Presented::new(&read.good);
        read.entries = entries(&read.good, &problems, &presented.default_name);
        read.seen = self.stamps();
        *self.presented.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(presented);
        Ok(())
    }

    /// Our own certificate: made when there is none that is fit for our names and for some time to come. An address
    /// that changed is no reason: phones may have been told to believe this very certificate.
    fn keep_own(&self, read: &mut Read) -> Result<(), Problem> {
        let (chain, key) = (self.folder.join(format!("{OWN}.pem")), self.folder.join(format!("{OWN}.key")));
        let fit = |pair: &Pair| {
            let names = pair.facts.all_names();
            pair.facts.not_after - now() > RENEW_BEFORE
                && self.own.hosts.iter().all(|host| names.contains(host))
        };
        let there = text(&chain).and_then(|chain| Ok((chain, text(&key)?)));
        let there = there.and_then(|(chain, key)| Pair::from_pem(&chain, &key));
        let pair = match there {
            Ok(pair) if fit(&pair) => pair,
            Ok(_) | Err(_) => {
                let (certificate, secret) = own::make(&self.own)?;
                write(&key, &secret, 0o600)?;
                write(&chain, &certificate, 0o644)?;
                Pair::from_pem(&certificate, &secret)?
            }
        };
        read.good.insert(OWN.to_owned(), Held { source: Source::SelfSigned, pair });
        Ok(())
    }

    /// Chains and keys in the folder, by name.
    fn files(&self) -> BTreeMap<String, (Source, PathBuf, PathBuf)> {
        let mut files = BTreeMap::new();
        for path in self.paths() {
            let ending = path.extension().and_then(|ending| ending.to_str());
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some("pem" | "crt"), Some(name)) = (ending, name)
                && name != OWN
                && check_name(name).is_ok()
            {
                files.insert(name.to_owned(), (Source::Folder, path.clone(), path.with_extension("key")));
            }
        }
        files
    }

    fn paths(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
    }

    /// When which file was changed last.
    fn stamps(&self) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
        let trusted = fs::read_dir(self.folder.join("trusted")).into_iter().flatten().flatten();
        let trusted = trusted.map(|entry| entry.path());
        let given = self.given.iter().flat_map(|(chain, key)| [chain.clone(), key.clone()]);
        let stamp = |path: PathBuf| {
            let found = fs::metadata(&path).ok();
            let changed = found.as_ref().and_then(|found| found.modified().ok());
            (path, changed, found.map_or(0, |found| found.len()))
        };
        let mut stamps: Vec<_> = self.paths().into_iter().chain(trusted).chain(given).map(stamp).collect();
        stamps.sort();
        stamps
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

#[derive(Debug, Default)]
struct Read {
    good: BTreeMap<String, Held>,
    entries: Vec<Entry>,
    seen: Vec<(PathBuf, Option<SystemTime>, u64)>,
}

#[derive(Clone, Debug)]
struct Held {
    source: Source,
    pair: Pair,
}

/// Certificates by what they serve.
#[derive(Debug, Default)]
struct Presented {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what stands after `*.`.
    wild: HashMap<String, Arc<CertifiedKey>>,
    default: Option<Arc<CertifiedKey>>,
    default_name: String,
}

impl Presented {
    fn new(good: &BTreeMap<String, Held>) -> Self {
        let mut presented = Self::default();
        let mut ranked: Vec<(&String, &Held)> = good.iter().collect();
        // What is put in later wins: the one we made yields to all others, else the longer life wins.
        ranked.sort_by_key(|(_, held)| (held.source != Source::SelfSigned, held.pair.facts.not_after));
        for (_, held) in &ranked {
            for name in &held.pair.facts.names {
                match name.strip_prefix("*.") {
                    Some(parent) => presented.wild.insert(parent.to_owned(), Arc::clone(&held.pair.key)),
                    None => presented.exact.insert(name.clone(), Arc::clone(&held.pair.key)),
                };
            }
        }
        let by_option = good.iter().find(|(_, held)| held.source == Source::Option);
        let by_name = good.get_key_value("default");
        let of_others = good.iter().find(|(_, held)| held.source == Source::Folder);
        if let Some((name, held)) = by_option.or(by_name).or(of_others).or_else(|| good.get_key_value(OWN)) {
            presented.default = Some(Arc::clone(&held.pair.key));
            presented.default_name.clone_from(name);
        }
        presented
    }

    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let exact = named.as_ref().and_then(|name| self.exact.get(name));
        let wild = || named.as_ref().and_then(|name| self.wild.get(name.split_once('.')?.1));
        exact.or_else(wild).or(self.default.as_ref()).cloned()
    }
}

fn entries(good: &BTreeMap<String, Held>, problems: &BTreeMap<String, Problem>, default: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = good
        .iter()
        .map(|(name, held)| {
            let facts = &held.pair.facts;
            let left = facts.not_after - now();
            let soon = (left < RENEW_BEFORE).then(|| format!("it expires on {}", day(facts.not_after)));
            let gone = (left < 0).then(|| Problem::Expired(day(facts.not_after)).to_string());
            let file = problems.get(name).map(|problem| format!("the new file is not used: {problem}"));
            Entry {
                name: name.clone(),
                source: held.source,
                subject: facts.subject.clone(),
                issuer: facts.issuer.clone(),
                names: facts.all_names(),
                not_before: facts.not_before,
                not_after: facts.not_after,
                fingerprint: facts.fingerprint.clone(),
                default: name == default,
                problem: file.or(gone).or(soon),
            }
        })
        .collect();
    let unfit = problems.iter().filter(|(name, _)| !good.contains_key(*name));
    entries.extend(unfit.map(|(name, problem)| Entry {
        name: name.clone(),
        source: if name == GIVEN { Source::Option } else { Source::Folder },
        subject: String::new(),
        issuer: String::new(),
        names: Vec::new(),
        not_before: 0,
        not_after: 0,
        fingerprint: String::new(),
        default: false,
        problem: Some(problem.to_string()),
    }));
    entries
}

fn check_name(name: &str) -> Result<(), ShelfFault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name == OWN || name == GIVEN {
        return Err(ShelfFault::Ours(name.to_owned()));
    }
    (begins_well && name.len() <= 100 && name.bytes().all(plain)).then_some(()).ok_or(ShelfFault::Name)
}

fn text(file: &Path) -> Result<String, Problem> {
    fs::read_to_string(file).map_err(|fault| disk(file, &fault))
}

/// Written beside and moved into place: whoever reads sees the old file or the new one.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let beside = file.with_extension("new");
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
        .and_then(|()| fs::rename(&beside, file));
    written.map_err(|fault| disk(file, &fault))
}

fn disk(file: &Path, fault: &std::io::Error) -> Problem {
    Problem::File(format!("{}: {fault}", file.display()))
}

/// Name of the certificate that we make.
const OWN: &str = "self-signed";
/// Name of the one that options give.
const GIVEN: &str = "tls-cert";
