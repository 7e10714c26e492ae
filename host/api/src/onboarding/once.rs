//! Passwords that were just made or given, kept for a quarter of an hour so that a configuration can hold them.
//!
//! Who has the token may read, once it is issued to whoever made the password. In memory only, and bounded.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use routing::config::Connection;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::random_text;

/// What can still be shown.
#[derive(Debug, Default)]
pub(crate) struct Once {
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    /// Of the token.
    hash: [u8; 32],
    connection: String,
    passwords: Vec<(String, String)>,
    until: Instant,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Kept").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Once {
    /// Keeps what a reply to create, change or rotate shows, and adds where it can be read to the reply.
    pub(crate) fn keep(&self, row: &Connection, given: Option<&str>, once: &mut Map<String, Value>) {
        let made = once.get("credentials").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut passwords: Vec<_> =
            made.iter().filter_map(|one| Some((text(one, "user")?, text(one, "password")?))).collect();
        if let (Some(password), Some(credential)) = (given, row.credentials.first()) {
            passwords.push((credential.user.clone(), password.to_owned()));
        }
        if passwords.is_empty() {
            return;
        }
        let token = random_text(TOKEN);
        let path = format!("/api/v1/connections/{}/peer-config?token={token}", row.id);
        once.insert("peer_config_url".to_owned(), json!(path));
        let until = Instant::now() + LIFETIME;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.until > Instant::now());
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back(Kept { hash: hash(&token), connection: row.id.to_string(), passwords, until });
    }

    /// The passwords of a connection, for whoever has the token.
    pub(crate) fn passwords(&self, connection: &str, token: &str) -> Option<Vec<(String, String)>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = hash(token);
        let right =
            |one: &&Kept| one.until > Instant::now() && one.connection == connection && one.hash == hash;
        kept.iter().find(right).map(|one| one.passwords.clone())
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// 32 symbols of five bits.
const TOKEN: usize = 32;
/// Replies remembered at once; the oldest makes room.
const MOST: usize = 1_000;
