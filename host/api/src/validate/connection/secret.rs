//! Passwords of a connection: kept as HA1 (RFC 7616 §3.4.2), and in clear only where we must send them ourselves.

use std::sync::Arc;

use routing::config::{AccountId, Change, Connection, Credential, Domain, Kind, OutwardSecret};
use sip_msg::digest::{Algorithm, ha1};

use crate::problem::{Code, Problem};
use crate::rows::Rows;
use crate::validate::{Desk, Secret};

/// Gives `row` its credentials: new ones, those it had, or none.
pub(super) fn settle(
    desk: &Desk<'_>,
    row: &mut Connection,
    domain: Option<&Domain>,
    secret: &Secret,
    existing: Option<&Connection>,
) -> Result<(), Problem> {
    let realm = match row.kind {
        Kind::Device | Kind::Virtual => domain.map(|d| d.realm.as_str()),
        Kind::RegisterIn | Kind::RegisterOut | Kind::Trunk => {
            realm_of_trunks(desk.rows, &row.account, desk.base_domain)
        }
    };
    let user = row.auth_user.clone().or_else(|| row.user.clone());
    let kept = existing.map_or(&[][..], |c| &c.credentials).first();
    match (secret, kept) {
        (Secret::Clear, _) | (Secret::Keep, None) => Ok(()),
        (Secret::Set(password), _) => {
            let Some(user) = user else {
                return Err(Problem::at(Code::FieldMissing, "/user", "a password needs a user"));
            };
            put(row, &user, realm.unwrap_or(desk.base_domain), password);
            Ok(())
        }
        (Secret::Keep, Some(credential)) => {
            let outward = existing.and_then(|c| c.outward.as_ref());
            match user {
                None => Ok(()),
                Some(user) if credential.user == user && Some(credential.realm.as_str()) == realm => {
                    row.credentials = vec![credential.clone()];
                    row.outward = outward.cloned();
                    Ok(())
                }
                Some(user) => {
                    let Some(outward) = outward else { return Err(needed(row, existing, credential, &user)) };
                    put(row, &user, realm.unwrap_or(desk.base_domain), &outward.password.clone());
                    Ok(())
                }
            }
        }
    }
}

/// Trunks whose challenge has another realm since domains changed, hashed anew.
pub(crate) fn realigned(rows: &Rows, base_domain: &str) -> Vec<Change> {
    let realign = |row: &Arc<Connection>| {
        let (outward, [credential]) = (row.outward.as_ref()?, &row.credentials[..]) else { return None };
        let realm = realm_of_trunks(rows, &row.account, base_domain)?;
        (credential.realm != realm).then(|| {
            let mut row = Connection::clone(row);
            let password = outward.password.clone();
            put(&mut row, &credential.user, realm, &password);
            Change::Connection(Arc::new(row))
        })
    };
    rows.connections.all().filter_map(|kept| realign(&kept.row)).collect()
}

/// A trunk is challenged in its account's first registrar domain, else in the installation's.
fn realm_of_trunks<'a>(rows: &'a Rows, account: &AccountId, base_domain: &str) -> Option<&'a str> {
    let home = || rows.domain(&format!("sip.{base_domain}"));
    rows.first_registrar(account).or_else(home).map(|d| d.realm.as_str())
}

fn put(row: &mut Connection, user: &str, realm: &str, password: &str) {
    row.credentials = vec![credential(user, realm, password)];
    if matches!(row.kind, Kind::Trunk | Kind::RegisterOut) {
        row.outward = Some(OutwardSecret { user: user.to_owned(), password: password.to_owned() });
    }
}

/// A password as it is kept.
pub(super) fn credential(user: &str, realm: &str, password: &str) -> Credential {
    let digest = |algorithm| {
        let hex = ha1(algorithm, user.as_bytes(), realm.as_bytes(), password.as_bytes());
        String::from_utf8_lossy(hex.as_ref()).into_owned()
    };
    Credential {
        label: String::new(),
        user: user.to_owned(),
        realm: realm.to_owned(),
        ha1_md5: digest(Algorithm::Md5),
        ha1_sha256: digest(Algorithm::Sha256),
        until: None,
    }
}

/// The stored hash binds user and realm: when either changes, only the password itself helps.
fn needed(row: &Connection, existing: Option<&Connection>, credential: &Credential, user: &str) -> Problem {
    let field = match existing {
        _ if credential.user == user => "domain",
        Some(before) if before.auth_user != row.auth_user => "auth_user",
        _ => "user",
    };
    let message = format!(
        "a change of {field} needs the password again, which is stored as a hash over user and realm"
    );
    Problem::at(Code::PasswordNeeded, format!("/{field}"), message)
        .hint("Send password along with the change.")
}
