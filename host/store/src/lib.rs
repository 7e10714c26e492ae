//! What outlives the process: configuration, keys, calls and refusals in one SQLite file.
//!
//! Two classes of durability. Configuration, keys and links are committed and synced before the call returns
//! ([`Store::apply`]). History, open-call markers, bindings and refusals go through [`Writer`] in group commits of at
//! most 250 ms. Reads run beside both on a small pool (WAL). Secrets are sealed under the master key of the data
//! folder. Nothing here decides anything: rows come validated from the API and records from the shards.

mod access;
mod apply;
mod audit;
mod ban;
mod binding;
mod clock;
mod counter;
mod error;
mod flow_version;
mod folder;
mod history;
mod id;
mod idempotency;
mod key;
mod load;
mod mail;
mod message;
mod page;
mod past_calls;
mod pin;
mod prune;
mod recording;
mod refused;
mod registration_log;
mod row;
mod secret;
mod transcription;
mod webhook;
mod writer;
mod zone;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use routing::config::{Account, AccountId, Change, DigestAlgorithm, Domain, DomainId, DomainRole};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use access::AdminRow;
pub use audit::{Actor, AuditFilter, AuditRow};
pub use ban::BanQuery;
pub use clock::{from_rfc3339, now, rfc3339};
pub use error::{Fault, StoreError};
pub use history::{Attempt, Exported, FlowNode, HistoryQuery, HistoryRow};
pub use id::{new_id, random_text};
pub use idempotency::Reply;
pub use key::{KeyRow, NewKey};
pub use load::Loaded;
pub use mail::Mail;
pub use message::{MessageCounts, MessageQuery, MessageState, Transcript, VoiceMessage};
pub use page::{Page, PageQuery};
pub use past_calls::{PastCall, Whose};
pub use pin::{hash_pin, is_pin};
pub use prune::Pruned;
pub use recording::{RecordingEnd, RecordingQuery, RecordingRow, StrayMessage};
pub use refused::{NearMissRow, RefusedQuery, RefusedRow, RefusedSource};
pub use registration_log::{LogLine, LogQuery};
pub use secret::SEALED;
pub use transcription::{Transcription, TranscriptionCounts, TranscriptionState};
pub use webhook::{Delivery, DeliveryAttempt, DeliveryQuery, NewDelivery, WebhookRow};
pub use writer::Writer;
pub use zone::{zone_of, zones_of};

use folder::Folder;
use secret::Vault;

/// The data of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Writer,
}

/// What a fresh installation starts with.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// Its registrar domain is `sip.` and this name.
    pub base_domain: &'a str,
    /// Country of its first account.
    pub country: Option<&'a str>,
}

/// What every clone of the store and the group commit hold on to.
pub(crate) struct Shared {
    pub(crate) folder: Folder,
    pub(crate) vault: Vault,
    pub(crate) writers: Mutex<Writers>,
    pub(crate) readers: SqlitePool,
    pub(crate) keys: key::KeyCache,
    pub(crate) webhooks: webhook::Webhooks,
    /// Held while audio of a message is written or swept, so that none is swept before its row is there.
    pub(crate) voicemail: Mutex<()>,
    is_new: bool,
}

/// SQLite has one writer at a time: whoever holds both connections has the turn, in the order of asking.
pub(crate) struct Writers {
    /// Commits survive a loss of power.
    pub(crate) config: SqliteConnection,
    /// Commits survive the death of the process.
    pub(crate) bulk: SqliteConnection,
}

