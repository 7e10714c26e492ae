//! Signing for an account: its key, its certificate, and where others find that (RFC 8224 §6.1, RFC 8226).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::claims::Claims;
use crate::identity::{field, to_be_signed};
use crate::numbers::Numbers;

/// Signs what an account says of its calls.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    certificate_at: Box<str>,
    not_after: i64,
    numbers: Numbers,
    random: SystemRandom,
}

/// Why nothing can be signed with this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerFault {
    /// No private key in PEM.
    #[error("private_key: no private key in PEM (PKCS#8 or SEC 1)")]
    Key,
    /// A key on another curve, or not of an elliptic curve at all.
    #[error("private_key: not a key on the curve P-256, which ES256 signs with")]
    Curve,
    /// No certificate in PEM.
    #[error("certificate: no certificate in PEM")]
    Certificate,
    /// The certificate is for another key.
    #[error("certificate: it is for another key than private_key")]
    Mismatch,
    /// The certificate names no numbers.
    #[error("certificate: it has no TNAuthList (RFC 8226), without which others do not believe it")]
    Numbers,
    /// Nobody could fetch the certificate there.
    #[error("certificate_url: an https:// address is needed, where the chain can be fetched in PEM")]
    Address,
}

impl Signer {
    /// A signer of this key, whose certificate (the first in `certificate`) others fetch at `certificate_at`.
    pub fn new(private_key: &str, certificate: &str, certificate_at: &str) -> Result<Self, SignerFault> {
        let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes()).map_err(|_| SignerFault::Key)?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => EcdsaKeyPair::from_private_key_der(algorithm, der.secret_sec1_der()),
            _ => return Err(SignerFault::Curve),
        };
        let key = key.map_err(|_| SignerFault::Curve)?;
        let chain = CertificateDer::from_pem_slice(certificate.as_bytes());
        let chain = chain.map_err(|_| SignerFault::Certificate)?;
        let (_, facts) = X509Certificate::from_der(&chain).map_err(|_| SignerFault::Certificate)?;
        if facts.public_key().subject_public_key.data.as_ref() != key.public_key().as_ref() {
            return Err(SignerFault::Mismatch);
        }
        let numbers = Numbers::of(&facts).ok_or(SignerFault::Numbers)?;
        if !certificate_at.starts_with("https://") || certificate_at.contains(['>', '<', ' ', '"']) {
            return Err(SignerFault::Address);
        }
        let not_after = facts.validity().not_after.timestamp();
        let (certificate_at, random) = (certificate_at.into(), SystemRandom::new());
        Ok(Self { key, certificate_at, not_after, numbers, random })
    }

    /// Where others find the certificate.
    pub fn certificate_at(&self) -> &str {
        &self.certificate_at
    }

    /// Seconds since the epoch until which the certificate is good.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The value of an Identity header field; `None` if the certificate is for other numbers, or the system gives no
    /// randomness.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        if !self.numbers.cover(claims.vouched_for()) {
            return None;
        }
        let signed = to_be_signed(&self.certificate_at, claims);
        let signature = self.key.sign(&self.random, signed.as_bytes()).ok()?;
        Some(field(&signed, signature.as_ref(), &self.certificate_at, claims.kind()))
    }
}
