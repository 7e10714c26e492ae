//! The certificate that we sign ourselves, so that TLS works from the first start on.

use std::net::IpAddr;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};

use crate::pair::{Problem, now};

/// The names it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNames {
    /// Host names; the first one becomes the subject.
    pub hosts: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// A new certificate on P-256 and its key, in PEM.
pub(crate) fn make(names: &OwnNames) -> Result<(String, String), Problem> {
    let failed = |fault: rcgen::Error| Problem::File(format!("no certificate can be made: {fault}"));
    let mut all = names.hosts.clone();
    all.extend(names.addresses.iter().map(ToString::to_string));
    let mut parameters = CertificateParams::new(all).map_err(failed)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, names.hosts.first().map_or("trunkline", String::as_str));
    parameters.distinguished_name = subject;
    let moment =
        |seconds| x509_parser::time::ASN1Time::from_timestamp(seconds).map(|time| time.to_datetime());
    let (from, until) = (moment(now() - DAY), moment(now() + LIFE_DAYS * DAY));
    let (Ok(from), Ok(until)) = (from, until) else {
        return Err(Problem::File("no certificate can be made: the clock is wrong".to_owned()));
    };
    parameters.not_before = from;
    parameters.not_after = until;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// A certificate for DTLS with media, and its key (PKCS #8), both in DER. Descriptions carry its fingerprint, so that
/// nobody reads its name and its dates, and one made at each start does.
pub fn make_for_media() -> Result<(Vec<u8>, Vec<u8>), Problem> {
    let failed = |fault: rcgen::Error| Problem::File(format!("no certificate can be made: {fault}"));
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "media");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

const DAY: i64 = 86_400;
/// Some clients refuse certificates that live longer.
const LIFE_DAYS: i64 = 825;
/// It is made anew when so little of its life is left.
pub(crate) const RENEW_BEFORE: i64 = 30 * DAY;
