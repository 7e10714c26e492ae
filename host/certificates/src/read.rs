//! What a certificate says: subject, names, dates, fingerprint (RFC 5280).

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What people want to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Common name, else the whole subject.
    pub(crate) subject: String,
    /// The same of the issuer.
    pub(crate) issuer: String,
    /// Host names, wildcards too, in lower case.
    pub(crate) names: Vec<String>,
    /// Addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// Domains of `sip:` URIs (RFC 5922 §7.1).
    pub(crate) sip_domains: Vec<String>,
    /// Seconds since the epoch from which it is good.
    pub(crate) not_before: i64,
    /// Seconds since the epoch until which it is good.
    pub(crate) not_after: i64,
    /// SHA-256 over the DER, in hexadecimal with colons.
    pub(crate) fingerprint: String,
}

impl Facts {
    /// Reads a certificate in DER.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut facts = Self {
            subject: shown(certificate.subject()),
            issuer: shown(certificate.issuer()),
            names: Vec::new(),
            addresses: Vec::new(),
            sip_domains: Vec::new(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            fingerprint: fingerprint(der),
        };
        let extension = certificate.subject_alternative_name().ok().flatten();
        for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
            facts.add(name);
        }
        Some(facts)
    }

    /// Everything it is good for, as text.
    pub(crate) fn all_names(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let domains = self.sip_domains.iter().map(|domain| format!("sip:{domain}"));
        self.names.iter().cloned().chain(addresses).chain(domains).collect()
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => self.names.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                self.addresses.extend(v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)));
            }
            GeneralName::URI(uri) => {
                // RFC 5922 §7.1: a sip: URI without a user part is the identity of a domain.
                let domain = uri.strip_prefix("sip:").filter(|rest| !rest.contains('@'));
                self.sip_domains.extend(domain.map(str::to_ascii_lowercase));
            }
            _ => {}
        }
    }
}

fn shown(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|name| name.as_str().ok());
    common.map_or_else(|| name.to_string(), str::to_owned)
}

fn fingerprint(der: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(der).into();
    digest.map(|byte| format!("{byte:02X}")).join(":")
}
