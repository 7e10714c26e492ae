//! Signed caller ids (STIR/SHAKEN): who vouches for a calling number, and how far.
//!
//! [`Claims`] are what is said of a call (RFC 8225, RFC 8588) or of its diversion (RFC 8946); [`Signer`] says it with an
//! account's key, in an Identity header field (RFC 8224). [`Trail`] is what came in such fields, as far as it fits the
//! request; [`judge`] holds each signature against the chain of certificates found at its address. Fetches nothing and
//! opens no socket: whoever does brings the chain.

mod claims;
mod identity;
mod keyring;
mod numbers;
mod signer;
mod trail;
mod verdict;

pub use claims::{Claims, Said, canonical};
pub use identity::{Malformed, Presented};
pub use keyring::{Keyring, KeyringFault};
pub use signer::{Signer, SignerFault};
pub use trail::Trail;
pub use verdict::{Expected, FRESH, Failure, judge};
