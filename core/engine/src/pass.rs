//! Passes of phones that sign in elsewhere, as a browser does with a key of the API: a user name and a password for a
//! time, made from a secret of the installation and stored nowhere, so any shard can check them.
//!
//! The user name says until when the pass is good, the password proves that we made it for this connection. A new
//! password of the connection ends every pass that was made before.

use core::hash::Hasher;

use routing::config::Connection;
use sip_msg::digest::{Algorithm, Hex, ha1};
use siphasher::sip128::{Hasher128, SipHasher24};
use timestamp::Timestamp;

/// The secret that passes are made with.
#[derive(Clone, Copy)]
pub struct PassKey([u8; 16]);

/// User name and password of a pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass {
    /// The user name in the digest.
    pub auth_user: String,
    /// The password.
    pub password: String,
}

impl PassKey {
    /// From the secret of the installation.
    pub fn new(secret: &[u8; 16]) -> Self {
        let mut hash = SipHasher24::new_with_key(secret);
        hash.write(b"passes of phones");
        Self(hash.finish128().as_bytes())
    }

    /// A pass for a connection that is good until then; `salt` tells passes of one second apart.
    pub fn make(&self, connection: &Connection, until: Timestamp, salt: u32) -> Pass {
        let user = connection.user.as_deref().unwrap_or_default();
        let auth_user = format!("{user}~{:08x}{salt:08x}", until.as_secs());
        Pass { password: self.password(connection, auth_user.as_bytes()), auth_user }
    }

    /// HA1 of the pass with this user name, while it is good.
    pub(crate) fn ha1(
        &self,
        connection: &Connection,
        auth_user: &[u8],
        algorithm: Algorithm,
        realm: &str,
        now: Timestamp,
    ) -> Option<Hex> {
        let (user, rest) = auth_user.split_at_checked(auth_user.len().checked_sub(SUFFIX)?)?;
        let until = rest.strip_prefix(b"~")?.get(..8)?;
        let until = u64::from_str_radix(core::str::from_utf8(until).ok()?, 16).ok()?;
        let ours = connection.user.as_deref().is_some_and(|known| known.as_bytes() == user);
        (ours && now < Timestamp::from_secs(until)).then(|| {
            ha1(algorithm, auth_user, realm.as_bytes(), self.password(connection, auth_user).as_bytes())
        })
    }

    fn password(&self, connection: &Connection, auth_user: &[u8]) -> String {
        let current = connection.credentials.iter().find(|credential| credential.until.is_none());
        let mut hash = SipHasher24::new_with_key(&self.0);
        for part in [
            connection.id.as_str().as_bytes(),
            auth_user,
            current.map_or("", |credential| &credential.ha1_sha256).as_bytes(),
        ] {
            hash.write(part);
            hash.write_u8(0xff);
        }
        format!("{:032x}", hash.finish128().as_u128())
    }
}

impl core::fmt::Debug for PassKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PassKey(..)")
    }
}

impl core::fmt::Debug for Pass {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pass").field("auth_user", &self.auth_user).finish_non_exhaustive()
    }
}

/// What registrations by a pass are labelled with.
pub(crate) const LABEL: &str = "pass";
/// `~`, eight digits of the time, eight of the salt.
const SUFFIX: usize = 17;

#[cfg(test)]
mod tests {
    use routing::config::Credential;

    use super::*;

    #[test]
    fn good_for_one_connection_until_its_time_or_a_new_password() {
        let row = |id: &str, password: &str| {
            let text = format!(
                r#"{{"id":"{id}","name":"a","kind":"device","account":"acc_1","user":"alice","ip_policy":"filter",
                    "may_call_out":true,"trust_identity":false,"on_bad_caller_id":"replace"}}"#
            );
            let mut row: Connection = serde_json::from_str(&text).expect("a row");
            let of = |algorithm| {
                let hash = ha1(algorithm, b"alice", b"r", password.as_bytes());
                String::from_utf8_lossy(hash.as_ref()).into_owned()
            };
            row.credentials.push(Credential {
                label: String::new(),
                user: "alice".into(),
                realm: "r".into(),
                ha1_md5: of(Algorithm::Md5),
                ha1_sha256: of(Algorithm::Sha256),
                until: None,
            });
            row
        };
        let (key, other) = (PassKey::new(&[7; 16]), PassKey::new(&[8; 16]));
        let (alice, now) = (row("con_1", "first"), Timestamp::from_secs(1_800_000_000));
        let pass = key.make(&alice, Timestamp::from_secs(1_800_000_600), 42);
        let good = |key: &PassKey, row: &Connection, at: u64| {
            let at = Timestamp::from_secs(1_800_000_000 + at);
            let expected = ha1(Algorithm::Sha256, pass.auth_user.as_bytes(), b"r", pass.password.as_bytes());
            key.ha1(row, pass.auth_user.as_bytes(), Algorithm::Sha256, "r", at) == Some(expected)
        };
        assert!(good(&key, &alice, 0) && good(&key, &alice, 599));
        assert!(!good(&key, &alice, 600), "its time is over");
        assert!(!good(&key, &row("con_1", "second"), 0), "the connection has a new password");
        assert!(!good(&key, &row("con_2", "first"), 0), "it is for another connection");
        assert!(!good(&other, &alice, 0), "another installation made it");
        for user in ["", "alice", "~", "alice~00000000", "bob~ffffffff00000000", "alice~gggggggg00000000"] {
            assert_eq!(key.ha1(&alice, user.as_bytes(), Algorithm::Md5, "r", now), None, "{user}");
        }
    }
}
