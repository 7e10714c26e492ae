//! PINs of mailboxes: a few digits, so kept only as a hash that is slow to try.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::error::StoreError;

/// What proves a PIN later; slow on purpose.
pub fn hash_pin(pin: &str) -> Result<String, StoreError> {
    Argon2::default().hash_password(pin.as_bytes()).map(|hash| hash.to_string()).map_err(StoreError::internal)
}

/// Whether `hashed` was made of this PIN; as slow.
pub fn is_pin(hashed: &str, pin: &str) -> bool {
    let hash = PasswordHash::new(hashed);
    hash.is_ok_and(|hash| Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
}
