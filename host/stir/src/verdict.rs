//! Whether what Identity header fields claim is true of their request (RFC 8224 §6.2, RFC 8946 §6).

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use certificates::Anchors;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::{Malformed, Presented};
use crate::numbers::Numbers;

/// What the request itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The calling number, canonical.
    pub orig: String,
    /// The called number, canonical.
    pub dest: String,
}

/// Why a claim is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The field cannot be judged.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It was said too long ago, or will be said.
    #[error("it was not said within the last 60 seconds")]
    Stale,
    /// It is about another calling number.
    #[error("it is about another calling number")]
    OtherOrigin,
    /// It is about another called number.
    #[error("it is about another called number")]
    OtherDestination,
    /// The certificate could not be fetched.
    #[error("its certificate cannot be fetched")]
    Unfetched,
    /// What was fetched is no certificate that could sign this.
    #[error("what stands for its certificate cannot be used")]
    Unusable,
    /// Nobody we trust vouches for the certificate, or it is out of date.
    #[error("nobody that is trusted vouches for its certificate")]
    Untrusted,
    /// The certificate is not for the number that is vouched for.
    #[error("its certificate is not for this number")]
    OtherNumbers,
    /// The signature is of another key, or over something else.
    #[error("its signature is wrong")]
    Signature,
}

impl Failure {
    /// The final answer that RFC 8224 §6.2.2 has for it.
    pub const fn sip_code(self) -> u16 {
        match self {
            Self::Stale => 403,
            Self::Unfetched | Self::Malformed(Malformed::Address) => 436,
            Self::Unusable | Self::Untrusted | Self::OtherNumbers | Self::Malformed(Malformed::Algorithm) => {
                437
            }
            Self::OtherOrigin | Self::OtherDestination | Self::Signature => 438,
            Self::Malformed(Malformed::Token | Malformed::Kind) => 438,
        }
    }
}

/// Judges a signature by the chain (PEM, the signer's certificate first) found at its address.
pub fn judge(presented: &Presented, chain: &[u8], anchors: &Anchors) -> Result<(), Failure> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .take(LONGEST_CHAIN)
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::Unusable)?;
    let first = chain.first().ok_or(Failure::Unusable)?;
    let (_, facts) = X509Certificate::from_der(first).map_err(|_| Failure::Unusable)?;
    if !anchors.vouch_for(&chain) {
        return Err(Failure::Untrusted);
    }
    let numbers = Numbers::of(&facts).ok_or(Failure::OtherNumbers)?;
    if !numbers.cover(presented.claims.vouched_for()) {
        return Err(Failure::OtherNumbers);
    }
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &facts.public_key().subject_public_key.data);
    key.verify(&presented.signed, &presented.signature).map_err(|_| Failure::Signature)
}

/// How old a claim may be (RFC 8224 §6.2.2 step 4; 60 s as ATIS-1000074 has it).
pub const FRESH: Duration = Duration::from_secs(60);
/// Certificates of a chain that are looked at.
const LONGEST_CHAIN: usize = 8;
