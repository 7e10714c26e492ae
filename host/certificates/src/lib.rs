//! The certificates we present and those we trust: files, names, reload, and TLS settings made of them.
//!
//! [`Shelf`] keeps what we present and chooses by the name a client asks for (RFC 6066 §3); [`Trust`] decides whom we
//! believe (RFC 5922). Knows no SIP and opens no socket: whoever does brings the bytes.

mod own;
mod pair;
mod read;
mod shelf;
mod trust;

pub use own::{OwnNames, make_for_media};
pub use pair::{Pair, Problem, day, name_for};
pub use shelf::{Entry, Shelf, ShelfFault, Source};
pub use trust::{Anchors, Demand, Trust};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ServerConfig, SupportedProtocolVersion};

/// Settings of a listener that takes anybody, with or without a certificate of their own.
///
/// With `ask`, clients are asked for a certificate; what it is worth is judged afterwards, by [`Trust::judge`]: which
/// connection a client belongs to is not known before its first request.
pub fn listener(shelf: &Arc<Shelf>, ask: bool) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .expect("the provider has suites for both versions");
    let builder = if ask {
        builder.with_client_cert_verifier(Arc::new(trust::AnyClient))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::<Shelf>::clone(shelf));
    config.send_tls13_tickets = 1;
    config
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// TLS 1.2 is still what many telephones speak; older versions are gone (RFC 8996).
pub(crate) const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
