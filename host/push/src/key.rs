//! The key that pushes are signed with (RFC 8292): made at the first start and kept, since browsers subscribe for it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use url::Url;

/// A key on the curve P-256.
#[derive(Debug)]
pub struct VapidKey {
    pair: EcdsaKeyPair,
    public: String,
    contact: String,
    random: SystemRandom,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The file could not be read or written.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// The file holds something else.
    #[error("{0} holds no key of the curve P-256 in PKCS#8; remove it, and browsers subscribe anew")]
    Content(String),
    /// The system gives no randomness.
    #[error("no random bytes")]
    Random,
}

impl VapidKey {
    /// The key in this folder, made if there is none. `contact` is where the push service finds somebody to talk to: an
    /// address of HTTPS or `mailto:`.
    pub fn open(folder: &Path, contact: &str) -> Result<Self, KeyFault> {
        let path = folder.join(FILE);
        let shown = || path.display().to_string();
        let der = match std::fs::read(&path) {
            Ok(der) => der,
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                let random = SystemRandom::new();
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
                let der = made.map_err(|_| KeyFault::Random)?.as_ref().to_vec();
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                file.and_then(|mut file| file.write_all(&der))
                    .map_err(|fault| KeyFault::File(shown(), fault))?;
                der
            }
            Err(fault) => return Err(KeyFault::File(shown(), fault)),
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        let pair = pair.map_err(|_| KeyFault::Content(shown()))?;
        let public = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        Ok(Self { pair, public, contact: contact.to_owned(), random: SystemRandom::new() })
    }

    /// The public half as browsers want it: the point, uncompressed, in base64url.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Value of the Authorization field of a push to this address (RFC 8292 §3).
    pub(crate) fn authorization(&self, address: &str, now: u64) -> Option<String> {
        let audience = Url::parse(address).ok()?.origin().ascii_serialization();
        let claims = format!(
            r#"{{"aud":"{audience}","exp":{},"sub":"{}"}}"#,
            now + LIFETIME_S,
            self.contact.replace(['"', '\\'], "")
        );
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let signed = format!("{}.{}", encode(r#"{"typ":"JWT","alg":"ES256"}"#), encode(&claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        Some(format!("vapid t={signed}.{signature}, k={}", self.public))
    }
}

const FILE: &str = "vapid.key";
/// Below the day that RFC 8292 §2 allows.
const LIFETIME_S: u64 = 12 * 3600;
