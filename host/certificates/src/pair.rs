//! A certificate chain and its private key, checked before anybody sees them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::provider;
use crate::read::Facts;

/// What is wrong with a certificate or a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is no PEM, or has no certificate in it.
    #[error("there is no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// The text has no key that can be used.
    #[error("there is no private key in PEM form; one with a passphrase must be decrypted first")]
    NoKey,
    /// A certificate cannot be read.
    #[error("certificate {0} of the chain cannot be read")]
    Unreadable(usize),
    /// Certificate and key are of different pairs.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
    /// The order of the chain is wrong or a link is missing.
    #[error("certificate {0} of the chain was not issued by the next one")]
    BrokenChain(usize),
    /// Its time is over.
    #[error("it expired on {0}")]
    Expired(String),
    /// Its time has not come.
    #[error("it is valid from {0} on only")]
    NotYet(String),
    /// It names no host.
    #[error("it names no host: subjectAltName is missing")]
    NoNames,
    /// A file is missing or cannot be read.
    #[error("{0}")]
    File(String),
}

impl Problem {
    /// Whether the private key is to blame and not the certificate.
    pub fn concerns_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::OtherKey)
    }
}

/// A name for the files of a chain: its first host name, fit for a file.
pub fn name_for(chain: &str) -> Result<String, Problem> {
    let der = CertificateDer::from_pem_slice(chain.as_bytes()).map_err(|_| Problem::NoCertificate)?;
    let facts = Facts::of(&der).ok_or(Problem::Unreadable(1))?;
    let first = facts.names.first().cloned().or_else(|| facts.all_names().into_iter().next());
    let first = first.ok_or(Problem::NoNames)?;
    Ok(first.trim_start_matches("*.").trim_start_matches("sip:").replace(':', "-"))
}

/// A chain and its key, fit for use.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: Facts,
}

impl Pair {
    /// Reads chain and key and checks that they belong together and are valid now.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, Problem> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::NoCertificate)?;
        let first = chain.first().ok_or(Problem::NoCertificate)?;
        let facts = Facts::of(first).ok_or(Problem::Unreadable(1))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Problem::NoKey)?;
        check_links(&chain)?;
        facts.check_dates(now())?;
        if facts.all_names().is_empty() {
            return Err(Problem::NoNames);
        }
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|fault| match fault {
            rustls::Error::InconsistentKeys(_) => Problem::OtherKey,
            _ => Problem::NoKey,
        })?;
        Ok(Self { key: Arc::new(key), facts })
    }
}

impl Facts {
    /// Whether it is valid at this second.
    pub(crate) fn check_dates(&self, now: i64) -> Result<(), Problem> {
        if now > self.not_after {
            return Err(Problem::Expired(day(self.not_after)));
        }
        if now < self.not_before {
            return Err(Problem::NotYet(day(self.not_before)));
        }
        Ok(())
    }
}

/// Each certificate is issued by the one after it.
fn check_links(chain: &[CertificateDer<'_>]) -> Result<(), Problem> {
    let mut issuer_of_last: Option<Vec<u8>> = None;
    for (index, der) in chain.iter().enumerate() {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Problem::Unreadable(index + 1))?;
        if issuer_of_last.is_some_and(|issuer| issuer != certificate.subject().as_raw()) {
            return Err(Problem::BrokenChain(index));
        }
        issuer_of_last = Some(certificate.issuer().as_raw().to_vec());
    }
    Ok(())
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A day as people write it, in UTC.
pub fn day(seconds: i64) -> String {
    match x509_parser::time::ASN1Time::from_timestamp(seconds) {
        Ok(time) => {
            let date = time.to_datetime();
            format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
        }
        Err(_) => seconds.to_string(),
    }
}