impl Store {
    /// Opens the data folder, creating and filling it if it is new.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Seed { base_domain: "localhost", country: None }).await
    }

    /// Opens the data folder; `seed` says what a new one starts with and is ignored otherwise.
    pub async fn open_with(folder: &Path, seed: Seed<'_>) -> Result<Self, StoreError> {
        let folder = Folder::open(folder)?;
        let lock = folder.lock().await?;
        let vault = Vault::new(&folder.master_key()?);
        let path = folder.database()?;
        let mut config = options(&path).synchronous(SqliteSynchronous::Full).connect().await?;
        migrate(&mut config).await?;
        check_key(&mut config, &vault, &folder).await?;
        let bulk = options(&path).synchronous(SqliteSynchronous::Normal).connect().await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options(&path).read_only(true));
        let revision: i64 = sqlx::query_scalar(READ_REVISION).fetch_one(&mut config).await?;
        let shared = Arc::new(Shared {
            folder,
            vault,
            writers: Mutex::new(Writers { config, bulk }),
            readers: readers.await?,
            keys: key::KeyCache::default(),
            webhooks: webhook::Webhooks::default(),
            voicemail: Mutex::default(),
            is_new: revision == 0,
        });
        let store = Self { writer: writer::start(Arc::clone(&shared)), shared };
        if store.is_new() {
            store.apply(&Actor::system(), first_rows(seed)).await?;
        }
        drop(lock);
        Ok(store)
    }

    /// Whether this start created the installation.
    pub fn is_new(&self) -> bool {
        self.shared.is_new
    }

    /// Where records of calls go.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Returns once everything pushed so far is on disk, or was given up and counted.
    pub async fn flush(&self) {
        self.writer.flush().await;
    }

    /// Flushes, and leaves one file behind instead of three.
    pub async fn close(&self) {
        self.flush().await;
        self.shared.readers.close().await;
        let mut writers = self.shared.writers.lock().await;
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writers.config).await
        {
            tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
        }
    }
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Store").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", "-16000")
        .pragma("journal_size_limit", "67108864")
        .row_buffer_size(1_000)
        .disable_statement_logging()
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    use sqlx::migrate::MigrateError;

    let known = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0);
    MIGRATIONS.run(connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > known => StoreError::Newer { found, known },
        other => StoreError::Schema(other),
    })
}

/// A value sealed at the first start tells a wrong master key before any row is touched.
async fn check_key(
    connection: &mut SqliteConnection,
    vault: &Vault,
    folder: &Folder,
) -> Result<(), StoreError> {
    let sealed: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'key_check'")
        .fetch_optional(&mut *connection)
        .await?;
    match sealed {
        Some(sealed) if vault.open("key_check", &sealed).is_some() => Ok(()),
        Some(_) => Err(StoreError::KeyDiffers(folder.master_key_path())),
        None => {
            let sealed = vault.seal("key_check", b"trunkline")?;
            sqlx::query("INSERT INTO meta (name, value) VALUES ('key_check', ?)")
                .bind(sealed)
                .execute(connection)
                .await?;
            Ok(())
        }
    }
}

fn first_rows(seed: Seed<'_>) -> Vec<Change> {
    let account = AccountId::from(new_id("acc").as_str());
    let host = format!("sip.{}", seed.base_domain).to_ascii_lowercase();
    let main = Account {
        id: account.clone(),
        name: "main".to_owned(),
        country: seed.country.map(str::to_owned),
        timezone: None,
        zone: Arc::default(),
        language: None,
        allowed_sources: Vec::new(),
        defaults: routing::config::Defaults::default(),
        limits: routing::config::Limits::default(),
        quota: routing::config::Quota::default(),
        transcoding: true,
        emergency: routing::config::Emergency::default(),
        retention: routing::config::Retention::default(),
    };
    let domain = Domain {
        id: DomainId::from(new_id("dom").as_str()),
        realm: host.clone(),
        host,
        account,
        role: DomainRole::Registrar,
        application: None,
        digest: vec![DigestAlgorithm::Md5, DigestAlgorithm::Sha256],
        aliases: Vec::new(),
        default_flow: None,
        voice_url: None,
    };
    vec![Change::Account(Arc::new(main)), Change::Domain(Arc::new(domain))]
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();
pub(crate) const READ_REVISION: &str = "SELECT value FROM meta WHERE name = 'revision'";
const READERS: u32 = 3;
