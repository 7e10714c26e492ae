//! Digest authentication (RFC 7616, RFC 8760): asking for it without state, and answering it.

mod challenge;
mod respond;

pub use challenge::{Freshness, Nonces};
pub use respond::answer;
