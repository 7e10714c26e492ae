//! Whom we believe: the system's authorities, those in the folder, and those of one connection.
//!
//! RFC 5922 §7: the name that a peer was configured by must stand in its certificate, as a `sip:` URI if it has any
//! such, else as a host name or an address. Wildcards are accepted although §7.2 is against them: carriers use them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use crate::pair::Problem;
use crate::read::Facts;
use crate::{Shelf, VERSIONS, provider};

/// Authorities of one connection, in PEM.
#[derive(Clone, Debug)]
pub struct Anchors(Arc<RootCertStore>);

/// What is asked of a server before anything is said to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Demand {
    /// Whether its certificate is looked at.
    pub verify: bool,
    /// Authorities in PEM that are believed for this connection, and no others.
    pub ca: Option<Arc<str>>,
}

/// Authorities that everybody may rely on, and the settings made from them.
#[derive(Debug)]
pub struct Trust {
    folder: PathBuf,
    shelf: Arc<Shelf>,
    roots: Mutex<Arc<RootCertStore>>,
    configs: Mutex<HashMap<Demand, Arc<ClientConfig>>>,
}

impl Anchors {
    /// Reads authorities from PEM.
    pub fn from_pem(text: &str) -> Result<Self, Problem> {
        let mut roots = RootCertStore::empty();
        for (index, found) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
            let certificate = found.map_err(|_| Problem::Unreadable(index + 1))?;
            roots.add(certificate).map_err(|_| Problem::Unreadable(index + 1))?;
        }
        if roots.is_empty() { Err(Problem::NoCertificate) } else { Ok(Self(Arc::new(roots))) }
    }

    /// Whether they vouch for a chain, whatever its first certificate is for; dates count.
    pub fn vouch_for(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((first, rest)) = chain.split_first() else { return false };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.0), provider()).build();
        verifier.is_ok_and(|verifier| verifier.verify_client_cert(first, rest, UnixTime::now()).is_ok())
    }
}

impl Trust {
    /// The system's authorities and those in `DATA/certificates/trusted`.
    pub fn open(shelf: Arc<Shelf>) -> Self {
        let folder = shelf.folder().join("trusted");
        let roots = Mutex::new(Arc::new(read_roots(&folder)));
        Self { folder, shelf, roots, configs: Mutex::default() }
    }

    /// Reads the authorities again, for connections to come.
    pub fn reload(&self) {
        let roots = Arc::new(read_roots(&self.folder));
        *self.roots.lock().unwrap_or_else(PoisonError::into_inner) = roots;
        self.configs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many authorities everybody may rely on.
    pub fn authorities(&self) -> usize {
        self.roots().len()
    }

    /// Settings for a stream of ours.
    pub fn client(&self, demand: &Demand) -> Result<Arc<ClientConfig>, Problem> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = configs.get(demand) {
            return Ok(Arc::clone(known));
        }
        let config = Arc::new(self.make(demand)?);
        if configs.len() >= MOST_CONFIGS {
            configs.clear();
        }
        configs.insert(demand.clone(), Arc::clone(&config));
        Ok(config)
    }

    /// Who a client is that presented this chain: its names, if `anchors` (else everybody's authorities) vouch for it.
    pub fn judge(&self, chain: &[CertificateDer<'_>], anchors: Option<&Anchors>) -> Option<Vec<String>> {
        let roots = anchors.map_or_else(|| self.roots(), |anchors| Arc::clone(&anchors.0));
        if roots.is_empty() {
            return None;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().ok()?;
        let (first, rest) = chain.split_first()?;
        verifier.verify_client_cert(first, rest, UnixTime::now()).ok()?;
        let facts = Facts::of(first)?;
        let addresses = facts.addresses.iter().map(ToString::to_string);
        Some(if facts.sip_domains.is_empty() {
            facts.names.iter().cloned().chain(addresses).collect()
        } else {
            facts.sip_domains.clone()
        })
    }

    fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn make(&self, demand: &Demand) -> Result<ClientConfig, Problem> {
        let roots = match &demand.ca {
            Some(text) => Anchors::from_pem(text)?.0,
            None => self.roots(),
        };
        let verifier: Arc<dyn ServerCertVerifier> = if demand.verify && !roots.is_empty() {
            let inner = WebPkiServerVerifier::builder_with_provider(roots, provider());
            let inner = inner.build().map_err(|fault| Problem::File(fault.to_string()))?;
            Arc::new(Peer(inner))
        } else {
            Arc::new(AnyServer { refuse: demand.verify })
        };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(|fault| Problem::File(fault.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(Ours(Arc::clone(&self.shelf))));
        // A resumed connection would not show the certificate again.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// A server that must be who it was configured to be.
#[derive(Debug)]
struct Peer(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let by_name = matches!(
            judged,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ))
        );
        // Chain and dates are looked at before the name: only the name is in question here.
        if judged.is_ok() || by_name {
            let domains = Facts::of(end_entity).map(|facts| facts.sip_domains).unwrap_or_default();
            let asked = server_name.to_str();
            if domains.iter().any(|domain| domain.eq_ignore_ascii_case(&asked)) {
                return Ok(ServerCertVerified::assertion());
            }
            if judged.is_ok() && !domains.is_empty() {
                return Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                    expected: server_name.to_owned(),
                    presented: domains.iter().map(|domain| format!("sip:{domain}")).collect(),
                }));
            }
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// A server that nobody asks who it is; or one that cannot be believed because there is no authority at all.
#[derive(Debug)]
struct AnyServer {
    refuse: bool,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.refuse {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// A client whose certificate is judged after the handshake; here it proves only that it has the key.
#[derive(Debug)]
pub(crate) struct AnyClient;

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// Our default certificate, for servers that ask who we are.
#[derive(Debug)]
struct Ours(Arc<Shelf>);

impl rustls::client::ResolvesClientCert for Ours {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.choose(None).filter(|own| own.key.choose_scheme(schemes).is_some())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn read_roots(folder: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        if !path.extension().is_some_and(|ending| ending == "pem" || ending == "crt") {
            continue;
        }
        match CertificateDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(found) => {
                roots.add_parsable_certificates(found);
            }
            Err(fault) => tracing::warn!(file = %path.display(), %fault, "an authority cannot be read"),
        }
    }
    roots
}

fn tls12(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    rustls::crypto::verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
}

fn tls13(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    rustls::crypto::verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
}

fn schemes() -> Vec<SignatureScheme> {
    provider().signature_verification_algorithms.supported_schemes()
}

/// Settings kept; one for each authority that a connection brings.
const MOST_CONFIGS: usize = 4096;
