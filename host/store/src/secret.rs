//! Secrets at rest: AES-256-GCM under the master key, bound to the row they belong to (NIST SP 800-38D).
//!
//! A sealed value is nonce, ciphertext and tag in one blob. The associated data is the row's id, so a blob moved
//! to another row does not open. Keys and links that are only compared are hashed elsewhere, not sealed.

use aes_gcm::aead::{Aead, Generate, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64ct::{Base64, Encoding};

use crate::Store;
use crate::error::StoreError;

impl Store {
    /// A secret as text that may stand in a resource: nobody but this installation opens it, and only for this owner.
    pub fn seal_text(&self, owner: &str, clear: &str) -> Result<String, StoreError> {
        let sealed = self.shared.vault.seal(owner, clear.as_bytes())?;
        Ok(format!("{SEALED}{}", Base64::encode_string(&sealed)))
    }

    /// The secret that was sealed for this owner; `None` if it was not.
    pub fn open_text(&self, owner: &str, text: &str) -> Option<String> {
        let sealed = Base64::decode_vec(text.strip_prefix(SEALED)?).ok()?;
        String::from_utf8(self.shared.vault.open(owner, &sealed)?).ok()
    }
}

/// Seals and opens secrets.
pub(crate) struct Vault(Aes256Gcm);

impl Vault {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `clear` for the row `id`.
    pub(crate) fn seal(&self, id: &str, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce = Nonce::<Aes256Gcm>::generate();
        let sealed = self
            .0
            .encrypt(&nonce, Payload { msg: clear, aad: id.as_bytes() })
            .map_err(StoreError::internal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what was sealed for the row `id`; `None` if it was not, or not under this key.
    pub(crate) fn open(&self, id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        self.0.decrypt(nonce.into(), Payload { msg: sealed, aad: id.as_bytes() }).ok()
    }
}

const NONCE: usize = 12;
/// What sealed text begins with.
pub const SEALED: &str = "sealed:";

#[cfg(test)]
mod tests {
    use super::Vault;

    #[test]
    fn opens_only_for_its_row_and_key() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal("con_1", b"hunter2").unwrap();
        assert_eq!(vault.open("con_1", &sealed).as_deref(), Some(b"hunter2".as_slice()));
        assert_eq!(vault.open("con_2", &sealed), None);
        assert_eq!(Vault::new(&[8; 32]).open("con_1", &sealed), None);
        assert_eq!(vault.open("con_1", &sealed[..20]), None);
        assert_eq!(vault.open("con_1", b""), None);
    }
}
