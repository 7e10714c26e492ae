//! Who we are towards peers: a certificate of our own making and its key, the same for all transports of a process.
//!
//! DTLS reckons with points of the monotonic clock; the one that was read together with a [`Timestamp`] at the start
//! turns ours into its and back.

use core::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, DtlsCertificate};
use timestamp::Timestamp;

use crate::fingerprint::{Fingerprint, Hash};

/// A certificate with its key, and how to keep time.
#[derive(Clone)]
pub struct Identity {
    pub(crate) config: Arc<Config>,
    pub(crate) certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    start: (Timestamp, Instant),
}

/// The library of DTLS does not work here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFault(pub String);

impl Identity {
    /// From a certificate and its private key (PKCS #8), both DER. `now` is the same moment twice.
    pub fn new(
        certificate: Vec<u8>,
        private_key: Vec<u8>,
        now: (Timestamp, Instant),
    ) -> Result<Self, IdentityFault> {
        let config = Config::builder()
            // Only who proved its address by a connectivity check is heard: a cookie proves nothing more.
            .use_server_cookie(false)
            // RFC 9147 §5.8.2 suggests 100 ms where delays are known to be short: media waits for nothing else.
            .flight_start_rto(FIRST_TIMEOUT)
            .flight_retries(MOST_RETRIES)
            .handshake_timeout(PATIENCE)
            .build()
            .map_err(|error| IdentityFault(error.to_string()))?;
        let fingerprint = Fingerprint::of(&certificate, Hash::Sha256);
        let certificate = DtlsCertificate { certificate, private_key };
        Ok(Self { config: Arc::new(config), certificate, fingerprint, start: now })
    }

    /// What descriptions say of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.start.1 + at.since(self.start.0)
    }

    pub(crate) fn timestamp(&self, at: Instant) -> Timestamp {
        self.start.0 + at.saturating_duration_since(self.start.1)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

const FIRST_TIMEOUT: Duration = Duration::from_millis(200);

/// With the time-out doubled each time, about 25 s.
const MOST_RETRIES: usize = 7;

/// As long as a peer has to show up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
